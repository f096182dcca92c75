/**
 * Signals: the named, typed scalars that messages carry in (FMU outputs) and out (FMU inputs).
 *
 * A signal's `slot` is its place in a sample: the row of one message holds 8 bytes a slot, a presence bit a slot and,
 * for strings, a fixed stretch of the row's string area.
 */

export const SIGNAL_TYPES = ['Real', 'Integer', 'Boolean', 'String'] as const;
export type SignalType = (typeof SIGNAL_TYPES)[number];
export type SignalValue = number | boolean | string;

export interface Signal {
  readonly name: string;
  readonly type: SignalType;
  /** From 0, dense, in the order of the configuration; incoming and outgoing signals count apart. */
  readonly slot: number;
  /** Of an output: place among the configuration's sources of that which carries it. */
  readonly source: number;
  readonly start?: SignalValue;
  readonly unit?: string;
  readonly description?: string;
  /** Strings only: most bytes of UTF-8 a value may have; longer values are refused and counted. */
  readonly maxLength?: number;
  /** A Boolean input only: once true it stays true in what is published, and is sent until the broker has routed it. */
  readonly latch?: true;
}

/** What a `String` signal holds where the configuration does not say, in bytes of UTF-8. */
export const DEFAULT_MAX_STRING_BYTES = 255;

/** FMI 2.0 Integer is `int` (FMI 2.0.4, section 2.1.2). */
export const INTEGER_MIN: number = -(2 ** 31);
export const INTEGER_MAX: number = 2 ** 31 - 1;
