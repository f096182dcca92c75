/**
 * What twinbridge expects of a broker. The suite is the same for the embedded broker and for RabbitMQ; where the two
 * could differ, RabbitMQ is right.
 */
import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  connect,
  type GetMessage,
  type Options,
} from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BrokerAddress, parseBrokerUrl } from '#tb/amqp/index.js';
import { bodyFrame, headerFrame, RawClient } from '../support/raw-amqp.js';

export interface BrokerUnderTest {
  readonly url: string;
  stop(): Promise<void>;
}

interface Refusal {
  readonly code: number;
  readonly message: string;
}

let serial = 0;
/** A name no other test, run or user has. */
const fresh = (prefix: string): string => `tb-${prefix}-${process.pid}-${Date.now().toString(36)}-${serial++}`;

const delay = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function conformance(name: string, start: () => Promise<BrokerUnderTest>): void {
  describe(name, () => {
    let broker: BrokerUnderTest;
    let address: BrokerAddress;
    const cleanups: (() => unknown)[] = [];

    beforeAll(async () => {
      broker = await start();
      address = parseBrokerUrl(broker.url);
    }, 90_000);
    afterAll(() => broker.stop(), 30_000);
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    });

    async function connection(options: Partial<Options.Connect> = {}): Promise<ChannelModel> {
      const model = await connect({ ...address, ...options }, { noDelay: true });
      model.on('error', () => {});
      cleanups.push(() => model.close().catch(() => {}));
      return model;
    }
    async function channel(model?: ChannelModel): Promise<Channel> {
      const opened = await (model ?? (await connection())).createChannel();
      opened.on('error', () => {});
      return opened;
    }
    async function confirmChannel(): Promise<ConfirmChannel> {
      const opened = await (await connection()).createConfirmChannel();
      opened.on('error', () => {});
      return opened;
    }
    async function rawClient(): Promise<RawClient> {
      const client = await RawClient.open(address);
      cleanups.push(() => client.end());
      return client;
    }
    /** A queue that goes when the test does. */
    async function queueOf(ch: Channel, args: Record<string, unknown> = {}): Promise<string> {
      const { queue } = await ch.assertQueue('', { exclusive: true, durable: false, arguments: args });
      return queue;
    }
    async function exchangeOf(ch: Channel, type: string, options: Options.AssertExchange = {}): Promise<string> {
      const exchange = fresh(type);
      await ch.assertExchange(exchange, type, { durable: false, ...options });
      cleanups.push(async () => (await channel()).deleteExchange(exchange));
      return exchange;
    }
    const refusalOf = async (action: Promise<unknown>): Promise<Refusal> => {
      const error = await action.then(
        () => undefined,
        (reason: Error & { code: number }) => reason,
      );
      if (error === undefined) throw new Error('was not refused');
      return { code: error.code, message: error.message };
    };
    /** What the broker closes the channel with, on its own account. */
    const channelErrorOf = (ch: Channel): Promise<Refusal> =>
      new Promise((resolve) => {
        ch.on('error', (error: Error & { code: number }) => resolve({ code: error.code, message: error.message }));
      });
    /** All messages that are in the queue, taken one by one. */
    async function drain(ch: Channel, queue: string): Promise<GetMessage[]> {
      const messages: GetMessage[] = [];
      for (
        let message = await ch.get(queue, { noAck: true });
        message !== false;
        message = await ch.get(queue, { noAck: true })
      ) {
        messages.push(message);
      }
      return messages;
    }
    const bodies = (messages: readonly { content: Buffer }[]): string[] =>
      messages.map(({ content }) => String(content));
    /** Consumes into an array. */
    async function collect(ch: Channel, queue: string, options: Options.Consume = {}): Promise<ConsumeMessage[]> {
      const messages: ConsumeMessage[] = [];
      await ch.consume(queue, (message) => message !== null && messages.push(message), options);
      return messages;
    }
    async function until(condition: () => boolean | Promise<boolean>, what = 'it'): Promise<void> {
      for (let waited = 0; !(await condition()); waited += 5) {
        if (waited > 5_000) throw new Error(`waited 5 s for ${what}`);
        await delay(5);
      }
    }
    /** Returns once the broker has handled what was sent on the channel. */
    const settle = async (ch: Channel): Promise<void> => {
      await ch.checkExchange('amq.direct');
    };

    describe('exchanges', () => {
      it('the default exchange routes by queue name', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        ch.sendToQueue(queue, Buffer.from('a'));
        expect(bodies(await drain(ch, queue))).toEqual(['a']);
      });

      it('direct: the keys are equal', async () => {
        const ch = await channel();
        const [exchange, queue] = [await exchangeOf(ch, 'direct'), await queueOf(ch)];
        await ch.bindQueue(queue, exchange, 'left');
        for (const key of ['left', 'right', 'left.x', '']) ch.publish(exchange, key, Buffer.from(key));
        expect(bodies(await drain(ch, queue))).toEqual(['left']);
      });

      it('fanout: to all, once each though bound twice', async () => {
        const ch = await channel();
        const exchange = await exchangeOf(ch, 'fanout');
        const [a, b] = [await queueOf(ch), await queueOf(ch)];
        for (const [queue, key] of [
          [a, ''],
          [a, 'again'],
          [b, ''],
        ] as const)
          await ch.bindQueue(queue, exchange, key);
        ch.publish(exchange, 'any', Buffer.from('m'));
        expect([bodies(await drain(ch, a)), bodies(await drain(ch, b))]).toEqual([['m'], ['m']]);
      });

      it.each([
        ['robot.*', ['robot.pose', 'robot.'], ['robot', 'robot.pose.x', 'arm.pose']],
        ['robot.#', ['robot', 'robot.pose', 'robot.pose.x'], ['robots', 'arm.robot']],
        ['#', ['', 'a', 'a.b'], []],
        ['#.pose', ['pose', 'a.pose', 'a.b.pose', 'pose.pose'], ['pose.x']],
        ['*.#.x', ['a.x', 'a.b.x', 'a.b.c.x', 'x.x'], ['x', 'a.x.y']],
        ['#.a.#.b.#', ['a.b', 'x.a.y.b.z', 'a.a.b.b'], ['b.a', 'a']],
        ['*.*', ['a.b', '.'], ['a', 'a.b.c']],
        ['a..b', ['a..b'], ['a.b', 'a.x.b']],
      ])('topic: %s', async (pattern, matching, others) => {
        const ch = await channel();
        const [exchange, queue] = [await exchangeOf(ch, 'topic'), await queueOf(ch)];
        await ch.bindQueue(queue, exchange, pattern);
        for (const key of [...matching, ...others]) ch.publish(exchange, key, Buffer.from(key));
        expect(bodies(await drain(ch, queue))).toEqual(matching);
      });

      it.each([
        ['all by default', { a: 1, b: 'x' }, { a: 1, b: 'x', c: true }, true],
        ['all: one missing', { 'x-match': 'all', a: 1, b: 'x' }, { a: 1 }, false],
        ['all: one different', { 'x-match': 'all', a: 1 }, { a: 2 }, false],
        ['any: one equal', { 'x-match': 'any', a: 1, b: 'x' }, { a: 2, b: 'x' }, true],
        ['any: none equal', { 'x-match': 'any', a: 1, b: 'x' }, { a: 2 }, false],
        ['nothing asked, all', { 'x-match': 'all' }, {}, true],
        ['nothing asked, any', { 'x-match': 'any' }, { a: 1 }, false],
        ['x- keys do not count', { 'x-match': 'all', 'x-a': 1, b: 2 }, { b: 2 }, true],
        ['a text is no number', { a: '1' }, { a: 1 }, false],
        ['true is true', { a: true }, { a: true }, true],
      ])('headers: %s', async (_, wanted, headers, matches) => {
        const ch = await channel();
        const [exchange, queue] = [await exchangeOf(ch, 'headers'), await queueOf(ch)];
        await ch.bindQueue(queue, exchange, '', wanted);
        ch.publish(exchange, 'ignored', Buffer.from('m'), { headers });
        expect(await drain(ch, queue)).toHaveLength(matches ? 1 : 0);
      });

      it.each(['direct', 'fanout', 'topic', 'headers', 'match'])('amq.%s is there', async (type) => {
        await (await channel()).checkExchange(`amq.${type}`);
      });

      it('bindings from exchange to exchange, round in a circle too', async () => {
        const ch = await channel();
        const [a, b] = [await exchangeOf(ch, 'topic'), await exchangeOf(ch, 'direct')];
        const queue = await queueOf(ch);
        await ch.bindExchange(b, a, 'x.#');
        await ch.bindExchange(a, b, 'x.y');
        await ch.bindQueue(queue, b, 'x.y');
        ch.publish(a, 'x.y', Buffer.from('through'));
        ch.publish(a, 'x.z', Buffer.from('not'));
        expect(bodies(await drain(ch, queue))).toEqual(['through']);
        await ch.unbindExchange(b, a, 'x.#');
        ch.publish(a, 'x.y', Buffer.from('cut'));
        expect(await drain(ch, queue)).toEqual([]);
      });

      it('an alternate exchange takes what has nowhere to go', async () => {
        const ch = await channel();
        const spare = await exchangeOf(ch, 'fanout');
        const exchange = await exchangeOf(ch, 'direct', { alternateExchange: spare });
        const [bound, rest] = [await queueOf(ch), await queueOf(ch)];
        await ch.bindQueue(bound, exchange, 'known');
        await ch.bindQueue(rest, spare, '');
        for (const key of ['known', 'unknown']) ch.publish(exchange, key, Buffer.from(key));
        expect([bodies(await drain(ch, bound)), bodies(await drain(ch, rest))]).toEqual([['known'], ['unknown']]);
      });

      it('an auto-delete exchange goes with its last binding', async () => {
        const ch = await channel();
        const exchange = fresh('auto');
        await ch.assertExchange(exchange, 'fanout', { durable: false, autoDelete: true });
        const queue = await queueOf(ch);
        await ch.bindQueue(queue, exchange, '');
        await ch.unbindQueue(queue, exchange, '');
        expect(await refusalOf(ch.checkExchange(exchange))).toMatchObject({ code: 404 });
      });

      it('unbinding stops the messages, and what is not bound can be unbound', async () => {
        const ch = await channel();
        const [exchange, queue] = [await exchangeOf(ch, 'topic'), await queueOf(ch)];
        await ch.bindQueue(queue, exchange, '#');
        await ch.unbindQueue(queue, exchange, '#');
        await ch.unbindQueue(queue, exchange, 'never');
        ch.publish(exchange, 'a', Buffer.from('m'));
        expect(await drain(ch, queue)).toEqual([]);
      });
    });

    describe('messages', () => {
      it('properties and headers of every type arrive as they were sent', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        const headers = {
          text: 'gr\u00fc\u00df dich',
          int: 42,
          negative: -3,
          big: 2 ** 40,
          real: 0.5,
          yes: true,
          nothing: null,
          list: [1, 'two', [3]],
          nested: { a: { b: 1 } },
          bytes: Buffer.from([0, 255]),
          when: { '!': 'timestamp', value: 1_700_000_000 },
        };
        const properties = {
          contentType: 'application/json',
          contentEncoding: 'utf-8',
          priority: 3,
          correlationId: 'c',
          replyTo: 'r',
          messageId: 'm',
          timestamp: 1_311_868_163,
          type: 't',
          appId: 'app',
        };
        ch.sendToQueue(queue, Buffer.from('b'), { ...properties, headers, persistent: true });
        const [message] = await drain(ch, queue);
        expect(message?.properties).toMatchObject({ ...properties, headers, deliveryMode: 2 });
      });

      it.each([0, 1, 4_087, 4_088, 4_089, 65_536, 131_064, 131_065, 1_000_000])('a body of %i octets', async (size) => {
        const ch = await channel();
        const queue = await queueOf(ch);
        const body = Buffer.alloc(size, 'abcdefghijk');
        const received = await collect(ch, queue);
        ch.sendToQueue(queue, body);
        await until(() => received.length === 1);
        expect(received[0]?.content.equals(body)).toBe(true);
      });

      it('large frames are cut to what a consumer negotiated', async () => {
        const [publishing, consuming] = [await channel(), await channel(await connection({ frameMax: 4096 }))];
        const queue = await queueOf(consuming);
        const received = await collect(consuming, queue);
        const body = Buffer.alloc(50_000, '0123456789');
        // An exclusive queue can be published to by anyone.
        publishing.sendToQueue(queue, body, { headers: { a: 1 } });
        await until(() => received.length === 1);
        expect(received[0]?.content.equals(body)).toBe(true);
        expect(received[0]?.properties.headers).toEqual({ a: 1 });
      });

      it('frames of two channels may alternate', async () => {
        const client = await rawClient();
        client.method(2, 'channel.open', { outOfBand: '' });
        await client.expect('channel.open-ok');
        const declare = {
          ticket: 0,
          passive: false,
          durable: false,
          exclusive: true,
          autoDelete: false,
          noWait: false,
        };
        client.method(1, 'queue.declare', { ...declare, queue: '', arguments: new Map() });
        const { queue } = (await client.expect('queue.declare-ok')).args;
        const publish = { ticket: 0, exchange: '', routingKey: queue, mandatory: false, immediate: false };
        client.method(1, 'basic.publish', publish);
        client.method(2, 'basic.publish', publish);
        client.write(headerFrame(1, 6));
        client.write(bodyFrame(1, Buffer.from('one')));
        client.write(headerFrame(2, 3));
        client.write(bodyFrame(2, Buffer.from('two')));
        client.write(bodyFrame(1, Buffer.from('ONE')));
        const got: string[] = [];
        for (let i = 0; i < 200 && got.length < 2; i++) {
          client.method(1, 'basic.get', { ticket: 0, queue, noAck: true });
          const answer = await client.next();
          if (answer?.method?.name !== 'basic.get-ok') {
            await delay(5);
            continue;
          }
          const size = Number((await client.next())?.payload.readBigUInt64BE(4));
          let body = '';
          while (body.length < size) body += String((await client.next())?.payload);
          got.push(body);
        }
        expect(got.sort()).toEqual(['oneONE', 'two']);
      });

      it('keep their order from one channel to one queue', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        const received = await collect(ch, queue, { noAck: true });
        for (let i = 0; i < 3_000; i++) ch.sendToQueue(queue, Buffer.from(String(i)));
        await until(() => received.length === 3_000);
        expect(bodies(received)).toEqual(Array.from({ length: 3_000 }, (_, i) => String(i)));
      });
    });

    describe('queues', () => {
      it('a name made up by the broker begins with amq.gen', async () => {
        expect(await queueOf(await channel())).toMatch(/^amq\.gen-.{10,}/);
      });

      it('an exclusive queue is refused to other connections and goes with its own', async () => {
        const [owner, other] = [await connection(), await channel()];
        const ours = await channel(owner);
        const queue = await queueOf(ours);
        expect(await refusalOf(other.checkQueue(queue))).toMatchObject({
          code: 405,
          message: expect.stringContaining('RESOURCE_LOCKED - cannot obtain exclusive access to locked queue'),
        });
        await owner.close();
        const later = await channel();
        await until(async () => {
          const probe = await channel();
          return (await refusalOf(probe.checkQueue(queue))).code === 404;
        });
        await later.close();
      });

      it('an auto-delete queue goes with its last consumer', async () => {
        const ch = await channel();
        const queue = fresh('auto');
        await ch.assertQueue(queue, { durable: false, autoDelete: true });
        await ch.checkQueue(queue);
        const { consumerTag } = await ch.consume(queue, () => {});
        await ch.cancel(consumerTag);
        expect(await refusalOf(ch.checkQueue(queue))).toMatchObject({ code: 404 });
      });

      it('counts its ready messages and consumers', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        for (let i = 0; i < 3; i++) ch.sendToQueue(queue, Buffer.from('m'));
        await settle(ch);
        await until(async () => (await ch.checkQueue(queue)).messageCount === 3);
        await ch.consume(queue, () => {});
        await until(async () => {
          const { messageCount, consumerCount } = await ch.checkQueue(queue);
          return messageCount === 0 && consumerCount === 1;
        });
      });

      it('purge drops what is ready and nothing else', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        for (const body of ['a', 'b', 'c']) ch.sendToQueue(queue, Buffer.from(body));
        const held = await ch.get(queue);
        expect(await ch.purgeQueue(queue)).toEqual({ messageCount: 2 });
        if (held !== false) ch.nack(held);
        expect(bodies(await drain(ch, queue))).toEqual(['a']);
      });

      it('delete: if-unused, if-empty, and for what is not there', async () => {
        const model = await connection();
        const ch = await channel(model);
        const queue = await queueOf(ch);
        ch.sendToQueue(queue, Buffer.from('m'));
        await settle(ch);
        const tries = await channel(model);
        expect(await refusalOf(tries.deleteQueue(queue, { ifEmpty: true }))).toMatchObject({ code: 406 });
        await ch.consume(queue, () => {});
        expect(await refusalOf((await channel(model)).deleteQueue(queue, { ifUnused: true }))).toMatchObject({
          code: 406,
        });
        await ch.deleteQueue(queue);
        expect(await ch.deleteQueue(queue)).toEqual({ messageCount: 0 });
        await ch.deleteExchange(fresh('none'));
      });

      it('x-max-length drops from the head', async () => {
        const ch = await channel();
        const queue = await queueOf(ch, { 'x-max-length': 2 });
        for (const body of ['a', 'b', 'c', 'd']) ch.sendToQueue(queue, Buffer.from(body));
        expect(bodies(await drain(ch, queue))).toEqual(['c', 'd']);
      });

      it('x-max-length-bytes counts bodies', async () => {
        const ch = await channel();
        const queue = await queueOf(ch, { 'x-max-length-bytes': 10 });
        for (const body of ['aaaa', 'bbbb', 'cccc'])
          ch.sendToQueue(queue, Buffer.from(body), { headers: { pad: 'x'.repeat(100) } });
        expect(bodies(await drain(ch, queue))).toEqual(['bbbb', 'cccc']);
      });

      it('overflow reject-publish refuses the newest, by a nack', async () => {
        const ch = await confirmChannel();
        const queue = await queueOf(ch, { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
        const outcome = (body: string) =>
          new Promise<string>((resolve) => {
            ch.sendToQueue(queue, Buffer.from(body), {}, (error) => resolve(error === null ? 'taken' : 'refused'));
          });
        expect(await outcome('a')).toBe('taken');
        expect(await outcome('b')).toBe('refused');
        expect(bodies(await drain(ch, queue))).toEqual(['a']);
        expect(await outcome('c')).toBe('taken');
      });

      it('x-message-ttl expires what waits too long', async () => {
        const ch = await channel();
        const queue = await queueOf(ch, { 'x-message-ttl': 60 });
        ch.sendToQueue(queue, Buffer.from('m'));
        await settle(ch);
        await until(async () => (await ch.checkQueue(queue)).messageCount === 0, 'the message to expire');
      });

      it('the shorter of queue and message expiration counts', async () => {
        const ch = await channel();
        const queue = await queueOf(ch, { 'x-message-ttl': 60_000 });
        ch.sendToQueue(queue, Buffer.from('short'), { expiration: 40 });
        ch.sendToQueue(queue, Buffer.from('long'));
        await delay(150);
        expect(bodies(await drain(ch, queue))).toEqual(['long']);
      });

      it('only the head expires', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        ch.sendToQueue(queue, Buffer.from('stays'));
        ch.sendToQueue(queue, Buffer.from('behind'), { expiration: 30 });
        await delay(150);
        expect((await ch.checkQueue(queue)).messageCount).toBe(2);
        expect(bodies(await drain(ch, queue))).toEqual(['stays']);
      });

      it('expiration 0: now or never', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        ch.sendToQueue(queue, Buffer.from('late'), { expiration: 0 });
        await settle(ch);
        await until(async () => (await ch.checkQueue(queue)).messageCount === 0);
        const received = await collect(ch, queue, { noAck: true });
        ch.sendToQueue(queue, Buffer.from('in time'), { expiration: 0 });
        await until(() => received.length === 1);
        expect(bodies(received)).toEqual(['in time']);
      });

      it('x-expires deletes an unused queue', async () => {
        const model = await connection();
        const queue = fresh('expires');
        await (await channel(model)).assertQueue(queue, { durable: false, arguments: { 'x-expires': 80 } });
        await delay(400);
        expect(await refusalOf((await channel(model)).checkQueue(queue))).toMatchObject({ code: 404 });
      });
    });

    describe('dead letters', () => {
      async function withDeadLetters(args: Record<string, unknown> = {}) {
        const ch = await channel();
        const dlx = await exchangeOf(ch, 'fanout');
        const dead = await queueOf(ch);
        await ch.bindQueue(dead, dlx, '');
        const queue = await queueOf(ch, { 'x-dead-letter-exchange': dlx, ...args });
        return { ch, dlx, dead, queue };
      }
      async function oneOf(ch: Channel, queue: string): Promise<GetMessage> {
        let message: GetMessage | false = false;
        await until(async () => {
          message = await ch.get(queue, { noAck: true });
          return message !== false;
        }, 'a dead letter');
        return message as unknown as GetMessage;
      }

      it('rejected: x-death tells queue, reason, exchange, keys and count', async () => {
        const { ch, dlx, dead, queue } = await withDeadLetters();
        ch.sendToQueue(queue, Buffer.from('m'), { headers: { mine: 1 }, contentType: 'text/plain' });
        const message = await held(ch, queue);
        ch.reject(message, false);
        const letter = await oneOf(ch, dead);
        expect(String(letter.content)).toBe('m');
        expect(letter.fields).toMatchObject({ exchange: dlx, routingKey: queue });
        expect(letter.properties.contentType).toBe('text/plain');
        const headers = letter.properties.headers!;
        expect(headers).toMatchObject({
          mine: 1,
          'x-first-death-reason': 'rejected',
          'x-first-death-queue': queue,
          'x-first-death-exchange': '',
        });
        expect(headers['x-death']).toEqual([
          {
            count: 1,
            reason: 'rejected',
            queue,
            exchange: '',
            'routing-keys': [queue],
            time: { '!': 'timestamp', value: expect.closeTo(Date.now() / 1000, -1) },
          },
        ]);
      });
      /** Takes one without acknowledging it. */
      async function held(ch: Channel, queue: string): Promise<GetMessage> {
        let message: GetMessage | false = false;
        await until(async () => {
          message = await ch.get(queue);
          return message !== false;
        }, 'a message');
        return message as unknown as GetMessage;
      }

      it('expired: the expiration is taken off and remembered', async () => {
        const { ch, dead, queue } = await withDeadLetters();
        ch.sendToQueue(queue, Buffer.from('m'), { expiration: 20 });
        const { properties } = await oneOf(ch, dead);
        expect(properties.expiration).toBeUndefined();
        expect(properties.headers?.['x-death']?.[0]).toMatchObject({ reason: 'expired', 'original-expiration': '20' });
      });

      it('over the length limit: reason maxlen', async () => {
        const { ch, dead, queue } = await withDeadLetters({ 'x-max-length': 1 });
        for (const body of ['old', 'new']) ch.sendToQueue(queue, Buffer.from(body));
        const letter = await oneOf(ch, dead);
        expect(String(letter.content)).toBe('old');
        expect(letter.properties.headers?.['x-death']?.[0]?.reason).toBe('maxlen');
      });

      it('x-dead-letter-routing-key replaces the key', async () => {
        const { ch, dead, queue } = await withDeadLetters({ 'x-dead-letter-routing-key': 'morgue' });
        ch.sendToQueue(queue, Buffer.from('m'), { expiration: 10 });
        expect((await oneOf(ch, dead)).fields.routingKey).toBe('morgue');
      });

      it('nack without requeue, multiple', async () => {
        const { ch, dead, queue } = await withDeadLetters();
        for (const body of ['a', 'b', 'c']) ch.sendToQueue(queue, Buffer.from(body));
        const received = await collect(ch, queue);
        await until(() => received.length === 3);
        ch.nack(received[1]!, true, false);
        await until(async () => (await ch.checkQueue(dead)).messageCount === 2);
        expect(bodies(await drain(ch, dead))).toEqual(['a', 'b']);
      });

      it('a second death in the same queue for the same reason counts up', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        const waiting = await queueOf(ch, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue });
        const send = (headers: object) => ch.sendToQueue(waiting, Buffer.from('m'), { expiration: 10, headers });
        send({});
        const first = await oneOf(ch, queue);
        send(first.properties.headers!);
        const second = await oneOf(ch, queue);
        expect(second.properties.headers?.['x-death']).toHaveLength(1);
        expect(second.properties.headers?.['x-death']?.[0]).toMatchObject({ count: 2, queue: waiting });
      });

      it('a circle without a rejection ends', async () => {
        const ch = await channel();
        const name = fresh('circle');
        await ch.assertQueue(name, {
          exclusive: true,
          durable: false,
          arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name, 'x-message-ttl': 20 },
        });
        ch.sendToQueue(name, Buffer.from('m'));
        await delay(200);
        expect((await ch.checkQueue(name)).messageCount).toBe(0);
      });
    });

    describe('acknowledgements', () => {
      it('unacknowledged messages return, in place and marked, when the channel closes', async () => {
        const model = await connection();
        const [first, second] = [await channel(model), await channel(model)];
        const queue = await queueOf(first);
        for (const body of ['a', 'b', 'c', 'd']) first.sendToQueue(queue, Buffer.from(body));
        await settle(first);
        await first.prefetch(2);
        const received = await collect(first, queue);
        await until(() => received.length === 2);
        await first.close();
        await until(async () => (await second.checkQueue(queue)).messageCount === 4);
        const messages = await drain(second, queue);
        expect(bodies(messages)).toEqual(['a', 'b', 'c', 'd']);
        expect(messages.map(({ fields }) => fields.redelivered)).toEqual([true, true, false, false]);
      });

      it('a requeued message goes back to its place', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        for (const body of ['a', 'b', 'c']) ch.sendToQueue(queue, Buffer.from(body));
        await settle(ch);
        const held: GetMessage[] = [];
        for (let i = 0; i < 2; i++) held.push((await ch.get(queue)) as GetMessage);
        ch.nack(held[1]!, false, true);
        await settle(ch);
        ch.nack(held[0]!, false, true);
        await until(async () => (await ch.checkQueue(queue)).messageCount === 3);
        expect(bodies(await drain(ch, queue))).toEqual(['a', 'b', 'c']);
      });

      it('multiple covers all before; 0 covers everything', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        await ch.prefetch(3);
        const received = await collect(ch, queue);
        for (let i = 0; i < 9; i++) ch.sendToQueue(queue, Buffer.from(String(i)));
        await until(() => received.length === 3);
        ch.ack(received[1]!, true);
        await until(() => received.length === 5);
        ch.ackAll();
        await until(() => received.length === 8);
        await settle(ch);
        expect(received).toHaveLength(8);
      });

      it('prefetch holds per consumer', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        await ch.prefetch(1);
        const one = await collect(ch, queue);
        await ch.prefetch(2);
        const two = await collect(ch, queue);
        for (let i = 0; i < 10; i++) ch.sendToQueue(queue, Buffer.from('m'));
        await until(() => one.length === 1 && two.length === 2);
        await settle(ch);
        expect([one.length, two.length]).toEqual([1, 2]);
      });

      it('prefetch, global, holds for the channel', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        await ch.prefetch(3, true);
        const [one, two] = [await collect(ch, queue), await collect(ch, queue)];
        for (let i = 0; i < 10; i++) ch.sendToQueue(queue, Buffer.from('m'));
        await until(() => one.length + two.length === 3);
        await settle(ch);
        expect(one.length + two.length).toBe(3);
        ch.ack([...one, ...two].sort((a, b) => a.fields.deliveryTag - b.fields.deliveryTag)[2]!, true);
        await until(() => one.length + two.length === 6);
      });

      it('consumers of a queue take turns', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        const [one, two] = [await collect(ch, queue, { noAck: true }), await collect(ch, queue, { noAck: true })];
        for (let i = 0; i < 10; i++) ch.sendToQueue(queue, Buffer.from('m'));
        await until(() => one.length + two.length === 10);
        expect([one.length, two.length]).toEqual([5, 5]);
      });

      it('recover gives everything back', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        const received = await collect(ch, queue);
        for (const body of ['a', 'b']) ch.sendToQueue(queue, Buffer.from(body));
        await until(() => received.length === 2);
        await ch.recover();
        await until(() => received.length === 4);
        expect(bodies(received)).toEqual(['a', 'b', 'a', 'b']);
        expect(received.map(({ fields }) => fields.redelivered)).toEqual([false, false, true, true]);
      });

      it.each([
        ['an unknown tag', (ch: Channel) => ch.ack(delivery(99))],
        ['an unknown tag, multiple', (ch: Channel) => ch.ack(delivery(99), true)],
        ['a tag acknowledged before', (ch: Channel) => [ch.ack(delivery(1)), ch.ack(delivery(1))]],
        ['a tag acknowledged before, multiple', (ch: Channel) => [ch.ack(delivery(1)), ch.ack(delivery(1), true)]],
        ['tag 0 alone', (ch: Channel) => ch.ack(delivery(0))],
        ['an unknown tag, by reject', (ch: Channel) => ch.reject(delivery(99))],
      ])('%s closes the channel with 406', async (_, action) => {
        const ch = await channel();
        const queue = await queueOf(ch);
        for (let i = 0; i < 2; i++) ch.sendToQueue(queue, Buffer.from('m'));
        const received = await collect(ch, queue);
        await until(() => received.length === 2);
        const refusal = channelErrorOf(ch);
        action(ch);
        expect(await refusal).toMatchObject({
          code: 406,
          message: expect.stringMatching(/PRECONDITION_FAILED - unknown delivery tag \d+/),
        });
      });
      const delivery = (deliveryTag: number) => ({ fields: { deliveryTag } }) as ConsumeMessage;
    });

    describe('publishing', () => {
      it('every message is confirmed, routed or not', async () => {
        const ch = await confirmChannel();
        const queue = await queueOf(ch);
        const confirmed: number[] = [];
        for (let i = 0; i < 500; i++) {
          const done = (error: unknown) => error === null && confirmed.push(i);
          ch.publish('', i % 2 === 0 ? queue : 'nowhere', Buffer.from('m'), {}, done);
        }
        await ch.waitForConfirms();
        expect(confirmed).toHaveLength(500);
        await until(async () => (await ch.checkQueue(queue)).messageCount === 250);
      });

      it('a mandatory message without a queue comes back, before its confirmation', async () => {
        const ch = await confirmChannel();
        const order: string[] = [];
        ch.on('return', ({ fields, content }) => {
          const { replyCode, replyText } = fields as unknown as { replyCode: number; replyText: string };
          order.push(`${replyCode} ${replyText} ${fields.routingKey} ${String(content)}`);
        });
        ch.publish('', fresh('none'), Buffer.from('not mandatory'));
        ch.publish('', 'no-such-queue', Buffer.from('m'), { mandatory: true }, () => order.push('confirmed'));
        await ch.waitForConfirms();
        expect(order).toEqual(['312 NO_ROUTE no-such-queue m', 'confirmed']);
      });

      it('basic.get tells how many are left', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        for (const body of ['a', 'b']) ch.sendToQueue(queue, Buffer.from(body));
        await settle(ch);
        await until(async () => (await ch.checkQueue(queue)).messageCount === 2);
        expect(await ch.get(queue)).toMatchObject({
          fields: { messageCount: 1, redelivered: false, routingKey: queue },
        });
        expect(await ch.get(queue)).toMatchObject({ fields: { messageCount: 0 } });
        expect(await ch.get(queue)).toBe(false);
      });
    });

    describe('consumers', () => {
      it('are told when their queue is deleted', async () => {
        const model = await connection();
        const [ch, other] = [await channel(model), await channel(model)];
        const queue = await queueOf(ch);
        const cancelled = new Promise<ConsumeMessage | null>((resolve) => void ch.consume(queue, resolve));
        await settle(ch);
        await other.deleteQueue(queue);
        expect(await cancelled).toBeNull();
      });

      it('an exclusive one keeps others out', async () => {
        const model = await connection();
        const ch = await channel(model);
        const queue = await queueOf(ch);
        await ch.consume(queue, () => {}, { exclusive: true });
        expect(await refusalOf((await channel(model)).consume(queue, () => {}))).toMatchObject({ code: 403 });
      });

      it('after cancel nothing more comes', async () => {
        const ch = await channel();
        const queue = await queueOf(ch);
        const received: unknown[] = [];
        const { consumerTag } = await ch.consume(queue, (message) => received.push(message), { noAck: true });
        await ch.cancel(consumerTag);
        ch.sendToQueue(queue, Buffer.from('m'));
        await settle(ch);
        await until(async () => (await ch.checkQueue(queue)).messageCount === 1);
        expect(received).toEqual([]);
      });
    });

    describe('refusals that close the channel', () => {
      it.each<[string, number, RegExp, (ch: Channel) => Promise<unknown>]>([
        [
          'a missing exchange, passively',
          404,
          /NOT_FOUND - no exchange 'tb-none' in vhost '/,
          (ch) => ch.checkExchange('tb-none'),
        ],
        [
          'a missing queue, passively',
          404,
          /NOT_FOUND - no queue 'tb-none' in vhost '/,
          (ch) => ch.checkQueue('tb-none'),
        ],
        ['consuming from a missing queue', 404, /no queue 'tb-none'/, (ch) => ch.consume('tb-none', () => {})],
        ['getting from a missing queue', 404, /no queue 'tb-none'/, (ch) => ch.get('tb-none')],
        ['binding a missing queue', 404, /no queue 'tb-none'/, (ch) => ch.bindQueue('tb-none', 'amq.direct', '')],
        [
          'a reserved exchange name',
          403,
          /ACCESS_REFUSED - exchange name 'amq.x' contains reserved prefix/,
          (ch) => ch.assertExchange('amq.x', 'direct'),
        ],
        [
          'a reserved queue name',
          403,
          /ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix/,
          (ch) => ch.assertQueue('amq.x'),
        ],
        [
          'declaring the default exchange',
          403,
          /operation not permitted on the default exchange/,
          (ch) => ch.assertExchange('', 'direct'),
        ],
        ['deleting a predeclared exchange', 403, /ACCESS_REFUSED/, (ch) => ch.deleteExchange('amq.direct')],
        [
          'another type for amq.direct',
          406,
          /PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost '[^']+': received '?fanout'? but current is '?direct'?/,
          (ch) => ch.assertExchange('amq.direct', 'fanout'),
        ],
        [
          'another durability for amq.direct',
          406,
          /inequivalent arg 'durable'.*received 'false' but current is 'true'/,
          (ch) => ch.assertExchange('amq.direct', 'direct', { durable: false }),
        ],
        [
          'a negative length limit',
          406,
          /invalid arg 'x-max-length'/,
          (ch) => ch.assertQueue('', { exclusive: true, arguments: { 'x-max-length': -1 } }),
        ],
        [
          'a length limit that is no number',
          406,
          /invalid arg 'x-max-length'/,
          (ch) => ch.assertQueue('', { exclusive: true, arguments: { 'x-max-length': 'many' } }),
        ],
        [
          'an unknown overflow policy',
          406,
          /invalid arg 'x-overflow'/,
          (ch) => ch.assertQueue('', { exclusive: true, arguments: { 'x-overflow': 'explode' } }),
        ],
        [
          'x-expires 0',
          406,
          /invalid arg 'x-expires'/,
          (ch) => ch.assertQueue('', { exclusive: true, arguments: { 'x-expires': 0 } }),
        ],
        [
          'a dead letter key without exchange',
          406,
          /invalid arg 'x-dead-letter-routing-key'/,
          (ch) => ch.assertQueue('', { exclusive: true, arguments: { 'x-dead-letter-routing-key': 'k' } }),
        ],
      ])('%s: %i', async (_, code, message, action) => {
        const refusal = await refusalOf(action(await channel()));
        expect(refusal.code).toBe(code);
        expect(refusal.message).toMatch(message);
      });

      it('declaring a queue by the name the broker made up', async () => {
        const model = await connection();
        const queue = await queueOf(await channel(model));
        expect(
          await refusalOf((await channel(model)).assertQueue(queue, { exclusive: true, durable: false })),
        ).toMatchObject({ code: 403 });
        await (await channel(model)).checkQueue(queue);
      });

      it('another declaration of a queue', async () => {
        const model = await connection();
        const ch = await channel(model);
        const queue = fresh('again');
        await ch.assertQueue(queue, { exclusive: true, durable: false, maxLength: 5 });
        const again = async (options: Options.AssertQueue) =>
          refusalOf((await channel(model)).assertQueue(queue, { exclusive: true, durable: false, ...options }));
        expect(await again({ maxLength: 6 })).toMatchObject({
          code: 406,
          message: expect.stringContaining("inequivalent arg 'x-max-length'"),
        });
        expect(await again({})).toMatchObject({ code: 406 });
        // Whether an exclusive queue is durable makes no difference, and is not compared.
        await (await channel(model)).assertQueue(queue, { exclusive: true, durable: true, maxLength: 5 });
        const lasting = fresh('lasting');
        await ch.assertQueue(lasting, { durable: true });
        cleanups.push(async () => (await channel()).deleteQueue(lasting));
        const refusal = await refusalOf((await channel(model)).assertQueue(lasting, { durable: false }));
        expect(refusal).toMatchObject({ code: 406, message: expect.stringContaining("inequivalent arg 'durable'") });
      });

      it('an exchange in use is not deleted if-unused', async () => {
        const ch = await channel();
        const [exchange, queue] = [await exchangeOf(ch, 'direct'), await queueOf(ch)];
        await ch.bindQueue(queue, exchange, 'k');
        expect(await refusalOf(ch.deleteExchange(exchange, { ifUnused: true }))).toMatchObject({ code: 406 });
      });

      it('publishing to a missing exchange', async () => {
        const ch = await channel();
        const refusal = channelErrorOf(ch);
        ch.publish('tb-none', 'k', Buffer.from('m'));
        expect(await refusal).toMatchObject({ code: 404, message: expect.stringContaining("no exchange 'tb-none'") });
      });

      it('publishing to an internal exchange', async () => {
        const model = await connection();
        const exchange = await exchangeOf(await channel(model), 'fanout', { internal: true });
        const ch = await channel(model);
        const refusal = channelErrorOf(ch);
        ch.publish(exchange, 'k', Buffer.from('m'));
        expect(await refusal).toMatchObject({ code: 403 });
      });

      it('an expiration that is no number', async () => {
        const ch = await channel();
        const refusal = channelErrorOf(ch);
        ch.publish('', 'q', Buffer.from('m'), { expiration: 'soon' });
        expect(await refusal).toMatchObject({ code: 406 });
      });

      it("another user's id", async () => {
        const ch = await channel();
        const refusal = channelErrorOf(ch);
        ch.publish('', 'q', Buffer.from('m'), { userId: 'somebody' });
        expect(await refusal).toMatchObject({ code: 406, message: expect.stringContaining('user_id') });
      });

      it('the other channels of the connection go on', async () => {
        const model = await connection();
        const [bad, good] = [await channel(model), await channel(model)];
        await refusalOf(bad.checkQueue('tb-none'));
        const queue = await queueOf(good);
        good.sendToQueue(queue, Buffer.from('m'));
        expect(await drain(good, queue)).toHaveLength(1);
        expect(await queueOf(await channel(model))).toMatch(/^amq\.gen/);
      });
    });

    describe('refusals that close the connection', () => {
      const consume = {
        ticket: 0,
        noLocal: false,
        noAck: false,
        exclusive: false,
        noWait: false,
        arguments: new Map(),
      };
      const declare = { ticket: 0, passive: false, durable: false, exclusive: true, autoDelete: false, noWait: false };

      it.each<[string, number, (client: RawClient) => unknown]>([
        [
          'a method on a channel that is not open',
          504,
          (c) => c.method(7, 'basic.qos', { prefetchSize: 0, prefetchCount: 1, global: false }),
        ],
        ['channel.open twice', 504, (c) => c.method(1, 'channel.open', { outOfBand: '' })],
        [
          'an unknown exchange type',
          503,
          (c) =>
            c.method(1, 'exchange.declare', {
              ...declare,
              exchange: 'tb-x',
              type: 'magic',
              internal: false,
              arguments: new Map(),
            }),
        ],
        [
          'a consumer tag used twice',
          530,
          async (c) => {
            c.method(1, 'queue.declare', { ...declare, queue: '', arguments: new Map() });
            const { queue } = (await c.expect('queue.declare-ok')).args;
            c.method(1, 'basic.consume', { ...consume, queue, consumerTag: 't' });
            await c.expect('basic.consume-ok');
            c.method(1, 'basic.consume', { ...consume, queue, consumerTag: 't' });
          },
        ],
        [
          'the immediate flag',
          540,
          (c) => {
            c.method(1, 'basic.publish', {
              ticket: 0,
              exchange: '',
              routingKey: 'q',
              mandatory: false,
              immediate: true,
            });
            c.write(headerFrame(1, 0));
          },
        ],
        [
          'a prefetch in octets',
          540,
          (c) => c.method(1, 'basic.qos', { prefetchSize: 1, prefetchCount: 1, global: false }),
        ],
        ['a body without a header', 505, (c) => c.write(bodyFrame(1, Buffer.from('x')))],
        [
          'a method within a content',
          505,
          (c) => {
            c.method(1, 'basic.publish', {
              ticket: 0,
              exchange: '',
              routingKey: 'q',
              mandatory: false,
              immediate: false,
            });
            c.method(1, 'basic.qos', { prefetchSize: 0, prefetchCount: 1, global: false });
          },
        ],
        ['a frame without its end', 501, (c) => c.write(Buffer.from([1, 0, 1, 0, 0, 0, 4, 0, 60, 0, 10, 0]))],
        ['a frame over the limit', 501, (c) => c.write(Buffer.from([3, 0, 1, 0, 0x10, 0, 0]))],
      ])('%s: %i', async (_, code, action) => {
        const client = await rawClient();
        await action(client);
        const close = await client.expect('connection.close');
        expect(close.args.replyCode).toBe(code);
        client.method(0, 'connection.close-ok', {});
        await client.untilEnded();
      });
    });

    describe('negotiated limits', () => {
      const tuned = async (tuning: { channelMax?: number; frameMax?: number }): Promise<RawClient> => {
        const client = await RawClient.open(address, tuning);
        cleanups.push(() => client.end());
        return client;
      };

      it('one channel more than agreed: 530', async () => {
        const client = await tuned({ channelMax: 1 });
        client.method(2, 'channel.open', { outOfBand: '' });
        expect((await client.expect('connection.close')).args.replyCode).toBe(530);
      });

      it('a frame larger than agreed: 501', async () => {
        const client = await tuned({ frameMax: 4096 });
        client.write(bodyFrame(1, Buffer.alloc(4200)));
        expect((await client.expect('connection.close')).args.replyCode).toBe(501);
      });

      it.each([
        ['frames below the minimum', { frameMax: 4095 }],
        ['frames above the offer', { frameMax: 1_000_000 }],
        ['more channels than offered', { channelMax: 60_000 }],
      ])('%s are refused', async (_, tuning) => {
        // RabbitMQ hangs up without a word, three seconds later.
        await expect(tuned(tuning)).rejects.toThrow(/"replyCode":530|hung up/);
      });
    });

    describe('connecting', () => {
      it('a wrong password is refused with 403', async () => {
        const attempt = connect({ ...address, password: 'wrong' });
        await expect(attempt).rejects.toThrow(/403 \(ACCESS-REFUSED\).*ACCESS_REFUSED - Login was refused/);
      });

      it('a client that cannot be told is cut off', async () => {
        const client = await RawClient.connect(address);
        client.write('AMQP\x00\x00\x09\x01');
        await client.expect('connection.start');
        client.startOk('guest', 'wrong');
        await client.untilEnded();
      });

      it('AMQPLAIN is as good as PLAIN', async () => {
        const { credentials } = await import('amqplib');
        const model = await connect(
          { ...address },
          { credentials: credentials.amqplain(address.username, address.password) },
        );
        await model.close();
      });

      it('a missing virtual host is refused with 530', async () => {
        const client = await RawClient.connect(address);
        cleanups.push(() => client.end());
        client.write('AMQP\x00\x00\x09\x01');
        await client.expect('connection.start');
        client.startOk(address.username, address.password);
        const tune = await client.expect('connection.tune');
        client.method(0, 'connection.tune-ok', { ...tune.args, heartbeat: 0 });
        client.method(0, 'connection.open', { virtualHost: 'no-such', capabilities: '', insist: false });
        expect((await client.expect('connection.close')).args).toMatchObject({
          replyCode: 530,
          replyText: 'NOT_ALLOWED - vhost no-such not found',
        });
      });

      it('another protocol is answered with the right header, and the end', async () => {
        const client = await RawClient.connect(address);
        client.write('GET / HTTP/1.1\r\n\r\n');
        await client.untilEnded();
        expect(client.firstBytes).toEqual(Buffer.from('AMQP\x00\x00\x09\x01', 'latin1'));
      });

      it('heartbeats come when there is nothing else to say, and silence ends the connection', async () => {
        const client = await RawClient.open(address, { heartbeat: 1 });
        cleanups.push(() => client.end());
        const beat = await client.next(4_000);
        expect(beat).toMatchObject({ type: 8, channel: 0 });
        expect(beat?.payload).toHaveLength(0);
        await client.untilEnded(10_000);
      }, 15_000);

      it('closes cleanly', async () => {
        const client = await rawClient();
        client.method(0, 'connection.close', { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 });
        await client.expect('connection.close-ok');
      });
    });
  });
}
