/** What a consumer of a stream promises, whichever broker is behind it: it begins where it is told, goes on after an outage with the next message, and gets none twice. */
import { type ChannelModel, connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BrokerAddress, Consumer, type LinkEvent, parseBrokerUrl, type StreamOffset } from '#tb/amqp/index.js';
import { until } from '../support/until.js';
import { Wire } from '../support/wire.js';
import type { BrokerUnderTest } from './conformance.js';

export function streams(name: string, start: () => Promise<BrokerUnderTest>): void {
  describe(name, () => {
    let broker: BrokerUnderTest;
    let direct: BrokerAddress;
    let model: ChannelModel;
    let serial = 0;
    const cleanups: (() => unknown)[] = [];

    beforeAll(async () => {
      broker = await start();
      direct = parseBrokerUrl(broker.url);
      model = await connect({ ...direct });
    }, 90_000);
    afterAll(async () => {
      await model.close();
      await broker.stop();
    }, 30_000);
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    });

    async function makeStream(): Promise<string> {
      const stream = `tb-stream-${process.pid}-${Date.now().toString(36)}-${serial++}`;
      const channel = await model.createChannel();
      await channel.assertQueue(stream, { durable: true, arguments: { 'x-queue-type': 'stream' } });
      await channel.close();
      cleanups.push(() => deleteStream(stream));
      return stream;
    }
    async function deleteStream(stream: string): Promise<void> {
      const own = await connect({ ...direct });
      await (await own.createChannel()).deleteQueue(stream);
      await own.close();
    }
    /** Publishes the numbers from `from` up to `to`, confirmed. */
    async function write(stream: string, from: number, to: number): Promise<void> {
      const channel = await model.createConfirmChannel();
      for (let i = from; i <= to; i++) channel.publish('', stream, Buffer.from(String(i)));
      await channel.waitForConfirms();
      await channel.close();
    }
    async function read(
      stream: string,
      offset: StreamOffset,
      options: { address?: BrokerAddress; prefetch?: number; acknowledge?: boolean } = {},
    ): Promise<{ consumer: Consumer; got: number[]; events: LinkEvent[] }> {
      const got: number[] = [];
      const events: LinkEvent[] = [];
      const consumer: Consumer = await Consumer.open({
        address: options.address ?? direct,
        connectionName: 'stream test',
        exchanges: [],
        queue: {
          name: stream,
          exclusive: false,
          durable: true,
          autoDelete: false,
          arguments: { 'x-queue-type': 'stream' },
          offset,
        },
        bindings: [],
        prefetch: options.prefetch ?? 10,
        reconnect: { initialDelayMs: 20, maxDelayMs: 100, jitter: 0 },
        onDelivery: ({ content, receipt }) => {
          got.push(Number(content));
          if (options.acknowledge !== false) consumer.ack(receipt);
        },
        onEvent: (event) => events.push(event),
      });
      cleanups.push(() => consumer.close());
      return { consumer, got, events };
    }
    async function wire(): Promise<{ wire: Wire; address: BrokerAddress }> {
      const made = await Wire.to(direct.port, direct.hostname);
      cleanups.push(() => made.close());
      return { wire: made, address: { ...direct, hostname: '127.0.0.1', port: made.port } };
    }
    const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const times = (events: readonly LinkEvent[], type: LinkEvent['type']) =>
      events.filter((event) => event.type === type).length;

    it('is read from its first message, by any number of readers, as often as they like', async () => {
      const stream = await makeStream();
      await write(stream, 0, 49);
      const [one, other] = [await read(stream, 'first'), await read(stream, 'first')];
      await until(() => one.got.length === 50 && other.got.length === 50);
      expect(one.got).toEqual(numbers(0, 49));
      expect(other.got).toEqual(numbers(0, 49));
    });

    it('is read from a message by its number', async () => {
      const stream = await makeStream();
      await write(stream, 0, 49);
      const { got } = await read(stream, 30);
      await until(() => got.length === 20);
      expect(got).toEqual(numbers(30, 49));
    });

    it('is read from now on', async () => {
      const stream = await makeStream();
      await write(stream, 0, 9);
      const { got } = await read(stream, 'next');
      await write(stream, 10, 14);
      await until(() => got.length === 5);
      expect(got).toEqual(numbers(10, 14));
    });

    it('is read from a time, absolute or ago', async () => {
      const stream = await makeStream();
      await write(stream, 0, 9);
      const anHourAgo = await read(stream, { agoMs: 3_600_000 });
      const longAgo = await read(stream, { timestamp: 1_500_000_000 });
      const tomorrow = await read(stream, { timestamp: Math.floor(Date.now() / 1000) + 86_400 });
      await until(() => anHourAgo.got.length === 10 && longAgo.got.length === 10);
      await write(stream, 10, 10);
      await until(() => tomorrow.got.length === 1);
      expect(tomorrow.got).toEqual([10]);
    });

    it('sends no more than the prefetch count until something is acknowledged', async () => {
      const stream = await makeStream();
      // One by one: RabbitMQ hands over whole chunks, of messages that came together.
      for (let i = 0; i < 30; i++) await write(stream, i, i);
      const { consumer, got } = await read(stream, 'first', { prefetch: 7, acknowledge: false });
      await until(() => got.length >= 7);
      await new Promise((resolve) => setTimeout(resolve, 150));
      // RabbitMQ 3.10 sends one more than it says.
      const sent = got.length;
      expect(sent).toBeLessThanOrEqual(8);
      consumer.ack(7, { upTo: true });
      await until(() => got.length === sent + 7);
    });

    it('goes on after each of many outages with the message that is next: none twice, none lost', async () => {
      const stream = await makeStream();
      const line = await wire();
      const { got, events } = await read(stream, 'first', { address: line.address, prefetch: 5 });
      for (let round = 0; round < 10; round++) {
        const writing = write(stream, round * 40, round * 40 + 39);
        await until(() => got.length > round * 40 + 3);
        line.wire.cut();
        await writing;
        await until(() => times(events, 'connected') > round + 1);
      }
      await until(() => got.length >= 400);
      expect(got).toEqual(numbers(0, 399));
      expect(times(events, 'lost')).toBe(10);
    });

    it('gets what was written in an outage also if it had got nothing before', async () => {
      const stream = await makeStream();
      await write(stream, 0, 4);
      // The time a stream is asked for counts in seconds.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      const line = await wire();
      const { got, events } = await read(stream, 'next', { address: line.address });
      line.wire.cut();
      await write(stream, 5, 9);
      await until(() => times(events, 'connected') === 2 && got.length >= 5);
      expect(got).toEqual(numbers(5, 9));
    });

    it('that was deleted and made anew is read from its first message', async () => {
      const stream = await makeStream();
      await write(stream, 0, 9);
      const { got, events } = await read(stream, 'first');
      await until(() => got.length === 10);
      await deleteStream(stream);
      await until(() => times(events, 'cancelled') + times(events, 'lost') > 0);
      await until(async () => (await messageCount(stream)) === 0);
      await write(stream, 100, 104);
      await until(() => got.length === 15);
      expect(got.slice(10)).toEqual(numbers(100, 104));
    });

    it.each([
      ['shorter than it was', 3],
      ['longer than it was', 20],
    ])('that was made anew during an outage, and is %s, is read from its first message', async (_, length) => {
      const stream = await makeStream();
      await write(stream, 0, 9);
      const line = await wire();
      const { got, events } = await read(stream, 'first', { address: line.address });
      await until(() => got.length === 10);
      line.wire.close();
      await until(() => times(events, 'lost') === 1);
      await deleteStream(stream);
      const channel = await model.createChannel();
      await channel.assertQueue(stream, { durable: true, arguments: { 'x-queue-type': 'stream' } });
      await channel.close();
      await write(stream, 100, 99 + length);
      const again = await Wire.to(direct.port, direct.hostname, line.address.port);
      cleanups.push(() => again.close());
      await until(() => times(events, 'connected') >= 2);
      await write(stream, 100 + length, 101 + length);
      await until(() => got.length >= 12 + length);
      expect(got.slice(10)).toEqual(numbers(100, 101 + length));
    });

    it.each([
      ['an exclusive stream', { exclusive: true, durable: true }, {}, 406],
      ['a transient stream', { durable: false }, {}, 406],
      ['a stream that goes with its consumer', { durable: true, autoDelete: true }, {}, 406],
      ['a stream with a length in messages', { durable: true }, { 'x-max-length': 5 }, 406],
    ])('%s is refused', async (_, flags, args, code) => {
      const channel = await model.createChannel();
      channel.on('error', () => {});
      const refused = channel.assertQueue('refused', { ...flags, arguments: { 'x-queue-type': 'stream', ...args } });
      await expect(refused).rejects.toMatchObject({ code });
    });

    it('needs a prefetch count', async () => {
      const stream = await makeStream();
      const channel = await model.createChannel();
      channel.on('error', () => {});
      await expect(channel.consume(stream, () => {})).rejects.toMatchObject({ code: 406 });
    });

    async function messageCount(queue: string): Promise<number | undefined> {
      const channel = await model.createChannel();
      channel.on('error', () => {});
      const found = await channel.checkQueue(queue).catch(() => undefined);
      if (found !== undefined) await channel.close();
      return found?.messageCount;
    }
  });
}
