/** Acknowledging: whatever the order, the broker is told the truth and never has reason to complain. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import {
  type BrokerAddress,
  Consumer,
  type Delivery,
  type LinkEvent,
  Publisher,
  parseBrokerUrl,
} from '#tb/amqp/index.js';
import { until } from '../support/until.js';

let broker: EmbeddedBroker;
let address: BrokerAddress;
let publisher: Publisher;

beforeAll(async () => {
  broker = await EmbeddedBroker.listen();
  address = parseBrokerUrl(broker.url);
  publisher = await Publisher.open({ address, connectionName: 'test' });
});
afterAll(async () => {
  await publisher.close();
  await broker.close();
});

async function consumerOf(
  count: number,
  prefetch = 0,
): Promise<{ consumer: Consumer; got: Delivery[]; events: LinkEvent[] }> {
  const got: Delivery[] = [];
  const events: LinkEvent[] = [];
  const consumer = await Consumer.open({
    address,
    connectionName: 'test',
    exchanges: [],
    queue: { exclusive: true, durable: false, autoDelete: false },
    bindings: [],
    prefetch,
    onDelivery: (delivery) => got.push(delivery),
    onEvent: (event) => events.push(event),
  });
  for (let i = 0; i < count; i++) void publisher.publish('', consumer.queueName, Buffer.from(String(i)));
  await publisher.drain(5_000);
  return { consumer, got, events };
}

describe('a delivery', () => {
  it('carries what the publisher gave', async () => {
    const { consumer, got } = await consumerOf(0);
    await publisher.publish('', consumer.queueName, Buffer.from('{}'), {
      contentType: 'application/json',
      headers: { source: 'robot' },
      timestamp: 1_311_868_163,
    });
    await until(() => got.length === 1);
    expect(got[0]).toMatchObject({
      content: Buffer.from('{}'),
      exchange: '',
      routingKey: consumer.queueName,
      redelivered: false,
      contentType: 'application/json',
      headers: { source: 'robot' },
      timestamp: 1_311_868_163,
      messageId: expect.stringMatching(/-\d+$/),
    });
    await consumer.close();
  });
});

describe('messages that were waiting', () => {
  it('are handed over once the consumer is at hand, and in order', async () => {
    const base = {
      address,
      connectionName: 'test',
      exchanges: [],
      queue: { name: 'waiting', exclusive: false, durable: false, autoDelete: false },
      bindings: [],
      prefetch: 50,
    };
    await (await Consumer.open({ ...base, onDelivery: () => {} })).close();
    const bodies = Array.from({ length: 200 }, (_, i) => String(i));
    for (const body of bodies) void publisher.publish('', 'waiting', Buffer.from(body));
    await publisher.drain(5_000);
    const seen: string[] = [];
    const consumer: Consumer = await Consumer.open({
      ...base,
      // Would fail if it were called while `consumer` is not assigned yet.
      onDelivery: ({ content, receipt }) => {
        seen.push(String(content));
        consumer.ack(receipt);
      },
    });
    await until(() => seen.length === bodies.length);
    expect(seen).toEqual(bodies);
    await until(() => broker.stats().messagesUnacknowledged === 0);
    await consumer.close();
  });
});

describe('acknowledgements', () => {
  it('one by one go out as one frame per turn', async () => {
    const { consumer, got } = await consumerOf(50);
    await until(() => got.length === 50);
    for (const { receipt } of got) consumer.ack(receipt);
    await until(() => broker.stats().messagesUnacknowledged === 0);
    await consumer.close();
  });

  it('let the prefetch window move on', async () => {
    const { consumer, got } = await consumerOf(30, 10);
    await until(() => got.length === 10);
    consumer.ack(got[9]!.receipt, { upTo: true });
    await until(() => got.length === 20);
    await consumer.close();
  });

  it('of any kind, in any order, twice or not: what is left is what was not answered', async () => {
    const answer = fc.record({
      index: fc.nat(19),
      how: fc.constantFrom('ack', 'upTo', 'reject'),
      pause: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { maxLength: 30 }), async (answers) => {
        const { consumer, got, events } = await consumerOf(20);
        await until(() => got.length === 20);
        const open = new Set(got.keys());
        for (const { index, how, pause } of answers) {
          const { receipt } = got[index]!;
          if (how === 'reject') consumer.reject(receipt);
          else consumer.ack(receipt, { upTo: how === 'upTo' });
          if (how === 'upTo') for (let i = 0; i <= index; i++) open.delete(i);
          open.delete(index);
          if (pause) await new Promise((resolve) => setImmediate(resolve));
        }
        await until(() => broker.stats().messagesUnacknowledged === open.size, `${open.size} to be left`, 1_000);
        await consumer.close();
        expect(events.map(({ type }) => type)).toEqual(['connected', 'closed']);
      }),
      { numRuns: 60 },
    );
  });

  it('requeue gives the message back', async () => {
    const { consumer, got } = await consumerOf(1);
    await until(() => got.length === 1);
    consumer.requeue(got[0]!.receipt);
    await until(() => got.length === 2);
    expect(got[1]).toMatchObject({ redelivered: true, content: got[0]!.content });
    await consumer.close();
  });

  it('made just before closing are not lost', async () => {
    const seen: Delivery[] = [];
    const consumer = await Consumer.open({
      address,
      connectionName: 'test',
      exchanges: [],
      queue: { name: 'closing', exclusive: false, durable: false, autoDelete: false },
      bindings: [],
      prefetch: 0,
      onDelivery: (delivery) => seen.push(delivery),
    });
    for (let i = 0; i < 10; i++) void publisher.publish('', 'closing', Buffer.from('m'));
    await until(() => seen.length === 10);
    consumer.ack(seen[6]!.receipt, { upTo: true });
    await consumer.close();
    expect(broker.stats()).toMatchObject({ messagesReady: 3, messagesUnacknowledged: 0 });
  });
});
