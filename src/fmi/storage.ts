/** How the values of a variable lie in native memory, by type and version of FMI, and as values of JavaScript. */
import type { Storage } from '../native/index.js';
import type { Fmi3Type } from './fmi3/model-description.js';
import type { FmiVersion } from './fmu-model.js';

/** A number (`bigint` of types with 64 bits), a truth value, a text; of a Binary its bytes. */
export type ModelValue = number | bigint | boolean | string | Uint8Array;

const STORAGE: Readonly<Record<Exclude<Fmi3Type, 'Boolean' | 'Enumeration'>, Storage>> = {
  Float32: 'f32',
  Float64: 'f64',
  Int8: 'i8',
  UInt8: 'u8',
  Int16: 'i16',
  UInt16: 'u16',
  Int32: 'i32',
  UInt32: 'u32',
  Int64: 'i64',
  UInt64: 'u64',
  String: 'text',
  Binary: 'bytes',
  Clock: 'clock',
};

export function storageOf(fmi: FmiVersion, type: Fmi3Type): Storage {
  if (type === 'Boolean') return fmi === '2.0' ? 'b32' : 'b8';
  if (type === 'Enumeration') return fmi === '3.0' ? 'i64' : 'i32';
  return STORAGE[type];
}

/** A storage of numbers as an array of JavaScript over `memory`, or over memory of its own. */
export type NumberArray =
  | Float64Array
  | Float32Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export function numberArray(storage: Storage, length: number, memory?: ArrayBuffer, offset: number = 0): NumberArray {
  const at = [memory ?? new ArrayBuffer(8 * length), offset, length] as const;
  switch (storage) {
    case 'f64':
      return new Float64Array(...at);
    case 'f32':
      return new Float32Array(...at);
    case 'i8':
      return new Int8Array(...at);
    case 'i16':
      return new Int16Array(...at);
    case 'u16':
      return new Uint16Array(...at);
    case 'i32':
    case 'b32':
      return new Int32Array(...at);
    case 'u32':
      return new Uint32Array(...at);
    case 'i64':
      return new BigInt64Array(...at);
    case 'u64':
    case 'text':
    case 'bytes':
      return new BigUint64Array(...at);
    default:
      return new Uint8Array(...at);
  }
}

/** What lies in a place of {@link numberArray}, as a value of the variable's type. */
export function toModelValue(storage: Storage, type: Fmi3Type, raw: number | bigint): ModelValue {
  if (storage === 'b8' || storage === 'b32' || storage === 'clock') return Number(raw) !== 0;
  // Items of an FMI 3.0 enumeration have 64 bits, but hardly ever need them.
  return type === 'Enumeration' && Number.isSafeInteger(Number(raw)) ? Number(raw) : raw;
}

/** The other way round. */
export function toRaw(storage: Storage, value: ModelValue): number | bigint {
  return storage === 'i64' || storage === 'u64' ? BigInt(value as number) : Number(value);
}
