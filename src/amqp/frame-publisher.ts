/**
 * Publishes small transient messages with less delay than amqplib: the frames of a message go to the socket at once, as
 * one piece, while amqplib passes them through two streams and a turn of the event loop (40 to 60 us a round trip).
 *
 * The channel is to be used by nobody else for publishing: method, header and body of a message may not be parted.
 */
import type { Channel, ChannelModel } from 'amqplib';
import { FRAME_END, FRAME_HEADER_BYTES, FRAME_OVERHEAD, FrameType, writeFrameHeader } from './embedded/wire/frames.js';
import { writeMethod } from './embedded/wire/methods.js';
import { OctetWriter } from './embedded/wire/octets.js';

/** Class id, weight, size of the body, no properties. */
const CONTENT_HEADER_BYTES = 14;
const BASIC_CLASS = 60;

/** The parts of amqplib's connection and channel that its types leave out. */
interface Internals {
  readonly frameMax: number;
  sendBytes(bytes: Buffer): void;
}

/** Where messages go: exchange and routing key, made into bytes once. Always mandatory. */
export class FrameAddress {
  readonly exchange: string;
  readonly routingKey: string;
  readonly method: Buffer;

  constructor(exchange: string, routingKey: string) {
    this.exchange = exchange;
    this.routingKey = routingKey;
    const writer = new OctetWriter(64 + Buffer.byteLength(exchange) + Buffer.byteLength(routingKey));
    writeMethod(writer, 'basic.publish', { ticket: 0, exchange, routingKey, mandatory: true, immediate: false });
    this.method = Buffer.from(writer.written());
  }
}

export class FramePublisher {
  readonly #channel: Channel;
  readonly #number: number;
  readonly #connection: Internals | undefined;
  #waiting: Buffer[] = [];
  #isTurn = false;

  constructor(model: ChannelModel, channel: Channel) {
    this.#channel = channel;
    const { ch } = channel as unknown as { readonly ch?: unknown };
    const connection: Partial<Internals> = model.connection as unknown as Partial<Internals>;
    const isKnown =
      typeof ch === 'number' && typeof connection.sendBytes === 'function' && typeof connection.frameMax === 'number';
    this.#number = isKnown ? ch : 0;
    // Of an amqplib that has changed inside, what it offers to all is used.
    this.#connection = isKnown ? (connection as Internals) : undefined;
  }

  /** `head` and `body` become one message. Throws when the channel or the connection has been closed. */
  publish(to: FrameAddress, head: Buffer, body: Uint8Array): void {
    const connection = this.#connection;
    if (connection === undefined) {
      this.#channel.publish(to.exchange, to.routingKey, Buffer.concat([head, body]), { mandatory: true });
      return;
    }
    const size = head.length + body.length;
    const largest = connection.frameMax - FRAME_OVERHEAD;
    const pieces = Math.ceil(size / largest);
    const { method } = to;
    const frames = Buffer.allocUnsafe(
      method.length + FRAME_OVERHEAD + CONTENT_HEADER_BYTES + FRAME_OVERHEAD + size + pieces * FRAME_OVERHEAD,
    );
    let at = this.#begin(frames, 0, FrameType.method, method.length);
    at += method.copy(frames, at);
    frames[at++] = FRAME_END;
    at = this.#begin(frames, at, FrameType.header, CONTENT_HEADER_BYTES);
    frames.writeUInt32BE(BASIC_CLASS << 16, at);
    frames.writeUInt32BE(0, at + 4);
    frames.writeUInt32BE(size, at + 8);
    frames.writeUInt16BE(0, at + 12);
    at += CONTENT_HEADER_BYTES;
    frames[at++] = FRAME_END;
    if (pieces === 1) {
      at = this.#begin(frames, at, FrameType.body, size);
      frames.set(head, at);
      frames.set(body, at + head.length);
      frames[at + size] = FRAME_END;
    } else {
      const whole = Buffer.concat([head, body]);
      for (let from = 0; from < size; from += largest) {
        const end = Math.min(size, from + largest);
        at = this.#begin(frames, at, FrameType.body, end - from);
        at += whole.copy(frames, at, from, end);
        frames[at++] = FRAME_END;
      }
    }
    this.#put(connection, frames);
  }

  /** The first of a turn of the event loop goes out at once; what else its sockets bring goes out together. */
  #put(connection: Internals, frames: Buffer): void {
    if (this.#isTurn) {
      this.#waiting.push(frames);
      return;
    }
    this.#isTurn = true;
    connection.sendBytes(frames);
    setImmediate(() => {
      this.#isTurn = false;
      const waiting = this.#waiting;
      if (waiting.length === 0) return;
      this.#waiting = [];
      try {
        connection.sendBytes(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting));
      } catch {
        // The connection has ended meanwhile, of which everybody hears.
      }
    });
  }

  #begin(frames: Buffer, at: number, type: number, size: number): number {
    writeFrameHeader(frames, at, type, this.#number, size);
    return at + FRAME_HEADER_BYTES;
  }
}
