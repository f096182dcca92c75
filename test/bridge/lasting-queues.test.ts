/** A bridge that reads a quorum queue, a stream, or a queue that others made: on RabbitMQ. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, Peer, stamp } from '../support/bridge.js';
import { temporaryFolder } from '../support/fmus.js';
import { type RunningBroker, rabbitMqAvailable, startRabbitMq } from '../support/rabbitmq.js';

const folder = temporaryFolder();
const REST = `
selection: { maxage: 0 ms, lookahead: 1, timeout: 5 s }
outputs: { x: Real }
diagnostics: [received]
`;

describe.skipIf(!rabbitMqAvailable())('a bridge on RabbitMQ', () => {
  let broker: RunningBroker;
  let peer: Peer;
  const before = process.env.AMQP_URL;
  const name = (what: string) => `tb-${what}-${process.pid}`;
  beforeAll(async () => {
    broker = await startRabbitMq();
    process.env.AMQP_URL = broker.url;
    peer = await Peer.connect(broker.url);
  }, 90_000);
  afterAll(async () => {
    for (const what of ['quorum', 'limited', 'stream', 'made']) await peer.channel.deleteQueue(name(what));
    await peer.close();
    if (before === undefined) delete process.env.AMQP_URL;
    else process.env.AMQP_URL = before;
    await broker.stop();
  }, 30_000);

  /** Outputs of steps of 100 ms, from one run of the bridge. */
  async function run(fmu: UnpackedFmu, steps: number): Promise<number[]> {
    const bridge = new Bridge(fmu);
    try {
      bridge.initialise();
      const seen = [bridge.real('x')];
      for (let k = 1; k < steps; k++) {
        bridge.instance.doStep((k - 1) / 10, 0.1);
        seen.push(bridge.real('x'));
      }
      return seen;
    } finally {
      bridge.instance.free();
    }
  }
  const send = async (from: number, to: number) => {
    for (let k = from; k <= to; k++) await peer.send({ x: k / 3, time: stamp(k * 100) });
  };
  const thirds = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => (from + i) / 3);

  it('reads a quorum queue, and the next run goes on where the first acknowledged', async () => {
    const fmu = await bridgeFmu(
      `receive: { queue: { name: ${name('quorum')}, type: quorum }, prefetch: 1 }\nring: { capacity: 2 }${REST}`,
      folder,
    );
    await peer.channel.assertQueue(name('quorum'), { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await peer.channel.bindQueue(name('quorum'), 'fmi_digital_twin', 'data.to_cosim');
    await send(0, 9);
    expect(await run(fmu, 5)).toEqual(thirds(0, 4));
    const { messageCount } = await peer.channel.checkQueue(name('quorum'));
    expect(messageCount).toBeGreaterThan(0);
    expect(messageCount).toBeLessThan(6);
    await fmu.close();
  });

  it('says when a quorum queue is about to give a message up', async () => {
    const fmu = await bridgeFmu(
      `receive: { queue: { name: ${name('limited')}, type: quorum, deliveryLimit: 3 } }${REST}`,
      folder,
    );
    await peer.channel.assertQueue(name('limited'), {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 },
    });
    await peer.channel.bindQueue(name('limited'), 'fmi_digital_twin', 'data.to_cosim');
    await send(0, 0);
    for (let i = 0; i < 2; i++) {
      await expect
        .poll(async () => {
          const message = await peer.channel.get(name('limited'));
          if (message === false) return false;
          peer.channel.nack(message);
          return true;
        })
        .toBe(true);
    }
    await expect.poll(async () => (await peer.channel.checkQueue(name('limited'))).messageCount).toBe(1);
    const bridge = new Bridge(fmu);
    bridge.initialise();
    expect(bridge.real('x')).toBe(0);
    expect(
      bridge.said('delivered 2 times before without being acknowledged; past 3 the quorum queue gives it up'),
    ).toBe(true);
    bridge.instance.free();
    await fmu.close();
  });

  it('reads a stream from its first message, in every run', async () => {
    const fmu = await bridgeFmu(`receive: { stream: { name: ${name('stream')}, offset: first } }${REST}`, folder);
    await peer.channel.assertQueue(name('stream'), { durable: true, arguments: { 'x-queue-type': 'stream' } });
    await peer.channel.bindQueue(name('stream'), 'fmi_digital_twin', 'data.to_cosim');
    await send(0, 9);
    expect(await run(fmu, 10)).toEqual(thirds(0, 9));
    expect(await run(fmu, 10)).toEqual(thirds(0, 9));
    await fmu.close();
  });

  it('takes a queue as it is there, whatever its arguments, and says if it is not', async () => {
    const fmu = await bridgeFmu(`receive: { queue: { name: ${name('made')}, declare: passive } }${REST}`, folder);
    const bridge = new Bridge(fmu);
    expect(() => bridge.initialise()).toThrow();
    expect(bridge.said(`no queue '${name('made')}'`)).toBe(true);
    bridge.instance.free();
    await peer.channel.assertQueue(name('made'), { durable: true, arguments: { 'x-max-length': 100 } });
    await peer.channel.bindQueue(name('made'), 'fmi_digital_twin', 'data.to_cosim');
    await send(0, 4);
    expect(await run(fmu, 5)).toEqual(thirds(0, 4));
    await fmu.close();
  });
});
