/** The channels of a connection, by number: opening and closing them, and handing each frame to its own. */
import { Channel, type ChannelHost } from './channel.js';
import { CHANNEL_MAX } from './handshake.js';
import { ProtocolError, ReplyCode } from './protocol-error.js';
import { FrameType } from './wire/frames.js';
import { type MethodArgs, type MethodId, methodId } from './wire/methods.js';

const OPEN = methodId('channel.open');
const CLOSE = methodId('channel.close');
const CLOSE_OK = methodId('channel.close-ok');

export class ChannelTable {
  /** How many may be open at a time. */
  limit: number = CHANNEL_MAX;
  readonly #host: ChannelHost;
  readonly #open = new Map<number, Channel>();
  /** Closed for an error; what comes on them is ignored until the client has said close-ok. */
  readonly #refused = new Set<number>();

  constructor(host: ChannelHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#open.size;
  }

  /** A frame's payload; `method` is the id at its beginning, 0 if it is no method frame. */
  frame(type: number, number: number, method: MethodId, buffer: Buffer, start: number, end: number): void {
    const channel = this.#open.get(number);
    if (channel === undefined) {
      this.#frameOnClosed(type, number, method);
    } else if (type === FrameType.body) {
      channel.body(buffer, start, end);
    } else if (type === FrameType.header) {
      channel.header(buffer, start, end);
    } else if (type !== FrameType.method) {
      throw new ProtocolError(ReplyCode.frameError, `heartbeat on channel ${number}`);
    } else if (end - start < 4) {
      throw new ProtocolError(ReplyCode.syntaxError, 'method frame without a method');
    } else if (method === CLOSE) {
      this.#close(number);
      this.#host.outbox.method(number, 'channel.close-ok', {});
    } else {
      channel.method(method, buffer, start, end);
    }
  }

  /** Closes a channel because of an error of the client. */
  refuse(number: number, args: MethodArgs<'channel.close'>): void {
    this.#open.get(number)?.flushConfirms();
    this.#refused.add(number);
    this.#host.outbox.method(number, 'channel.close', args);
    this.#close(number);
  }

  /** Serves all consumers, after the connection had been congested. */
  dispatch(): void {
    for (const channel of this.#open.values()) channel.dispatch();
  }

  closeAll(): void {
    for (const number of [...this.#open.keys()]) this.#close(number);
  }

  #close(number: number): void {
    const channel = this.#open.get(number);
    this.#open.delete(number);
    channel?.flushConfirms();
    channel?.close();
  }

  #frameOnClosed(type: number, number: number, method: MethodId): void {
    const { outbox } = this.#host;
    if (this.#refused.has(number)) {
      if (method === CLOSE_OK) this.#refused.delete(number);
      else if (method === CLOSE) outbox.method(number, 'channel.close-ok', {});
      return;
    }
    if (type !== FrameType.method || method !== OPEN) {
      throw new ProtocolError(ReplyCode.channelError, `expected 'channel.open' on channel ${number}`);
    }
    const { size } = this.#open;
    if (size >= this.limit) {
      const reason = `number of channels opened (${size}) has reached the negotiated channel_max (${this.limit})`;
      throw new ProtocolError(ReplyCode.notAllowed, reason);
    }
    this.#open.set(number, new Channel(number, this.#host));
    outbox.method(number, 'channel.open-ok', { channelId: Buffer.alloc(0) });
  }
}
