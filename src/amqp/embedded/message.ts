/**
 * A message inside the broker: the bytes the publisher sent, with marks where things are.
 *
 * What is delivered differs from what was published in the method frame only: content header and body frames are
 * the same but for the channel number. So a message keeps them framed, and delivering it is one copy.
 */
import { ProtocolError, ReplyCode } from './protocol-error.js';
import { FRAME_HEADER_BYTES, FRAME_OVERHEAD, FrameType, writeFrameHeader } from './wire/frames.js';
import { OctetReader, OctetWriter } from './wire/octets.js';
import { type BasicProperties, EXPIRATION_FLAG, readProperties, writeProperties } from './wire/properties.js';

export const BASIC_CLASS = 60;
/** Class id, weight and body size, before the property flags of a content header. */
const CONTENT_HEADER_BYTES = 12;
/** Rough cost of the objects around the bytes of a stored message. */
const BOOKKEEPING_BYTES = 256;

export class Message {
  bytes: Buffer;
  /** Exchange and routing key as two short strings, as basic.publish and basic.deliver spell them. */
  addressAt: number;
  addressEnd: number;
  /** The content header frame and the body frames. */
  contentAt: number;
  contentEnd: number;
  readonly bodySize: number;
  /** The largest frame of the content, overhead included. */
  readonly largestFrame: number;
  /** From the `expiration` property; `undefined` when it never expires. */
  expirationMs: number | undefined;
  /** In how many queues (and unacknowledged deliveries) it is held. */
  holders = 0;

  constructor(
    bytes: Buffer,
    address: readonly [at: number, end: number],
    content: readonly [at: number, end: number],
    bodySize: number,
    largestFrame: number,
  ) {
    this.bytes = bytes;
    this.addressAt = address[0];
    this.addressEnd = address[1];
    this.contentAt = content[0];
    this.contentEnd = content[1];
    this.bodySize = bodySize;
    this.largestFrame = largestFrame;
  }

  get propertyFlags(): number {
    return this.bytes.readUInt16BE(this.contentAt + FRAME_HEADER_BYTES + CONTENT_HEADER_BYTES);
  }

  get exchange(): string {
    const at = this.addressAt + 1;
    return this.bytes.toString('utf8', at, at + this.bytes[this.addressAt]!);
  }

  get routingKey(): string {
    const at = this.addressAt + 1 + this.bytes[this.addressAt]!;
    return this.bytes.toString('utf8', at + 1, this.addressEnd);
  }

  /** What holding it costs, for the memory gauge. */
  get cost(): number {
    return this.contentEnd - this.contentAt + BOOKKEEPING_BYTES;
  }

  properties(): BasicProperties {
    const start = this.contentAt + FRAME_HEADER_BYTES;
    const end = start + this.bytes.readUInt32BE(this.contentAt + 3);
    return readProperties(new OctetReader(this.bytes, start + CONTENT_HEADER_BYTES, end));
  }

  /** Reads `expiration`; throws {@link ProtocolError} 406 when it is no count of milliseconds. */
  readExpiration(): void {
    if ((this.propertyFlags & EXPIRATION_FLAG) === 0) return;
    const expiration = this.properties().expiration ?? '';
    const milliseconds = Number(expiration);
    if (!/^\d+$/.test(expiration) || milliseconds > 0xffff_ffff) {
      throw new ProtocolError(ReplyCode.preconditionFailed, `invalid expiration '${expiration}'`);
    }
    this.expirationMs = milliseconds;
  }

  /** Copies the message out of the socket's chunk, which a message waiting in a queue would otherwise keep alive. */
  detach(): void {
    const start = this.addressAt;
    if (this.bytes.length <= 2 * (this.contentEnd - start)) return;
    // Address and content lie in one chunk with only a few octets between them, so one range covers both.
    this.bytes = Buffer.from(this.bytes.subarray(start, this.contentEnd));
    this.addressAt = 0;
    this.addressEnd -= start;
    this.contentAt -= start;
    this.contentEnd -= start;
  }

  /** The body without its framing. */
  body(): Buffer {
    const pieces: Buffer[] = [];
    let at = this.contentAt + FRAME_OVERHEAD + this.bytes.readUInt32BE(this.contentAt + 3);
    while (at < this.contentEnd) {
      const size = this.bytes.readUInt32BE(at + 3);
      pieces.push(this.bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + size));
      at += size + FRAME_OVERHEAD;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** The same body under another address and other properties (what a dead letter becomes). */
  readdressed(exchange: string, routingKey: string, properties: BasicProperties): Message {
    const oldHeaderSize = this.bytes.readUInt32BE(this.contentAt + 3);
    const bodyAt = this.contentAt + FRAME_OVERHEAD + oldHeaderSize;
    const writer = new OctetWriter(512 + this.contentEnd - this.contentAt);
    writer.shortstr(exchange);
    writer.shortstr(routingKey);
    const addressEnd = writer.at;
    writeContentHeader(writer, 0, this.bodySize, properties);
    writer.bytes(this.bytes.subarray(bodyAt, this.contentEnd));
    const largestFrame = Math.max(this.largestFrame, bodyAt - this.contentAt);
    return new Message(writer.written(), [0, addressEnd], [addressEnd, writer.at], this.bodySize, largestFrame);
  }
}

function writeContentHeader(writer: OctetWriter, channel: number, bodySize: number, properties: BasicProperties): void {
  const frameAt = writer.advance(FRAME_HEADER_BYTES);
  writer.short(BASIC_CLASS);
  writer.short(0);
  writer.longlong(bodySize);
  writeProperties(writer, properties);
  const size = writer.at - frameAt - FRAME_HEADER_BYTES;
  writeFrameHeader(writer.buffer, frameAt, FrameType.header, channel, size);
  writer.octet(0xce);
}

/**
 * Puts a message together from its frames: basic.publish, content header, body frames.
 *
 * They nearly always lie side by side in one chunk, and then the message is a range of it. Where they do not (a chunk
 * ended, another channel's frame came between), the pieces are joined.
 */
export class ContentAssembler {
  #buffer: Buffer = Buffer.alloc(0);
  #addressAt = 0;
  #addressEnd = 0;
  #contentAt = 0;
  /** Where the next frame must begin to be adjacent. */
  #end = 0;
  #pieces: Buffer[] | undefined;
  #bodySize = 0;
  #remaining = 0;
  #largestFrame = 0;
  #expecting: 'method' | 'header' | 'body' = 'method';

  get idle(): boolean {
    return this.#expecting === 'method';
  }

  begin(buffer: Buffer, addressAt: number, addressEnd: number, frameEnd: number): void {
    this.#buffer = buffer;
    this.#addressAt = addressAt;
    this.#addressEnd = addressEnd;
    this.#end = frameEnd;
    this.#pieces = undefined;
    this.#expecting = 'header';
  }

  /** A content header's payload; returns the message if it has no body. */
  header(buffer: Buffer, start: number, end: number, maxBodyBytes: number): Message | undefined {
    if (this.#expecting !== 'header') throw unexpected('content header', this.#expecting);
    if (end - start < CONTENT_HEADER_BYTES + 2 || buffer.readUInt16BE(start) !== BASIC_CLASS) {
      throw new ProtocolError(ReplyCode.unexpectedFrame, 'expected a content header of class 60');
    }
    const bodySize = buffer.readUInt32BE(start + 4) * 2 ** 32 + buffer.readUInt32BE(start + 8);
    if (bodySize > maxBodyBytes) {
      this.#expecting = 'method';
      throw new ProtocolError(
        ReplyCode.preconditionFailed,
        `message size ${bodySize} is larger than configured max size ${maxBodyBytes}`,
      );
    }
    const frameAt = start - FRAME_HEADER_BYTES;
    if (buffer === this.#buffer && frameAt === this.#end) {
      this.#contentAt = frameAt;
      this.#end = end + 1;
    } else {
      this.#pieces = [this.#buffer.subarray(this.#addressAt, this.#addressEnd), buffer.subarray(frameAt, end + 1)];
    }
    this.#bodySize = this.#remaining = bodySize;
    this.#largestFrame = end + 1 - frameAt;
    this.#expecting = 'body';
    return bodySize === 0 ? this.#complete() : undefined;
  }

  /** A body frame's payload; returns the message when it is the last. */
  body(buffer: Buffer, start: number, end: number): Message | undefined {
    if (this.#expecting !== 'body') throw unexpected('content body', this.#expecting);
    const size = end - start;
    if (size > this.#remaining) {
      throw new ProtocolError(
        ReplyCode.frameError,
        `content body overruns its announced ${this.#bodySize} octets by ${size - this.#remaining}`,
      );
    }
    const frameAt = start - FRAME_HEADER_BYTES;
    if (this.#pieces === undefined && buffer === this.#buffer && frameAt === this.#end) {
      this.#end = end + 1;
    } else {
      this.#pieces ??= [
        this.#buffer.subarray(this.#addressAt, this.#addressEnd),
        this.#buffer.subarray(this.#contentAt, this.#end),
      ];
      this.#pieces.push(buffer.subarray(frameAt, end + 1));
    }
    if (size + FRAME_OVERHEAD > this.#largestFrame) this.#largestFrame = size + FRAME_OVERHEAD;
    this.#remaining -= size;
    return this.#remaining === 0 ? this.#complete() : undefined;
  }

  #complete(): Message {
    this.#expecting = 'method';
    const pieces = this.#pieces;
    if (pieces === undefined) {
      return new Message(
        this.#buffer,
        [this.#addressAt, this.#addressEnd],
        [this.#contentAt, this.#end],
        this.#bodySize,
        this.#largestFrame,
      );
    }
    this.#pieces = undefined;
    const bytes = Buffer.concat(pieces);
    const addressEnd = pieces[0]!.length;
    return new Message(bytes, [0, addressEnd], [addressEnd, bytes.length], this.#bodySize, this.#largestFrame);
  }
}

function unexpected(got: string, expected: string): ProtocolError {
  return new ProtocolError(ReplyCode.unexpectedFrame, `got a ${got} frame where a ${expected} frame was expected`);
}

/** Total bytes held in queues and unacknowledged deliveries, with a mark above which publishers are held back. */
export class MemoryGauge {
  bytes = 0;
  readonly highMark: number;
  #alarm = false;
  readonly #onChange: (alarm: boolean) => void;

  constructor(highMark: number, onChange: (alarm: boolean) => void) {
    this.highMark = highMark;
    this.#onChange = onChange;
  }

  get alarm(): boolean {
    return this.#alarm;
  }

  hold(message: Message): void {
    if (message.holders++ > 0) return;
    this.bytes += message.cost;
    if (!this.#alarm && this.bytes > this.highMark) {
      this.#alarm = true;
      this.#onChange(true);
    }
  }

  release(message: Message): void {
    if (--message.holders > 0) return;
    this.bytes -= message.cost;
    // A fifth of slack, so that publishers are not stopped and started for every message.
    if (this.#alarm && this.bytes < this.highMark * 0.8) {
      this.#alarm = false;
      this.#onChange(false);
    }
  }
}
