/**
 * TJSONProtocol of Apache Thrift: compact JSON in which each value is tagged by its type.
 *
 *   [1,"step",1,7,{"1":{"str":"id"},"2":{"dbl":0.1}}]
 *
 * Read as a stream of tokens, so that an i64 keeps all its digits and depth is limited. Blanks may stand between tokens.
 */
import { ThriftProtocolError, ThriftTooLargeError } from './errors.js';
import {
  MAX_DEPTH,
  type MessageHead,
  type MessageKind,
  type Protocol,
  type ProtocolReader,
  type ProtocolWriter,
  skipParts,
  WireType,
} from './protocol.js';

const VERSION = 1;
const TAGS: Readonly<Record<number, string>> = {
  [WireType.bool]: 'tf',
  [WireType.i8]: 'i8',
  [WireType.i16]: 'i16',
  [WireType.i32]: 'i32',
  [WireType.i64]: 'i64',
  [WireType.double]: 'dbl',
  [WireType.string]: 'str',
  [WireType.struct]: 'rec',
  [WireType.map]: 'map',
  [WireType.list]: 'lst',
  [WireType.set]: 'set',
};
const TYPES: ReadonlyMap<string, WireType> = new Map(
  Object.entries(TAGS).map(([type, tag]) => [tag, Number(type) as WireType]),
);
const RANGES = { i8: 2 ** 7, i16: 2 ** 15, i32: 2 ** 31 } as const;
const I64_LIMIT = 2n ** 63n;

class JsonWriter implements ProtocolWriter {
  #text = '';
  /** Whether a comma comes before the next value, and whether numbers are keys, which JSON has as texts. */
  #comma = false;
  /** Of a map: whether what comes next is a key. Outside of maps undefined. */
  readonly #maps: ({ isKey: boolean } | undefined)[] = [];

  messageBegin({ method, kind, sequence }: MessageHead): void {
    this.#text = `[${VERSION},${JSON.stringify(method)},${kind},${sequence}`;
    this.#comma = true;
  }

  messageEnd(): Uint8Array {
    return Buffer.from(`${this.#text}]`);
  }

  structBegin(): void {
    this.#open('{');
  }

  structEnd(): void {
    this.#close('}');
  }

  fieldBegin(type: WireType, id: number): void {
    this.#text += `${this.#comma ? ',' : ''}"${id}":{"${TAGS[type]}":`;
    this.#comma = false;
  }

  fieldEnd(): void {
    this.#text += '}';
    this.#comma = true;
  }

  listBegin(_type: 'list' | 'set', element: WireType, size: number): void {
    this.#open(`["${TAGS[element]}",${size}`);
    this.#comma = true;
  }

  listEnd(): void {
    this.#close(']');
  }

  mapBegin(key: WireType, value: WireType, size: number): void {
    this.#open(`["${TAGS[key]}","${TAGS[value]}",${size},{`);
    this.#maps[this.#maps.length - 1] = { isKey: true };
  }

  mapEnd(): void {
    this.#close('}]');
  }

  bool(value: boolean): void {
    this.#number(value ? '1' : '0');
  }

  integer(_type: 'i8' | 'i16' | 'i32', value: number): void {
    this.#number(String(value));
  }

  i64(value: bigint): void {
    this.#number(String(value));
  }

  int53(value: number): void {
    this.#number(String(value));
  }

  double(value: number): void {
    // As JSON has no such numbers, they are texts; minus zero would lose its sign.
    if (Number.isFinite(value)) this.#number(Object.is(value, -0) ? '-0.0' : String(value));
    else this.#value(`"${value}"`);
  }

  string(value: string): void {
    this.#value(JSON.stringify(value));
  }

  /** Without padding, as other implementations write and read it. */
  binary(value: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = value;
    this.#value(`"${Buffer.from(buffer, byteOffset, byteLength).toString('base64').replace(/=+$/, '')}"`);
  }

  #open(text: string): void {
    this.#value(text);
    this.#comma = false;
    this.#maps.push(undefined);
  }

  #close(text: string): void {
    this.#maps.pop();
    this.#text += text;
    this.#comma = true;
  }

  #number(text: string): void {
    this.#value(this.#maps.at(-1)?.isKey ? `"${text}"` : text);
  }

  #value(text: string): void {
    const map = this.#maps.at(-1);
    if (map === undefined) {
      this.#text += this.#comma ? `,${text}` : text;
    } else {
      this.#text += map.isKey ? (this.#comma ? `,${text}` : text) : `:${text}`;
      map.isKey = !map.isKey;
    }
    this.#comma = true;
  }
}

/** Leading zeros are no JSON, but what the runtime for Node writes of a negative i64. */
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANKS = /[ \t\r\n]*/y;
/** More characters than any i64 has. */
const MAX_INTEGER_TEXT = 24;
const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

class JsonReader implements ProtocolReader {
  fieldId = 0;
  elementType: WireType = WireType.stop;
  keyType: WireType = WireType.stop;
  readonly #text: string;
  #at = 0;
  /** What is open, innermost last: how many values were read of it, and whether it is a map, of keys and values. */
  readonly #open: { count: number; isMap: boolean }[] = [];
  /** Of structures and containers, each of which may open several brackets. */
  #depth = 0;

  constructor(message: Uint8Array) {
    this.#text = Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString('utf8');
  }

  messageBegin(): MessageHead {
    this.#begin('[', false);
    const version = this.integer('i32');
    if (version !== VERSION) throw this.#fault(`version ${version} of the protocol, not ${VERSION}`);
    const method = this.string();
    const kind = this.integer('i32');
    if (kind < 1 || kind > 4) throw this.#fault(`a message of the unknown kind ${kind}`);
    return { method, kind: kind as MessageKind, sequence: this.integer('i32') };
  }

  messageEnd(): void {
    this.#end(']');
    this.#blanks();
    if (this.#at !== this.#text.length) throw this.#fault('something after the end of a message');
  }

  structBegin(): void {
    this.#next();
    this.#enter();
    this.#begin('{', false);
  }

  fieldBegin(): WireType {
    if (this.#isNext('}')) {
      this.#end('}');
      this.#depth -= 1;
      return WireType.stop;
    }
    this.#next();
    const id = Number(this.#string());
    if (!Number.isInteger(id) || id < -RANGES.i16 || id >= RANGES.i16)
      throw this.#fault('the number of a field is expected');
    this.#punctuation(':');
    this.#begin('{', false);
    const type = this.#tag(this.#string());
    this.#punctuation(':');
    this.fieldId = id;
    return type;
  }

  fieldEnd(): void {
    this.#end('}');
  }

  listBegin(): number {
    this.#next();
    this.#enter();
    this.#begin('[', false);
    const type = this.#tag(this.string());
    const size = this.#size();
    this.elementType = type;
    return size;
  }

  listEnd(): void {
    this.#end(']');
    this.#depth -= 1;
  }

  mapBegin(): number {
    this.#next();
    this.#enter();
    this.#begin('[', false);
    const key = this.#tag(this.string());
    const value = this.#tag(this.string());
    const size = this.#size();
    this.#next();
    this.#begin('{', true);
    this.keyType = key;
    this.elementType = value;
    return size;
  }

  mapEnd(): void {
    this.#end('}');
    this.#end(']');
    this.#depth -= 1;
  }

  bool(): boolean {
    const value = this.#integer();
    if (value !== '0' && value !== '1') throw this.#fault(`a truth value of ${value}`);
    return value === '1';
  }

  integer(type: 'i8' | 'i16' | 'i32'): number {
    const value = Number(this.#integer()) + 0;
    if (value < -RANGES[type] || value >= RANGES[type]) throw this.#fault(`${value} is no ${type}`);
    return value;
  }

  i64(): bigint {
    const value = BigInt(this.#integer());
    if (value < -I64_LIMIT || value >= I64_LIMIT) throw this.#fault(`${value} is no i64`);
    return value;
  }

  int53(): number | undefined {
    const value = Number(this.i64());
    return Number.isSafeInteger(value) ? value : undefined;
  }

  double(): number {
    this.#next();
    if (!this.#isNext('"')) return Number(this.#number());
    const text = this.#string();
    const special = SPECIAL[text];
    if (special !== undefined) return special;
    // A key of a map.
    NUMBER.lastIndex = 0;
    if (NUMBER.exec(text)?.[0] !== text) throw this.#fault(`'${text.slice(0, 40)}' is no number`);
    return Number(text);
  }

  string(): string {
    this.#next();
    return this.#string();
  }

  binary(): Uint8Array {
    const text = this.string();
    const bytes = Buffer.from(text, 'base64');
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
    // What is no Base64 is passed over by Node.
    if (bytes.length !== Math.floor(((text.length - padding) * 3) / 4)) throw this.#fault('what is no Base64');
    return bytes;
  }

  skip(type: WireType): void {
    if (skipParts(this, type)) return;
    switch (type) {
      case WireType.bool:
      case WireType.i8:
      case WireType.i16:
      case WireType.i32:
      case WireType.i64:
        this.#integer();
        return;
      case WireType.double:
        this.double();
        return;
      case WireType.string:
        this.string();
        return;
      default:
        throw this.#fault(`a value of the unknown type ${type}`);
    }
  }

  /** What has to stand before the next value. */
  #next(): void {
    const open = this.#open.at(-1);
    if (open === undefined) return;
    const { count, isMap } = open;
    open.count += 1;
    if (count === 0) return;
    // The object of a field has one value, which stands after its colon.
    this.#punctuation(isMap && count % 2 === 1 ? ':' : ',');
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#fault(`structures nested over ${MAX_DEPTH} deep`);
  }

  #begin(bracket: '[' | '{', isMap: boolean): void {
    this.#punctuation(bracket);
    this.#open.push({ count: 0, isMap });
  }

  #end(bracket: ']' | '}'): void {
    this.#punctuation(bracket);
    this.#open.pop();
  }

  #tag(text: string): WireType {
    const type = TYPES.get(text);
    if (type === undefined) throw this.#fault(`the unknown type '${text.slice(0, 40)}'`);
    return type;
  }

  #size(): number {
    const size = this.integer('i32');
    if (size < 0) throw this.#fault(`a container of ${size} elements`);
    const rest = this.#text.length - this.#at;
    // A digit and a comma, or the bracket behind.
    if (2 * size > rest) {
      throw new ThriftTooLargeError(`a container of ${size} elements in a message that has ${rest} characters left`, {
        details: { size, rest },
      });
    }
    return size;
  }

  #integer(): string {
    this.#next();
    const text = this.#isNext('"') ? this.#string() : this.#number();
    if (text.length > MAX_INTEGER_TEXT || !/^-?\d+$/.test(text))
      throw this.#fault(`'${text.slice(0, 40)}' is no whole number`);
    return text;
  }

  #number(): string {
    this.#blanks();
    NUMBER.lastIndex = this.#at;
    const text = NUMBER.exec(this.#text)?.[0];
    if (text === undefined) throw this.#fault('a number is expected');
    this.#at += text.length;
    return text;
  }

  #string(): string {
    this.#blanks();
    if (this.#text[this.#at] !== '"') throw this.#fault('a text is expected');
    const text = this.#text.slice(this.#at, this.#endOfString());
    try {
      const value = JSON.parse(text) as string;
      this.#at += text.length;
      return value;
    } catch {
      throw this.#fault('a text with what JSON does not allow');
    }
  }

  /** By search for the next quote: a text may be a whole FMU. */
  #endOfString(): number {
    for (let from = this.#at + 1; ; ) {
      const quote = this.#text.indexOf('"', from);
      if (quote < 0) throw this.#fault('a text has no end');
      let slashes = 0;
      while (this.#text[quote - 1 - slashes] === '\\') slashes += 1;
      if (slashes % 2 === 0) return quote + 1;
      from = quote + 1;
    }
  }

  #isNext(character: string): boolean {
    this.#blanks();
    return this.#text[this.#at] === character;
  }

  #punctuation(character: string): void {
    if (!this.#isNext(character)) throw this.#fault(`'${character}' is expected`);
    this.#at += 1;
  }

  #blanks(): void {
    const code = this.#text.charCodeAt(this.#at);
    // Most messages have none.
    if (code > 0x20) return;
    BLANKS.lastIndex = this.#at;
    this.#at += BLANKS.exec(this.#text)?.[0].length ?? 0;
  }

  #fault(what: string): ThriftProtocolError {
    const { length } = this.#text;
    return new ThriftProtocolError(`a Thrift message of ${length} characters is broken at ${this.#at}: ${what}`, {
      details: { at: this.#at, length },
    });
  }
}

export const jsonProtocol: Protocol = {
  name: 'json',
  writer: () => new JsonWriter(),
  reader: (message) => new JsonReader(message),
};
