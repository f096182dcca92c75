/** Brokers that are restarted ten times in one run: nothing that they confirmed is lost or doubled, in either direction. */
import { readFileSync } from 'node:fs';
import amqp from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FmuDiscardError, type UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, stamp, temporaryFolder, until } from '../support/bridge.js';
import { type BrokerProcess, startBroker } from '../support/broker-process.js';
import { backends } from '../support/processes.js';
import { type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';

const RESTARTS = 10;
const STEP_MS = 10;
/** Steps of bridges that take whatever has come by now: their time runs ahead of the clock. */
const HOUR_S = 3600;
const folder = temporaryFolder();
const built: UnpackedFmu[] = [];
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  delete process.env.AMQP_URL;
  expect(backends()).toEqual([]);
});
afterAll(async () => {
  for (const each of built) await each.close();
});

async function start(yaml: string, url: string, name: string): Promise<Bridge> {
  const fmu = await bridgeFmu(yaml, folder, name);
  built.push(fmu);
  process.env.AMQP_URL = url;
  const bridge = new Bridge(fmu, name);
  cleanups.push(() => bridge.instance.free());
  bridge.initialise();
  return bridge;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const sample = (n: number) => Buffer.from(JSON.stringify({ n, time: stamp(STEP_MS * n) }));

/** CPU time of a process so far, s. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number) as [number, number];
  return (user + system) / 100;
}

/** Lasting queues bound to a lasting exchange. */
async function declare(url: string, ...queues: readonly (readonly [name: string, key: string])[]): Promise<void> {
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  await channel.assertExchange('robot', 'topic', { durable: true });
  for (const [queue, key] of queues) {
    await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(queue, 'robot', key);
  }
  await connection.close();
}

async function publish(url: string, key: string, body: object): Promise<void> {
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  channel.publish('robot', key, Buffer.from(JSON.stringify(body)));
  await channel.waitForConfirms();
  await connection.close();
}

/** A robot with its own AMQP: sends sample after sample, keeps what is not confirmed, and sends that again. */
class Robot {
  /** Samples that the broker has confirmed, in a row. */
  confirmed = 0;
  resent = 0;
  readonly #url: string;
  readonly #exchange: string;
  #sent = 0;
  #channel: amqp.ConfirmChannel | undefined;
  #done = false;
  #end = Number.POSITIVE_INFINITY;
  readonly #working: Promise<void>;

  constructor(url: string, exchange: string) {
    this.#url = url;
    this.#exchange = exchange;
    this.#working = this.#work();
  }

  /** No more than now; resolves when all are confirmed. Answers how many samples there are. */
  async finish(): Promise<number> {
    this.#end = this.#sent;
    await until(() => this.confirmed === this.#end, 60_000);
    this.#done = true;
    await this.#working;
    return this.#end;
  }

  async #work(): Promise<void> {
    while (!this.#done) {
      try {
        const connection = await amqp.connect(this.#url);
        connection.on('error', () => {});
        let open = true;
        connection.on('close', () => {
          open = false;
        });
        const channel = await connection.createConfirmChannel();
        channel.on('error', () => {});
        await channel.assertExchange(this.#exchange, 'topic', { durable: true });
        this.#channel = channel;
        this.resent += this.#sent - this.confirmed;
        for (let n = this.confirmed; n < this.#sent; n++) this.#send(n);
        while (open && !this.#done) {
          if (this.#sent < this.#end && this.#sent - this.confirmed < 100) this.#send(this.#sent++);
          await pause(4);
        }
        if (this.#done) await connection.close();
      } catch {
        await pause(100);
      }
    }
  }

  #send(n: number): void {
    const channel = this.#channel;
    try {
      channel?.publish(this.#exchange, 'robot.state', sample(n), { persistent: true }, (refused) => {
        // Confirms come in order; those of an old channel, which all fail, do not count.
        if (refused === null && channel === this.#channel) this.confirmed = Math.max(this.confirmed, n + 1);
      });
    } catch {
      // The channel is closing: it is sent again on the next.
    }
  }
}

describe.skipIf(!ownRabbitMqAvailable())('RabbitMQ', () => {
  let broker: OwnRabbitMq;
  beforeAll(async () => {
    broker = await startOwnRabbitMq();
    await declare(broker.url, ['samples', 'robot.state'], ['commands', 'robot.command']);
  }, 90_000);
  afterAll(() => broker?.stop(), 30_000);

  it('is restarted ten times in one run, orderly and as by a power cut', async () => {
    const robot = new Robot(broker.url, 'robot');
    await until(() => robot.confirmed > 0, 10_000);
    // Each step takes the sample of its time and no other: a lost one would hold it up for ever.
    const bridge = await start(
      `receive: { exchange: robot, type: topic, durable: true, key: robot.state, queue: { name: samples, durable: true }, prefetch: 100 }
send: { exchange: robot, type: topic, durable: true, key: robot.command }
selection: { maxage: 0, timeout: 5 s, onTimeout: fail }
ring: { capacity: 64 }
outputs: { n: Integer }
inputs: { c: Integer, constant: Real }
diagnostics: true
`,
      broker.url,
      'lasting',
    );
    // And one whose queue goes with each connection.
    const live = await start(
      `receive: { exchange: robot, type: topic, durable: true, key: robot.probe }
selection: { maxage: 1800000 s, lookahead: 1000, timeout: 300 ms, onTimeout: hold }
outputs: { n: Integer }
diagnostics: true
`,
      broker.url,
      'live',
    );
    const [backend] = backends() as [number];

    const seen: number[] = [];
    let running = true;
    cleanups.push(() => {
      running = false;
      return stepping;
    });
    const stepping = (async () => {
      while (running) {
        // Only now and then does a step of the run wait for data itself: this thread also serves the robot.
        if (bridge.integer('queue_depth') > 0) {
          const n = seen.length + 1;
          bridge.set('c', n);
          try {
            bridge.instance.doStep((n - 1) * (STEP_MS / 1000), STEP_MS / 1000);
            seen.push(bridge.integer('n'));
          } catch (error) {
            if (!(error instanceof FmuDiscardError)) throw error;
          }
        }
        await pause(1);
      }
    })();

    for (let restart = 1; restart <= RESTARTS; restart++) {
      const before = seen.length;
      await until(() => seen.length > before + 60, 30_000);
      await broker.stopServer(restart % 2 === 0 ? 'killed' : 'orderly');
      await until(() => !bridge.boolean('link_up') && !live.boolean('link_up'), 10_000);
      const cpu = cpuSeconds(backend);
      const at = performance.now();
      await broker.startServer();
      expect((cpuSeconds(backend) - cpu) / ((performance.now() - at) / 1000), 'CPU while down').toBeLessThan(0.5);
      // An attempt may take 5 s, and so may the pause before the next: a machine under load needs several.
      await until(() => bridge.boolean('link_up') && live.boolean('link_up'), 90_000).catch((error: Error) => {
        throw new Error(
          `${error.message}; ${bridge.log
            .slice(-5)
            .map(({ message }) => message)
            .join('; ')}`,
        );
      });
      expect(bridge.integer('reconnects'), 'receiving and sending').toBe(2 * restart);
      expect(live.integer('reconnects')).toBe(restart);
      // The exclusive queue is back, bound: a new probe arrives.
      await publish(broker.url, 'robot.probe', { n: restart, time: new Date().toISOString() });
      await until(() => live.integer('received') === restart, 10_000);
      live.instance.doStep(restart * HOUR_S, HOUR_S);
      expect(live.integer('n')).toBe(restart);
    }

    const samples = await robot.finish();
    await until(() => seen.length === samples - 1, 60_000);
    running = false;
    await stepping;
    expect(seen, 'every confirmed sample, once, in order').toEqual(
      Array.from({ length: samples - 1 }, (_, i) => i + 1),
    );
    await pause(300); // copies that the robot sent twice
    const count = (name: string) => bridge.integer(name);
    const copies = count('repeated') + count('out_of_order');
    expect(count('received') - copies, 'each counted once').toBe(samples);
    expect(copies, 'no more than the robot sent twice').toBeLessThanOrEqual(robot.resent);
    expect([count('used'), count('skipped')]).toEqual([samples, 0]);

    // The commands, as a consumer of its own finds them after ten restarts.
    await pause(2000);
    bridge.instance.free();
    const totals = bridge.log.find(({ message }) => message.startsWith('totals:'))!.message;
    expect(totals).not.toContain('unconfirmed');
    const commands = await drain(broker.url, 'commands');
    const first = [...new Set(commands)];
    expect(first, 'in order').toEqual([...first].sort((one, other) => one - other));
    // While the broker was away, more changes than the publisher and the queue before it hold were merged.
    const merged = Number(/changes merged (\d+)/.exec(totals)?.[1] ?? 0);
    expect(first.length, 'every change at least once').toBe(samples - 1 - merged);
    expect(commands.at(-1), 'the last state').toBe(samples - 1);
  }, 600_000);

  it('is away while steps hold, or fail: by their deadline, and they say so', async () => {
    const yaml = (onTimeout: string) =>
      `receive: { exchange: robot, type: topic, durable: true, key: robot.policy, queue: { name: ${onTimeout}, durable: true } }
selection: { maxage: 0, timeout: 1 s, onTimeout: ${onTimeout} }
outputs: { n: Integer }
diagnostics: true
`;
    await declare(broker.url, ['hold', 'robot.policy'], ['fail', 'robot.policy']);
    await publish(broker.url, 'robot.policy', { n: -1, time: stamp(0) });
    const holding = await start(yaml('hold'), broker.url, 'holding');
    const failing = await start(yaml('fail'), broker.url, 'failing');
    await broker.stopServer('killed');
    await until(() => !holding.boolean('link_up') && !failing.boolean('link_up'), 10_000);
    const before = performance.now();
    holding.instance.doStep(0, 1);
    const held = performance.now() - before;
    expect(() => failing.instance.doStep(0, 1)).toThrow(FmuDiscardError);
    const failed = performance.now() - before - held;
    for (const ms of [held, failed]) {
      expect(ms).toBeGreaterThan(990);
      expect(ms).toBeLessThan(3_000);
    }
    expect(holding.integer('n')).toBe(-1);
    expect(holding.said('the broker is out of reach')).toBe(true);
    expect(failing.said('the broker is out of reach')).toBe(true);
    await broker.startServer();
    await until(() => holding.boolean('link_up') && failing.boolean('link_up'), 30_000);
    await publish(broker.url, 'robot.policy', { n: 7, time: stamp(1000) });
    await until(() => holding.integer('received') === 2 && failing.integer('received') === 2, 10_000);
    failing.instance.doStep(0, 1);
    expect(failing.integer('n')).toBe(7);
  }, 120_000);

  async function drain(url: string, queue: string): Promise<number[]> {
    const connection = await amqp.connect(url);
    const channel = await connection.createChannel();
    const numbers: number[] = [];
    for (;;) {
      const message = await channel.get(queue, { noAck: true });
      if (message === false) break;
      const { c } = JSON.parse(String(message.content)) as { c?: number };
      if (c !== undefined) numbers.push(c);
    }
    await connection.close();
    return numbers;
  }
});

describe('the embedded broker, which keeps nothing', () => {
  it('is killed and started ten times: the run goes on, and the topology is back each time', async () => {
    let broker: BrokerProcess = await startBroker();
    cleanups.push(() => broker.kill());
    const bridge = await start(
      `receive: { exchange: robot, type: topic, key: robot.state }
send: { exchange: robot, type: topic, key: robot.command }
selection: { maxage: 1800000 s, lookahead: 1000, timeout: 300 ms, onTimeout: hold }
outputs: { n: Integer }
inputs: { c: Integer }
diagnostics: true
`,
      broker.url,
      'embedded',
    );
    let time = 0;
    const step = () => {
      bridge.instance.doStep(time, HOUR_S);
      time += HOUR_S;
    };
    for (let restart = 1; restart <= RESTARTS; restart++) {
      await broker.kill();
      await until(() => !bridge.boolean('link_up'));
      bridge.set('c', restart);
      step();
      broker = await startBroker(broker.port);
      const connection = await amqp.connect(broker.url);
      connection.on('error', () => {}); // it ends with the broker
      const channel = await connection.createConfirmChannel();
      await channel.assertExchange('robot', 'topic', { durable: false });
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, 'robot', 'robot.command');
      const heard: { c: number }[] = [];
      await channel.consume(queue, (message) => heard.push(JSON.parse(String(message?.content)) as { c: number }), {
        noAck: true,
      });
      await until(() => bridge.boolean('link_up'), 10_000);
      bridge.set('c', 100 + restart);
      step();
      await until(() => heard.some(({ c }) => c === 100 + restart));
      channel.publish(
        'robot',
        'robot.state',
        Buffer.from(JSON.stringify({ n: restart, time: new Date().toISOString() })),
      );
      await channel.waitForConfirms();
      await until(() => bridge.integer('received') === restart);
      step();
      expect(bridge.integer('n')).toBe(restart);
      expect(bridge.integer('reconnects')).toBe(2 * restart);
      await connection.close();
    }
    await until(() => bridge.integer('confirmed') === 2 * RESTARTS);
  }, 120_000);
});
