/** A sample's values as the bytes of a row of the ring (`fmu-shim/src/ring/region.h`). */
import { stringAreas } from './layout.js';
import { elementsOf, isFloat, isText, type Signal, slotCount, type Value } from './signals.js';

export interface SampleRow {
  /** A bit for each slot that has a value. */
  readonly mask: BigUint64Array;
  /** 8 bytes a slot: a double, an int64 for whole numbers and Boolean, the length in bytes for String and Binary. */
  readonly values: Uint8Array;
  readonly strings: Buffer;
}

/** What is in a slot: a number, a whole number, or a text with its stretch of the string area. */
interface Slot {
  readonly kind: 'float' | 'whole' | 'text';
  readonly offset: number;
  readonly capacity: number;
}

/** Writes rows of one bridge, always into the same memory. */
export class RowWriter {
  readonly #slots: readonly Slot[];
  readonly #mask: Uint32Array;
  readonly #real: Float64Array;
  readonly #integer: BigInt64Array;
  readonly #row: SampleRow;

  constructor(signals: readonly Signal[]) {
    const areas = stringAreas(signals);
    this.#slots = signals.flatMap((signal, index) => {
      const { offset, capacity, stride } = areas[index]!;
      const kind = isFloat(signal.type) ? 'float' : isText(signal.type) ? 'text' : 'whole';
      return Array.from(
        { length: elementsOf(signal) },
        (_, k): Slot => ({ kind, offset: offset + k * stride, capacity }),
      );
    });
    // Never empty: a native function is given the address of each.
    const count = slotCount(signals);
    const mask = new ArrayBuffer(8 * Math.max(1, Math.ceil(count / 64)));
    const values = new ArrayBuffer(8 * Math.max(1, count));
    const stringBytes = Math.max(8, ...this.#slots.map(({ offset, capacity }) => offset + capacity));
    this.#mask = new Uint32Array(mask);
    this.#real = new Float64Array(values);
    this.#integer = new BigInt64Array(values);
    this.#row = {
      mask: new BigUint64Array(mask),
      values: new Uint8Array(values),
      strings: Buffer.alloc(stringBytes),
    };
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** `values` by slot. A text must fit its area. */
  write(values: readonly (Value | undefined)[]): SampleRow {
    this.#mask.fill(0);
    for (const [slot, { kind, offset, capacity }] of this.#slots.entries()) {
      const value = values[slot];
      if (value === undefined) continue;
      // The words of the mask are little-endian 64-bit numbers, on every machine that there is a shim for.
      this.#mask[slot >>> 5]! |= 1 << (slot & 31);
      if (kind === 'float') this.#real[slot] = Number(value);
      else if (kind === 'text') this.#integer[slot] = BigInt(this.#writeText(value, offset, capacity));
      // A UInt64 by its bits.
      else this.#integer[slot] = BigInt.asIntN(64, BigInt(value as number | bigint | boolean));
    }
    return this.#row;
  }

  #writeText(value: Value, offset: number, capacity: number): number {
    const { strings } = this.#row;
    const length = Buffer.isBuffer(value)
      ? value.copy(strings, offset, 0, capacity - 1)
      : strings.write(String(value), offset, capacity - 1, 'utf8');
    strings[offset + length] = 0;
    return length;
  }
}
