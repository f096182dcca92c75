/** Publishing: receipts, refusals, limits. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import {
  type BrokerAddress,
  Consumer,
  type LinkEvent,
  Publisher,
  PublisherFullError,
  type PublisherOptions,
  PublishNackedError,
  PublishRefusedError,
  parseBrokerUrl,
} from '#tb/amqp/index.js';
import { wallClock } from '#tb/support/time.js';
import { until } from '../support/until.js';

let broker: EmbeddedBroker;
let address: BrokerAddress;
const cleanups: (() => unknown)[] = [];
const events: LinkEvent[] = [];

async function open(more: Partial<PublisherOptions> = {}): Promise<Publisher> {
  const publisher = await Publisher.open({
    address,
    connectionName: 'test',
    reconnect: { initialDelayMs: 10 },
    onEvent: (event) => events.push(event),
    ...more,
  });
  cleanups.push(() => publisher.close());
  return publisher;
}

beforeEach(async () => {
  events.length = 0;
  broker = await EmbeddedBroker.listen({ memoryHighBytes: 100_000 });
  address = parseBrokerUrl(broker.url);
  cleanups.push(() => broker.close());
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function queue(args: Record<string, unknown> = {}, more: object = {}): Promise<Consumer> {
  const consumer = await Consumer.open({
    address,
    connectionName: 'queue',
    exchanges: [],
    queue: { exclusive: true, durable: false, autoDelete: false, arguments: args },
    bindings: [],
    prefetch: 1,
    onDelivery: () => {},
    ...more,
  });
  cleanups.push(() => consumer.close());
  return consumer;
}

describe('a receipt', () => {
  it('says when the broker confirmed', async () => {
    const publisher = await open();
    const before = wallClock();
    const { confirmedAt, roundTripMs, returned } = await publisher.publish('', 'nowhere', Buffer.from('m'));
    expect(confirmedAt).toBeGreaterThanOrEqual(before);
    expect(confirmedAt).toBeLessThanOrEqual(wallClock());
    expect(roundTripMs).toBeGreaterThan(0);
    expect(returned).toBeUndefined();
  });

  it('says that a mandatory message reached no queue', async () => {
    const publisher = await open();
    const { queueName } = await queue();
    const [lost, arrived] = await Promise.all([
      publisher.publish('', 'nowhere', Buffer.from('m'), { mandatory: true }),
      publisher.publish('', queueName, Buffer.from('m'), { mandatory: true }),
    ]);
    expect([lost.returned, arrived.returned]).toEqual(['NO_ROUTE', undefined]);
    expect(publisher.stats).toMatchObject({ confirmed: 2, returned: 1 });
    expect(events).toContainEqual({ type: 'returned', exchange: '', routingKey: 'nowhere', reason: 'NO_ROUTE' });
  });
});

describe('a refusal', () => {
  it('by a full queue rejects that message only', async () => {
    const publisher = await open();
    const { queueName } = await queue({ 'x-max-length': 0, 'x-overflow': 'reject-publish' }, { prefetch: 1 });
    // The first goes to the consumer, which never acknowledges; the second has nowhere to wait.
    const results = await Promise.allSettled([
      publisher.publish('', queueName, Buffer.from('a')),
      publisher.publish('', 'elsewhere', Buffer.from('b')),
    ]);
    expect(results[0]).toMatchObject({ status: 'rejected', reason: expect.any(PublishNackedError) });
    expect(results[1]?.status).toBe('fulfilled');
    expect(publisher.stats).toMatchObject({ nacked: 1, confirmed: 1, pending: 0 });
  });

  it('of a missing exchange rejects its messages; the others are sent again', async () => {
    const publisher = await open();
    const results = await Promise.allSettled([
      publisher.publish('', 'q', Buffer.from('a')),
      publisher.publish('missing', 'q', Buffer.from('b')),
      publisher.publish('', 'q', Buffer.from('c')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: expect.any(PublishRefusedError) });
    await publisher.publish('', 'q', Buffer.from('d'));
    expect(publisher.stats.pending).toBe(0);
  });

  it('of headers that do not fit rejects at once', async () => {
    const publisher = await open();
    const headers = { large: 'x'.repeat(100_000) };
    await expect(publisher.publish('', 'q', Buffer.from('m'), { headers })).rejects.toThrow(PublishRefusedError);
    await publisher.publish('', 'q', Buffer.from('m'));
  });
});

describe('the limit of unconfirmed messages', () => {
  it('by count', async () => {
    const publisher = await open({ maxPending: 2 });
    const [a, b, c] = ['a', 'b', 'c'].map((body) => publisher.publish('', 'q', Buffer.from(body)));
    await expect(c).rejects.toThrow(PublisherFullError);
    await Promise.all([a, b]);
    await publisher.publish('', 'q', Buffer.from('d'));
  });

  it('by size', async () => {
    const publisher = await open({ maxPendingBytes: 10 });
    const first = publisher.publish('', 'q', Buffer.alloc(6));
    await expect(publisher.publish('', 'q', Buffer.alloc(6))).rejects.toThrow(/1 messages \(6 bytes\) wait/);
    await first;
  });
});

describe('draining', () => {
  it('waits for what is pending, and no longer than asked', async () => {
    const publisher = await open({ reconnect: { initialDelayMs: 60_000 } });
    void publisher.publish('', 'q', Buffer.from('m'));
    expect(await publisher.drain(1_000)).toBe(0);
    await broker.close();
    await until(() => events.some(({ type }) => type === 'lost'));
    const unsent = publisher.publish('', 'q', Buffer.from('m'));
    unsent.catch(() => {});
    expect(await publisher.drain(30)).toBe(1);
  });
});

describe('a broker short of memory', () => {
  it('blocks the publisher, tells it, and lets it go on', async () => {
    const publisher = await open();
    const held: number[] = [];
    const consumer: Consumer = await queue(
      {},
      { prefetch: 0, onDelivery: ({ receipt }: { receipt: number }) => held.push(receipt) },
    );
    const receipts = Array.from({ length: 60 }, () => publisher.publish('', consumer.queueName, Buffer.alloc(5_000)));
    await until(() => events.some(({ type }) => type === 'blocked'));
    expect(broker.stats().memoryAlarm).toBe(true);
    const giving = setInterval(() => consumer.ack(held.at(-1) ?? 0, { upTo: true }), 10);
    await Promise.all(receipts);
    clearInterval(giving);
    await until(() => events.some(({ type }) => type === 'unblocked'));
    expect(publisher.stats).toMatchObject({ confirmed: 60, pending: 0, resent: 0 });
  });
});
