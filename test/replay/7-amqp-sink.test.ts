import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import { Consumer, parseBrokerUrl } from '#tb/amqp/index.js';
import { AmqpSink, type AmqpTarget } from '#tb/replay/amqp-sink.js';
import { Player } from '#tb/replay/player.js';
import { replayFile } from '#tb/replay/replay-file.js';
import { rowsSource, temporaryFile } from './support.js';

const MS = 1_000_000n;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startBroker(port = 0): Promise<EmbeddedBroker> {
  const broker = await EmbeddedBroker.listen({ port });
  cleanups.push(() => broker.close());
  return broker;
}

const target = (url: string, more: Partial<AmqpTarget> = {}): AmqpTarget => ({
  broker: url,
  exchange: 'robot',
  routingKey: 'state',
  ...more,
});

/** Everything that reaches a queue bound to `robot` with `state`, in order. */
async function receiveAll(url: string): Promise<{ bodies: string[]; contentTypes: Set<string | undefined> }> {
  const bodies: string[] = [];
  const contentTypes = new Set<string | undefined>();
  const consumer: Consumer = await Consumer.open({
    address: parseBrokerUrl(url),
    connectionName: 'test',
    exchanges: [{ name: 'robot', type: 'direct', durable: false, declare: 'active' }],
    queue: { exclusive: true, durable: false, autoDelete: true },
    bindings: [{ exchange: 'robot', key: 'state' }],
    prefetch: 0,
    onDelivery: ({ content, contentType, receipt }) => {
      bodies.push(content.toString());
      contentTypes.add(contentType);
      consumer.ack(receipt);
    },
  });
  cleanups.push(() => consumer.close());
  return { bodies, contentTypes };
}

const indices = (bodies: readonly string[]) => bodies.map((body) => (JSON.parse(body) as { i: number }).i);

const rows = (count: number, spacing: bigint) =>
  rowsSource(
    Array.from({ length: count }, (_, row) => BigInt(row) * spacing),
    100,
  );

async function until(reached: () => boolean): Promise<void> {
  for (let waited = 0; !reached() && waited < 10_000; waited += 5) await delay(5);
  expect(reached()).toBe(true);
}

/** A wire between client and broker that can be cut, held and mended. */
class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<Socket>();
  #broken = false;

  constructor(port: number) {
    this.#server = createServer((client) => {
      if (this.#broken) return void client.destroy();
      const broker = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [client, broker],
        [broker, client],
      ] as const) {
        this.#pairs.add(from);
        from.on('error', () => {}).on('close', () => to.destroy());
        from.pipe(to);
      }
    });
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    cleanups.push(() => {
      this.cut();
      this.#server.close();
    });
    return `amqp://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  cut(): void {
    this.#broken = true;
    for (const socket of this.#pairs) socket.destroy();
    this.#pairs.clear();
  }

  mend(): void {
    this.#broken = false;
  }

  /** Holds back what the broker says, confirmations for instance. */
  hold(): void {
    for (const socket of this.#pairs) socket.pause();
  }
}

describe('replayFile', () => {
  const csv = 'timestamp,x\n1311868163.8697,1.4220\n1311868163.8731,-0.5\n';

  it('sends a recording to an exchange it declares, as JSON, each message confirmed', async () => {
    const broker = await startBroker();
    const { bodies, contentTypes } = await receiveAll(broker.url);
    const file = temporaryFile('a.csv', csv);
    const report = await replayFile({ file, target: target(broker.url) });
    expect(report).toMatchObject({ outcome: 'finished', messagesSent: 2, confirmed: 2, unconfirmed: 0, resent: 0 });
    await until(() => bodies.length === 2);
    expect(bodies).toEqual([
      '{"x":1.4220,"time":"2011-07-28T15:49:23.869700Z"}',
      '{"x":-0.5,"time":"2011-07-28T15:49:23.873100Z"}',
    ]);
    expect([...contentTypes]).toEqual(['application/json']);
    await until(() => broker.stats().connections === 1);
  });

  it('counts messages that no queue is bound for, if they are mandatory', async () => {
    const broker = await startBroker();
    const file = temporaryFile('a.csv', csv);
    const report = await replayFile({ file, target: target(broker.url, { mandatory: true }) });
    expect(report).toMatchObject({ confirmed: 2, returned: 2 });
    expect(await replayFile({ file, target: target(broker.url) })).toMatchObject({ confirmed: 2, returned: 0 });
  });

  it('tells its progress, and ends on a signal with what it sent confirmed', async () => {
    const broker = await startBroker();
    const abort = new AbortController();
    const seen: number[] = [];
    const report = await replayFile({
      file: temporaryFile('a.csv', csv),
      target: target(broker.url),
      passes: Number.POSITIVE_INFINITY,
      signal: abort.signal,
      progressIntervalMs: 20,
      onProgress: ({ messagesSent }) => {
        seen.push(messagesSent);
        if (messagesSent > 20) abort.abort();
      },
    });
    expect(seen.length).toBeGreaterThan(1);
    expect(report).toMatchObject({ outcome: 'stopped', unconfirmed: 0, confirmed: report.messagesSent });
  });

  it('an exchange that is not there ends it with a typed error', async () => {
    const broker = await startBroker();
    const file = temporaryFile('a.csv', csv);
    await expect(replayFile({ file, target: target(broker.url, { declare: 'none' }) })).rejects.toMatchObject({
      code: 'TB_AMQP_PUBLISH_REFUSED',
    });
    await expect(replayFile({ file, target: target(broker.url, { declare: 'passive' }) })).rejects.toMatchObject({
      code: 'TB_AMQP_TOPOLOGY_MISSING',
      exitCode: 4,
    });
  });
});

describe('when the broker does not keep up', () => {
  it('the player waits: no more than the messages allowed are on their way', async () => {
    const broker = await startBroker();
    const wire = new Wire(broker.port);
    const sink = await AmqpSink.open(target(await wire.open(), { maxUnconfirmed: 50 }));
    cleanups.push(() => sink.close());
    wire.hold();
    const player = new Player({ source: rows(1000, 0n), sink, paced: false, drainTimeoutMs: 50 });
    const playing = player.play();
    await delay(200);
    expect(player.report()).toMatchObject({ messagesSent: 50, confirmed: 0, unconfirmed: 50 });
    player.stop();
    expect(await playing).toMatchObject({ outcome: 'stopped', messagesSent: 50, unconfirmed: 50 });
  });
});

describe('when the connection is lost', () => {
  it('what was not confirmed is sent once more, in order: nothing is lost', async () => {
    const broker = await startBroker();
    const { bodies } = await receiveAll(broker.url);
    const wire = new Wire(broker.port);
    const events: string[] = [];
    const onEvent = ({ type }: { type: string }) => events.push(type);
    const sink = await AmqpSink.open(target(await wire.open(), { maxUnconfirmed: 200, onEvent }));
    cleanups.push(() => sink.close());
    const player = new Player({ source: rows(5000, MS / 4n), sink });
    const playing = player.play();
    for (const cutAt of [500, 1500, 3000]) {
      await until(() => player.report().messagesSent >= cutAt);
      wire.cut();
      await delay(100);
      wire.mend();
    }
    const report = await playing;
    expect(report).toMatchObject({ outcome: 'finished', messagesSent: 5000, confirmed: 5000, unconfirmed: 0 });
    expect(report.resent).toBeGreaterThan(0);
    expect(events.filter((type) => type === 'lost')).toHaveLength(3);
    await until(() => new Set(bodies).size === 5000);
    // First arrivals are in the order of the file, and duplicates no more than were sent twice.
    expect([...new Set(indices(bodies))]).toEqual(Array.from({ length: 5000 }, (_, index) => index));
    expect(bodies.length - 5000).toBeLessThanOrEqual(report.resent);
    expect(report.lagMs!.max).toBeGreaterThan(50);
  });

  it('a broker that ends and starts again: the replay goes on and every message is confirmed', async () => {
    const broker = await startBroker();
    const { port } = broker;
    const events: string[] = [];
    const sink = await AmqpSink.open(
      target(broker.url, { maxUnconfirmed: 100, onEvent: ({ type }) => events.push(type) }),
    );
    cleanups.push(() => sink.close());
    const replay = new Player({ source: rows(2000, MS / 2n), sink });
    const playing = replay.play();
    await until(() => replay.report().messagesSent > 300);
    await broker.close();
    await until(() => replay.report().unconfirmed === 100);
    const { messagesSent } = replay.report();
    await delay(100);
    expect(replay.report().messagesSent).toBe(messagesSent);
    const again = await startBroker(port);
    const { bodies } = await receiveAll(again.url);
    const report = await playing;
    expect(report).toMatchObject({ messagesSent: 2000, confirmed: 2000, unconfirmed: 0 });
    expect(events).toContain('lost');
    await until(() => indices(bodies).at(-1) === 1999);
  });

  it('Ctrl-C while the broker is away waits no longer than allowed, and says what is unconfirmed', async () => {
    const broker = await startBroker();
    const wire = new Wire(broker.port);
    const sink = await AmqpSink.open(target(await wire.open(), { maxUnconfirmed: 10 }));
    cleanups.push(() => sink.close());
    const abort = new AbortController();
    const player = new Player({ source: rows(1000, MS), sink, signal: abort.signal, drainTimeoutMs: 100 });
    const playing = player.play();
    await until(() => player.report().confirmed > 5);
    wire.cut();
    await until(() => player.report().unconfirmed === 10);
    const began = performance.now();
    abort.abort();
    expect(await playing).toMatchObject({ outcome: 'stopped', unconfirmed: 10 });
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe('a queue that refuses messages because it is full', () => {
  it('gets them again until it has room', async () => {
    const broker = await startBroker();
    const { default: amqp } = await import('amqplib');
    const model = await amqp.connect(broker.url);
    cleanups.push(() => model.close());
    const channel = await model.createChannel();
    await channel.assertExchange('robot', 'direct', { durable: false });
    await channel.assertQueue('small', { arguments: { 'x-max-length': 5, 'x-overflow': 'reject-publish' } });
    await channel.bindQueue('small', 'robot', 'state');
    const sink = await AmqpSink.open(target(broker.url, { maxUnconfirmed: 20 }));
    cleanups.push(() => sink.close());
    const playing = new Player({ source: rows(30, 0n), sink, paced: false }).play();
    await delay(150);
    expect(sink.counts.confirmed).toBe(5);
    const received = new Set<number>();
    await channel.consume('small', (message) => {
      received.add((JSON.parse(message!.content.toString()) as { i: number }).i);
      channel.ack(message!);
    });
    const report = await playing;
    expect(report).toMatchObject({ confirmed: 30, unconfirmed: 0 });
    expect(report.resent).toBeGreaterThan(0);
    expect(received.size).toBe(30);
  });
});
