/**
 * What hangs, crashes, spins or goes blind with RMQFMU, done to its stand-in. What is proved for every bridge elsewhere is
 * not repeated: docs/rmqfmu.md says where.
 */
import { readFileSync } from 'node:fs';
import amqp from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FmuDiscardError, type UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, stamp, temporaryFolder, until } from '../support/bridge.js';
import { startBroker } from '../support/broker-process.js';
import { describeOnOwnBrokers } from '../support/brokers.js';
import { type Body, Feeder } from '../support/feeder.js';
import { backends } from '../support/processes.js';
import { type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';
import { type HandWritten, handWritten, swapped } from '../support/rmqfmu.js';

const folder = temporaryFolder();
const built: UnpackedFmu[] = [];
afterAll(async () => {
  for (const each of built) await each.close();
});

const OUTPUTS: readonly HandWritten[] = [
  { name: 'level', vr: 20, type: 'Real', causality: 'output' },
  { name: 'seqno', vr: 14, type: 'Integer', causality: 'output' },
];
const INPUT: HandWritten = { name: 'r', vr: 21, type: 'Real', causality: 'input', start: '0' };
const sample = (ms: number, seqno = ms): Body => ({ level: ms / 2, seqno, time: stamp(ms) });

/** A stand-in with diagnostics, to count by. */
async function counting(yaml: string): Promise<UnpackedFmu> {
  const fmu = await bridgeFmu(`rmqfmu: {}\ndiagnostics: true\n${yaml}\n`, folder);
  built.push(fmu);
  return fmu;
}

/** Processor time of a process so far, s. */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [, , , , , , , , , , , user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return (user + system) / 100;
}

describeOnOwnBrokers('the stand-in', (broker) => {
  let feeder: Feeder;
  let bridge: Bridge | undefined;

  beforeAll(async () => {
    feeder = await Feeder.start(broker.url);
  });
  afterEach(() => {
    bridge?.instance.free();
    bridge = undefined;
  });
  afterAll(() => feeder?.stop());

  async function start(fmu: UnpackedFmu, first: Body = sample(0)): Promise<Bridge> {
    bridge = new Bridge(fmu);
    await feeder.onReady(first);
    bridge.initialise();
    return bridge;
  }

  describe('1 without valid data', () => {
    const xml = handWritten([...OUTPUTS, INPUT], { 'config.communicationtimeout': '2', 'config.maxage': '50' });

    it.each([
      ['none at all', []],
      ['data of the future only', Array.from({ length: 500 }, (_, k) => sample(3_600_000 + k))],
    ])('%s: the step is discarded at communicationtimeout, and nothing spins meanwhile', async (_, bodies) => {
      const b = await start(await swapped(folder, xml));
      await feeder.send(...bodies);
      const [backend] = backends();
      const before = { at: performance.now(), cpu: process.cpuUsage(), backend: processorSeconds(backend!) };
      expect(() => b.instance.doStep(0, 0.2)).toThrow(FmuDiscardError);
      const seconds = (performance.now() - before.at) / 1000;
      const { user, system } = process.cpuUsage(before.cpu);
      expect(seconds).toBeGreaterThan(1.9);
      // RMQFMU takes 80 to 90 % of a processor.
      expect((user + system) / 1e6 / seconds).toBeLessThan(0.3);
      expect((processorSeconds(backend!) - before.backend) / seconds).toBeLessThan(0.3);
      // It can be tried again, and goes on when there is something.
      await feeder.send(sample(200));
      await until(() => {
        try {
          b.instance.doStep(0, 0.2);
          return true;
        } catch {
          return false;
        }
      });
      expect(b.integer('seqno')).toBe(200);
    });

    it('nobody publishes before the time is up: initialisation fails, names what is missing, and the FMU can be freed', async () => {
      bridge = new Bridge(await swapped(folder, xml));
      expect(() => bridge?.initialise()).toThrow();
      expect(bridge.said('seqno (never received), level (never received)')).toBe(true);
    });

    it('freed without ever being initialised, and stepped before: no crash', async () => {
      bridge = new Bridge(await swapped(folder, xml));
      expect(() => bridge?.instance.doStep(0, 0.1)).toThrow('fmi2DoStep must not be called');
    });

    it('a step of 0 is one, a step back is not', async () => {
      const b = await start(await swapped(folder, xml));
      b.instance.doStep(0, 0);
      expect(() => b.instance.doStep(0, -0.1)).toThrow('cannot step from 0 s by -0.1 s');
    });
  });

  it('2 steps of 0.1 s, messages exactly on them, maxage below their distance: k*h never misses one', async () => {
    const xml = handWritten(OUTPUTS, { 'config.communicationtimeout': '5', 'config.maxage': '50' });
    const b = await start(await swapped(folder, xml));
    await feeder.send(...Array.from({ length: 100 }, (_, k) => sample(100 * (k + 1))));
    for (let k = 0; k < 100; k++) {
      b.instance.doStep(k * 0.1, 0.1); // 43 * 0.1 + 0.1 is 4.3999999999999995
      expect(b.integer('seqno')).toBe(100 * (k + 1));
    }
  });

  it('3 an FMU with inputs only initialises and sends', async () => {
    bridge = new Bridge(await swapped(folder, handWritten([INPUT])));
    bridge.initialise();
    bridge.instance.doStep(0, 0.1);
  });

  it('4 a backlog of 3,000 messages of 117 values, taken in while steps are made: no hang, no crash, none lost', async () => {
    const names = Array.from({ length: 116 }, (_, k) => `joint_${k}`);
    const outputs = names.map((name, k): HandWritten => ({ name, vr: 100 + k, type: 'Real', causality: 'output' }));
    const xml = handWritten([...outputs, OUTPUTS[1]!], { 'config.maxage': '300', 'config.lookahead': '1' });
    const message = (k: number): Body => ({
      ...Object.fromEntries(names.map((name, j) => [name, k + j / 1000])),
      seqno: k,
      time: stamp(2 * k),
    });
    const b = await start(await swapped(folder, xml), message(0));
    const sent = feeder.send(...Array.from({ length: 3000 }, (_, k) => message(k + 1)));
    const references = Uint32Array.from(names, (_, k) => 100 + k);
    const values = new Float64Array(names.length);
    for (let k = 1; k <= 3000; k++) {
      await until(() => {
        b.instance.doStep((2 * (k - 1)) / 1000, 0.002);
        return b.integer('seqno') === k;
      });
      b.instance.getReal(references, values);
      expect(values[115]).toBe(k + 0.115);
    }
    await sent;
  }, 60_000);

  it('5 data with gaps, replayed at a constant rate: what a step looks at is bounded, and nothing is lost', async () => {
    const b = await start(
      await counting(
        'selection: { maxage: 2 s, lookahead: 100, timeout: 10 s }\noutputs: { level: Real, seqno: Integer }',
      ),
    );
    // A second is missing after every 50 messages.
    const times = Array.from({ length: 4000 }, (_, k) => 2 * (k + 1) + 1000 * Math.floor(k / 50));
    await feeder.send(...times.map((ms, k) => sample(ms, k + 1)));
    let deepest = 0;
    for (let step = 1; step <= (times.at(-1) ?? 0) / 100 + 1; step++) {
      const due = times.filter((ms) => ms <= 100 * step).length;
      await until(() => b.integer('received') > due); // the first of all is one, too
      b.instance.doStep((step - 1) / 10, 0.1);
      deepest = Math.max(deepest, b.integer('queue_depth'));
      expect(b.integer('seqno')).toBe(due);
    }
    expect(deepest).toBeGreaterThan(500);
    expect(deepest).toBeLessThanOrEqual(1024);
    expect(b.integer('used') + b.integer('skipped')).toBe(4001);
    expect(b.integer('dropped')).toBe(0);
  }, 60_000);

  it('6 20,000 messages of the future: steps go on, the queue is bounded, and all are there when their time has come', async () => {
    const b = await start(
      await counting(
        'selection: { maxage: 60 s, lookahead: 20000, timeout: 10 s }\noutputs: { level: Real, seqno: Integer }',
      ),
    );
    await feeder.send(...Array.from({ length: 20_000 }, (_, k) => sample(10_000 + k, k + 1)));
    for (let step = 0; step < 20; step++) {
      b.instance.doStep(step / 10, 0.1);
      expect(b.integer('queue_depth')).toBeLessThanOrEqual(1024);
    }
    expect(b.integer('seqno')).toBe(0);
    for (let k = 0; k < 20; k++) {
      await until(() => {
        b.instance.doStep(10 + k, 1);
        return b.integer('seqno') === Math.min(20_000, 1000 * (k + 1) + 1);
      });
    }
    expect(b.integer('received')).toBe(20_001);
  }, 60_000);
});

describe('the stand-in, and a broker that dies', () => {
  it('steps go on within maxage, publishing does not end the process, nothing spins, and it can be freed', async () => {
    const broker = await startBroker();
    const before = process.env.AMQP_URL;
    process.env.AMQP_URL = broker.url;
    const feeder = await Feeder.start(broker.url);
    const bridge = new Bridge(await swapped(folder, handWritten([...OUTPUTS, INPUT], { 'config.maxage': '60000' })));
    try {
      await feeder.onReady(sample(0));
      bridge.initialise();
      const [backend] = backends();
      await feeder.stop();
      await broker.kill();
      await until(() => {
        bridge.instance.doStep(0, 0);
        return bridge.said('lost the broker');
      });
      const from = { at: performance.now(), cpu: processorSeconds(backend!) };
      for (let step = 0; step < 20; step++) {
        bridge.instance.doStep(step / 10, 0.1);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const seconds = (performance.now() - from.at) / 1000;
      // RMQFMU takes 80 to 90 % of a processor.
      expect((processorSeconds(backend!) - from.cpu) / seconds).toBeLessThan(0.3);
      bridge.instance.terminate();
    } finally {
      bridge.instance.free();
      await broker.kill();
      if (before === undefined) delete process.env.AMQP_URL;
      else process.env.AMQP_URL = before;
    }
    expect(backends()).toEqual([]);
  }, 30_000);
});

describe.skipIf(!ownRabbitMqAvailable())('the stand-in, and an operator of RabbitMQ', () => {
  let rabbit: OwnRabbitMq;
  let bridge: Bridge;
  let feeder: Feeder;
  const before = process.env.AMQP_URL;
  const ACK_SECONDS = 2;

  beforeAll(async () => {
    rabbit = await startOwnRabbitMq({ config: [`consumer_timeout = ${ACK_SECONDS * 1000}`] });
    // Usually it looks once a minute.
    await rabbit.ctl('eval', 'application:set_env(rabbit, channel_tick_interval, 500).');
    process.env.AMQP_URL = rabbit.url;
  }, 90_000);
  afterAll(async () => {
    if (before === undefined) delete process.env.AMQP_URL;
    else process.env.AMQP_URL = before;
    await rabbit?.stop();
  }, 30_000);

  const xml = handWritten([...OUTPUTS, INPUT], { 'config.maxage': '600000', 'config.communicationtimeout': '20' });
  let step = 0;

  beforeAll(async () => {
    feeder = await Feeder.start(rabbit.url);
    bridge = new Bridge(await swapped(folder, xml));
    await feeder.onReady(sample(0));
    bridge.initialise();
  });
  afterAll(async () => {
    bridge?.instance.free();
    await feeder?.stop();
  });

  /** Sends a message for the next step, again and again, until a step outputs it. */
  async function arrives(): Promise<void> {
    step++;
    await until(() => {
      bridge.instance.doStep((step - 1) / 10, 0.1);
      return bridge.integer('seqno') === 100 * step;
    }, 15_000);
  }

  /** The queue that the data exchange leads to; without a name if there is none. */
  async function queue(): Promise<{ name: string; ready: number; unacknowledged: number }> {
    const rows = async (...args: string[]) =>
      (await rabbit.ctl(...args)).split('\n').map((line) => line.split('\t').map((cell) => cell.trim()));
    const bindings = await rows('list_bindings', '--quiet', 'source_name', 'destination_name', 'routing_key');
    const [, name = ''] =
      bindings.find(([from, , key]) => from === 'fmi_digital_twin' && key === 'data.to_cosim') ?? [];
    const queues = await rows('list_queues', '--quiet', 'name', 'messages_ready', 'messages_unacknowledged');
    const [, ready, unacknowledged] = queues.find(([each]) => name !== '' && each === name) ?? [];
    return { name, ready: Number(ready), unacknowledged: Number(unacknowledged) };
  }

  it('1 everything is acknowledged: nothing stays in the broker, and its time-out for acknowledgements cuts nothing off', async () => {
    // Who does not acknowledge is cut off, as RMQFMU is after half an hour.
    const other = await amqp.connect(rabbit.url);
    const channel = await other.createChannel();
    const fault = new Promise<Error>((resolve) => channel.on('error', resolve));
    await channel.consume((await channel.assertQueue('kept', { exclusive: true })).queue, () => {});
    channel.sendToQueue('kept', Buffer.from('x'));

    const steps = 10 * (ACK_SECONDS + 2);
    for (let k = 0; k < steps; k++) {
      await feeder.send(sample(100 * (step + 1)));
      await arrives();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await fault).message).toContain('PRECONDITION_FAILED');
    await other.close();
    expect(await queue()).toMatchObject({ ready: 0, unacknowledged: 0 });
    expect(bridge.said('lost the broker')).toBe(false);
  }, 60_000);

  it('2 closes all connections: told, and they are back', async () => {
    await rabbit.ctl('close_all_connections', 'maintenance');
    await until(() => {
      bridge.instance.doStep(step / 10, 0);
      return bridge.said('lost the broker');
    });
    await feeder.stop();
    feeder = await Feeder.start(rabbit.url);
    // What is sent before the queue is there again reaches nobody.
    const repeat = setInterval(() => void feeder.send(sample(100 * (step + 1), 100 * (step + 1))), 100);
    const next = step + 1;
    await until(() => {
      bridge.instance.doStep(step / 10, 0.1);
      return bridge.integer('seqno') === 100 * next;
    }, 15_000);
    step = next;
    clearInterval(repeat);
  }, 60_000);

  it('3 deletes its queue: told, and it has a new one', async () => {
    const { name } = await queue();
    await rabbit.ctl('delete_queue', name);
    await until(() => {
      bridge.instance.doStep(step / 10, 0);
      return bridge.said('the broker cancelled the consumer');
    }, 15_000);
    const giveUpAt = performance.now() + 40_000;
    for (let now = ''; now === '' || now === name; { name: now } = await queue()) {
      expect(performance.now()).toBeLessThan(giveUpAt);
    }
    await feeder.send(sample(100 * (step + 1)));
    await arrives();
  }, 60_000);
});
