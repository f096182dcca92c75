/**
 * TBinaryProtocol, strict (thrift-binary-protocol.md of Apache Thrift): big endian, each message with its version.
 *
 * A message lies whole in memory, so that every size in it is held against what is there before anything is made of it.
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

const VERSION = 0x8001;
/** Longer than any name of a method. */
const MAX_NAME_BYTES = 256;
const EMPTY = Buffer.alloc(0);
const TWO_32 = 2 ** 32;
const INITIAL_BYTES = 256;

/** The fewest bytes that a value of a type takes. */
const MIN_BYTES: Readonly<Record<number, number>> = {
  [WireType.bool]: 1,
  [WireType.i8]: 1,
  [WireType.i16]: 2,
  [WireType.i32]: 4,
  [WireType.i64]: 8,
  [WireType.double]: 8,
  [WireType.string]: 4,
  [WireType.struct]: 1,
  [WireType.map]: 6,
  [WireType.set]: 5,
  [WireType.list]: 5,
};

class BinaryWriter implements ProtocolWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = 0;

  messageBegin({ method, kind, sequence }: MessageHead): void {
    const at = this.#advance(4);
    this.#buffer.writeUInt16BE(VERSION, at);
    this.#buffer.writeUInt16BE(kind, at + 2);
    this.string(method);
    this.integer('i32', sequence);
  }

  messageEnd(): Uint8Array {
    return this.#buffer.subarray(0, this.#at);
  }

  structBegin(): void {}

  structEnd(): void {
    this.#byte(WireType.stop);
  }

  fieldBegin(type: WireType, id: number): void {
    const at = this.#advance(3);
    this.#buffer[at] = type;
    this.#buffer.writeInt16BE(id, at + 1);
  }

  fieldEnd(): void {}

  listBegin(_type: 'list' | 'set', element: WireType, size: number): void {
    this.#byte(element);
    this.integer('i32', size);
  }

  listEnd(): void {}

  mapBegin(key: WireType, value: WireType, size: number): void {
    this.#byte(key);
    this.#byte(value);
    this.integer('i32', size);
  }

  mapEnd(): void {}

  bool(value: boolean): void {
    this.#byte(value ? 1 : 0);
  }

  integer(type: 'i8' | 'i16' | 'i32', value: number): void {
    if (type === 'i32') {
      const at = this.#advance(4);
      this.#buffer.writeInt32BE(value, at);
    } else if (type === 'i16') {
      const at = this.#advance(2);
      this.#buffer.writeInt16BE(value, at);
    } else {
      this.#byte(value & 0xff);
    }
  }

  i64(value: bigint): void {
    const at = this.#advance(8);
    this.#buffer.writeBigInt64BE(value, at);
  }

  int53(value: number): void {
    const at = this.#advance(8);
    this.#buffer.writeInt32BE(Math.floor(value / TWO_32), at);
    this.#buffer.writeUInt32BE(value >>> 0, at + 4);
  }

  double(value: number): void {
    const at = this.#advance(8);
    this.#buffer.writeDoubleBE(value, at);
  }

  string(value: string): void {
    const length = Buffer.byteLength(value);
    this.integer('i32', length);
    const at = this.#advance(length);
    this.#buffer.write(value, at, length);
  }

  binary(value: Uint8Array): void {
    this.integer('i32', value.length);
    const at = this.#advance(value.length);
    this.#buffer.set(value, at);
  }

  #byte(value: number): void {
    const at = this.#advance(1);
    this.#buffer[at] = value;
  }

  #advance(count: number): number {
    const at = this.#at;
    const needed = at + count;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#at = needed;
    return at;
  }
}

class BinaryReader implements ProtocolReader {
  fieldId = 0;
  elementType: WireType = WireType.stop;
  keyType: WireType = WireType.stop;
  readonly #buffer: Buffer;
  #at = 0;
  #depth = 0;

  constructor(message: Uint8Array) {
    this.#buffer = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }

  messageBegin(): MessageHead {
    const at = this.#take(4);
    const version = this.#buffer.readUInt16BE(at);
    const kind = this.#buffer.readUInt16BE(at + 2);
    if (version !== VERSION) {
      throw new ThriftProtocolError(`no strict binary Thrift: a message begins with 0x${version.toString(16)}`, {
        details: { version },
        remedy: 'the other side has to speak TBinaryProtocol, with framed transport',
      });
    }
    if (kind < 1 || kind > 4) throw this.#fault(`a message of the unknown kind ${kind}`);
    const length = this.#length();
    if (length > MAX_NAME_BYTES) throw this.#fault(`the name of a method of ${length} bytes`);
    const name = this.#take(length);
    const method = this.#buffer.toString('utf8', name, name + length);
    return { method, kind: kind as MessageKind, sequence: this.integer('i32') };
  }

  messageEnd(): void {
    const rest = this.#buffer.length - this.#at;
    if (rest !== 0) throw this.#fault(`${rest} bytes after the end of a message`);
  }

  structBegin(): void {
    this.#enter();
  }

  fieldBegin(): WireType {
    const type = this.#type();
    if (type === WireType.stop) {
      this.#depth -= 1;
      return type;
    }
    const at = this.#take(2);
    this.fieldId = this.#buffer.readInt16BE(at);
    return type;
  }

  fieldEnd(): void {}

  listBegin(): number {
    this.#enter();
    const element = this.#type();
    const size = this.#size((MIN_BYTES[element] as number | undefined) ?? 0);
    this.elementType = element;
    return size;
  }

  listEnd(): void {
    this.#depth -= 1;
  }

  mapBegin(): number {
    this.#enter();
    const key = this.#type();
    const value = this.#type();
    const size = this.#size((MIN_BYTES[key] ?? 0) + (MIN_BYTES[value] ?? 0));
    this.keyType = key;
    this.elementType = value;
    return size;
  }

  mapEnd(): void {
    this.#depth -= 1;
  }

  bool(): boolean {
    const value = this.#buffer[this.#take(1)]!;
    if (value > 1) throw this.#fault(`a truth value of ${value}`);
    return value === 1;
  }

  integer(type: 'i8' | 'i16' | 'i32'): number {
    if (type === 'i32') return this.#buffer.readInt32BE(this.#take(4));
    if (type === 'i16') return this.#buffer.readInt16BE(this.#take(2));
    return this.#buffer.readInt8(this.#take(1));
  }

  i64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  int53(): number | undefined {
    const at = this.#take(8);
    const value = this.#buffer.readInt32BE(at) * TWO_32 + this.#buffer.readUInt32BE(at + 4);
    return Number.isSafeInteger(value) ? value : undefined;
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#take(8));
  }

  /** What is not UTF-8 (an FMU may say anything) comes as U+FFFD. */
  string(): string {
    const length = this.#length();
    const at = this.#take(length);
    return this.#buffer.toString('utf8', at, at + length);
  }

  binary(): Uint8Array {
    const length = this.#length();
    const at = this.#take(length);
    return length === 0 ? EMPTY : this.#buffer.subarray(at, at + length);
  }

  skip(type: WireType): void {
    if (skipParts(this, type)) return;
    this.#take(type === WireType.string ? this.#length() : (MIN_BYTES[type] ?? 0));
  }

  #type(): WireType {
    const type = this.#buffer[this.#take(1)]!;
    if (type !== WireType.stop && MIN_BYTES[type] === undefined) throw this.#fault(`the unknown type ${type}`);
    return type as WireType;
  }

  #size(minBytes: number): number {
    const size = this.integer('i32');
    const rest = this.#buffer.length - this.#at;
    // Elements without a type can only be none.
    if (size < 0 || (size > 0 && minBytes === 0)) throw this.#fault(`a container of ${size} elements`);
    if (size * minBytes > rest) {
      throw new ThriftTooLargeError(`a container of ${size} elements in a message that has ${rest} bytes left`, {
        details: { size, rest },
      });
    }
    return size;
  }

  #length(): number {
    const length = this.integer('i32');
    if (length < 0) throw this.#fault(`a text of ${length} bytes`);
    return length;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#fault(`structures nested over ${MAX_DEPTH} deep`);
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#buffer.length) {
      throw this.#fault(`it ends where ${count} bytes were to follow`);
    }
    this.#at = at + count;
    return at;
  }

  #fault(what: string): ThriftProtocolError {
    const { length } = this.#buffer;
    return new ThriftProtocolError(`a Thrift message of ${length} bytes is broken at byte ${this.#at}: ${what}`, {
      details: { at: this.#at, length },
    });
  }
}

export const binaryProtocol: Protocol = {
  name: 'binary',
  writer: () => new BinaryWriter(),
  reader: (message) => new BinaryReader(message),
};
