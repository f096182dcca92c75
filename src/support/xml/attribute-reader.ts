/**
 * Typed attributes of an XML element (XML Schema's lexical forms, as modelDescription.xsd uses them).
 *
 * A value of a wrong form becomes a problem and reads as absent, so that one pass finds every problem of a file.
 */
import type { Problem } from '../errors.js';
import { didYouMean } from '../nearest.js';
import type { XmlElement } from './tree.js';

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

export class AttributeReader {
  readonly element: XmlElement;
  readonly #problems: Problem[];
  readonly #owner: string;

  /** `owner` names the element in messages, e.g. `variable 'x'`. */
  constructor(element: XmlElement, problems: Problem[], owner: string = `<${element.name}>`) {
    this.element = element;
    this.#problems = problems;
    this.#owner = owner;
  }

  has(name: string): boolean {
    return this.element.attributes.has(name);
  }

  string(name: string): string | undefined {
    return this.element.attributes.get(name);
  }

  required(name: string): string | undefined {
    const value = this.string(name);
    if (value === undefined) {
      this.#report(`${this.#owner} lacks the attribute '${name}'${didYouMean(name, this.element.attributes.keys())}`);
    }
    return value;
  }

  /** xs:double */
  real(name: string): number | undefined {
    return this.#parse(name, 'a number', parseReal);
  }

  /** A list of xs:double parted by blanks. */
  reals(name: string): number[] | undefined {
    return this.#parse(name, 'numbers', (text) => everyWord(text, parseReal));
  }

  /** xs:int */
  integer(name: string): number | undefined {
    return this.#integerWithin(name, 'an integer of 32 bits', INT32_MIN, INT32_MAX);
  }

  /** xs:unsignedInt */
  unsigned(name: string): number | undefined {
    return this.#integerWithin(name, `an integer from 0 to ${UINT32_MAX}`, 0, UINT32_MAX);
  }

  /** xs:boolean */
  boolean(name: string): boolean | undefined {
    return this.#parse(name, 'true or false', parseBoolean);
  }

  /** A list of xs:boolean parted by blanks. */
  booleans(name: string): boolean[] | undefined {
    return this.#parse(name, 'a list of true and false', (text) => everyWord(text, parseBoolean));
  }

  /** A list of integers from `min` to `max`, parted by blanks. */
  bigints(name: string, min: bigint, max: bigint): bigint[] | undefined {
    return this.#parse(name, `integers from ${min} to ${max}`, (text) =>
      everyWord(text, (word) => {
        const value = /^[+-]?\d+$/.test(word) ? BigInt(word.replace(/^\+/, '')) : undefined;
        return value !== undefined && value >= min && value <= max ? value : undefined;
      }),
    );
  }

  /** A list of unsigned integers parted by blanks. */
  unsignedList(name: string): number[] | undefined {
    return this.#parse(name, 'a list of integers', (text) => {
      const list = words(text);
      return list.every((word) => /^\+?\d+$/.test(word)) ? list.map(Number) : undefined;
    });
  }

  /** Words parted by blanks. */
  wordList(name: string): string[] | undefined {
    return this.#parse(name, 'words', words);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.string(name);
    if (value === undefined || (allowed as readonly string[]).includes(value)) return value as T | undefined;
    this.#report(
      `'${name}' of ${this.#owner} is '${value}', expected one of ${allowed.join(', ')}${didYouMean(value, allowed)}`,
    );
    return undefined;
  }

  #integerWithin(name: string, expected: string, min: number, max: number): number | undefined {
    return this.#parse(name, expected, (text) => {
      const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    });
  }

  #parse<T>(name: string, expected: string, parse: (text: string) => T | undefined): T | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    const value = parse(text.trim());
    if (value === undefined) this.#report(`'${name}' of ${this.#owner} is '${text}', expected ${expected}`);
    return value;
  }

  #report(message: string): void {
    this.#problems.push({ message, location: this.element.location });
  }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function everyWord<T>(text: string, parse: (word: string) => T | undefined): T[] | undefined {
  const values = words(text).map(parse);
  return values.some((value) => value === undefined) ? undefined : (values as T[]);
}

function parseReal(text: string): number | undefined {
  if (text === 'INF' || text === '+INF') return Number.POSITIVE_INFINITY;
  if (text === '-INF') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN') return Number.NaN;
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function parseBoolean(text: string): boolean | undefined {
  if (text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' ? false : undefined;
}

/** An object without the keys whose value is undefined: optional properties are absent, never undefined. */
export function defined<T extends object>(object: { [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}
