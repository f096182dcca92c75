/**
 * What a region of shared memory holds, as bytes for the native library (`fmu-shim/src/ring/region.h`).
 */

/** The order is that of `tb_kind`. */
export const VARIABLE_KINDS = ['output', 'input', 'parameter', 'diagnostic'] as const;
export type VariableKind = (typeof VARIABLE_KINDS)[number];

/** The order is that of `tb_type`. */
export const NATIVE_TYPES = ['Real', 'Integer', 'Boolean', 'String'] as const;
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
] as const;
export type ParameterRole = (typeof PARAMETER_ROLES)[number];

export interface RegionVariable {
  readonly name: string;
  readonly valueReference: number;
  readonly type: NativeType;
  readonly kind: VariableKind;
  readonly role?: ParameterRole;
  /** Its place among the variables of its kind; of a diagnostic, its number in `tb_diagnostic`. */
  readonly slot: number;
  /** Strings: the stretch of the row's string area, in bytes; the capacity includes the closing NUL. */
  readonly stringOffset?: number;
  readonly stringCapacity?: number;
  readonly start?: number | boolean | string;
}

export interface RegionSettings {
  /** Samples that the ring holds. */
  readonly capacity: number;
  /** Messages that wait for the publisher at most; changes beyond are merged. */
  readonly outgoingCapacity: number;
  readonly logBytes: number;
  readonly behaviour: 0 | 1 | 2;
  readonly lookahead: number;
  readonly maxageMs: number;
  readonly timeoutMs: number;
  readonly onTimeout: 'fail' | 'hold';
  readonly sendAlways: boolean;
  /** `origin`: the first sample's time belongs to the experiment's start time; else to communication point 0. */
  readonly startTime: 'ignored' | 'origin';
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
  const addText = (text: string): number => {
    const bytes = Buffer.from(`${text}\0`);
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
    const { start } = variable;
    variables.writeUInt32LE(typeof start === 'string' ? addText(start) : NO_OFFSET, at + 20);
    variables.writeUInt32LE(addText(variable.name), at + 24);
    if (variable.type === 'Real') variables.writeDoubleLE(Number(start ?? 0), at + 32);
    else if (variable.type !== 'String') variables.writeBigInt64LE(BigInt(Number(start ?? 0)), at + 32);
  });

  const { settings } = layout;
  const spec = Buffer.alloc(56);
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
  ];
  words.forEach((word, index) => {
    spec.writeUInt32LE(word, 4 * index);
  });
  spec.writeBigInt64LE(BigInt(Math.round(settings.maxageMs * 1e6)), 48);
  // Never empty: koffi passes an empty Buffer as a null pointer.
  return { spec, variables, texts: Buffer.concat([...texts, Buffer.alloc(1)]) };
}
