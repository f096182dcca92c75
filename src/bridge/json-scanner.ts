/**
 * The members of a JSON object, as text.
 *
 * Messages are not read with `JSON.parse`: of two members with the same key it keeps the last one, of a number it keeps
 * a double (a time in nanoseconds has more digits), nesting it takes without bound, and often it does not say where the
 * fault is. The grammar is the same (RFC 8259); values that nobody asks for are checked and passed over.
 */

export type JsonKind = 'number' | 'string' | 'boolean' | 'null' | 'array' | 'object';

/** Is told each member in turn; the value's text is `text.slice(start, end)`, as written. */
export type MemberVisitor = (key: string, kind: JsonKind, start: number, end: number) => void;

export interface JsonFault {
  readonly reason: 'malformed_json' | 'not_an_object' | 'nesting_too_deep';
  /** Index in the text. */
  readonly position: number;
  /** What would have been right there, for people. */
  readonly expected: string;
}

/** Levels below the object itself. */
export const MAX_NESTING = 64;

/** Visits the members of the object that `text` must be; members before a fault have been visited all the same. */
export function scanMembers(text: string, visit: MemberVisitor): JsonFault | undefined {
  return scanMessage(text, (scanner, key, kind, start) => {
    const end = scanner.value(start);
    if (end !== FAILED) visit(key, kind, start, end);
    return end;
  });
}

/**
 * Is told each member in turn, before its value is read, and has the scanner read it: {@link Scanner.value}, or
 * {@link Scanner.members} and {@link Scanner.elements} to look into it. Answers what those answer.
 */
export type MemberReader = (scanner: Scanner, key: string, kind: JsonKind, start: number) => number;

export function scanMessage(text: string, read: MemberReader): JsonFault | undefined {
  const scanner = new Scanner(text);
  const start = skipSpace(text, 0);
  const isObject = text.charCodeAt(start) === Character.openBrace;
  const end = isObject ? scanner.members(start, (key, kind, at) => read(scanner, key, kind, at)) : scanner.value(start);
  if (end === FAILED) return scanner.fault;
  const rest = skipSpace(text, end);
  if (rest !== text.length) {
    return { reason: 'malformed_json', position: rest, expected: 'nothing but space behind the JSON value' };
  }
  return isObject ? undefined : { reason: 'not_an_object', position: start, expected: 'a JSON object' };
}

export const FAILED = -1;

const Character = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Methods take an index and return the one behind what they read, or `FAILED` with the fault noted. */
export class Scanner {
  readonly #text: string;
  /** Objects and arrays around what is read that somebody looks into; the message itself does not count. */
  #depth = -1;
  fault: JsonFault | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** The object at `open`. `read` is given each value's start and answers its end. */
  members(open: number, read: (key: string, kind: JsonKind, start: number) => number): number {
    const text = this.#text;
    let at = skipSpace(text, open + 1);
    if (text.charCodeAt(at) === Character.closeBrace) return at + 1;
    this.#depth++;
    for (;;) {
      const keyEnd = this.#key(at);
      if (keyEnd === FAILED) return FAILED;
      const start = this.#afterColon(keyEnd);
      if (start === FAILED) return FAILED;
      const end = read(unquote(text, at, keyEnd), kindOf(text.charCodeAt(start)), start);
      if (end === FAILED) return FAILED;
      at = skipSpace(text, end);
      const next = text.charCodeAt(at);
      if (next === Character.closeBrace) break;
      if (next !== Character.comma) return this.#fail(at, "',' or '}'");
      at = skipSpace(text, at + 1);
    }
    this.#depth--;
    return at + 1;
  }

  /** The array at `open`, like {@link members}. */
  elements(open: number, read: (index: number, kind: JsonKind, start: number) => number): number {
    const text = this.#text;
    let at = skipSpace(text, open + 1);
    if (text.charCodeAt(at) === Character.closeBracket) return at + 1;
    this.#depth++;
    for (let index = 0; ; index++) {
      const end = read(index, kindOf(text.charCodeAt(at)), at);
      if (end === FAILED) return FAILED;
      at = skipSpace(text, end);
      const next = text.charCodeAt(at);
      if (next === Character.closeBracket) break;
      if (next !== Character.comma) return this.#fail(at, "',' or ']'");
      at = skipSpace(text, at + 1);
    }
    this.#depth--;
    return at + 1;
  }

  /** Any value. Not recursive: how deep a message is nested is not for its sender to decide. */
  value(start: number): number {
    const text = this.#text;
    /** The closing brackets that are still to come, innermost last. */
    const open: number[] = [];
    let at = start;
    for (;;) {
      const first = text.charCodeAt(at);
      if (first === Character.openBrace || first === Character.openBracket) {
        if (open.length + Math.max(0, this.#depth) === MAX_NESTING) {
          this.fault = { reason: 'nesting_too_deep', position: at, expected: `at most ${MAX_NESTING} levels` };
          return FAILED;
        }
        const close = first === Character.openBrace ? Character.closeBrace : Character.closeBracket;
        at = skipSpace(text, at + 1);
        if (text.charCodeAt(at) !== close) {
          open.push(close);
          if (close === Character.closeBrace) at = this.#memberValue(at);
          if (at === FAILED) return FAILED;
          continue;
        }
        at += 1;
      } else {
        at = this.#scalar(at);
        if (at === FAILED) return FAILED;
      }
      // A value has ended: so may those around it.
      for (;;) {
        const close = open.at(-1);
        if (close === undefined) return at;
        at = skipSpace(text, at);
        const next = text.charCodeAt(at);
        if (next === close) {
          open.pop();
          at += 1;
          continue;
        }
        if (next !== Character.comma) return this.#fail(at, `',' or '${String.fromCharCode(close)}'`);
        at = skipSpace(text, at + 1);
        if (close === Character.closeBrace) at = this.#memberValue(at);
        if (at === FAILED) return FAILED;
        break;
      }
    }
  }

  /** Passes over a key and its colon. */
  #memberValue(at: number): number {
    const keyEnd = this.#key(at);
    return keyEnd === FAILED ? FAILED : this.#afterColon(keyEnd);
  }

  #key(at: number): number {
    return this.#text.charCodeAt(at) === Character.quote ? this.#string(at) : this.#fail(at, 'a key in double quotes');
  }

  #afterColon(keyEnd: number): number {
    const at = skipSpace(this.#text, keyEnd);
    return this.#text.charCodeAt(at) === Character.colon ? skipSpace(this.#text, at + 1) : this.#fail(at, "':'");
  }

  #scalar(at: number): number {
    const text = this.#text;
    const first = text.charCodeAt(at);
    if (first === Character.quote) return this.#string(at);
    if (first === Character.minus || (first >= Character.zero && first <= Character.nine)) {
      NUMBER.lastIndex = at;
      return NUMBER.test(text) ? NUMBER.lastIndex : this.#fail(at + 1, 'a digit');
    }
    for (const word of ['true', 'false', 'null']) {
      if (text.startsWith(word, at)) return at + word.length;
    }
    return this.#fail(at, 'a JSON value');
  }

  #string(open: number): number {
    const text = this.#text;
    for (let at = open + 1; at < text.length; ) {
      const character = text.charCodeAt(at);
      if (character === Character.quote) return at + 1;
      if (character < 0x20) return this.#fail(at, 'no control character in a string; write it as an escape');
      if (character === Character.backslash) {
        ESCAPE.lastIndex = at;
        if (!ESCAPE.test(text)) return this.#fail(at, 'an escape that JSON knows');
        at = ESCAPE.lastIndex;
      } else {
        at += 1;
      }
    }
    return this.#fail(text.length, "'\"' at the end of the string");
  }

  #fail(position: number, expected: string): typeof FAILED {
    this.fault = { reason: 'malformed_json', position: Math.min(position, this.#text.length), expected };
    return FAILED;
  }
}

/** The text of a string literal; an escape for half of a surrogate pair stays half. */
export function unquote(text: string, start: number, end: number): string {
  const plain = text.slice(start + 1, end - 1);
  return plain.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : plain;
}

function kindOf(first: number): JsonKind {
  switch (first) {
    case Character.quote:
      return 'string';
    case Character.openBrace:
      return 'object';
    case Character.openBracket:
      return 'array';
    case 0x74: // true
    case 0x66: // false
      return 'boolean';
    case 0x6e: // null
      return 'null';
    default:
      return 'number';
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const character = text.charCodeAt(at);
    if (character !== 0x20 && character !== 0x0a && character !== 0x0d && character !== 0x09) return at;
    at += 1;
  }
}
