/** Several sources, nested messages, arrays and scaled values through an FMU, on real brokers. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FmuDiscardError, type UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, Peer, stamp, temporaryFolder, until } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { Feeder } from '../support/feeder.js';

const folder = temporaryFolder();
const ROBOT = `
send: { announce: true }
sources:
  odom: { key: odom, maxage: 300 ms }
  gps: { key: gps, maxage: 2 s, time: { key: /header/stamp, format: epoch-ms } }
selection: { lookahead: 10, timeout: 4 s }
outputs:
  x: { type: Real, source: odom, path: /pose/x }
  q: { type: Real, source: odom, path: /joints/position, size: 3 }
  q2: { type: Real, source: odom, path: /joints/position/2 }
  mode: { type: Enumeration, source: odom, values: { idle: 0, drive: 5 } }
  temperature: { type: Int8, source: odom, scale: 0.1, offset: -10 }
  lat: { type: Real, source: gps, path: /fix/0/lat, scale: 1e-7, unit: deg }
  name: { type: String, source: gps, path: /fix/0/name, size: 2, maxLength: 10 }
inputs:
  v: { type: Real, path: /cmd/v, size: 2, scale: 0.001, start: [0.5, 1] }
  gear: { type: Enumeration, path: /cmd/gear, values: { low: 0, high: 1 } }
  stop: Boolean
diagnostics: true
`;

const odom = (ms: number, x: number) => ({
  time: stamp(ms),
  pose: { x, y: 9 },
  joints: { position: [x, x + 0.5, -x] },
  mode: 'drive',
  temperature: 350,
});
const gps = (ms: number, lat: number) => ({
  header: { seq: 1, stamp: Date.parse(stamp(ms)) },
  fix: [{ lat, name: ['äb', ''] }],
});

describeOnBrokers('a bridge with two sources', (broker) => {
  let feeders: { odom: Feeder; gps: Feeder };
  let peer: Peer;
  let fmu: UnpackedFmu;
  let bridge: Bridge;

  beforeAll(async () => {
    feeders = { odom: await Feeder.start(broker.url, 'odom'), gps: await Feeder.start(broker.url, 'gps') };
    peer = await Peer.connect(broker.url);
    fmu = await bridgeFmu(ROBOT, folder);
  });
  afterEach(() => {
    bridge?.instance.free();
    peer.received.length = 0;
  });
  afterAll(async () => {
    await feeders?.odom.stop();
    await feeders?.gps.stop();
    await peer?.close();
    await fmu?.close();
  });

  async function start(): Promise<void> {
    await feeders.odom.onReady(odom(0, 1));
    await feeders.gps.onReady(gps(0, 571234567));
    bridge = new Bridge(fmu);
    bridge.initialise();
  }

  async function deliver(source: 'odom' | 'gps', ...bodies: Record<string, unknown>[]): Promise<void> {
    const before = bridge.integer('received');
    await feeders[source].send(...bodies);
    await until(() => bridge.integer('received') >= before + bodies.length);
    // A message is counted when it arrives and lies in the ring a moment later.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }

  it('outputs what the messages of each carry, wherever in them it stands', async () => {
    await start();
    expect(bridge.real('x')).toBe(1);
    expect(['q[0]', 'q[1]', 'q[2]', 'q2'].map((name) => bridge.real(name))).toEqual([1, 1.5, -1, -1]);
    expect(bridge.integer('mode')).toBe(5);
    expect(bridge.integer('temperature')).toBe(25);
    expect(bridge.real('lat')).toBe(571234567 * 1e-7);
    expect(['name[0]', 'name[1]'].map((name) => bridge.string(name))).toEqual(['äb', '']);
    expect(bridge.integer('partial')).toBe(0);
    expect(bridge.integer('refused_values')).toBe(0);
    await until(() => bridge.integer('unknown_fields') === 2);
    await deliver('odom', odom(100, 2));
    bridge.instance.doStep(0, 0.1); // log lines come with it
    expect(bridge.log.map(({ message }) => message).join('\n')).toMatch(
      /message 1 of source 'gps' \(routing key 'gps'\): unknown_field: '\/header\/seq' is no signal/,
    );
  });

  it('takes each source at its own pace, and keeps values as long as their own maxage says', async () => {
    await start();
    await deliver('odom', odom(100, 2), odom(1000, 3));
    bridge.instance.doStep(0, 0.1);
    expect([bridge.real('x'), bridge.real('lat')]).toEqual([2, 571234567 * 1e-7]);
    bridge.instance.doStep(0.1, 0.9);
    expect([bridge.real('x'), bridge.real('lat')]).toEqual([3, 571234567 * 1e-7]);
    // After 300 ms odom is too old, and only odom.
    expect(() => bridge.instance.doStep(1, 0.4)).toThrow(FmuDiscardError);
    const said = bridge.log.map(({ message }) => message).join('\n');
    expect(said).toMatch(/no valid data within 4\.000 s.*x \(/);
    expect(said).not.toMatch(/lat \(/);
    await deliver('odom', odom(1400, 4));
    bridge.instance.doStep(1, 0.4);
    expect(bridge.real('x')).toBe(4);
    await deliver('gps', gps(1500, 10_000_000));
    await deliver('odom', odom(1500, 5));
    bridge.instance.doStep(1.4, 0.1);
    expect([bridge.real('x'), bridge.real('lat')]).toEqual([5, 10_000_000 * 1e-7]);
  });

  it('tells what a message of one lacks, and keeps those values', async () => {
    await start();
    const { time } = odom(100, 2);
    await deliver('odom', { time, pose: { x: 7 }, joints: { position: [1, 2] } });
    bridge.instance.doStep(0, 0.1);
    expect([bridge.real('x'), bridge.real('q[0]'), bridge.real('q2')]).toEqual([7, 1, -1]);
    expect(bridge.integer('partial')).toBe(1);
    expect(bridge.integer('refused_values')).toBe(1);
    expect(bridge.said("wrong_size: '/joints/position' has 2 elements, the signal has 3")).toBe(true);
    expect(bridge.said('missing_field: no usable q, q2, mode, temperature')).toBe(true);
  });

  it('publishes nested objects and whole arrays, scaled back', async () => {
    await start();
    bridge.set('v[1]', 0.25);
    await deliver('odom', odom(100, 2));
    bridge.instance.doStep(0, 0.1);
    bridge.set('gear', 1);
    await deliver('odom', odom(200, 2));
    bridge.instance.doStep(0.1, 0.1);
    const [first, second] = await peer.receive(2);
    expect(first).toMatchObject({ cmd: { v: [500, 250] } });
    expect(second).toMatchObject({ cmd: { gear: 'high' } });
    expect(second).not.toHaveProperty('stop');
  });

  it('goes on with one source while the queue of another is deleted', async () => {
    const name = `gps-${process.pid}-${Date.now()}`;
    const lasting = await bridgeFmu(
      ROBOT.replace('key: gps,', `key: gps, queue: { name: ${name}, durable: true },`),
      folder,
      'lasting',
    );
    try {
      await feeders.odom.onReady(odom(0, 1));
      await feeders.gps.onReady(gps(0, 1));
      bridge = new Bridge(lasting);
      bridge.initialise();
      await peer.channel.deleteQueue(name);
      let time = 0;
      const step = async (): Promise<void> => {
        await deliver('odom', odom(1000 * time + 10, time));
        bridge.instance.doStep(time, 0.01);
        time += 0.01;
      };
      await step();
      expect(bridge.real('x')).toBe(0);
      await until(() => {
        bridge.instance.doStep(time, 0.0001); // log lines come with it
        time += 0.0001;
        return bridge.said('receiving gps: the broker cancelled the consumer');
      });
      expect(bridge.said('receiving odom')).toBe(false);
      // It has been declared anew.
      await deliver('gps', gps(Math.ceil(1000 * time), 3));
      await step();
      await step();
      expect(bridge.real('lat')).toBe(3 * 1e-7);
    } finally {
      bridge.instance.free();
      await peer.channel.deleteQueue(name);
      await lasting.close();
    }
  });

  it('says which exchange of a source is missing', async () => {
    const wrong = await bridgeFmu(
      ROBOT.replace('key: gps,', 'key: gps, exchange: nowhere, declare: passive,'),
      folder,
      'wrong',
    );
    try {
      bridge = new Bridge(wrong);
      expect(() => bridge.initialise()).toThrow(/nowhere/);
    } finally {
      bridge.instance.free();
      await wrong.close();
    }
  });

  it('loses nothing when one source floods the ring while a step waits for the other', async () => {
    const small = await bridgeFmu(`${ROBOT}ring: { capacity: 8 }\n`, folder, 'small');
    try {
      await feeders.odom.onReady(odom(0, 1));
      await feeders.gps.onReady(gps(0, 1));
      bridge = new Bridge(small);
      bridge.initialise();
      await feeders.odom.send(...Array.from({ length: 40 }, (_, k) => odom(1900 + 10 * (k + 1), k)));
      await until(() => bridge.integer('queue_depth') >= 4);
      void feeders.gps.sendAfter(300, gps(2000, 2));
      bridge.instance.doStep(0, 2.05);
      expect(bridge.real('lat')).toBe(2e-7);
      for (let k = 0; k < 30; k++) {
        bridge.instance.doStep(2.05 + k * 0.01, 0.01);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(bridge.real('x')).toBe(39);
      // Everything that was sent, and the first message of each.
      expect(['used', 'skipped', 'late'].reduce((sum, name) => sum + bridge.integer(name), 0)).toBe(43);
      expect(bridge.integer('dropped')).toBe(0);
    } finally {
      bridge.instance.free();
      await small.close();
    }
  });
});

describe('an FMU of FMI 2.0', () => {
  it('has a variable for each element, the limits of small numbers, and the items of an Enumeration', async () => {
    const { description, close } = await bridgeFmu(ROBOT, folder, 'described').then((fmu) => ({
      description: fmu.description,
      close: () => fmu.close(),
    }));
    await close();
    const named = (name: string) => description.variables.find((variable) => variable.name === name);
    expect(named('q[2]')).toMatchObject({ type: 'Real', causality: 'output' });
    expect(named('v[0]')).toMatchObject({ type: 'Real', causality: 'input', start: 0.5 });
    expect(named('temperature')).toMatchObject({ type: 'Integer', min: -128, max: 127 });
    expect(named('mode')).toMatchObject({ type: 'Enumeration', declaredType: 'mode' });
    expect(named('lat')).toMatchObject({ unit: 'deg' });
    expect(description.enumerations).toContainEqual({
      name: 'mode',
      items: [
        { name: 'idle', value: 0 },
        { name: 'drive', value: 5 },
      ],
    });
  });
});
