/**
 * Signals: the named, typed values that messages carry in (FMU outputs) and out (FMU inputs).
 *
 * A signal's `slot` is its place in a sample, or that of its first element: the row of one message holds 8 bytes a slot,
 * a presence bit a slot and, for texts, a fixed stretch of the row's string area.
 */

/** The four of FMI 2.0: parameters and diagnostics have no others. */
export type BasicType = 'Real' | 'Integer' | 'Boolean' | 'String';

/** What a signal can be. `Real` is the Float64 of FMI 3.0, `Integer` its Int32. */
export const SIGNAL_TYPES = [
  'Real',
  'Integer',
  'Boolean',
  'String',
  'Binary',
  'Enumeration',
  'Float32',
  'Int8',
  'UInt8',
  'Int16',
  'UInt16',
  'UInt32',
  'Int64',
  'UInt64',
] as const;
export type SignalType = (typeof SIGNAL_TYPES)[number];

/** Other names for two of them, as FMI 3.0 has them. */
export const TYPE_ALIASES: Readonly<Record<string, SignalType>> = { Float64: 'Real', Int32: 'Integer' };

/** Plain data, as a configuration holds it: whole numbers that a double cannot hold, and Binary (base64), are texts. */
export type SignalValue = number | boolean | string;

/** A value as a message brought it. */
export type Value = number | bigint | boolean | string | Buffer;

export interface EnumerationItem {
  readonly name: string;
  readonly value: number;
}

export interface Signal {
  readonly name: string;
  readonly type: SignalType;
  /** From 0, dense, in the order of the configuration; incoming and outgoing signals count apart. */
  readonly slot: number;
  /** Of an output: place among the configuration's sources of that which carries it. */
  readonly source: number;
  /** Where in a message it stands: reference tokens of a JSON pointer (RFC 6901). Absent: under its name, at the top. */
  readonly path?: readonly string[];
  /** An array of so many elements, each with a slot of its own; absent: a single value. */
  readonly size?: number;
  /** `value = number in the message * scale + offset`; absent: 1 and 0. */
  readonly scale?: number;
  readonly offset?: number;
  /** Of an Enumeration, never empty. */
  readonly items?: readonly EnumerationItem[];
  /** Of an array: one for each element, texts excepted. */
  readonly start?: SignalValue | readonly SignalValue[];
  readonly unit?: string;
  readonly description?: string;
  /** String, Binary: most bytes (of UTF-8) a value may have; longer values are refused and counted. */
  readonly maxLength?: number;
  /** A Boolean input only: once true it stays true in what is published, and is sent until the broker has routed it. */
  readonly latch?: true;
}

export function pathOf({ path, name }: Signal): readonly string[] {
  return path ?? [name];
}

/** Slots it takes. */
export function elementsOf({ size = 1 }: Signal): number {
  return size;
}

export function slotCount(signals: readonly Signal[]): number {
  return signals.reduce((count, signal) => count + elementsOf(signal), 0);
}

export function isText(type: SignalType): boolean {
  return type === 'String' || type === 'Binary';
}

/** Its numbers can be scaled. */
export function isNumber(type: SignalType): boolean {
  return isFloat(type) || INTEGER_RANGES[type] !== undefined;
}

export function isFloat(type: SignalType): boolean {
  return type === 'Real' || type === 'Float32';
}

/** What a `String` signal holds where the configuration does not say, in bytes of UTF-8. */
export const DEFAULT_MAX_STRING_BYTES = 255;
/** The same for `Binary`. */
export const DEFAULT_MAX_BINARY_BYTES = 4096;

/** FMI 2.0 Integer is `int` (FMI 2.0.4, section 2.1.2). */
export const INTEGER_MIN: number = -(2 ** 31);
export const INTEGER_MAX: number = 2 ** 31 - 1;

export interface IntegerRange {
  readonly bits: number;
  readonly min: bigint;
  readonly max: bigint;
}

export const INTEGER_RANGES: Readonly<Partial<Record<SignalType, IntegerRange>>> = {
  Integer: signed(32),
  Int8: signed(8),
  UInt8: unsigned(8),
  Int16: signed(16),
  UInt16: unsigned(16),
  UInt32: unsigned(32),
  Int64: signed(64),
  UInt64: unsigned(64),
};

function signed(bits: number): IntegerRange {
  return { bits, min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n };
}

function unsigned(bits: number): IntegerRange {
  return { bits, min: 0n, max: 2n ** BigInt(bits) - 1n };
}

/** Its values may be more than a double holds: they are bigints. */
export function is64Bit(type: SignalType): boolean {
  return type === 'Int64' || type === 'UInt64';
}
