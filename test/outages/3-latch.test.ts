/** A latched stop gets through: past what waits, after outages, against returns; and where it cannot, that is said. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import amqp from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseBridgeConfig } from '#tb/bridge/index.js';
import type { UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, temporaryFolder, until } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { CuttableWire } from '../support/cuttable-wire.js';
import { backends } from '../support/processes.js';
import { type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';

const folder = temporaryFolder();
const SENDING = `
send: { exchange: robot, type: topic, key: robot.command, resend: 50 ms }
inputs: { stop: { type: Boolean, latch: true }, n: Integer }
diagnostics: true
`;
const built: UnpackedFmu[] = [];
const cleanups: (() => unknown)[] = [];
let bridge: Bridge;

afterEach(async () => {
  bridge?.instance.free();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  expect(backends()).toEqual([]);
});
afterAll(async () => {
  for (const each of built) await each.close();
});

async function build(yaml: string): Promise<UnpackedFmu> {
  const made = await bridgeFmu(yaml, folder);
  built.push(made);
  return made;
}

type Body = { stop?: boolean; n?: number; simstep: string };

/** A robot's own queue: what it is told, in order. */
class Robot {
  readonly heard: Body[] = [];
  readonly #connection: amqp.ChannelModel;
  readonly channel: amqp.Channel;

  private constructor(connection: amqp.ChannelModel, channel: amqp.Channel) {
    this.#connection = connection;
    this.channel = channel;
  }

  static async at(url: string, listens = true): Promise<Robot> {
    const connection = await amqp.connect(url);
    connection.on('error', () => {});
    const robot = new Robot(connection, await connection.createChannel());
    cleanups.push(() => robot.close());
    await robot.channel.assertExchange('robot', 'topic', { durable: false });
    if (listens) await robot.listen();
    return robot;
  }

  async listen(): Promise<void> {
    const { queue } = await this.channel.assertQueue('', { exclusive: true });
    await this.channel.bindQueue(queue, 'robot', 'robot.command');
    const hear = (message: amqp.ConsumeMessage | null) => {
      if (message !== null) this.heard.push(JSON.parse(String(message.content)) as Body);
    };
    await this.channel.consume(queue, hear, { noAck: true });
  }

  get stops(): Body[] {
    return this.heard.filter(({ stop }) => stop !== undefined);
  }

  async close(): Promise<void> {
    await this.#connection.close().catch(() => {});
  }
}

let time = 0;
function step(set: { stop?: boolean; n?: number } = {}): void {
  for (const [name, value] of Object.entries(set)) bridge.set(name, value);
  bridge.instance.doStep(time, 0.1);
  time += 0.1;
}
function start(fmu: UnpackedFmu): void {
  time = 0;
  bridge = new Bridge(fmu);
  bridge.initialise();
}
/** What the backend logs is heard at a step. */
const untilSaid = (part: string, timeoutMs = 5_000) =>
  until(() => {
    step();
    return bridge.said(part);
  }, timeoutMs);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('the configuration', () => {
  const problems = (inputs: string) => () => parseBridgeConfig(`twinbridge: bridge\nname: b\n${inputs}`, 'b.yaml');

  it.each([
    ['inputs: { a: { type: Real, latch: true } }', "'inputs.a.latch' is given, but only a Boolean can be latched"],
    ['inputs: { a: { type: Boolean, latch: true, start: true } }', 'the input is true from the start'],
    ['outputs: { a: { type: Boolean, latch: true } }', "'outputs.a.latch' is given, but only an input is published"],
    [
      `inputs: { ${Array.from({ length: 33 }, (_, i) => `a${i}: { type: Boolean, latch: true }`).join(', ')} }`,
      '33 inputs are latched, more than 32',
    ],
  ])('of %.60s… is refused', (inputs, why) => {
    expect(problems(inputs)).toThrow(why);
  });
});

describeOnBrokers('a latched input', (broker) => {
  let fmu: UnpackedFmu;
  let always: UnpackedFmu;
  beforeAll(async () => {
    fmu = await build(SENDING);
    always = await build(SENDING.replace('send: {', 'send: { when: always,'));
  });

  it('is published at once, stays true whatever the input does, until the instance is reset', async () => {
    const robot = await Robot.at(broker.url);
    start(always);
    step({ n: 1 });
    expect(bridge.boolean('latched')).toBe(false);
    step({ stop: true, n: 2 });
    expect(bridge.boolean('latched')).toBe(true);
    await until(() => bridge.boolean('latched_confirmed'));
    expect(bridge.real('confirm_delay')).toBeGreaterThan(0);
    step({ stop: false, n: 3 });
    expect(bridge.boolean('stop'), 'the input itself is what the importer set').toBe(false);
    await until(() => robot.heard.some(({ n }) => n === 3));
    expect(robot.heard.find(({ n }) => n === 1)).toMatchObject({ stop: false });
    for (const n of [2, 3]) expect(robot.heard.find((body) => body.n === n)).toMatchObject({ stop: true });
    expect(
      robot.heard.filter(({ n }) => n === undefined),
      'the message past all others',
    ).toEqual([expect.objectContaining({ stop: true, simstep: '200.000000' })]);

    bridge.instance.reset();
    time = 0;
    bridge.initialise();
    step({ n: 4 });
    expect([bridge.boolean('latched'), bridge.boolean('latched_confirmed')]).toEqual([false, false]);
    await until(() => robot.heard.some(({ n }) => n === 4));
    expect(robot.heard.find(({ n }) => n === 4)).toMatchObject({ stop: false });
  });

  it('is told once where changes are sent, and taking a step back does not take it back', async () => {
    const robot = await Robot.at(broker.url);
    start(fmu);
    const state = bridge.instance.getState();
    step({ stop: true, n: 1 });
    await until(() => bridge.boolean('latched_confirmed'));
    bridge.instance.setState(state);
    step({ n: 2 });
    step({ stop: true, n: 3 });
    step({ stop: false, n: 4 });
    await until(() => robot.heard.some(({ n }) => n === 4));
    expect(robot.stops).toHaveLength(1);
    expect(bridge.boolean('latched_confirmed')).toBe(true);
    bridge.instance.freeState(state);
  });

  it('that no queue takes is sent until one does', async () => {
    const robot = await Robot.at(broker.url, false);
    start(fmu);
    step({ stop: true });
    await untilSaid('no queue took it');
    await pause(300);
    expect([bridge.boolean('latched'), bridge.boolean('latched_confirmed')]).toEqual([true, false]);
    await robot.listen();
    await until(() => {
      step();
      return bridge.boolean('latched_confirmed');
    });
    await until(() => robot.stops.length > 0);
    const count = robot.stops.length;
    await pause(200);
    expect(robot.stops.length, 'once confirmed, it is not sent again').toBe(count);
  });

  it('that no queue took when the instance is freed: that is said', async () => {
    await Robot.at(broker.url, false);
    start(fmu);
    step({ stop: true });
    bridge.instance.free();
    expect(bridge.said("the latched 'stop' did NOT get through")).toBe(true);
    expect(bridge.log.some(({ message }) => message.startsWith('totals:') && message.includes('unconfirmed 1'))).toBe(
      true,
    );
  });

  it('comes out of an outage before all that waits, also when too much waits', async () => {
    const robot = await Robot.at(broker.url);
    const wire = await CuttableWire.to(Number(new URL(broker.url).port));
    cleanups.push(() => wire.close());
    const direct = process.env.AMQP_URL;
    process.env.AMQP_URL = wire.to(broker.url);
    start(fmu);
    process.env.AMQP_URL = direct;
    for (let n = 1; n <= 20; n++) step({ n });
    await until(() => robot.heard.length === 20);
    await until(() => bridge.integer('confirmed') === 20); // else they are sent again, rightly
    await wire.cut();
    await until(() => !bridge.boolean('link_up'));
    // More than the publisher (1000) and the queue before it (256) hold: the last ones are merged.
    for (let n = 21; n <= 2000; n++) {
      step({ n });
      if (n % 100 === 0) await pause(20);
    }
    step({ stop: true, n: 2001 });
    expect([bridge.boolean('latched'), bridge.boolean('latched_confirmed')]).toEqual([true, false]);
    await wire.mend();
    await until(() => bridge.boolean('latched_confirmed'), 15_000);
    await until(() => robot.heard.length > 1000, 15_000);
    expect(robot.heard[20]).toEqual(expect.objectContaining({ stop: true, simstep: '200100.000000' }));
    // What was waiting follows, in order, the last state in the end.
    await until(() => {
      step();
      return robot.heard.at(-1)?.n === 2001;
    }, 15_000);
    const numbers = robot.heard.flatMap(({ n }) => (n === undefined ? [] : [n]));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  it('does not wait for heartbeats on a connection that swallows what is sent', async () => {
    const robot = await Robot.at(broker.url);
    const wire = await CuttableWire.to(Number(new URL(broker.url).port));
    cleanups.push(() => wire.close());
    const direct = process.env.AMQP_URL;
    process.env.AMQP_URL = wire.to(broker.url);
    start(fmu);
    process.env.AMQP_URL = direct;
    step({ n: 1 });
    await until(() => robot.heard.length === 1);
    await wire.swallow();
    step({ n: 2 });
    step({ stop: true, n: 3 });
    // After a second; heartbeats would take 20 s.
    await until(() => robot.stops.length > 0, 8_000);
    await until(() => robot.heard.some(({ n }) => n === 3));
    expect(robot.heard.map(({ stop, n }) => stop ?? n)).toEqual([1, true, 2, 3]);
    await untilSaid('sending: lost the broker: messages with latched inputs were not confirmed for');
  });

  it('of an importer that is killed in that moment gets through', async () => {
    const robot = await Robot.at(broker.url);
    const { said } = await killedImporter(fmu);
    await until(() => robot.stops.length > 0);
    expect(said()).not.toContain('did NOT get through');
  });

  it('of an importer that is killed while no queue takes it: the last words are on standard error', async () => {
    await Robot.at(broker.url, false);
    const { said } = await killedImporter(fmu);
    await until(() => said().includes("twinbridge backend: killed: the latched 'stop' did NOT get through"));
    expect(said()).toContain('no queue took it');
  });

  async function killedImporter({ file }: UnpackedFmu): Promise<{ said: () => string }> {
    const script = fileURLToPath(new URL('../support/importer-latch.mjs', import.meta.url));
    const child = spawn(process.execPath, [script, file], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    await once(child.stdout, 'data');
    child.stdin.write('go\n');
    await once(child, 'exit');
    return { said: () => said };
  }
});

describe.skipIf(!ownRabbitMqAvailable())('a latched input, and a broker short of memory', () => {
  let broker: OwnRabbitMq;
  beforeAll(async () => {
    broker = await startOwnRabbitMq();
  }, 90_000);
  afterAll(() => broker?.stop(), 30_000);

  it('waits on its connection, which is not given up, and goes out when the alarm is over', async () => {
    const fmu = await build(SENDING);
    const robot = await Robot.at(broker.url);
    process.env.AMQP_URL = broker.url;
    start(fmu);
    delete process.env.AMQP_URL;
    step({ n: 1 });
    await until(() => robot.heard.length === 1);
    await broker.ctl('set_vm_memory_high_watermark', '0.000001');
    step({ n: 2 });
    await untilSaid('the broker holds publishers back', 15_000);
    step({ stop: true, n: 3 });
    await pause(1500);
    expect(bridge.boolean('latched_confirmed')).toBe(false);
    await broker.ctl('set_vm_memory_high_watermark', '0.4');
    await until(() => bridge.boolean('latched_confirmed'), 15_000);
    await until(() => robot.heard.some(({ n }) => n === 3));
    expect(robot.stops).toHaveLength(1);
    expect(bridge.integer('reconnects')).toBe(0);
  }, 60_000);
});
