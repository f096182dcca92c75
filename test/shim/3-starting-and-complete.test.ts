/** Start policies, origins and the behaviour `complete`, through the functions of FMI 2.0 on a real broker. */
import amqp from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FmuDiscardError, FmuStatusError, type UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, stamp, temporaryFolder, until } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { Feeder } from '../support/feeder.js';

const folder = temporaryFolder();
const NEVER = Number.MAX_VALUE;

describeOnBrokers('starting', (broker) => {
  let feeder: Feeder;
  let bridge: Bridge | undefined;
  const fmus = new Map<string, UnpackedFmu>();

  beforeAll(async () => {
    feeder = await Feeder.start(broker.url);
  });
  afterEach(() => {
    bridge?.instance.free();
    bridge = undefined;
  });
  afterAll(async () => {
    await feeder?.stop();
    for (const fmu of fmus.values()) await fmu.close();
  });

  /** An instance; `selection` and what else the configuration has, outputs x and y by default. */
  async function instance(yaml: string): Promise<Bridge> {
    const outputs = yaml.includes('outputs:')
      ? ''
      : 'outputs: { x: { type: Real, start: -1 }, y: { type: Real, start: -2 } }\n';
    let fmu = fmus.get(yaml);
    fmu ??= await bridgeFmu(`send: { announce: true }\n${outputs}diagnostics: true\n${yaml}\n`, folder);
    fmus.set(yaml, fmu);
    bridge = new Bridge(fmu);
    return bridge;
  }
  const sample = (ms: number, over: Record<string, unknown> = { x: ms, y: ms }) => ({ ...over, time: stamp(ms) });
  const values = (b: Bridge) => [b.real('x'), b.real('y')];
  const step = (b: Bridge, from: number, to: number) => b.instance.doStep(from, to - from);
  const taken = (b: Bridge, count: number) =>
    until(() => b.integer('received') >= count && b.integer('queue_depth') >= 0);

  describe('1 start: values', () => {
    const YAML = 'selection: { start: values, maxage: 200 ms, lookahead: 10, timeout: 2 s }';

    it('1.1 initialisation and steps wait for nothing; outputs have their start values', async () => {
      const b = await instance(YAML);
      b.initialise();
      step(b, 0, 0.1);
      expect([values(b), b.real('next_time')]).toEqual([[-1, -2], NEVER]);
    });

    it('1.2 the first samples belong to the end of the step that finds them; maxage counts from then on', async () => {
      const b = await instance(YAML);
      b.initialise();
      step(b, 0, 3);
      await feeder.send(sample(1000, { x: 1 }), sample(1100, { x: 2 }));
      await until(() => b.integer('queue_depth') === 2);
      step(b, 3, 3.1);
      expect(values(b)).toEqual([2, -2]);
      await feeder.send(sample(1190, { y: 3 }));
      await until(() => b.integer('queue_depth') === 1);
      expect(b.real('next_time')).toBeCloseTo(3.19, 9);
      step(b, 3.1, 3.3);
      expect(values(b)).toEqual([2, 3]);
      expect(() => step(b, 3.3, 3.4)).toThrow(FmuDiscardError);
      expect(b.said('x (0.300 s old), y (0.210 s old)')).toBe(true);
    });
  });

  describe('2 start: all', () => {
    it('2.1 names the signals that are missing, source by source', async () => {
      const b = await instance(`
selection: { timeout: 2 s }
sources:
  odom: { key: data.to_cosim }
  gps: { key: gps }
outputs: { x: { type: Real, source: odom }, y: { type: Real, source: odom }, lat: { type: Real, source: gps } }`);
      await feeder.onReady(sample(0, { x: 1 }));
      expect(() => b.initialise()).toThrow(FmuStatusError);
      expect(b.said('odom: y (never received); gps: lat (never received)')).toBe(true);
    });
  });

  describe('3 start: latest', () => {
    it('3.1 what waited in the queue is passed over, and its newest set is time zero', async () => {
      const queue = `backlog-${Date.now()}`;
      const connection = await amqp.connect(broker.url);
      const channel = await connection.createConfirmChannel();
      await channel.assertExchange('fmi_digital_twin', 'direct', { durable: false });
      await channel.assertQueue(queue, { durable: true });
      await channel.bindQueue(queue, 'fmi_digital_twin', 'backlog');
      for (let i = 0; i < 50; i++)
        channel.publish('fmi_digital_twin', 'backlog', Buffer.from(JSON.stringify(sample(i))));
      await channel.waitForConfirms();
      try {
        const b = await instance(`
ring: { capacity: 8 }
receive: { key: backlog, queue: { name: ${queue}, durable: true } }
selection: { start: latest, timeout: 5 s }`);
        b.initialise();
        expect(values(b)).toEqual([49, 49]);
        channel.publish('fmi_digital_twin', 'backlog', Buffer.from(JSON.stringify(sample(59))));
        await channel.waitForConfirms();
        await until(() => b.integer('queue_depth') === 1);
        step(b, 0, 0.01);
        expect(values(b)).toEqual([59, 59]);
        b.instance.free();
        bridge = undefined;
      } finally {
        await channel.deleteQueue(queue);
        await connection.close();
      }
    });

    it('3.2 an empty queue: the first complete set that comes', async () => {
      const b = await instance('selection: { start: latest, timeout: 5 s }');
      await feeder.onReady(sample(5, { x: 1 }), sample(7, { y: 2 }), sample(9));
      b.initialise();
      expect(values(b)).toEqual([1, 2]);
    });
  });

  describe('4 origin', () => {
    it('4.1 fixed: the values of that time, whatever came before', async () => {
      const b = await instance(`selection: { origin: '${stamp(500)}', maxage: 20 ms, timeout: 2 s }`);
      await feeder.onReady(...[0, 400, 490, 510, 600].map((ms) => sample(ms)));
      b.initialise();
      expect(values(b)).toEqual([490, 490]);
      step(b, 0, 0.1);
      expect(values(b)).toEqual([600, 600]);
    });

    it('4.2 fixed: says when the data begin, if that is later', async () => {
      const b = await instance(`selection: { origin: '${stamp(0)}', timeout: 2 s }`);
      await feeder.onReady(sample(3200));
      expect(() => b.initialise()).toThrow(FmuStatusError);
      expect(b.said('x (comes 3.200 s later), y (comes 3.200 s later)')).toBe(true);
    });

    it('4.3 fixed, with start values until the data begin', async () => {
      const b = await instance(`selection: { origin: '${stamp(0)}', start: values, timeout: 5 s }`);
      await feeder.onReady(sample(3200));
      b.initialise();
      await until(() => b.integer('queue_depth') === 1);
      step(b, 0, 3.1);
      expect([values(b), b.real('next_time')]).toEqual([[-1, -2], 3.2]);
      step(b, 3.1, 3.2);
      expect(values(b)).toEqual([3200, 3200]);
    });

    it('4.4 wall clock, with a delay: data of then', async () => {
      const b = await instance('selection: { origin: wall-clock, delay: 20 s, maxage: 60 s, timeout: 10 s }');
      const now = (ms: number) => ({ x: ms, y: ms, time: new Date(Date.now() + ms).toISOString() });
      await feeder.onReady(now(-25_000), now(-1000), now(30_000));
      b.initialise();
      await taken(b, 3);
      step(b, 0, 0.1);
      expect(values(b)).toEqual([-25_000, -25_000]);
      // By then, 20 s after it was sent, the second message is due.
      expect(b.real('next_time')).toBeGreaterThan(5);
      expect(b.real('next_time')).toBeLessThan(19.1);
      step(b, 0.1, 19.1);
      expect(values(b)).toEqual([-1000, -1000]);
    });

    it('4.5 a step that ends before the first set outputs that set; the delay shifts what comes', async () => {
      const b = await instance('selection: { delay: 100 ms, timeout: 2 s, lookahead: 10 }');
      await feeder.onReady(sample(0), sample(50), sample(120));
      b.initialise(-1);
      await taken(b, 3);
      step(b, -1, 0.05);
      expect(values(b)).toEqual([0, 0]);
      step(b, 0.05, 0.15);
      expect(values(b)).toEqual([50, 50]);
      step(b, 0.15, 0.22);
      expect(values(b)).toEqual([120, 120]);
    });
  });

  describe('5 complete', () => {
    const YAML = 'selection: { behaviour: complete, maxage: 100 ms, timeout: 2 s }';
    const END = '{"internal_end_of_stream":true}';

    it('5.1 a step waits for a later message', async () => {
      const b = await instance(YAML);
      await feeder.onReady(sample(0), sample(10));
      b.initialise();
      await taken(b, 2);
      await feeder.send(sample(20));
      await taken(b, 3);
      step(b, 0, 0.01);
      expect([values(b), b.real('next_time')]).toEqual([[10, 10], 0.02]);
      void feeder.sendAfter(50, sample(30));
      step(b, 0.01, 0.02);
      expect(values(b)).toEqual([20, 20]);
    });

    it('5.2 without one it is discarded at its deadline, and says why', async () => {
      const b = await instance(YAML);
      await feeder.onReady(sample(0));
      b.initialise();
      expect(() => step(b, 0, 0.05)).toThrow(FmuDiscardError);
      expect(b.said('step to 0.05 s: no valid data within 2.000 s (maxage 0.100 s): no later message proves')).toBe(
        true,
      );
    });

    it('5.3 watermarks and the end of the stream let it go on', async () => {
      const b = await instance(YAML);
      await feeder.onReady(sample(0), { time: stamp(60), internal_watermark: true });
      b.initialise();
      step(b, 0, 0.05);
      expect(values(b)).toEqual([0, 0]);
      await feeder.send(sample(70), END);
      await taken(b, 4);
      step(b, 0.05, 0.1);
      expect(values(b)).toEqual([70, 70]);
      expect(b.integer('rejected')).toBe(0);
    });

    it('5.4 too old with all data there: discarded at once, or held', async () => {
      for (const onTimeout of ['fail', 'hold']) {
        const b = await instance(
          `selection: { behaviour: complete, maxage: 100 ms, timeout: 20 s, onTimeout: ${onTimeout} }`,
        );
        await feeder.onReady(sample(0), END);
        b.initialise();
        const began = performance.now();
        if (onTimeout === 'fail') expect(() => step(b, 0, 0.3)).toThrow(FmuDiscardError);
        else step(b, 0, 0.3);
        expect(performance.now() - began).toBeLessThan(5000);
        expect(b.said('step to 0.3 s: all data up to there have come, and not all are valid')).toBe(true);
        expect(b.said('x (0.300 s old)')).toBe(true);
        b.instance.free();
        bridge = undefined;
      }
    });

    it('5.5 is refused at run time, too, with a ring that drops samples', async () => {
      const b = await instance('ring: { whenFull: drop-oldest }\nselection: { timeout: 2 s }');
      b.set('config.behaviour', 3);
      expect(() => b.initialise()).toThrow(FmuStatusError);
      expect(b.said('build the FMU with ring.whenFull: block')).toBe(true);
    });

    it('5.6 a step taken back is made again with the same samples', async () => {
      const b = await instance(YAML);
      await feeder.onReady(...[0, 10, 20, 30, 40].map((ms) => sample(ms)), END);
      b.initialise();
      await taken(b, 6);
      const state = b.instance.getState();
      const seen: number[][] = [];
      for (let round = 0; round < 2; round++) {
        for (const end of [0.01, 0.025, 0.04]) {
          step(b, end - 0.01, end);
          seen.push(values(b));
        }
        b.instance.setState(state);
      }
      expect(seen.slice(3)).toEqual(seen.slice(0, 3));
      b.instance.freeState(state);
    });
  });
});
