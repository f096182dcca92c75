/** What is the embedded broker's own: its options, its limits, and how it behaves under load. */
import { networkInterfaces } from 'node:os';
import { type ChannelModel, connect } from 'amqplib';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { matchesTopic } from '#tb/amqp/embedded/exchange.js';
import { EmbeddedBroker, type EmbeddedBrokerOptions } from '#tb/amqp/embedded/index.js';
import { Publisher, parseBrokerUrl } from '#tb/amqp/index.js';
import { headerFrame, RawClient } from '../support/raw-amqp.js';
import { until } from '../support/until.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: EmbeddedBrokerOptions = {}): Promise<EmbeddedBroker> {
  const broker = await EmbeddedBroker.listen(options);
  cleanups.push(() => broker.close());
  return broker;
}
async function raw(broker: EmbeddedBroker): Promise<RawClient> {
  const client = await RawClient.open(parseBrokerUrl(broker.url));
  cleanups.push(() => client.end());
  return client;
}
async function client(broker: EmbeddedBroker, url = broker.url): Promise<ChannelModel> {
  const model = await connect(url);
  model.on('error', () => {});
  cleanups.push(() => model.close().catch(() => {}));
  return model;
}
const declare = { ticket: 0, passive: false, durable: false, exclusive: false, autoDelete: false, noWait: false };
const consume = { ticket: 0, consumerTag: 'c', noLocal: false, exclusive: false, noWait: false, arguments: new Map() };

describe('users and virtual hosts', () => {
  it('each user has its password', async () => {
    const { port } = await start({ users: { ann: 'a', bob: 'b' } });
    await (await connect(`amqp://ann:a@127.0.0.1:${port}`)).close();
    await expect(connect(`amqp://ann:b@127.0.0.1:${port}`)).rejects.toThrow(/ACCESS_REFUSED/);
    await expect(connect(`amqp://guest:guest@127.0.0.1:${port}`)).rejects.toThrow(/ACCESS_REFUSED/);
  });

  it('virtual hosts do not see each other', async () => {
    const broker = await start({ vhosts: ['/', 'lab'] });
    const [one, two] = [await client(broker, `${broker.url}/`), await client(broker, `${broker.url}/lab`)];
    await (await one.createChannel()).assertQueue('q', { durable: false });
    const other = await two.createChannel();
    other.on('error', () => {});
    await expect(other.checkQueue('q')).rejects.toThrow(/no queue 'q' in vhost 'lab'/);
  });

  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
  it.skipIf(outside === undefined)('guest is let in from this machine only', async () => {
    const { port } = await start({ host: '0.0.0.0' });
    await (await connect(`amqp://guest:guest@127.0.0.1:${port}`)).close();
    await expect(connect(`amqp://guest:guest@${outside}:${port}`)).rejects.toThrow(/only connect via localhost/);
  });

  it('a port in use is an error', async () => {
    const { port } = await start();
    await expect(EmbeddedBroker.listen({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('queue types', () => {
  it('a quorum queue is a durable queue here', async () => {
    const ch = await (await client(await start())).createChannel();
    await ch.assertQueue('commands', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    ch.sendToQueue('commands', Buffer.from('stop'));
    expect(await ch.get('commands')).toMatchObject({ content: Buffer.from('stop') });
  });

  it('a stream is bounded: the oldest messages go, a reader begins with what is left, and readers take nothing away', async () => {
    const broker = await start();
    const ch = await (await client(broker)).createConfirmChannel();
    const args = { 'x-queue-type': 'stream', 'x-max-length-bytes': 100_000 };
    await ch.assertQueue('history', { durable: true, arguments: args });
    for (let i = 0; i < 500; i++) ch.sendToQueue('history', Buffer.alloc(1000, i));
    await ch.waitForConfirms();
    const { messageCount } = await ch.checkQueue('history');
    expect(messageCount).toBeGreaterThan(50);
    expect(messageCount).toBeLessThan(100);
    expect(broker.stats().memoryBytes).toBeLessThan(110_000);
    await ch.prefetch(10);
    const offsets: number[] = [];
    await ch.consume(
      'history',
      (message) => {
        if (message === null) return;
        offsets.push(Number(message.properties.headers?.['x-stream-offset']));
        ch.ack(message);
      },
      { arguments: { 'x-stream-offset': 'first' } },
    );
    await until(() => offsets.length === messageCount);
    expect(offsets).toEqual(Array.from({ length: messageCount }, (_, i) => 500 - messageCount + i));
    expect((await ch.checkQueue('history')).messageCount).toBe(messageCount);
    await ch.deleteQueue('history');
    expect(broker.stats().memoryBytes).toBe(0);
  });
});

describe('methods', () => {
  it('channel.flow stops and starts deliveries', async () => {
    const client = await raw(await start());
    client.method(1, 'queue.declare', { ...declare, queue: 'q', arguments: new Map() });
    await client.expect('queue.declare-ok');
    client.method(1, 'channel.flow', { active: false });
    expect((await client.expect('channel.flow-ok')).args.active).toBe(false);
    client.method(1, 'basic.consume', { ...consume, queue: 'q', noAck: true });
    await client.expect('basic.consume-ok');
    client.publish(1, '', 'q', Buffer.from('m'));
    client.method(1, 'queue.declare', { ...declare, queue: 'q', passive: true, arguments: new Map() });
    expect((await client.expect('queue.declare-ok')).args.messageCount).toBe(1);
    client.method(1, 'channel.flow', { active: true });
    await client.expect('channel.flow-ok');
    await client.expect('basic.deliver');
  });

  it.each(['tx.select', 'tx.commit', 'tx.rollback'] as const)('%s is refused with 540', async (method) => {
    const client = await raw(await start());
    client.method(1, method, {});
    expect((await client.expect('connection.close')).args.replyCode).toBe(540);
  });

  it('what only a server sends is refused with 503', async () => {
    const client = await raw(await start());
    client.method(1, 'basic.consume-ok', { consumerTag: 'c' });
    expect((await client.expect('connection.close')).args.replyCode).toBe(503);
  });

  it('what does not exist is refused with 540', async () => {
    const client = await raw(await start());
    client.write(Buffer.from([1, 0, 1, 0, 0, 0, 4, 0, 200, 0, 1, 0xce]));
    expect((await client.expect('connection.close')).args.replyCode).toBe(540);
  });

  it('a message over the limit is refused with 406, before its body is read', async () => {
    const client = await raw(await start({ maxMessageBytes: 1000 }));
    client.method(1, 'basic.publish', { ticket: 0, exchange: '', routingKey: 'q', mandatory: false, immediate: false });
    client.write(headerFrame(1, 1001));
    expect((await client.expect('channel.close')).args).toMatchObject({
      replyCode: 406,
      replyText: expect.stringContaining('message size 1001 is larger than configured max size 1000'),
    });
  });
});

describe('a consumer that does not read', () => {
  it('gets no more than its socket takes; the rest waits in the queue', async () => {
    const broker = await start();
    const slow = await raw(broker);
    slow.method(1, 'queue.declare', { ...declare, queue: 'q', arguments: new Map() });
    await slow.expect('queue.declare-ok');
    slow.method(1, 'basic.consume', { ...consume, queue: 'q', noAck: true });
    await slow.expect('basic.consume-ok');
    slow.pause();

    const publisher = await Publisher.open({ address: parseBrokerUrl(broker.url), connectionName: 'p' });
    cleanups.push(() => publisher.close());
    const [count, size] = [600, 50_000];
    for (let i = 0; i < count; i++) {
      void publisher.publish('', 'q', Buffer.alloc(size));
      if (i % 50 === 0) await publisher.drain(5_000);
    }
    expect(await publisher.drain(5_000)).toBe(0);
    // 30 MB were published; what is not in the queue is in the kernel's buffers or the 1 MiB we allow ourselves.
    const { messagesReady, memoryBytes } = broker.stats();
    expect(messagesReady).toBeGreaterThan(count / 3);
    expect(memoryBytes).toBeGreaterThan(messagesReady * size);

    slow.resume();
    let delivered = 0;
    for (; delivered < count; delivered++) await slow.expect('basic.deliver');
    await until(() => broker.stats().messagesReady === 0);
    expect(broker.stats()).toMatchObject({ messagesUnacknowledged: 0, memoryBytes: 0 });
  });
});

describe('closing', () => {
  it('tells the clients why, and frees the port', async () => {
    const broker = await EmbeddedBroker.listen();
    const open = await raw(broker);
    const { port } = broker;
    const closing = broker.close();
    expect((await open.expect('connection.close')).args).toMatchObject({ replyCode: 320 });
    open.method(0, 'connection.close-ok', {});
    await closing;
    await start({ port });
  });

  it('does not wait long for clients that do not answer', async () => {
    const broker = await EmbeddedBroker.listen();
    await raw(broker);
    const started = performance.now();
    await broker.close();
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('topic patterns', () => {
  it('match as a regular expression built from them does', () => {
    const words = fc.array(fc.constantFrom('a', 'b', ''), { minLength: 1, maxLength: 6 });
    const pattern = fc.array(fc.constantFrom('a', 'b', '', '*', '#'), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(pattern, words, (wanted, given) => {
        // Every word closed by a dot: `*` is one such, `#` any number.
        const patterns = new Map([
          ['*', '[^.]*\\.'],
          ['#', '(?:[^.]*\\.)*'],
        ]);
        const parts = wanted.map((word) => patterns.get(word) ?? `${word}\\.`);
        const expected = new RegExp(`^${parts.join('')}$`).test(given.map((word) => `${word}.`).join(''));
        expect(matchesTopic(wanted, given)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});
