/**
 * Where a consumer is in a stream (RabbitMQ's log-like queue type, `x-queue-type: stream`).
 *
 * A stream keeps its messages, and the broker does not remember who has read what: after an outage the consumer says
 * itself where to go on. Each delivery carries its offset in the header `x-stream-offset`.
 */

/** Where in a stream to begin. */
export type StreamOffset =
  /** The oldest message there is; the last chunk written (a batch of messages); only what comes from now on. */
  | 'first'
  | 'last'
  | 'next'
  /** The message with this offset; the first one ever has 0. */
  | number
  /** The first chunk written at or after this time, in seconds since the epoch; or this long ago. */
  | { readonly timestamp: number }
  | { readonly agoMs: number };

export type StreamVerdict =
  | { readonly kind: 'new' }
  /** Delivered before. */
  | { readonly kind: 'old' }
  /** Another stream under the same name: deleted and made again. */
  | { readonly kind: 'anew' }
  /** New, but the broker no longer had the messages before it. */
  | { readonly kind: 'gap'; readonly missed: number };

const NEW: StreamVerdict = { kind: 'new' };
const OLD: StreamVerdict = { kind: 'old' };

export class StreamPosition {
  readonly #start: StreamOffset;
  #startedAt: number | undefined;
  /** The newest message delivered. */
  #last: { readonly offset: number; readonly content: Buffer } | undefined;
  #resuming = false;

  constructor(start: StreamOffset) {
    this.#start = start;
  }

  /** Whether the last message seen has not come again yet, which shows that the stream is still the same. */
  get resuming(): boolean {
    return this.#resuming;
  }

  /** The consumer argument `x-stream-offset` for the next subscription. `now`: ms since the epoch. */
  argument(now: number): unknown {
    if (this.#last !== undefined) {
      // The last message once more, not the next: of a stream made anew, shorter now, that would be a wait in vain.
      this.#resuming = true;
      return this.#last.offset;
    }
    const isFirst = this.#startedAt === undefined;
    this.#startedAt ??= Math.floor(now / 1000);
    const start = this.#start;
    if (typeof start === 'object') return timestamp('timestamp' in start ? start.timestamp : this.#agoAt(start.agoMs));
    // Nothing has come yet, but something may have been written while the link was down: 'next' began back then.
    if (start === 'next' && !isFirst) return timestamp(this.#startedAt);
    return start;
  }

  /** Whether a stream of `length` messages may be too short to be the one we were reading. */
  isTooShort(length: number): boolean {
    return this.#resuming && this.#last !== undefined && length <= this.#last.offset;
  }

  accept(headers: Readonly<Record<string, unknown>> | undefined, content: Buffer): StreamVerdict {
    const offset = Number(headers?.['x-stream-offset']);
    if (!Number.isSafeInteger(offset)) return NEW;
    const last = this.#last;
    if (last === undefined) {
      // Brokers may deliver the rest of the chunk that holds the message asked for.
      if (typeof this.#start === 'number' && offset < this.#start) return OLD;
    } else if (offset < last.offset) {
      return OLD;
    } else if (offset === last.offset) {
      this.#resuming = false;
      return content.equals(last.content) ? OLD : { kind: 'anew' };
    }
    this.#last = { offset, content };
    if (last === undefined || !this.#resuming) return NEW;
    this.#resuming = false;
    return { kind: 'gap', missed: offset - last.offset - 1 };
  }

  #agoAt(agoMs: number): number {
    return Math.max(0, (this.#startedAt ?? 0) - Math.ceil(agoMs / 1000));
  }
}

/** As an AMQP time stamp; a plain number would be an offset. */
function timestamp(seconds: number): unknown {
  return { '!': 'timestamp', value: seconds };
}
