/** A message is told from its second delivery, whatever order acknowledgements and outages come in. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '#tb/amqp/index.js';
import { Redeliveries } from '#tb/bridge/backend/redeliveries.js';

/** A queue as brokers keep it: what was delivered and not acknowledged returns to its place when the connection goes. */
class Queue {
  readonly #ready: { body: string; delivered: boolean }[];
  #unacknowledged: { body: string; delivered: boolean }[] = [];
  readonly #prefetch: number;
  /** What the broker has forgotten that it knew. */
  readonly #settled: { body: string; delivered: boolean }[] = [];

  constructor(bodies: readonly string[], prefetch: number) {
    this.#ready = bodies.map((body) => ({ body, delivered: false }));
    this.#prefetch = prefetch;
  }

  get isDone(): boolean {
    return this.#ready.length + this.#unacknowledged.length === 0;
  }

  deliver(connection: number, marks: boolean): Delivery | undefined {
    if (this.#unacknowledged.length === this.#prefetch) return undefined;
    const message = this.#ready.shift();
    if (message === undefined) return undefined;
    const redelivered = message.delivered && marks;
    message.delivered = true;
    this.#unacknowledged.push(message);
    return { content: Buffer.from(message.body), connection, redelivered } as Delivery;
  }

  /** An acknowledgement of the oldest `count`, which came through. */
  acknowledged(count: number): void {
    this.#settled.push(...this.#unacknowledged.splice(0, count));
  }

  /** `forgets`: acknowledgements that it had taken and loses in a crash. */
  connectionLost(forgets: number): void {
    const forgotten = forgets === 0 ? [] : this.#settled.splice(-forgets);
    this.#ready.unshift(...forgotten, ...this.#unacknowledged.splice(0));
  }
}

type Event = { deliver: number } | { acknowledge: number } | { lose: { forgets: number; marks: boolean } };
const event = (prefetch: number): fc.Arbitrary<Event> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ deliver: fc.integer({ min: 1, max: prefetch }) }) },
    { weight: 3, arbitrary: fc.record({ acknowledge: fc.integer({ min: 0, max: prefetch }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        lose: fc.record({ forgets: fc.integer({ min: 0, max: prefetch }), marks: fc.boolean() }),
      }),
    },
  );

describe('redeliveries', () => {
  const once = (taken: readonly string[], bodies: readonly string[]) => expect(taken).toEqual(bodies);
  /** Which of two such messages it is that comes, nobody can say; they are one sample. */
  const each = (taken: readonly string[], bodies: readonly string[]) => expect(new Set(taken)).toEqual(new Set(bodies));
  it.each([
    ['different messages: each is taken once, in order', (i: number) => `{"i":${i}}`, once],
    ['messages of which some are the same, byte for byte: none is lost', (i: number) => `{"i":${i % 3}}`, each],
  ])('%s', (_, body, check) => {
    const histories = fc.integer({ min: 1, max: 6 }).chain((prefetch) =>
      fc.record({
        prefetch: fc.constant(prefetch),
        messages: fc.integer({ min: 0, max: 20 }),
        events: fc.array(event(prefetch), { maxLength: 40 }),
      }),
    );
    fc.assert(
      fc.property(histories, ({ prefetch, messages, events }) => {
        const bodies = Array.from({ length: messages }, (_, i) => body(i));
        const queue = new Queue(bodies, prefetch);
        const redeliveries = new Redeliveries(prefetch);
        const taken: string[] = [];
        let connection = 1;
        let marks = true;
        let takenOnThis = 0;
        const deliver = (): boolean => {
          const delivery = queue.deliver(connection, marks);
          if (delivery === undefined) return false;
          takenOnThis++;
          if (redeliveries.isAgain(delivery)) return true;
          redeliveries.remember(delivery);
          taken.push(String(delivery.content));
          return true;
        };
        for (const e of events) {
          if ('deliver' in e) for (let i = 0; i < e.deliver; i++) deliver();
          else if ('acknowledge' in e) {
            const count = Math.min(e.acknowledge, takenOnThis);
            queue.acknowledged(count);
            takenOnThis -= count;
          } else {
            // A broker that crashes may forget acknowledgements, as long as this and those on their way stay in bounds.
            queue.connectionLost(Math.min(e.lose.forgets, prefetch - takenOnThis));
            ({ marks } = e.lose);
            connection++;
            takenOnThis = 0;
          }
        }
        while (!queue.isDone) {
          while (deliver());
          queue.acknowledged(prefetch);
        }
        check(taken, bodies);
      }),
      { numRuns: 3_000 },
    );
  });

  it('what was delivered to someone else and not taken here is new, though it is marked', () => {
    const redeliveries = new Redeliveries(10);
    const delivery = (body: string, connection: number, redelivered: boolean) =>
      ({ content: Buffer.from(body), connection, redelivered }) as Delivery;
    const first = delivery('a', 1, false);
    expect(redeliveries.isAgain(first)).toBe(false);
    redeliveries.remember(first);
    expect(redeliveries.isAgain(delivery('b', 2, true))).toBe(false);
    expect(redeliveries.isAgain(delivery('a', 2, true))).toBe(true);
  });

  it('a message sent again by its sender on the same connection is none', () => {
    const redeliveries = new Redeliveries(10);
    const delivery = { content: Buffer.from('a'), connection: 1, redelivered: false } as Delivery;
    redeliveries.remember(delivery);
    expect(redeliveries.isAgain(delivery)).toBe(false);
  });
});
