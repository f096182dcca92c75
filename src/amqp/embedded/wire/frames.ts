/**
 * Framing (section 4.2.3): bytes in, frames out, whatever the pieces they arrive in.
 *
 *      0      1         3             7                  size+7      size+8
 *      +------+---------+-------------+------------------+-----------+
 *      | type | channel |    size     |     payload      | frame-end |
 *      +------+---------+-------------+------------------+-----------+
 *
 * The parser does no I/O and copies nothing unless a frame is split over two pieces: a frame is handed on as a range
 * of the piece it came in, so that neighbouring frames can be passed on as one range.
 */
import { ProtocolError, ReplyCode } from '../protocol-error.js';

export const FrameType = { method: 1, header: 2, body: 3, heartbeat: 8 } as const;

export const FRAME_HEADER_BYTES = 7;
/** Header and end octet. */
export const FRAME_OVERHEAD = 8;
export const FRAME_END = 0xce;
/** No peer may ask for less (section 4.2.3: frame-min-size). */
export const FRAME_MIN_SIZE = 4096;

/** `AMQP`, then protocol id 0 and version 0-9-1. */
export const PROTOCOL_HEADER: Buffer = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
export const HEARTBEAT_FRAME: Buffer = Buffer.from([FrameType.heartbeat, 0, 0, 0, 0, 0, 0, FRAME_END]);

export interface FrameSink {
  /** Once, before any frame: whether the peer opened with the header of AMQP 0-9-1. */
  protocolHeader(matches: boolean): void;
  /** The payload is `buffer[start, end)`; the whole frame `buffer[start - 7, end + 1)`. Valid as long as it is held. */
  frame(type: number, channel: number, buffer: Buffer, start: number, end: number): void;
}

export class FrameParser {
  /**
   * Largest payload accepted; 0 for no limit. Set again once negotiated. As in RabbitMQ the overhead of 8 octets comes
   * on top: some clients forget to count it.
   */
  frameMax: number;
  readonly #sink: FrameSink;
  #headerSeen = false;
  /** The piece of a split frame (or of its 7-octet header, while the size is unknown), filled up to `#filled`. */
  #partial: Buffer | undefined;
  #filled = 0;

  constructor(sink: FrameSink, frameMax: number) {
    this.#sink = sink;
    this.frameMax = frameMax;
  }

  /** Throws {@link ProtocolError} 501 on what is no frame; the parser is of no use afterwards. */
  push(chunk: Buffer): void {
    let at = 0;
    if (!this.#headerSeen || this.#partial !== undefined) {
      at = this.#resume(chunk);
    }
    const end = chunk.length;
    while (at < end) {
      if (end - at < FRAME_HEADER_BYTES) {
        this.#keep(chunk, at, FRAME_HEADER_BYTES);
        return;
      }
      const size = this.#sizeOf(chunk, at);
      const next = at + size + FRAME_OVERHEAD;
      if (next > end) {
        this.#keep(chunk, at, size + FRAME_OVERHEAD);
        return;
      }
      this.#emit(chunk, at, size);
      at = next;
    }
  }

  #resume(chunk: Buffer): number {
    let at = 0;
    if (!this.#headerSeen) {
      this.#partial ??= Buffer.allocUnsafe(PROTOCOL_HEADER.length);
      at = this.#fill(chunk, at);
      if (this.#filled < PROTOCOL_HEADER.length) return at;
      const matches = this.#partial.equals(PROTOCOL_HEADER);
      this.#partial = undefined;
      this.#headerSeen = true;
      this.#sink.protocolHeader(matches);
      return at;
    }
    at = this.#fill(chunk, at);
    let partial = this.#partial!;
    if (partial.length === FRAME_HEADER_BYTES && this.#filled === FRAME_HEADER_BYTES) {
      const size = this.#sizeOf(partial, 0);
      const whole = Buffer.allocUnsafe(size + FRAME_OVERHEAD);
      partial.copy(whole);
      partial = this.#partial = whole;
      at = this.#fill(chunk, at);
    }
    if (this.#filled === partial.length && partial.length > FRAME_HEADER_BYTES) {
      this.#partial = undefined;
      this.#emit(partial, 0, partial.length - FRAME_OVERHEAD);
    }
    return at;
  }

  #fill(chunk: Buffer, at: number): number {
    const partial = this.#partial!;
    const count = Math.min(partial.length - this.#filled, chunk.length - at);
    chunk.copy(partial, this.#filled, at, at + count);
    this.#filled += count;
    return at + count;
  }

  #keep(chunk: Buffer, at: number, needed: number): void {
    this.#partial = Buffer.allocUnsafe(needed);
    this.#filled = chunk.copy(this.#partial, 0, at);
  }

  #sizeOf(buffer: Buffer, at: number): number {
    const type = buffer[at]!;
    if (type !== FrameType.method && type !== FrameType.header && type !== FrameType.body) {
      if (type !== FrameType.heartbeat) throw new ProtocolError(ReplyCode.frameError, `unknown frame type ${type}`);
    }
    const size = buffer.readUInt32BE(at + 3);
    if (this.frameMax > 0 && size > this.frameMax) {
      throw new ProtocolError(
        ReplyCode.frameError,
        `type ${type}, payload of ${size} octets exceeds frame-max ${this.frameMax}`,
      );
    }
    return size;
  }

  #emit(buffer: Buffer, at: number, size: number): void {
    const start = at + FRAME_HEADER_BYTES;
    const end = start + size;
    if (buffer[end] !== FRAME_END) {
      throw new ProtocolError(ReplyCode.frameError, `frame of ${size} octets ends in ${buffer[end]}, not ${FRAME_END}`);
    }
    this.#sink.frame(buffer[at]!, buffer.readUInt16BE(at + 1), buffer, start, end);
  }
}

/** Writes the 7 octets before a payload. */
export function writeFrameHeader(target: Buffer, at: number, type: number, channel: number, size: number): void {
  target[at] = type;
  target[at + 1] = channel >>> 8;
  target[at + 2] = channel & 0xff;
  target.writeUInt32BE(size, at + 3);
}
