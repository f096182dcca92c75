/**
 * One connection to the broker for all that a process has to do with FMUs on it: private queues that come back with the
 * connection, the queues that workers share, hot messages without confirms, letters with confirms.
 */
import type { Channel, ConfirmChannel, ConsumeMessage, Message } from 'amqplib';
import {
  type Access,
  type FrameAddress,
  FramePublisher,
  Link,
  LinkClosedError,
  type LinkEvent,
  type LinkUser,
  PublishLostError,
  PublishNackedError,
  refusalOf,
  type Session,
} from '../../amqp/index.js';
import { CALLS_EXCHANGE, EVENTS_EXCHANGE, REPLIES_EXCHANGE } from './names.js';

export interface PostOptions {
  readonly access: Access;
  readonly connectionName: string;
  /** Writes to {@link EVENTS_EXCHANGE}. */
  readonly tellsEvents?: boolean;
  readonly onEvent?: (event: LinkEvent) => void;
}

/** A private queue. */
export interface Box {
  /** The first part of its name; the same routing key leads to it after each reconnection. */
  readonly key: string;
  readonly exchange: string;
  /** Further keys that lead to it. */
  readonly also?: readonly string[];
  readonly onMessage: (message: Buffer) => void;
}

/** A queue that several workers share. */
export interface Share {
  readonly queue: string;
  readonly prefetch: number;
  readonly onMessage: (message: Buffer, receipt: Receipt) => void;
}

/** Names a delivery; of an earlier connection it is of no more use. */
export interface Receipt {
  readonly channel: Channel;
  readonly deliveryTag: number;
}

/** What lives through connections. */
export interface PostUser {
  linkUp(): void;
  linkDown(): void;
  linkHeld(isHeld: boolean): void;
}

interface Consumed {
  readonly share: Share;
  tag: string | undefined;
}

interface Letter {
  reject(error: Error): void;
  returned: boolean;
}

/** How long the queue of an FMU that nobody offers any more is kept, ms. */
const REQUEST_QUEUE_EXPIRES_MS = 24 * 3600 * 1000;
/** Two of them without a sign of life, and a connection is given up. */
const HEARTBEAT_SECONDS = 5;

export class Post implements LinkUser {
  readonly #options: PostOptions;
  #link: Link | undefined;
  #session: Session | undefined;
  #hot: Channel | undefined;
  #letters: ConfirmChannel | undefined;
  #requests: Channel | undefined;
  #fast: FramePublisher | undefined;
  #ordinal = 0;
  #isBlocked = false;
  readonly #boxes = new Map<string, Box>();
  readonly #shares = new Map<string, Consumed>();
  readonly #users = new Set<PostUser>();
  /** By routing key: whom to tell that nobody is there. */
  readonly #returns = new Map<string, Set<() => void>>();
  readonly #pending = new Map<string, Letter>();
  #letterNumber = 0;

  private constructor(options: PostOptions) {
    this.#options = options;
  }

  /** Rejects with a `BrokerError` that names the cause. */
  static async open(options: PostOptions, boxes: readonly Box[] = []): Promise<Post> {
    const post = new Post(options);
    for (const box of boxes) post.#boxes.set(box.key, box);
    const { access, connectionName } = options;
    post.#link = await Link.open(
      {
        ...access,
        connectionName,
        heartbeatSeconds: HEARTBEAT_SECONDS,
        // A run waits meanwhile.
        reconnect: { initialDelayMs: 50, maxDelayMs: 1000 },
        onEvent: (event) => post.#onLinkEvent(event),
      },
      post,
    );
    return post;
  }

  /** For good. */
  get isClosed(): boolean {
    return this.#link?.isClosed === true;
  }

  /** Told of the connection's loss and return, until {@link leave}. */
  join(user: PostUser): void {
    this.#users.add(user);
  }

  leave(user: PostUser): void {
    this.#users.delete(user);
  }

  /** `tell` is called when the broker gives back what was sent to this routing key. Answers how to end that. */
  whenReturned(routingKey: string, tell: () => void): () => void {
    const told = this.#returns.get(routingKey) ?? new Set();
    this.#returns.set(routingKey, told.add(tell));
    return () => {
      told.delete(tell);
      if (told.size === 0 && this.#returns.get(routingKey) === told) this.#returns.delete(routingKey);
    };
  }

  /** Resolves when the queue is there; it comes back with each connection, until {@link closeBox}. */
  async openBox(box: Box): Promise<void> {
    this.#boxes.set(box.key, box);
    const [session, channel] = [this.#session, this.#hot];
    if (session === undefined || channel === undefined) return;
    await this.#declareBox(session, channel, box).catch((error: Error) => {
      // With the connection it will be tried anew.
      if (this.#session === session) throw error;
    });
  }

  async closeBox(key: string): Promise<void> {
    this.#boxes.delete(key);
    await this.#hot?.deleteQueue(`${key}.${this.#ordinal}`).catch(() => {});
  }

  /** Begins to take from a shared queue, which is made if need be. */
  async consume(share: Share): Promise<void> {
    if (this.#shares.get(share.queue)?.tag !== undefined) return;
    const fresh: Consumed = { share, tag: undefined };
    this.#shares.set(share.queue, fresh);
    if (this.#requests !== undefined) await this.#consumeShare(this.#requests, fresh);
  }

  /** Takes no more from it; what was delivered may still be settled. */
  async cancel(queue: string): Promise<void> {
    const consumed = this.#shares.get(queue);
    this.#shares.delete(queue);
    if (consumed?.tag === undefined) return;
    const { tag } = consumed;
    consumed.tag = undefined;
    await this.#requests?.cancel(tag).catch(() => {});
  }

  settle({ channel, deliveryTag }: Receipt, how: 'ack' | 'requeue'): void {
    if (channel !== this.#requests) return;
    const message = { fields: { deliveryTag } } as ConsumeMessage;
    try {
      if (how === 'ack') channel.ack(message);
      else channel.reject(message, true);
    } catch {
      // The channel is closing; the broker gives the message to another.
    }
  }

  /** A message that is not confirmed; false: there is no connection. */
  send(to: FrameAddress, head: Buffer, body: Uint8Array): boolean {
    if (this.#fast === undefined) return false;
    try {
      this.#fast.publish(to, head, body);
      return true;
    } catch {
      return false;
    }
  }

  /** Resolves when the broker has it: whether it came back because nobody is there. Rejects with a `PublishError`. */
  post(exchange: string, routingKey: string, body: object, expirationMs?: number): Promise<'taken' | 'returned'> {
    const channel = this.#letters;
    if (channel === undefined) return Promise.reject(this.#gone(exchange));
    const messageId = String(++this.#letterNumber);
    return new Promise((resolve, reject) => {
      const letter: Letter = { reject, returned: false };
      this.#pending.set(messageId, letter);
      const confirmed = (error: unknown): void => {
        if (!this.#pending.delete(messageId)) return;
        if (error) reject(new PublishNackedError(`the broker did not take the message to '${routingKey}'`));
        else resolve(letter.returned ? 'returned' : 'taken');
      };
      try {
        channel.publish(
          exchange,
          routingKey,
          Buffer.from(JSON.stringify(body)),
          {
            mandatory: exchange !== EVENTS_EXCHANGE,
            messageId,
            contentType: 'application/json',
            ...(expirationMs === undefined ? {} : { expiration: Math.max(1, Math.round(expirationMs)) }),
          },
          confirmed,
        );
      } catch {
        this.#pending.delete(messageId);
        reject(this.#gone(exchange));
      }
    });
  }

  async close(): Promise<void> {
    const [letters, hot] = [this.#letters, this.#hot];
    await this.#link?.close(async () => {
      // In the order of the channels, so that what was said is out before the goodbye.
      await letters?.close();
      await hot?.close();
    });
    this.#rejectAll();
  }

  async setUp(session: Session): Promise<void> {
    const { model } = session;
    this.#ordinal += 1;
    this.#isBlocked = false;
    const [hot, requests, letters] = await Promise.all([
      model.createChannel(),
      model.createChannel(),
      model.createConfirmChannel(),
    ]);
    for (const channel of [hot, requests, letters]) channel.on('error', (error: Error) => session.fail(error));
    hot.on('return', ({ fields }: Message) => {
      for (const tell of [...(this.#returns.get(fields.routingKey) ?? [])]) tell();
    });
    letters.on('return', ({ properties }: Message) => {
      const letter = this.#pending.get(String(properties.messageId));
      if (letter !== undefined) letter.returned = true;
    });
    await Promise.all([
      ensureExchange(session, letters, CALLS_EXCHANGE, 'direct'),
      ensureExchange(session, letters, REPLIES_EXCHANGE, 'direct'),
      ...(this.#options.tellsEvents ? [ensureExchange(session, letters, EVENTS_EXCHANGE, 'topic')] : []),
    ]);
    await Promise.all([...this.#boxes.values()].map((box) => this.#declareBox(session, hot, box)));
    // One after the other: the prefetch of a channel counts for the consumers that come after it.
    for (const consumed of this.#shares.values()) await this.#consumeShare(requests, consumed);
    this.#session = session;
    this.#hot = hot;
    this.#letters = letters;
    this.#requests = requests;
    this.#fast = new FramePublisher(model, hot);
    for (const user of [...this.#users]) user.linkUp();
  }

  lost(): void {
    this.#session = this.#hot = this.#letters = this.#requests = this.#fast = undefined;
    for (const consumed of this.#shares.values()) consumed.tag = undefined;
    for (const user of [...this.#users]) user.linkDown();
    this.#rejectAll();
  }

  async #declareBox(session: Session, channel: Channel, { key, exchange, also = [], onMessage }: Box): Promise<void> {
    const queue = `${key}.${this.#ordinal}`;
    // Sent together; the first refusal is the one that tells.
    await Promise.all([
      channel.assertQueue(queue, { exclusive: true, durable: false, autoDelete: true }),
      ...[key, ...also].map((bound) => channel.bindQueue(queue, exchange, bound)),
      channel.consume(
        queue,
        (message) => {
          if (message !== null) guarded(() => onMessage(message.content));
          else if (this.#boxes.has(key)) session.fail(new Error(`the queue '${queue}' was deleted`));
        },
        { noAck: true },
      ),
    ]);
  }

  async #consumeShare(channel: Channel, consumed: Consumed): Promise<void> {
    const { queue, prefetch, onMessage } = consumed.share;
    const [, , , consuming] = await Promise.all([
      channel.assertQueue(queue, { durable: true, arguments: { 'x-expires': REQUEST_QUEUE_EXPIRES_MS } }),
      channel.bindQueue(queue, CALLS_EXCHANGE, queue),
      channel.prefetch(prefetch),
      channel.consume(queue, (message) => {
        if (message === null) {
          // The queue was deleted: it is made anew.
          if (this.#shares.get(queue) === consumed) void this.#consumeShare(channel, consumed).catch(() => {});
          return;
        }
        const { deliveryTag } = message.fields;
        guarded(() => onMessage(message.content, { channel, deliveryTag }));
      }),
    ]);
    // Cancelled, or consumed anew, meanwhile.
    if (this.#shares.get(queue) === consumed) consumed.tag = consuming.consumerTag;
    else await channel.cancel(consuming.consumerTag);
  }

  #onLinkEvent(event: LinkEvent): void {
    if (event.type === 'blocked' || event.type === 'unblocked') {
      const isBlocked = event.type === 'blocked';
      if (isBlocked !== this.#isBlocked) for (const user of [...this.#users]) user.linkHeld(isBlocked);
      this.#isBlocked = isBlocked;
    }
    this.#options.onEvent?.(event);
  }

  #gone(exchange: string): Error {
    return this.#link?.isClosed
      ? new LinkClosedError('the connection to the broker was closed')
      : new PublishLostError(`no connection to the broker for the message to '${exchange}'`);
  }

  #rejectAll(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(this.#gone('twinbridge.fmu'));
  }
}

/** Uses the exchange that is there, else makes it: only the latter takes the right to configure it. */
export async function ensureExchange(
  session: Session,
  channel: Channel,
  name: string,
  type: 'direct' | 'topic',
): Promise<void> {
  const refusal = await refusalOf(session.model, (probe) => probe.checkExchange(name));
  if (refusal !== undefined) await channel.assertExchange(name, type, { durable: true });
}

/** amqplib would close the channel over an error and drop it; it is a defect, and is to be seen as one. */
function guarded(action: () => void): void {
  try {
    action();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
