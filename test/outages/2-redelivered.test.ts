/** Acknowledgements that are lost with their connection: what comes again was known, in the ring or on its way there. */
import { afterAll, afterEach, expect, it } from 'vitest';
import type { UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, Peer, stamp, temporaryFolder, until } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { CuttableWire } from '../support/cuttable-wire.js';
import { backends } from '../support/processes.js';

const folder = temporaryFolder();
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  expect(backends()).toEqual([]);
});

let serial = 0;

describeOnBrokers('a lasting queue', (broker) => {
  const built: UnpackedFmu[] = [];
  let queue: string;
  let bridge: Bridge;
  let wire: CuttableWire;
  let peer: Peer;
  afterAll(async () => {
    for (const each of built) await each.close();
  });

  /** A bridge behind the wire, initialised with sample 0; a step takes the sample of its time, and no other. */
  async function start(ring: string): Promise<void> {
    queue = `samples-${process.pid}-${serial++}`;
    const fmu = await bridgeFmu(
      `receive: { queue: { name: ${queue}, durable: true }, prefetch: 20 }
selection: { maxage: 0, timeout: 5 s, onTimeout: fail }
ring: ${ring}
outputs: { n: Integer }
diagnostics: true
`,
      folder,
    );
    built.push(fmu);
    wire = await CuttableWire.to(Number(new URL(broker.url).port));
    cleanups.push(() => wire.close());
    peer = await Peer.connect(broker.url);
    cleanups.push(async () => {
      await peer.channel.deleteQueue(queue);
      await peer.close();
    });
    await peer.channel.assertQueue(queue, { durable: true });
    await peer.channel.bindQueue(queue, 'fmi_digital_twin', 'data.to_cosim');
    await send(0, 0);
    const before = process.env.AMQP_URL;
    process.env.AMQP_URL = wire.to(broker.url);
    bridge = new Bridge(fmu);
    cleanups.push(() => bridge.instance.free());
    bridge.initialise();
    process.env.AMQP_URL = before;
  }

  async function send(from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n++) await peer.send({ n, time: stamp(10 * n) });
  }

  async function backAgain(): Promise<void> {
    await wire.cut();
    await until(() => !bridge.boolean('link_up'));
    await wire.mend();
    await until(() => bridge.boolean('link_up'));
  }

  async function step(n: number): Promise<void> {
    await until(() => bridge.integer('queue_depth') > 0);
    bridge.instance.doStep((n - 1) / 100, 0.01);
    expect(bridge.integer('n')).toBe(n);
  }

  const counted = () =>
    Object.fromEntries(
      ['received', 'redelivered', 'used', 'skipped', 'late', 'duplicate', 'repeated', 'out_of_order'].map((name) => [
        name,
        bridge.integer(name),
      ]),
    );
  const NONE = { skipped: 0, late: 0, duplicate: 0, repeated: 0, out_of_order: 0 };

  it('delivers again what was in the ring: it is used once, and counted once', async () => {
    await start('{ capacity: 64 }');
    await until(() => bridge.integer('received') === 1);
    await wire.mute();
    await send(1, 10);
    await until(() => bridge.integer('received') === 11);
    await step(1);
    await step(2);
    await backAgain();
    await until(() => bridge.integer('redelivered') >= 10);
    await wire.mute();
    await send(11, 15);
    await until(() => bridge.integer('received') === 16);
    await backAgain();
    await until(() => bridge.integer('redelivered') >= 15);
    await send(16, 20);
    for (let n = 3; n <= 20; n++) await step(n);
    const { redelivered, ...others } = counted();
    expect(others).toEqual({ ...NONE, received: 21, used: 21 });
    // At least: some of the first acknowledgements may have been too late for the second outage.
    expect(redelivered).toBeGreaterThanOrEqual(15);
    await acknowledged();
  });

  it('delivers again what waits for a full ring: likewise', async () => {
    await start('{ capacity: 4 }');
    await send(1, 30);
    // 20 are on their way: some in the ring, the others waiting.
    await until(() => bridge.integer('queue_depth') >= 3);
    for (let outage = 0; outage < 3; outage++) {
      await backAgain();
      await step(outage + 1);
    }
    for (let n = 4; n <= 30; n++) await step(n);
    const { redelivered, ...others } = counted();
    expect(others).toEqual({ ...NONE, received: 31, used: 31 });
    expect(redelivered).toBeGreaterThan(3 * 10);
    await acknowledged();
  });

  /** The broker keeps nothing: every message was acknowledged under its last delivery. */
  async function acknowledged(): Promise<void> {
    bridge.instance.free();
    const left = await peer.channel.checkQueue(queue);
    expect(left.messageCount).toBe(0);
  }
});
