/** A command's time to live: from the step that decided it, at the broker and on the way there. */
import amqp from 'amqplib';
import { afterAll, afterEach, expect, it } from 'vitest';
import type { UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, temporaryFolder, until } from '../support/bridge.js';
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

describeOnBrokers('a command with an expiration', (broker) => {
  const built: UnpackedFmu[] = [];
  afterAll(async () => {
    for (const each of built) await each.close();
  });

  it('is dead-lettered when nobody takes it in time, and not sent at all when the broker was away for longer', async () => {
    const name = `command-${process.pid}-${serial++}`;
    const connection = await amqp.connect(broker.url);
    connection.on('error', () => {});
    cleanups.push(() => connection.close());
    const channel = await connection.createChannel();
    const robot = `${name}.robot`;
    const dead = `${name}.dead`;
    await channel.assertExchange(name, 'topic', { durable: false });
    await channel.assertQueue(robot, { exclusive: true, deadLetterExchange: '', deadLetterRoutingKey: dead });
    await channel.bindQueue(robot, name, '#');
    await channel.assertQueue(dead, { exclusive: true });
    const wire = await CuttableWire.to(Number(new URL(broker.url).port));
    cleanups.push(() => wire.close());
    const fmu = await bridgeFmu(
      `send: { exchange: ${name}, type: topic, key: c, expiration: 300 ms }\ninputs: { n: Integer }\ndiagnostics: true\n`,
      folder,
    );
    built.push(fmu);
    const before = process.env.AMQP_URL;
    process.env.AMQP_URL = wire.to(broker.url);
    const bridge = new Bridge(fmu);
    cleanups.push(() => bridge.instance.free());
    bridge.initialise();
    process.env.AMQP_URL = before;
    let time = 0;
    const step = (n: number) => {
      bridge.set('n', n);
      bridge.instance.doStep(time++, 1);
    };

    step(1);
    await until(async () => (await channel.checkQueue(dead)).messageCount === 1);
    const message = await channel.get(dead, { noAck: true });
    if (message === false) throw new Error('nothing in the queue of dead letters');
    expect(JSON.parse(String(message.content))).toMatchObject({ n: 1 });
    expect(message.properties.headers?.['x-death']?.[0]).toMatchObject({ reason: 'expired', queue: robot });
    expect((await channel.checkQueue(robot)).messageCount).toBe(0);

    const heard: number[] = [];
    await channel.consume(robot, (m) => heard.push((JSON.parse(String(m?.content)) as { n: number }).n), {
      noAck: true,
    });
    step(2);
    await until(() => heard.length === 1);

    await wire.cut();
    await until(() => !bridge.boolean('link_up'));
    step(3);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await wire.mend();
    await until(() => bridge.boolean('link_up'));
    step(4);
    await until(() => heard.length === 2);
    expect(heard).toEqual([2, 4]);
    bridge.instance.free();
    expect(bridge.said('a change of inputs was not sent')).toBe(true);
    const totals = bridge.log.find(({ message: text }) => text.startsWith('totals:'))!.message;
    expect(totals).toContain('published 4, confirmed 3, expired unsent 1');
  });
});

describeOnBrokers('inputs that the broker does not take', (broker) => {
  it('are published again, as they are then, once there is room', async () => {
    const name = `refused-${process.pid}-${serial++}`;
    const connection = await amqp.connect(broker.url);
    connection.on('error', () => {});
    cleanups.push(() => connection.close());
    const channel = await connection.createChannel();
    await channel.assertExchange(name, 'topic', { durable: false });
    const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    await channel.assertQueue(name, { exclusive: true, arguments: limits });
    await channel.bindQueue(name, name, '#');
    const fmu = await bridgeFmu(
      `send: { exchange: ${name}, type: topic, key: c }\ninputs: { n: Integer, m: Integer }\n`,
      folder,
    );
    cleanups.push(() => fmu.close());
    const bridge = new Bridge(fmu);
    cleanups.push(() => bridge.instance.free());
    bridge.initialise();
    let time = 0;
    const step = () => bridge.instance.doStep(time++, 1);
    const next = async () => {
      const message = await channel.get(name, { noAck: true });
      return message === false ? undefined : (JSON.parse(String(message.content)) as { n?: number; m?: number });
    };

    bridge.set('n', 1);
    step();
    await until(async () => (await channel.checkQueue(name)).messageCount === 1);
    bridge.set('n', 2);
    step(); // there is no room for it
    await until(() => {
      step();
      return bridge.said('a later step publishes all inputs');
    });
    bridge.set('m', 3);
    expect(await next()).toMatchObject({ n: 1 });
    // The change of m is told by itself or with n, whichever comes first; in the end both are there.
    const heard: { n?: number; m?: number } = {};
    await until(async () => {
      step();
      Object.assign(heard, await next());
      return heard.n === 2 && heard.m === 3;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    step();
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Once taken they are not told again and again.
    while ((await next()) !== undefined);
    for (let k = 0; k < 5; k++) step();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await next()).toBeUndefined();
  });
});
