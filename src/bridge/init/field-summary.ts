/** What is known of one field after some samples: which type of signal holds all its values. */
import { type BasicType, INTEGER_MAX, INTEGER_MIN } from '../signals.js';
import type { SampleField } from './sample.js';

/** A whole number as JSON or a table spells it: digits only. */
const WHOLE = /^[+-]?\d+$/;

/** As the schema of a bridge.yaml has it. */
const MOST_ELEMENTS = 1 << 16;

export class FieldSummary {
  readonly name: string;
  readonly path: readonly string[] | undefined;
  /** Bytes of UTF-8 of the longest string. */
  longest = 0;
  /** Samples that have the field, null or not. */
  count = 0;
  #numbers = 0;
  #strings = 0;
  #booleans = 0;
  #nested = 0;
  /** Samples with a single value, and with an array of them; sizes that those had. */
  #singles = 0;
  #arrays = 0;
  readonly #sizes = new Set<number>();
  /** Numbers that the Integer of FMI 2.0 cannot hold. */
  #fractional = 0;
  #outOfRange = 0;

  constructor({ name, path }: SampleField) {
    this.name = name;
    this.path = path;
  }

  add({ kind, text, elements }: SampleField): void {
    this.count += 1;
    if (kind === 'null') return;
    if (elements === undefined) {
      this.#singles += 1;
      this.#addValue({ kind, text });
      return;
    }
    this.#arrays += 1;
    this.#sizes.add(elements.length);
    for (const element of elements) this.#addValue(element);
  }

  #addValue({ kind, text }: Pick<SampleField, 'kind' | 'text'>): void {
    switch (kind) {
      case 'null':
        break;
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
    | { readonly type: BasicType; readonly size?: number; readonly note?: string }
    | { readonly type?: undefined; readonly note: string } {
    if (this.#arrays > 0 && this.#singles > 0) return { note: 'holds single values as well as arrays' };
    const sizes = [...this.#sizes];
    const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
    if (this.#nested > 0 && this.#arrays > 0)
      return { note: 'an array of objects or arrays; name single values by path' };
    if (this.#arrays > 0 && least !== most) {
      return { note: `an array of ${least} to ${most} elements; a signal has as many in each message` };
    }
    if (this.#arrays > 0 && most === 0) return { note: 'an empty array' };
    if (this.#arrays > 0 && most > MOST_ELEMENTS)
      return { note: `an array of ${most} elements, more than a signal has` };
    const { type, note } = this.#typeOfValues;
    if (type === undefined) return { note: note ?? '' };
    return { type, ...(this.#arrays > 0 ? { size: most } : {}), ...(note === undefined ? {} : { note }) };
  }

  get #typeOfValues(): { readonly type?: BasicType; readonly note?: string } {
    const kinds = [
      this.#numbers > 0 ? 'numbers' : '',
      this.#strings > 0 ? 'strings' : '',
      this.#booleans > 0 ? 'true or false' : '',
      this.#nested > 0 ? 'lists or objects' : '',
    ].filter((kind) => kind !== '');
    if (kinds.length === 0) return { note: 'no value in any message' };
    if (kinds.length > 1) return { note: `holds ${kinds.join(' as well as ')}` };
    if (this.#nested > 0) return { note: 'holds objects that are empty or too deep' };
    if (this.#strings > 0) return { type: 'String' };
    if (this.#booleans > 0) return { type: 'Boolean' };
    if (this.#fractional > 0) return { type: 'Real' };
    return this.#outOfRange > 0
      ? { type: 'Real', note: 'whole numbers, but beyond the 32 bits of an Integer' }
      : { type: 'Integer' };
  }
}
