/**
 * What RabbitMQ 4 refuses never leaves this client, whatever a bridge.yaml says: read off the wire to a 3.10.
 *
 * 4.x removes transient queues that are not exclusive and prefetch for a whole channel, and wants frames of 8192 bytes or
 * more to be acceptable.
 */
import { connect, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameParser, type FrameSink, FrameType } from '#tb/amqp/embedded/wire/frames.js';
import { type Method, readMethod } from '#tb/amqp/embedded/wire/methods.js';
import { OctetReader } from '#tb/amqp/embedded/wire/octets.js';
import { Consumer, Publisher, parseBrokerUrl } from '#tb/amqp/index.js';
import { parseBridgeConfig } from '#tb/bridge/index.js';
import { type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';
import { until } from '../support/until.js';

describe.skipIf(!ownRabbitMqAvailable())('what goes to the broker', () => {
  const FRAME_MAX = 8192;
  let broker: OwnRabbitMq;
  let listening: Server;
  const methods: Method[] = [];
  let largestFrame = 0;

  /** Of one connection, what the client says. */
  class Record implements FrameSink {
    protocolHeader(): void {}
    frame(type: number, _channel: number, buffer: Buffer, start: number, end: number): void {
      largestFrame = Math.max(largestFrame, end - start + 8);
      if (type === FrameType.method) {
        methods.push(readMethod(buffer.readUInt32BE(start), new OctetReader(buffer, start + 4, end)));
      }
    }
  }

  beforeAll(async () => {
    broker = await startOwnRabbitMq({ config: [`frame_max = ${FRAME_MAX}`] });
    listening = createServer((client) => {
      const server = connect(broker.port, '127.0.0.1');
      const parser = new FrameParser(new Record(), 0);
      client.on('data', (chunk) => parser.push(Buffer.from(chunk)));
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  }, 90_000);
  afterAll(async () => {
    listening.close();
    await broker.stop();
  }, 30_000);

  it.each([
    ['a queue of its own', '{}'],
    ['an exclusive queue with a name', '{ queue: { name: mine } }'],
    ['a durable queue', '{ queue: { name: lasting, durable: true } }'],
    ['a quorum queue', '{ queue: { name: agreed, type: quorum } }'],
    ['a stream', '{ stream: history }'],
    ['a queue that is there', '{ queue: { name: lasting, declare: passive } }'],
  ])('%s', async (_, receive) => {
    methods.length = 0;
    const [source] = parseBridgeConfig(
      `twinbridge: bridge\nname: a\noutputs: {x: Real}\nreceive: ${receive}\n`,
      'b',
    ).sources;
    const { exchange, type, durable, declare, key, queue, prefetch } = source!;
    const { port } = listening.address() as { port: number };
    const link = { address: { ...parseBrokerUrl(broker.url), port }, connectionName: 'rules' };
    const exchanges = [{ name: exchange, type, durable, declare }];
    let bytes = 0;
    const consumer = await Consumer.open({
      ...link,
      exchanges,
      queue,
      bindings: [{ exchange, key }],
      prefetch,
      onDelivery: ({ content }) => {
        bytes = content.length;
      },
    });
    const publisher = await Publisher.open({ ...link, exchanges });
    await publisher.publish('', consumer.queueName, Buffer.alloc(100_000), { persistent: true });
    await until(() => bytes === 100_000);
    await consumer.close();
    await publisher.close();

    const named = (name: Method['name']) => methods.filter((method) => method.name === name);
    expect(named('connection.tune-ok')).toHaveLength(2);
    for (const method of methods) {
      if (method.name === 'connection.tune-ok') expect(method.args.frameMax).toBe(FRAME_MAX);
      if (method.name === 'queue.declare') {
        const { passive, exclusive, durable: lasts } = method.args;
        expect(passive || exclusive || lasts).toBe(true);
      }
      if (method.name === 'basic.qos') {
        expect(method.args.global).toBe(false);
        expect(method.args.prefetchCount).toBeGreaterThan(0);
      }
    }
    expect(named('queue.declare')).toHaveLength(1);
    expect(named('basic.qos')).toHaveLength(1);
    expect(largestFrame).toBeLessThanOrEqual(FRAME_MAX);
    expect(largestFrame).toBeGreaterThan(4096);
  });
});
