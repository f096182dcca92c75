/**
 * Reading and writing the elementary data types of AMQP 0-9-1 (section 4.2.5 of the specification), big-endian.
 *
 * Both sides know nothing of sockets: a reader is pointed at a range of a buffer, a writer grows its own.
 */
import { ProtocolError, ReplyCode } from '../protocol-error.js';

const TWO_32 = 2 ** 32;

/** A cursor over `buffer[at, end)`; reading past the end is the sender's syntax error (502). */
export class OctetReader {
  buffer: Buffer;
  at: number;
  end: number;

  constructor(buffer: Buffer = Buffer.alloc(0), at = 0, end: number = buffer.length) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  reset(buffer: Buffer, at: number, end: number): this {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
    return this;
  }

  /** Moves past `count` octets and returns where they begin. */
  skip(count: number): number {
    const at = this.at;
    if (at + count > this.end) {
      throw new ProtocolError(ReplyCode.syntaxError, `argument of ${count} octets overruns its frame`);
    }
    this.at = at + count;
    return at;
  }

  octet(): number {
    return this.buffer[this.skip(1)]!;
  }

  short(): number {
    return this.buffer.readUInt16BE(this.skip(2));
  }

  long(): number {
    return this.buffer.readUInt32BE(this.skip(4));
  }

  /** A 64-bit count as a number: exact up to 2^53, more than any delivery tag reaches. */
  longlong(): number {
    const at = this.skip(8);
    return this.buffer.readUInt32BE(at) * TWO_32 + this.buffer.readUInt32BE(at + 4);
  }

  shortstr(): string {
    const length = this.octet();
    const at = this.skip(length);
    return this.buffer.toString('utf8', at, at + length);
  }

  /** A copy, since the bytes outlive the frame they came in. */
  longstr(): Buffer {
    const length = this.long();
    const at = this.skip(length);
    return Buffer.from(this.buffer.subarray(at, at + length));
  }
}

/** A buffer that grows; `at` is how much of it is written. */
export class OctetWriter {
  buffer: Buffer;
  at = 0;

  constructor(capacity = 256) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  /** Makes room for `count` more octets and returns where they go. */
  advance(count: number): number {
    const at = this.at;
    const needed = at + count;
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
      this.buffer.copy(grown, 0, 0, at);
      this.buffer = grown;
    }
    this.at = needed;
    return at;
  }

  /** What was written, valid until the next write. */
  written(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  octet(value: number): void {
    const at = this.advance(1);
    this.buffer[at] = value;
  }

  short(value: number): void {
    const at = this.advance(2);
    this.buffer.writeUInt16BE(value, at);
  }

  long(value: number): void {
    const at = this.advance(4);
    this.buffer.writeUInt32BE(value, at);
  }

  longlong(value: number): void {
    const at = this.advance(8);
    this.buffer.writeUInt32BE(Math.floor(value / TWO_32), at);
    this.buffer.writeUInt32BE(value % TWO_32, at + 4);
  }

  bytes(value: Uint8Array): void {
    const at = this.advance(value.length);
    this.buffer.set(value, at);
  }

  shortstr(value: string): void {
    const length = Buffer.byteLength(value);
    if (length > 255) throw new RangeError(`a short string holds 255 octets, not ${length}: ${value.slice(0, 40)}...`);
    const at = this.advance(1 + length);
    this.buffer[at] = length;
    this.buffer.write(value, at + 1, length);
  }

  longstr(value: Uint8Array): void {
    this.long(value.length);
    this.bytes(value);
  }
}
