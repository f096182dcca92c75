/** A sample's values as the bytes of a row of the ring (`fmu-shim/src/ring/region.h`). */
import { stringAreas } from './layout.js';
import type { Signal, SignalValue } from './signals.js';

export interface SampleRow {
  /** A bit for each slot that has a value. */
  readonly mask: BigUint64Array;
  /** 8 bytes a slot: a double, an int64 for Integer and Boolean, the length in bytes for String. */
  readonly values: Uint8Array;
  readonly strings: Buffer;
}

/** Writes rows of one bridge, always into the same memory. */
export class RowWriter {
  readonly #signals: readonly Signal[];
  readonly #areas: readonly { readonly offset: number; readonly capacity: number }[];
  readonly #mask: Uint32Array;
  readonly #real: Float64Array;
  readonly #integer: BigInt64Array;
  readonly #row: SampleRow;

  constructor(signals: readonly Signal[]) {
    this.#signals = signals;
    this.#areas = stringAreas(signals);
    // Never empty: a native function is given the address of each.
    const mask = new ArrayBuffer(8 * Math.max(1, Math.ceil(signals.length / 64)));
    const values = new ArrayBuffer(8 * Math.max(1, signals.length));
    const stringBytes = Math.max(8, ...this.#areas.map(({ offset, capacity }) => offset + capacity));
    this.#mask = new Uint32Array(mask);
    this.#real = new Float64Array(values);
    this.#integer = new BigInt64Array(values);
    this.#row = {
      mask: new BigUint64Array(mask),
      values: new Uint8Array(values),
      strings: Buffer.alloc(stringBytes),
    };
  }

  /** `values` by slot. A string must fit its area. */
  write(values: readonly (SignalValue | undefined)[]): SampleRow {
    this.#mask.fill(0);
    for (const [slot, { type }] of this.#signals.entries()) {
      const value = values[slot];
      if (value === undefined) continue;
      // The words of the mask are little-endian 64-bit numbers, on every machine that there is a shim for.
      this.#mask[slot >>> 5]! |= 1 << (slot & 31);
      if (type === 'Real') this.#real[slot] = Number(value);
      else if (type === 'String') this.#integer[slot] = BigInt(this.#writeString(slot, String(value)));
      else this.#integer[slot] = BigInt(Number(value));
    }
    return this.#row;
  }

  #writeString(slot: number, text: string): number {
    const { offset, capacity } = this.#areas[slot]!;
    const length = this.#row.strings.write(text, offset, capacity - 1, 'utf8');
    this.#row.strings[offset + length] = 0;
    return length;
  }
}
