/** Thrift frames that are passed on as they are: whole ones, cut from a stream, and counted. */
import { DEFAULT_FRAME_BYTES, frameHead, ThriftTooLargeError } from '../thrift/index.js';

const LENGTH_BYTES = 4;

/** Cuts what comes from a socket after the last whole frame; the rest waits for the next piece. */
export class FrameCutter {
  #rest: Buffer | undefined;
  /** Of the frame at the beginning of `#rest`, with its length; 0: not known yet. */
  #wanted = 0;
  /** What has come behind `#rest`. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** Frames in what {@link push} returned last. */
  count = 0;

  /** Whole frames, in one piece; undefined: there are none yet. Throws {@link ThriftTooLargeError}. */
  push(chunk: Buffer): Buffer | undefined {
    this.count = 0;
    const bytes = this.#together(chunk);
    if (bytes === undefined) return undefined;
    let end = 0;
    while (bytes.length - end >= LENGTH_BYTES) {
      const next = end + LENGTH_BYTES + this.#checked(bytes.readUInt32BE(end));
      if (next > bytes.length) break;
      end = next;
      this.count += 1;
    }
    if (end === bytes.length) return bytes;
    this.#rest = bytes.subarray(end);
    this.#wanted = this.#rest.length < LENGTH_BYTES ? 0 : LENGTH_BYTES + this.#rest.readUInt32BE();
    return end === 0 ? undefined : bytes.subarray(0, end);
  }

  /** Pieces of a large frame are joined once, not each time one comes. */
  #together(chunk: Buffer): Buffer | undefined {
    const rest = this.#rest;
    if (rest === undefined) return chunk;
    this.#parts.push(chunk);
    this.#partBytes += chunk.length;
    if (rest.length + this.#partBytes < this.#wanted) return undefined;
    const all = Buffer.concat([rest, ...this.#parts]);
    this.#rest = undefined;
    this.#parts = [];
    this.#partBytes = 0;
    return all;
  }

  #checked(length: number): number {
    if (length > 0 && length <= DEFAULT_FRAME_BYTES) return length;
    throw new ThriftTooLargeError(`a frame of ${length} bytes, the limit is ${DEFAULT_FRAME_BYTES}`, {
      details: { length, limit: DEFAULT_FRAME_BYTES },
      remedy: 'speak TBinaryProtocol over TFramedTransport',
    });
  }
}

/** How many frames lie in `frames`; -1: they are not whole. */
export function countFrames(frames: Buffer): number {
  let count = 0;
  let at = 0;
  while (at + LENGTH_BYTES <= frames.length) {
    at += LENGTH_BYTES + frames.readUInt32BE(at);
    count += 1;
  }
  return at === frames.length ? count : -1;
}

/** The messages in whole frames, without their lengths. */
export function* messagesIn(frames: Buffer): Generator<Buffer> {
  for (let at = 0; at + LENGTH_BYTES <= frames.length; ) {
    const end = at + LENGTH_BYTES + frames.readUInt32BE(at);
    yield frames.subarray(at + LENGTH_BYTES, end);
    at = end;
  }
}

/** A message with its length. */
export function framed(message: Uint8Array): Buffer {
  return Buffer.concat([frameHead(message), message]);
}

/** Of a strict message: bits of version, kind, length of the method's name, name, sequence. Undefined: it is none. */
export interface CallHead {
  readonly method: string;
  readonly sequence: number;
}

export function readCallHead(message: Buffer): CallHead | undefined {
  if (message.length < 12 || message.readUInt16BE(0) !== 0x8001) return undefined;
  const length = message.readUInt32BE(4);
  if (8 + length + 4 > message.length) return undefined;
  return { method: message.toString('latin1', 8, 8 + length), sequence: message.readInt32BE(8 + length) };
}
