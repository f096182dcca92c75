/**
 * What a connection has to send, gathered into as few socket writes as possible: frames are written into a slab, and
 * one flush per turn of the event loop hands it to the kernel.
 */
import type { Socket } from 'node:net';
import type { Message } from './message.js';
import { FRAME_END, FRAME_HEADER_BYTES, FRAME_OVERHEAD, FrameType, writeFrameHeader } from './wire/frames.js';
import { type MethodArgs, type MethodName, writeMethod } from './wire/methods.js';
import { OctetWriter } from './wire/octets.js';

const SLAB_BYTES = 128 * 1024;
/** Unsent bytes above which a connection gets no more deliveries until its peer has read some. */
const CONGESTION_BYTES = 1024 * 1024;

/** Small and never held across a call, so one serves all connections. */
const scratch = new OctetWriter(1024);

export class Outbox {
  /** Negotiated; content frames are re-cut where a publisher's were larger. 0: no limit. */
  frameMax: number;
  /** Whether anything was sent since this was last cleared (heartbeats are sent when not). */
  active = false;
  readonly #socket: Socket;
  readonly #onFirst: () => void;
  #slab: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;
  /** Slabs filled since the last flush. */
  #full: Buffer[] = [];
  #fullBytes = 0;
  #scheduled = false;
  #congested = false;

  /** `onFirst` is called when there is something to flush where there was nothing. */
  constructor(socket: Socket, frameMax: number, onFirst: () => void) {
    this.#socket = socket;
    this.frameMax = frameMax;
    this.#onFirst = onFirst;
  }

  get congested(): boolean {
    return this.#congested;
  }

  method<N extends MethodName>(channel: number, name: N, args: MethodArgs<N>): void {
    scratch.at = FRAME_HEADER_BYTES;
    writeMethod(scratch, name, args);
    scratch.octet(FRAME_END);
    writeFrameHeader(scratch.buffer, 0, FrameType.method, channel, scratch.at - FRAME_OVERHEAD);
    this.raw(scratch.written());
  }

  raw(bytes: Buffer): void {
    const at = this.#reserve(bytes.length);
    this.#slab.set(bytes, at);
  }

  /**
   * basic.deliver and its content. `tag` is the consumer tag as a short string; the address goes out as it came in.
   */
  deliver(channel: number, tag: Buffer, deliveryTag: number, redelivered: boolean, message: Message): void {
    const { addressAt, addressEnd } = message;
    const addressBytes = addressEnd - addressAt;
    const payload = 4 + tag.length + 9 + addressBytes;
    let at = this.#reserve(payload + FRAME_OVERHEAD);
    const slab = this.#slab;
    writeFrameHeader(slab, at, FrameType.method, channel, payload);
    slab.writeUInt32BE(DELIVER_ID, at + FRAME_HEADER_BYTES);
    at += FRAME_HEADER_BYTES + 4;
    at = copy(tag, 0, tag.length, slab, at);
    slab.writeUInt32BE(Math.floor(deliveryTag / 2 ** 32), at);
    slab.writeUInt32BE(deliveryTag % 2 ** 32, at + 4);
    slab[at + 8] = redelivered ? 1 : 0;
    at = copy(message.bytes, addressAt, addressEnd, slab, at + 9);
    slab[at] = FRAME_END;
    this.content(channel, message);
  }

  /** Content header and body frames, on `channel`. */
  content(channel: number, message: Message): void {
    const { bytes, contentAt, contentEnd } = message;
    if (this.frameMax > 0 && message.largestFrame > this.frameMax) {
      this.#recut(channel, message);
      return;
    }
    const length = contentEnd - contentAt;
    const begin = this.#reserve(length);
    const slab = this.#slab;
    copy(bytes, contentAt, contentEnd, slab, begin);
    for (let at = begin; at < begin + length; at += slab.readUInt32BE(at + 3) + FRAME_OVERHEAD) {
      slab[at + 1] = channel >>> 8;
      slab[at + 2] = channel & 0xff;
    }
  }

  /** Hands everything to the socket. True if that ended a congestion. */
  flush(): boolean {
    this.#scheduled = false;
    const socket = this.#socket;
    if (socket.destroyed || !socket.writable) {
      this.#full = [];
      this.#fullBytes = 0;
      this.#at = this.#start;
      return false;
    }
    if (this.#full.length > 0) {
      socket.cork();
      for (const slab of this.#full) socket.write(slab);
      this.#full = [];
      this.#fullBytes = 0;
      this.#writeSlab();
      socket.uncork();
    } else {
      this.#writeSlab();
    }
    if (socket.writableLength === 0) {
      // The kernel has taken all of it: the slab can be written over.
      this.#start = this.#at = 0;
    } else if (this.#slab.length - this.#at < SLAB_BYTES / 8) {
      this.#renew(SLAB_BYTES);
    }
    if (socket.writableLength > CONGESTION_BYTES) this.#congested = true;
    return this.relieve();
  }

  /** True if the peer has read enough for deliveries to go on. */
  relieve(): boolean {
    if (!this.#congested || this.#socket.writableLength >= CONGESTION_BYTES / 2) return false;
    this.#congested = false;
    return true;
  }

  #writeSlab(): void {
    if (this.#at === this.#start) return;
    this.#socket.write(this.#slab.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }

  #reserve(count: number): number {
    if (this.#at + count > this.#slab.length) {
      if (this.#at > this.#start) {
        this.#full.push(this.#slab.subarray(this.#start, this.#at));
        this.#fullBytes += this.#at - this.#start;
      }
      this.#renew(Math.max(SLAB_BYTES, count));
    }
    const at = this.#at;
    this.#at += count;
    this.active = true;
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#onFirst();
    }
    if (this.#fullBytes + this.#at - this.#start > CONGESTION_BYTES / 2) this.#checkCongestion();
    return at;
  }

  #checkCongestion(): void {
    const unsent = this.#fullBytes + this.#at - this.#start + this.#socket.writableLength;
    if (unsent > CONGESTION_BYTES) this.#congested = true;
  }

  #renew(bytes: number): void {
    this.#slab = Buffer.allocUnsafeSlow(bytes);
    this.#start = this.#at = 0;
  }

  #recut(channel: number, message: Message): void {
    const { bytes, contentAt } = message;
    const header = bytes.subarray(contentAt, contentAt + FRAME_OVERHEAD + bytes.readUInt32BE(contentAt + 3));
    const at = this.#reserve(header.length);
    this.#slab.set(header, at);
    writeFrameHeader(this.#slab, at, FrameType.header, channel, header.length - FRAME_OVERHEAD);
    const body = message.body();
    const most = this.frameMax - FRAME_OVERHEAD;
    for (let offset = 0; offset < body.length; offset += most) {
      const piece = body.subarray(offset, offset + most);
      const frameAt = this.#reserve(piece.length + FRAME_OVERHEAD);
      writeFrameHeader(this.#slab, frameAt, FrameType.body, channel, piece.length);
      this.#slab.set(piece, frameAt + FRAME_HEADER_BYTES);
      this.#slab[frameAt + FRAME_HEADER_BYTES + piece.length] = FRAME_END;
    }
  }
}

/** basic.deliver: class 60, method 60. */
const DELIVER_ID = 60 * 0x10000 + 60;

/** Copies `source[from, to)` and returns where it ends in `target`. Short ranges cost less in a loop than in a call. */
function copy(source: Buffer, from: number, to: number, target: Buffer, at: number): number {
  if (to - from > 48) {
    source.copy(target, at, from, to);
    return at + to - from;
  }
  for (let i = from; i < to; i++) target[at++] = source[i]!;
  return at;
}
