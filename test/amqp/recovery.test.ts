import { afterEach, describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import { Consumer, type LinkEvent, Publisher, parseBrokerUrl } from '#tb/amqp/index.js';
import { rabbitMqAvailable, startRabbitMq } from '../support/rabbitmq.js';
import { until } from '../support/until.js';
import { recovery } from './recovery.js';

recovery('with the embedded broker', async () => {
  const broker = await EmbeddedBroker.listen();
  return { url: broker.url, stop: () => broker.close() };
});

describe.skipIf(!rabbitMqAvailable())('with RabbitMQ', () => {
  recovery('as the reference', startRabbitMq);
});

describe('a broker that is stopped and started again', () => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  it('finds its clients back, with exchanges, queues and bindings, and nothing published meanwhile is lost', async () => {
    let broker = await EmbeddedBroker.listen();
    cleanups.push(() => broker.close());
    const { port } = broker;
    const address = parseBrokerUrl(broker.url);
    const exchanges = [{ name: 'robot', type: 'topic', durable: false, declare: 'active' }] as const;
    const reconnect = { initialDelayMs: 20, maxDelayMs: 60, jitter: 0 };
    const [consumerEvents, publisherEvents]: [LinkEvent[], LinkEvent[]] = [[], []];
    const seen: string[] = [];
    const consumer: Consumer = await Consumer.open({
      address,
      connectionName: 'consumer',
      exchanges,
      queue: { exclusive: true, durable: false, autoDelete: true },
      bindings: [{ exchange: 'robot', key: '#' }],
      prefetch: 10,
      reconnect,
      onDelivery: ({ content, receipt }) => {
        seen.push(String(content));
        consumer.ack(receipt);
      },
      onEvent: (event) => consumerEvents.push(event),
    });
    cleanups.push(() => consumer.close());
    const publisher = await Publisher.open({
      address,
      connectionName: 'publisher',
      exchanges,
      // After the consumer, so that its queue is there when the waiting messages are sent.
      reconnect: { ...reconnect, initialDelayMs: 700, maxDelayMs: 700 },
      onEvent: (event) => publisherEvents.push(event),
    });
    cleanups.push(() => publisher.close());
    await publisher.publish('robot', 'pose', Buffer.from('before'));
    await until(() => seen.length === 1);

    await broker.close();
    await until(() => publisherEvents.some(({ type }) => type === 'lost'));
    const meanwhile = ['1', '2', '3'].map((body) => publisher.publish('robot', 'pose', Buffer.from(body)));
    await until(() => consumerEvents.filter(({ type }) => type === 'retrying').length >= 4);
    broker = await EmbeddedBroker.listen({ port });
    await Promise.all(meanwhile);
    await until(() => seen.length === 4);

    expect(seen).toEqual(['before', '1', '2', '3']);
    expect(publisher.stats).toMatchObject({ published: 4, confirmed: 4, pending: 0 });
    const lost = consumerEvents.find(({ type }) => type === 'lost');
    expect(lost).toMatchObject({ reason: expect.stringContaining('CONNECTION_FORCED') });
    const delays = consumerEvents.flatMap((event) => (event.type === 'retrying' ? [event.delayMs] : []));
    expect(delays.slice(0, 4)).toEqual([20, 40, 60, 60]);
  });
});
