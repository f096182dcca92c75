/**
 * What consumers and publishers promise about lost connections, whichever broker is behind them: topology comes back,
 * what was not acknowledged is delivered again, what was not confirmed is sent again, nothing is lost.
 */
import { connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type BrokerAddress,
  Consumer,
  type Delivery,
  type LinkEvent,
  PublishExpiredError,
  Publisher,
  PublishNackedError,
  parseBrokerUrl,
} from '#tb/amqp/index.js';
import { until } from '../support/until.js';
import { Wire } from '../support/wire.js';
import type { BrokerUnderTest } from './conformance.js';

let serial = 0;
const fresh = (prefix: string): string => `tb-${prefix}-${process.pid}-${Date.now().toString(36)}-${serial++}`;

export function recovery(name: string, start: () => Promise<BrokerUnderTest>): void {
  describe(name, () => {
    let broker: BrokerUnderTest;
    let wire: Wire;
    let direct: BrokerAddress;
    const cleanups: (() => unknown)[] = [];

    beforeAll(async () => {
      broker = await start();
      direct = parseBrokerUrl(broker.url);
    }, 90_000);
    afterAll(() => broker.stop(), 30_000);

    const reconnect = { initialDelayMs: 20, maxDelayMs: 100, jitter: 0.2 };
    async function throughWire(): Promise<BrokerAddress> {
      wire = await Wire.to(direct.port, direct.hostname);
      cleanups.push(() => wire.close());
      return { ...direct, hostname: '127.0.0.1', port: wire.port };
    }
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    });
    /** A queue that outlives connections, gone after the test. */
    function lastingQueue(): { name: string; exclusive: boolean; durable: boolean; autoDelete: boolean } {
      const queue = fresh('queue');
      cleanups.unshift(async () => {
        const model = await connect({ ...direct });
        await (await model.createChannel()).deleteQueue(queue);
        await model.close();
      });
      return { name: queue, exclusive: false, durable: true, autoDelete: false };
    }
    async function consume(
      address: BrokerAddress,
      queue: Parameters<typeof Consumer.open>[0]['queue'],
      onDelivery: (delivery: Delivery, consumer: Consumer) => void,
      more: Partial<Parameters<typeof Consumer.open>[0]> = {},
    ): Promise<{ consumer: Consumer; events: LinkEvent[] }> {
      const events: LinkEvent[] = [];
      const consumer: Consumer = await Consumer.open({
        address,
        connectionName: 'recovery test',
        exchanges: [],
        queue,
        bindings: [],
        prefetch: 100,
        reconnect,
        onDelivery: (delivery) => onDelivery(delivery, consumer),
        onEvent: (event) => events.push(event),
        ...more,
      });
      cleanups.push(() => consumer.close());
      return { consumer, events };
    }
    async function publisher(address: BrokerAddress, more: Partial<Parameters<typeof Publisher.open>[0]> = {}) {
      const opened = await Publisher.open({ address, connectionName: 'recovery test', reconnect, ...more });
      cleanups.push(() => opened.close());
      return opened;
    }
    const types = (events: readonly LinkEvent[]) => events.map(({ type }) => type);
    const connectedTimes = (events: readonly LinkEvent[]) =>
      types(events).filter((type) => type === 'connected').length;

    it('delivers again what was not acknowledged, and ignores acknowledgements that come too late', async () => {
      const queue = lastingQueue();
      const seen: { body: string; redelivered: boolean; receipt: number }[] = [];
      const { consumer, events } = await consume(await throughWire(), queue, ({ content, redelivered, receipt }) => {
        seen.push({ body: String(content), redelivered, receipt });
      });
      const out = await publisher(direct);
      for (const body of ['a', 'b', 'c']) await out.publish('', queue.name, Buffer.from(body));
      await until(() => seen.length === 3);
      consumer.ack(seen[0]!.receipt);
      // Let the acknowledgement reach the broker before the wire is cut.
      await new Promise((resolve) => setTimeout(resolve, 100));
      wire.cut();
      await until(() => seen.length === 5);
      expect(seen.slice(3).map(({ body, redelivered }) => [body, redelivered])).toEqual([
        ['b', true],
        ['c', true],
      ]);
      expect(seen[3]!.receipt).toBeGreaterThan(seen[2]!.receipt);
      for (const { receipt } of seen.slice(0, 3)) consumer.ack(receipt, { upTo: true });
      consumer.ack(seen[4]!.receipt, { upTo: true });
      await consumer.close();
      expect(types(events)).toEqual(['connected', 'lost', 'retrying', 'connected', 'closed']);
      const model = await connect({ ...direct });
      expect((await (await model.createChannel()).checkQueue(queue.name)).messageCount).toBe(0);
      await model.close();
    });

    it('declares exclusive queue and bindings again', async () => {
      const seen: string[] = [];
      const { consumer, events } = await consume(
        await throughWire(),
        { exclusive: true, durable: false, autoDelete: true },
        ({ content, receipt }, self) => {
          seen.push(String(content));
          self.ack(receipt);
        },
        { bindings: [{ exchange: 'amq.topic', key: 'recovery.#' }] },
      );
      const first = consumer.queueName;
      const out = await publisher(direct);
      await out.publish('amq.topic', 'recovery.x', Buffer.from('before'));
      await until(() => seen.length === 1);
      wire.cut();
      await until(() => connectedTimes(events) === 2);
      expect(consumer.queueName).not.toBe(first);
      const { returned } = await out.publish('amq.topic', 'recovery.x', Buffer.from('after'), { mandatory: true });
      expect(returned).toBeUndefined();
      await until(() => seen.length === 2);
      expect(seen).toEqual(['before', 'after']);
    });

    it('loses nothing and keeps the order, though the wire is cut again and again on both sides', async () => {
      const queue = lastingQueue();
      const address = await throughWire();
      const seen: number[] = [];
      const { events } = await consume(address, queue, ({ content, receipt }, self) => {
        seen.push(Number(String(content)));
        self.ack(receipt);
      });
      const out = await publisher(address);
      const total = 3_000;
      const receipts: Promise<unknown>[] = [];
      for (let i = 0; i < total; i++) {
        receipts.push(out.publish('', queue.name, Buffer.from(String(i)), { persistent: true }));
        if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
        if (i % 500 === 250) wire.cut();
      }
      await Promise.all(receipts);
      expect(await out.drain(10_000)).toBe(0);
      await until(() => new Set(seen).size === total, 'every message');
      // The first time each was seen, they came in order.
      expect([...new Set(seen)]).toEqual(Array.from({ length: total }, (_, i) => i));
      expect(connectedTimes(events)).toBeGreaterThan(1);
      expect(out.stats).toMatchObject({ published: total, confirmed: total, pending: 0, nacked: 0 });
    }, 30_000);

    it('sends what was published while the link was down, but nothing that expired meanwhile', async () => {
      const queue = lastingQueue();
      const seen: string[] = [];
      await consume(direct, queue, ({ content, receipt }, self) => {
        seen.push(String(content));
        self.ack(receipt);
      });
      const events: LinkEvent[] = [];
      const out = await publisher(await throughWire(), {
        onEvent: (event) => events.push(event),
        reconnect: { initialDelayMs: 200, jitter: 0 },
      });
      wire.cut();
      await until(() => types(events).includes('lost'));
      const stop = out.publish('', queue.name, Buffer.from('stop within 50 ms'), { expirationMs: 50 });
      const kept = out.publish('', queue.name, Buffer.from('kept'), { expirationMs: 60_000 });
      await expect(stop).rejects.toThrow(PublishExpiredError);
      await kept;
      await until(() => seen.length === 1);
      expect(seen).toEqual(['kept']);
    });

    it('gives up a peer that has gone silent after two heartbeats', async () => {
      const seen: string[] = [];
      const { events } = await consume(
        await throughWire(),
        { exclusive: true, durable: false, autoDelete: true },
        ({ content }) => void seen.push(String(content)),
        { heartbeatSeconds: 1, bindings: [{ exchange: 'amq.topic', key: 'beat' }] },
      );
      wire.goDead();
      await until(() => types(events).includes('lost'), 'the loss to be noticed', 5_000);
      wire.mend();
      await until(() => connectedTimes(events) === 2);
      await (await publisher(direct)).publish('amq.topic', 'beat', Buffer.from('alive'));
      await until(() => seen.length === 1);
    }, 20_000);

    it('gives up a connection on which nothing is confirmed, and sends it on another', async () => {
      const queue = lastingQueue();
      const seen: string[] = [];
      await consume(direct, queue, ({ content, receipt }, self) => {
        seen.push(String(content));
        self.ack(receipt);
      });
      const events: LinkEvent[] = [];
      const out = await Publisher.open({
        address: await throughWire(),
        connectionName: 'unconfirmed',
        heartbeatSeconds: 0,
        confirmWithinMs: 300,
        onEvent: (event) => events.push(event),
      });
      cleanups.push(() => out.close());
      await out.publish('', queue.name, Buffer.from('first'));
      wire.goDead();
      const second = out.publish('', queue.name, Buffer.from('second'));
      await until(() => types(events).includes('lost'), 'the connection to be given up', 5_000);
      wire.mend();
      await second;
      expect(out.stats).toMatchObject({ confirmed: 2, resent: 1, pending: 0 });
      await until(() => seen.length === 2);
      expect(seen).toEqual(['first', 'second']);
    });

    it('gives up a connection on which everything is refused', async () => {
      const { name } = lastingQueue();
      const model = await connect({ ...direct });
      cleanups.push(() => model.close());
      await (await model.createChannel()).assertQueue(name, {
        durable: true,
        arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
      });
      const events: LinkEvent[] = [];
      const out = await Publisher.open({
        address: direct,
        connectionName: 'refused',
        confirmWithinMs: 300,
        reconnect,
        onEvent: (event) => events.push(event),
      });
      cleanups.push(() => out.close());
      await out.publish('', name, Buffer.from('fills it'));
      await until(async () => {
        const refused = await out.publish('', name, Buffer.from('is too much')).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(PublishNackedError);
        return types(events).includes('lost');
      });
      await until(() => connectedTimes(events) === 2);
    });

    it('sets the consumer up again when its queue is deleted', async () => {
      const queue = lastingQueue();
      const seen: string[] = [];
      const { events } = await consume(direct, queue, ({ content, receipt }, self) => {
        seen.push(String(content));
        self.ack(receipt);
      });
      const model = await connect({ ...direct });
      await (await model.createChannel()).deleteQueue(queue.name);
      await model.close();
      await until(() => types(events).includes('cancelled'));
      const out = await publisher(direct);
      await until(
        async () => (await out.publish('', queue.name, Buffer.from('m'), { mandatory: true })).returned === undefined,
      );
      await until(() => seen.length === 1);
      expect(connectedTimes(events)).toBe(1);
    });

    it('closes promptly while the link is down', async () => {
      const out = await publisher(await throughWire(), { reconnect: { initialDelayMs: 60_000 } });
      wire.close();
      await until(() => out.stats.pending === 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const pending = out.publish('', 'q', Buffer.from('m'));
      const started = performance.now();
      await out.close();
      expect(performance.now() - started).toBeLessThan(500);
      await expect(pending).rejects.toMatchObject({ code: 'TB_AMQP_CLOSED' });
    });
  });
}
