/** What is known of one field after some samples: which type of signal holds all its values. */
import { type BasicType, INTEGER_MAX, INTEGER_MIN } from '../signals.js';
import type { SampleField } from './sample.js';

/** A whole number as JSON or a table spells it: digits only. */
const WHOLE = /^[+-]?\d+$/;

export class FieldSummary {
  readonly name: string;
  /** Bytes of UTF-8 of the longest string. */
  longest = 0;
  /** Samples that have the field, null or not. */
  count = 0;
  #numbers = 0;
  #strings = 0;
  #booleans = 0;
  #nested = 0;
  /** Numbers that the Integer of FMI 2.0 cannot hold. */
  #fractional = 0;
  #outOfRange = 0;

  constructor(name: string) {
    this.name = name;
  }

  add({ kind, text }: SampleField): void {
    this.count += 1;
    if (kind === 'null') return;
    switch (kind) {
      case 'number':
        this.#numbers += 1;
        if (!WHOLE.test(text)) this.#fractional += 1;
        else if (Number(text) < INTEGER_MIN || Number(text) > INTEGER_MAX) this.#outOfRange += 1;
        break;
      case 'string':
        this.#strings += 1;
        this.longest = Math.max(this.longest, Buffer.byteLength(text));
        break;
      case 'boolean':
        this.#booleans += 1;
        break;
      default:
        this.#nested += 1;
    }
  }

  /** The type, or why there is none. */
  get verdict():
    | { readonly type: BasicType; readonly note?: string }
    | { readonly type?: undefined; readonly note: string } {
    const kinds = [
      this.#numbers > 0 ? 'numbers' : '',
      this.#strings > 0 ? 'strings' : '',
      this.#booleans > 0 ? 'true or false' : '',
      this.#nested > 0 ? 'lists or objects' : '',
    ].filter((kind) => kind !== '');
    if (kinds.length === 0) return { note: 'no value in any message' };
    if (kinds.length > 1) return { note: `holds ${kinds.join(' as well as ')}` };
    if (this.#nested > 0) return { note: 'holds lists or objects; a signal is a single value' };
    if (this.#strings > 0) return { type: 'String' };
    if (this.#booleans > 0) return { type: 'Boolean' };
    if (this.#fractional > 0) return { type: 'Real' };
    return this.#outOfRange > 0
      ? { type: 'Real', note: 'whole numbers, but beyond the 32 bits of an Integer' }
      : { type: 'Integer' };
  }
}
