/** The bridge FMU through the functions of FMI 2.0, on a real broker: values, steps, publishing. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FmuDiscardError, FmuStatusError, type UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, Peer, stamp, temporaryFolder, until } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { Feeder } from '../support/feeder.js';

const folder = temporaryFolder();
const FOUR_TYPES = `
send: { announce: true }
selection: { maxage: 1 s, lookahead: 10, timeout: 2 s }
outputs: { r: Real, i: Integer, b: Boolean, s: { type: String, maxLength: 20 } }
inputs: { ri: { type: Real, start: 0 }, ii: Integer, bi: Boolean, si: { type: String, maxLength: 20 } }
diagnostics: true
`;

describeOnBrokers('the bridge', (broker) => {
  let feeder: Feeder;
  let peer: Peer;
  let fmu: UnpackedFmu;
  let bridge: Bridge;

  beforeAll(async () => {
    feeder = await Feeder.start(broker.url);
    peer = await Peer.connect(broker.url);
    fmu = await bridgeFmu(FOUR_TYPES, folder);
  });
  afterEach(() => {
    bridge?.instance.free();
    peer.received.length = 0;
  });
  afterAll(async () => {
    await feeder?.stop();
    await peer?.close();
    await fmu?.close();
  });

  const sample = (ms: number, over: Record<string, unknown> = {}) => ({
    r: 1.5,
    i: -7,
    b: true,
    s: 'hé "ä"\n',
    time: stamp(ms),
    ...over,
  });

  async function start(...first: Record<string, unknown>[]): Promise<void> {
    await feeder.onReady(...(first.length > 0 ? first : [sample(0)]));
    bridge = new Bridge(fmu);
    bridge.initialise();
  }

  /** A message is counted when it arrives and lies in the ring, or is used, a moment later. */
  function isAccountedFor(): boolean {
    const counted = (name: string) => bridge.integer(name);
    const consumed = counted('used') + counted('skipped') + counted('late') + counted('duplicate');
    return counted('received') === consumed + counted('queue_depth') + counted('dropped') + counted('rejected');
  }

  /** Sends, and waits until the messages are in the ring. */
  async function deliver(...bodies: (Record<string, unknown> | string)[]): Promise<void> {
    await until(isAccountedFor);
    const before = bridge.integer('received');
    await feeder.send(...bodies);
    await until(() => bridge.integer('received') >= before + bodies.length && isAccountedFor());
  }

  describe('1 values', () => {
    it('1.1 the first complete message is the initial state, in all four types', async () => {
      await start();
      expect([bridge.real('r'), bridge.integer('i'), bridge.boolean('b'), bridge.string('s')]).toEqual([
        1.5,
        -7,
        true,
        'hé "ä"\n',
      ]);
    });

    it('1.2 each step outputs the newest sample that is not later than its end', async () => {
      await start();
      await deliver(sample(100, { r: 2 }), sample(200, { r: 3 }), sample(301, { r: 4 }));
      bridge.instance.doStep(0, 0.1);
      expect(bridge.real('r')).toBe(2);
      bridge.instance.doStep(0.1, 0.2);
      expect(bridge.real('r')).toBe(3);
      expect(bridge.real('data_age')).toBeCloseTo(0.1, 9);
    });

    it('1.3 a sample exactly on a communication point k·h belongs to it, whatever the doubles say', async () => {
      await start();
      await deliver(sample(4400, { r: 44 }));
      bridge.instance.doStep(4.3, 0.1 * 44 - 4.3 - 1e-13);
      expect(bridge.real('r')).toBe(44);
    });

    it('1.4 messages may carry any subset of the signals; the others keep their values', async () => {
      await start({ r: 1, time: stamp(0) }, { i: 5, b: false, time: stamp(0) }, { s: 'x', time: stamp(10) });
      expect([bridge.real('r'), bridge.integer('i'), bridge.boolean('b'), bridge.string('s')]).toEqual([
        1,
        5,
        false,
        'x',
      ]);
      await deliver({ i: 6, time: stamp(100) });
      bridge.instance.doStep(0, 0.2);
      expect([bridge.real('r'), bridge.integer('i'), bridge.string('s')]).toEqual([1, 6, 'x']);
    });

    it('1.5 value references and types that do not exist are refused, by number', async () => {
      await start();
      expect(() => bridge.instance.getReal(Uint32Array.of(99), new Float64Array(1))).toThrow(FmuStatusError);
      expect(bridge.said('no variable with value reference 99')).toBe(true);
      expect(() => bridge.instance.getReal(Uint32Array.of(bridge.vr('i')), new Float64Array(1))).toThrow(
        FmuStatusError,
      );
      expect(bridge.said('is of type Integer')).toBe(true);
      expect(() => bridge.set('r', 3)).toThrow(FmuStatusError);
      expect(() => bridge.set('config.hostname', 'elsewhere')).toThrow(FmuStatusError);
      expect(() => bridge.set('si', 'longer than twenty bytes of text')).toThrow(FmuStatusError);
      expect(bridge.said('too long')).toBe(true);
    });

    it('1.6 maxage and lookahead can be tuned while it runs', async () => {
      await start();
      bridge.set('config.maxage', 50);
      expect(() => bridge.instance.doStep(0, 0.1)).toThrow(FmuDiscardError);
      bridge.set('config.maxage', 200);
      bridge.instance.doStep(0, 0.1);
    });

    it('1.7 parameters can still be set in initialization mode, until an output is read', async () => {
      await feeder.onReady(sample(0));
      bridge = new Bridge(fmu);
      bridge.set('config.routingkey', 'a key that nobody uses');
      bridge.instance.enterInitializationMode();
      bridge.set('config.routingkey', 'data.to_cosim');
      expect(bridge.string('config.routingkey')).toBe('data.to_cosim');
      expect(bridge.real('r')).toBe(1.5);
      expect(() => bridge.set('config.routingkey', 'another')).toThrow(FmuStatusError);
      expect(bridge.said('to be set before outputs are read')).toBe(true);
      bridge.instance.exitInitializationMode();
      bridge.instance.doStep(0, 0.1);
    });

    it('1.8 parameters set to their start values change nothing, as importers do that set everything', async () => {
      await feeder.onReady(sample(0));
      bridge = new Bridge(fmu);
      for (const { name, causality, start } of fmu.description.variables) {
        // Their start says localhost:5672; where the broker is, only AMQP_URL knows.
        if (causality === 'parameter' && start !== undefined) bridge.set(name, start as string | number | boolean);
      }
      bridge.initialise();
      bridge.set('config.hostname', 'localhost');
      expect(() => bridge.set('config.hostname', 'elsewhere')).toThrow(FmuStatusError);
    });
  });

  describe('2 waiting', () => {
    it('2.1 a step without valid data waits until it comes', async () => {
      await start();
      void feeder.sendAfter(150, sample(2000, { r: 9 }));
      const before = performance.now();
      bridge.instance.doStep(0, 2);
      expect(performance.now() - before).toBeGreaterThan(100);
      expect(bridge.real('r')).toBe(9);
    });

    it('2.2 at the deadline it is discarded, naming the signals still missing, and can be tried again', async () => {
      await start();
      await deliver({ r: 5, i: 5, time: stamp(2900) });
      const before = performance.now();
      expect(() => bridge.instance.doStep(0, 3)).toThrow(FmuDiscardError);
      expect(performance.now() - before).toBeGreaterThan(1990);
      expect(performance.now() - before).toBeLessThan(3000);
      expect(
        bridge.said('step to 3 s: no valid data within 2.000 s (maxage 1.000 s): b (3.000 s old), s (3.000 s old)'),
      ).toBe(true);
      expect(bridge.instance.lastSuccessfulTime()).toBe(0);
      await deliver(sample(2950, { r: 6 }));
      bridge.instance.doStep(0, 3);
      expect(bridge.real('r')).toBe(6);
    });

    it('2.3 with onTimeout hold the outputs stay as they are and the step succeeds with a warning', async () => {
      const holding = await bridgeFmu(FOUR_TYPES.replace('timeout: 2 s', 'timeout: 2 s, onTimeout: hold'), folder);
      await feeder.onReady(sample(0, { r: 1 }));
      bridge = new Bridge(holding);
      bridge.initialise();
      bridge.instance.doStep(0, 5);
      expect(bridge.real('r')).toBe(1);
      expect(bridge.said('the outputs stay as they are')).toBe(true);
      await holding.close();
    });

    it('2.4 data of the future only does not burn the processor while it waits', async () => {
      await start();
      await deliver(...Array.from({ length: 50 }, (_, k) => sample(60_000 + k)));
      const before = process.cpuUsage();
      expect(() => bridge.instance.doStep(0, 2)).toThrow(FmuDiscardError);
      const used = process.cpuUsage(before);
      expect((used.user + used.system) / 1000).toBeLessThan(300); // of 2 s
    });

    it('2.5 initialisation that gets no data names every signal', async () => {
      await feeder.onReady({ r: 1, time: stamp(0) });
      bridge = new Bridge(fmu);
      expect(() => bridge.initialise()).toThrow(FmuStatusError);
      expect(bridge.said('initialisation: no valid data')).toBe(true);
      expect(bridge.said('i (never received), b (never received), s (never received)')).toBe(true);
    });
  });

  describe('3 publishing', () => {
    it('3.1 changed inputs only, exact, escaped, and nothing when nothing changed', async () => {
      await start();
      bridge.instance.doStep(0, 0.1);
      bridge.set('ri', 123456789.123);
      bridge.instance.doStep(0.1, 0.1);
      bridge.set('ri', 123456789.123);
      bridge.instance.doStep(0.2, 0.1);
      bridge.set('si', 'a "b"\n\\');
      bridge.set('bi', true);
      bridge.instance.doStep(0.3, 0.1);
      const [first, second] = await peer.receive(2);
      expect(first).toEqual({ ri: 123456789.123, time: expect.any(String), simstep: '200.000000' });
      expect(second).toEqual({ bi: true, si: 'a "b"\n\\', time: expect.any(String), simstep: '400.000000' });
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(peer.received).toHaveLength(2);
    });

    it('3.2 config.howtosend: every input in every message', async () => {
      await feeder.onReady(sample(0));
      bridge = new Bridge(fmu);
      bridge.set('config.howtosend', true);
      bridge.initialise();
      bridge.instance.doStep(0, 0.1);
      bridge.instance.doStep(0.1, 0.1);
      const messages = await peer.receive(2);
      expect(Object.keys(messages[1] as object)).toEqual(['bi', 'ii', 'ri', 'si', 'time', 'simstep']);
    });

    it('3.3 each message is confirmed by the broker, and the delay shows', async () => {
      await start();
      bridge.set('ii', 3);
      bridge.instance.doStep(0, 0.1);
      await until(() => bridge.integer('confirmed') === 1);
      expect(bridge.real('confirm_delay')).toBeGreaterThan(0);
      expect(bridge.real('confirm_delay')).toBeLessThan(1);
      await peer.receive(1); // else the next test hears it
    });

    it('3.4 what was set before the instance is freed is still published', async () => {
      await start();
      bridge.set('ii', 41);
      bridge.instance.doStep(0, 0.1);
      bridge.instance.free();
      expect((await peer.receive(1))[0]).toMatchObject({ ii: 41 });
    });

    it('3.5 a bridge with inputs only initialises without any message', async () => {
      const senderOnly = await bridgeFmu('inputs: { x: Real }', folder);
      bridge = new Bridge(senderOnly);
      bridge.initialise();
      bridge.set('x', 2);
      bridge.instance.doStep(0, 1);
      expect((await peer.receive(1))[0]).toMatchObject({ x: 2 });
      await senderOnly.close();
    });
  });

  describe('4 states', () => {
    it('4.1 a step that is taken back and made again gives the same outputs', async () => {
      await start();
      await deliver(...[100, 200, 300, 400].map((ms) => sample(ms, { r: ms })));
      bridge.instance.doStep(0, 0.1);
      const state = bridge.instance.getState();
      bridge.instance.doStep(0.1, 0.3);
      expect(bridge.real('r')).toBe(400);
      bridge.instance.setState(state);
      expect(bridge.real('r')).toBe(100);
      bridge.instance.doStep(0.1, 0.1);
      expect(bridge.real('r')).toBe(200);
      bridge.instance.setState(state);
      bridge.instance.doStep(0.1, 0.2);
      expect(bridge.real('r')).toBe(300);
      bridge.instance.freeState(state);
      bridge.instance.doStep(0.3, 0.1);
      expect(bridge.real('r')).toBe(400);
    });

    it('4.2 a serialised state gives another instance the same values; other bytes are refused', async () => {
      await start();
      bridge.set('ri', 7);
      bridge.set('si', 'seven');
      const state = bridge.instance.getState();
      const bytes = bridge.instance.serializeState(state);
      bridge.instance.freeState(state);
      bridge.instance.free();
      await start(sample(0, { r: 99, s: 'other' }));
      const restored = bridge.instance.deserializeState(bytes);
      bridge.instance.setState(restored);
      expect([bridge.real('r'), bridge.string('s'), bridge.real('ri'), bridge.string('si')]).toEqual([
        1.5,
        'hé "ä"\n',
        7,
        'seven',
      ]);
      expect(() => bridge.instance.deserializeState(new Uint8Array(bytes.length))).toThrow(FmuStatusError);
      expect(() => bridge.instance.deserializeState(bytes.subarray(8))).toThrow(FmuStatusError);
    });

    it('4.3 reset takes it back to where it was instantiated', async () => {
      await start();
      bridge.instance.doStep(0, 0.1);
      bridge.instance.terminate();
      bridge.instance.reset();
      await feeder.onReady(sample(0, { r: 77 }));
      bridge.initialise();
      expect(bridge.real('r')).toBe(77);
    });

    it('4.4 calls in the wrong state are refused and harm nothing', async () => {
      await feeder.onReady(sample(0));
      bridge = new Bridge(fmu);
      expect(() => bridge.instance.doStep(0, 0.1)).toThrow(FmuStatusError);
      expect(bridge.said('fmi2DoStep must not be called when the FMU is instantiated')).toBe(true);
      bridge.initialise();
      expect(() => bridge.instance.setupExperiment({ startTime: 0 })).toThrow(FmuStatusError);
      expect(() => bridge.instance.doStep(0, -1)).toThrow(FmuStatusError);
      expect(() => bridge.instance.doStep(Number.NaN, 1)).toThrow(FmuStatusError);
      expect(() => bridge.instance.cancelStep()).toThrow(FmuStatusError);
      bridge.instance.doStep(0, 0.1);
      bridge.instance.terminate();
      expect(bridge.real('r')).toBe(1.5);
      expect(() => bridge.instance.doStep(0.1, 0.1)).toThrow(FmuStatusError);
    });
  });
});
