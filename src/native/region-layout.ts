/**
 * What a region of shared memory holds, as bytes for the native library (`fmu-shim/src/ring/region.h`).
 */

/** The order is that of `tb_kind`. */
export const VARIABLE_KINDS = ['output', 'input', 'parameter', 'diagnostic'] as const;
export type VariableKind = (typeof VARIABLE_KINDS)[number];

/** The order is that of `tb_type`. */
export const NATIVE_TYPES = [
  'Real',
  'Integer',
  'Boolean',
  'String',
  'Binary',
  'Float32',
  'Int8',
  'UInt8',
  'Int16',
  'UInt16',
  'UInt32',
  'Int64',
  'UInt64',
  'Clock',
] as const;
export type NativeType = (typeof NATIVE_TYPES)[number];

/** Parameters that the shim itself obeys; the order is that of `tb_role`. */
export const PARAMETER_ROLES = [
  'none',
  'timeoutSeconds',
  'maxageMilliseconds',
  'lookahead',
  'behaviour',
  'onTimeout',
  'sendAlways',
  'sendEveryStep',
  'sendOff',
  'latch',
] as const;

/** At most so many inputs of a region are latched (`TB_MAX_LATCHES`). */
export const MAX_LATCHES = 32;
export type ParameterRole = (typeof PARAMETER_ROLES)[number];

/** A number or truth value by its 8 bytes; `bigint` where a double would not hold it. */
export type RegionStart = number | bigint | boolean;

export interface RegionVariable {
  readonly name: string;
  readonly valueReference: number;
  readonly type: NativeType;
  readonly kind: VariableKind;
  readonly role?: ParameterRole;
  /** Its place among the variables of its kind; of a diagnostic, its number in `tb_diagnostic`. */
  readonly slot: number;
  /** An array: how many slots it has, from `slot` on; its texts lie `stringCapacity`, rounded up to 8, apart. */
  readonly size?: number;
  /** Of an output: which source's messages carry it, from 0. */
  readonly source?: number;
  /** Texts: the stretch of the row's string area, in bytes; the capacity includes the closing NUL. */
  readonly stringOffset?: number;
  readonly stringCapacity?: number;
  /** Of an array of numbers: one for each element. */
  readonly start?: RegionStart | string | readonly RegionStart[];
}

/** The order is that of `tb_start_policy`. */
export const START_POLICIES = ['all', 'values', 'latest'] as const;
export type StartPolicy = (typeof START_POLICIES)[number];

/** At most so many sources has a region (`TB_MAX_SOURCES`). */
export const MAX_SOURCES = 16;

/** The number is that of `tb_behaviour`: RMQFMU 0, 1, 2, and 3 for `complete`. */
export type Behaviour = 0 | 1 | 2 | 3;

export interface RegionSettings {
  /** Samples that the ring holds. */
  readonly capacity: number;
  /** Messages that wait for the publisher at most; changes beyond are merged. */
  readonly outgoingCapacity: number;
  readonly logBytes: number;
  readonly behaviour: Behaviour;
  readonly lookahead: number;
  readonly sources: readonly { readonly name?: string; readonly maxageMs: number }[];
  readonly timeoutMs: number;
  readonly onTimeout: 'fail' | 'hold';
  readonly sendAlways: boolean;
  /** A message in each step, also when no input changed. */
  readonly sendEveryStep?: boolean;
  /** `origin`: time zero belongs to the experiment's start time; else to communication point 0. */
  readonly startTime: 'ignored' | 'origin';
  readonly start?: StartPolicy;
  /** Time zero: the newest stamp of the first complete set, the wall clock when that is there, or a stamp, ns since the epoch. */
  readonly origin?: 'first' | 'wall-clock' | bigint;
  /** Subtracted from time zero. */
  readonly delayMs?: number;
}

export interface RegionLayout {
  readonly variables: readonly RegionVariable[];
  readonly settings: RegionSettings;
}

/** The three blocks that the native library lays a region out from. */
export interface PackedLayout {
  readonly spec: Buffer;
  readonly variables: Buffer;
  readonly texts: Buffer;
}

const VARIABLE_BYTES = 40;
const NO_OFFSET = 0xffffffff;

export function packLayout(layout: RegionLayout): PackedLayout {
  const sorted = [...layout.variables].sort((a, b) => a.valueReference - b.valueReference);
  const texts: Buffer[] = [];
  let textBytes = 0;
  const addText = (bytes: Buffer): number => {
    const at = textBytes;
    texts.push(bytes);
    textBytes += bytes.length;
    return at;
  };

  const variables = Buffer.alloc(VARIABLE_BYTES * sorted.length);
  sorted.forEach((variable, index) => {
    const at = index * VARIABLE_BYTES;
    variables.writeUInt32LE(variable.valueReference, at);
    variables.writeUInt8(NATIVE_TYPES.indexOf(variable.type), at + 4);
    variables.writeUInt8(VARIABLE_KINDS.indexOf(variable.kind), at + 5);
    variables.writeUInt8(PARAMETER_ROLES.indexOf(variable.role ?? 'none'), at + 6);
    variables.writeUInt32LE(variable.slot, at + 8);
    variables.writeUInt32LE(variable.stringOffset ?? 0, at + 12);
    variables.writeUInt32LE(variable.stringCapacity ?? 0, at + 16);
    variables.writeUInt8(variable.source ?? 0, at + 7);
    const { start, size = 1 } = variable;
    let startOffset = NO_OFFSET;
    if (typeof start === 'string') startOffset = addText(Buffer.from(`${start}\0`));
    else if (isList(start)) startOffset = addText(toBytes(variable.type, start));
    else toBytes(variable.type, [start ?? 0]).copy(variables, at + 32);
    variables.writeUInt32LE(startOffset, at + 20);
    variables.writeUInt32LE(addText(Buffer.from(`${variable.name}\0`)), at + 24);
    variables.writeUInt32LE(size, at + 28);
  });

  const { settings } = layout;
  const { origin = 'first' } = settings;
  const sourceNames = addText(Buffer.from(settings.sources.map(({ name = '' }) => `${name}\0`).join('')));
  const spec = Buffer.alloc(SPEC_BYTES);
  const words = [
    sorted.length,
    textBytes,
    settings.capacity,
    settings.outgoingCapacity,
    settings.logBytes,
    settings.lookahead,
    settings.behaviour,
    settings.timeoutMs,
    settings.onTimeout === 'hold' ? 1 : 0,
    settings.sendAlways ? 1 : 0,
    settings.startTime === 'origin' ? 1 : 0,
    0, // drop_oldest: told when the ring is made
    START_POLICIES.indexOf(settings.start ?? 'all'),
    origin === 'first' ? 0 : origin === 'wall-clock' ? 2 : 1,
    settings.sources.length,
    settings.sendEveryStep ? 1 : 0,
    sourceNames,
  ];
  words.forEach((word, index) => {
    spec.writeUInt32LE(word, 4 * index);
  });
  const longs = [
    typeof origin === 'bigint' ? origin : 0n,
    nanoseconds(settings.delayMs ?? 0),
    ...settings.sources.map(({ maxageMs }) => nanoseconds(maxageMs)),
  ];
  longs.forEach((long, index) => {
    spec.writeBigInt64LE(long, 72 + 8 * index);
  });
  // Never empty: koffi passes an empty Buffer as a null pointer.
  return { spec, variables, texts: Buffer.concat([...texts, Buffer.alloc(1)]) };
}

/** `Array.isArray` does not know read-only arrays. */
function isList(start: RegionVariable['start']): start is readonly RegionStart[] {
  return Array.isArray(start);
}

/** 18 words, then origin, delay and the sources' maxage. */
const SPEC_BYTES = 72 + 8 * (2 + MAX_SOURCES);

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1e6));
}

/** Values as they lie in a row. */
function toBytes(type: NativeType, values: readonly RegionStart[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, index) => {
    if (type === 'Real' || type === 'Float32') bytes.writeDoubleLE(Number(value), 8 * index);
    else bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)), 8 * index);
  });
  return bytes;
}
