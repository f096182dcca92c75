/** TFramedTransport: each message behind its length, 4 bytes, big endian. */
import type { Writable } from 'node:stream';
import { ThriftProtocolError, ThriftTooLargeError } from './errors.js';

/** What proxyfmu allows, too: an FMU is sent in one frame. */
export const DEFAULT_FRAME_BYTES: number = 50 * 2 ** 20;
const HEAD_BYTES = 4;

/** The head that goes before a message. */
export function frameHead(message: Uint8Array): Uint8Array {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32BE(message.length);
  return head;
}

/** All messages of one turn of the event loop travel together. */
export function writeFrame(stream: Writable, message: Uint8Array): void {
  if (stream.writableCorked === 0) {
    stream.cork();
    process.nextTick(() => stream.uncork());
  }
  stream.write(frameHead(message));
  stream.write(message);
}

/** Puts what comes from a stream together again. */
export class FrameReader {
  /** Bytes of a message; what has begun to come is held to it as it was then. */
  limit: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Of the frame that is coming, with its head; 0: not known yet. */
  #wanted = 0;

  constructor(limit: number = DEFAULT_FRAME_BYTES) {
    this.limit = limit;
  }

  push(chunk: Uint8Array): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next message that is whole. Throws {@link ThriftTooLargeError}, {@link ThriftProtocolError}. */
  next(): Uint8Array | undefined {
    if (this.#wanted === 0) {
      if (this.#bytes < HEAD_BYTES) return undefined;
      this.#wanted = HEAD_BYTES + this.#checked(this.#together().readUInt32BE());
    }
    if (this.#bytes < this.#wanted) return undefined;
    const all = this.#together();
    const message = all.subarray(HEAD_BYTES, this.#wanted);
    const rest = all.subarray(this.#wanted);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    this.#wanted = 0;
    return message;
  }

  /** Bytes that are not taken yet. */
  get waiting(): number {
    return this.#bytes;
  }

  /** Whether a stream may end here: not within a frame. */
  get isBetween(): boolean {
    return this.#bytes === 0;
  }

  #together(): Buffer {
    const [first] = this.#parts;
    const all =
      this.#parts.length === 1 && first !== undefined
        ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
        : Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [all];
    return all;
  }

  #checked(length: number): number {
    if (length === 0) throw new ThriftProtocolError('an empty frame');
    if (length <= this.limit) return length;
    const said = Buffer.allocUnsafe(HEAD_BYTES);
    said.writeUInt32BE(length);
    const isHttp = /^(?:GET|POST|PUT|HEAD|OPTI)/.test(said.toString('latin1'));
    const isUnframed = said.readUInt16BE() === 0x8001;
    throw new ThriftTooLargeError(
      isHttp
        ? 'HTTP came where a frame was expected'
        : isUnframed
          ? 'a Thrift message came without a frame'
          : `a frame of ${length} bytes, the limit is ${this.limit}`,
      {
        details: { length, limit: this.limit },
        remedy:
          isHttp || isUnframed ? 'speak TBinaryProtocol over TFramedTransport' : 'give a higher limit, if it is to be',
      },
    );
  }
}
