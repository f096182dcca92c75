/** `twinbridge tap`: live messages as a bridge would take them, without taking them from anybody. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Explanation } from '#tb/bridge/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { startCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
const exchange = `tb-tap-${process.pid}`;
const MESSAGES = [
  '{"x":1.5,"n":7,"stop":false,"text":"a\\nb","time":"2026-01-04T16:41:24.750Z"}',
  '{"x":"1.5","n":2,"stpo":true,"time":"2026-01-04T16:41:25Z"}',
  '{"x":2}',
  'no json',
];

describeOnBrokers('twinbridge tap', (broker) => {
  let model: amqp.ChannelModel;
  let channel: amqp.ConfirmChannel;
  const others: string[] = [];
  const file = join(folder, 'bridge.yaml');
  beforeAll(async () => {
    model = await amqp.connect(broker.url);
    channel = await model.createConfirmChannel();
    await channel.assertExchange(exchange, 'topic', { durable: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, '#');
    await channel.consume(queue, (message) => message && others.push(message.content.toString()), { noAck: true });
    writeFileSync(
      file,
      `twinbridge: bridge
name: robot
receive: { exchange: ${exchange}, type: topic, durable: true, key: robot.state }
outputs: { x: { type: Real, unit: m }, n: Integer, stop: Boolean, text: String }
`,
    );
  });
  afterAll(async () => {
    await channel.deleteExchange(exchange);
    await model.close();
  });

  async function tap(...args: string[]): Promise<{ code: number | null; stdout: string }> {
    others.length = 0;
    const running = startCli(['tap', ...args], { env: { AMQP_URL: broker.url } });
    await running.said(/listening/);
    for (const body of MESSAGES) channel.publish(exchange, 'robot.state', Buffer.from(body));
    await channel.waitForConfirms();
    return running.finished;
  }

  it('tells of each signal what is taken, refused and why, or missing; of the rest the nearest name; time and age', async () => {
    const { code, stdout } = await tap(file, '-n', '4', '--json');
    expect(code).toBe(0);
    const [plain, odd, timeless, broken] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Explanation);
    expect(plain).toMatchObject({ routingKey: 'robot.state', time: '2026-01-04T16:41:24.750Z', unknown: [] });
    expect(plain?.ageS).toBeGreaterThan(86_400);
    expect(plain?.signals).toEqual([
      { name: 'x', type: 'Real', unit: 'm', state: 'taken', value: 1.5 },
      { name: 'n', type: 'Integer', state: 'taken', value: 7 },
      { name: 'stop', type: 'Boolean', state: 'taken', value: false },
      { name: 'text', type: 'String', state: 'taken', value: 'a\nb' },
    ]);
    expect(odd?.rejected).toBeUndefined();
    expect(odd?.signals.map(({ state }) => state)).toEqual(['refused', 'taken', 'missing', 'missing']);
    expect(odd?.unknown).toEqual(["'stpo' is no signal (did you mean 'stop'?)"]);
    expect(timeless?.rejected).toBe("time_missing: the message has no 'time'");
    expect(broken?.rejected).toContain('malformed_json');
    expect(broken?.body).toBe('no json');
  });

  it('is made for reading, and takes nothing from anybody', async () => {
    const { stdout } = await tap(file, '-n', '4');
    expect(stdout).toMatch(/^tb-tap-\d+ robot\.state {2}\d+ bytes {2}2026-01-04T16:41:24\.750Z {2}\d+\.\d{3} s old$/m);
    expect(stdout).toMatch(/^ {2}x {5}Real {5}1\.5 m$/m);
    expect(stdout).toMatch(/^ {2}text {2}String {3}"a\\nb"$/m);
    expect(stdout).toMatch(/^ {2}x {5}Real {5}refused: 'x' is the string "1\.5", the signal is a Real$/m);
    expect(stdout).toMatch(/^ {2}stop {2}Boolean {2}not in this message$/m);
    expect(stdout).toMatch(/^ {2}unknown: 'stpo' is no signal \(did you mean 'stop'\?\)$/m);
    await expect.poll(() => others).toEqual(MESSAGES);
  });

  it('shows the messages of an exchange without a configuration', async () => {
    const { stdout } = await tap('--exchange', exchange, '-n', '1');
    expect(stdout).toBe(`${exchange} robot.state  ${MESSAGES[0]?.length} bytes\n  ${MESSAGES[0]}\n`);
  });

  it('waits for an exchange that the bridge, or a robot, will make', async () => {
    await channel.deleteExchange(exchange);
    const running = startCli(['tap', file, '-n', '1'], { env: { AMQP_URL: broker.url } });
    await running.said(/waiting for exchange/);
    await channel.assertExchange(exchange, 'topic', { durable: true });
    await running.said(/listening/);
    channel.publish(exchange, 'robot.state', Buffer.from(MESSAGES[0]!));
    expect(await running.finished).toMatchObject({ code: 0, stdout: expect.stringContaining('robot.state') });
    await channel.deleteExchange(exchange);
    const waiting = startCli(['tap', file], { env: { AMQP_URL: broker.url } });
    await waiting.said(/waiting for exchange/);
    waiting.process.kill('SIGINT');
    expect((await waiting.finished).code).toBe(0);
    await channel.assertExchange(exchange, 'topic', { durable: true });
  });

  it('ends with Ctrl-C, and says why it cannot begin', async () => {
    const running = startCli(['tap', file], { env: { AMQP_URL: broker.url } });
    await running.said(/listening/);
    running.process.kill('SIGINT');
    expect((await running.finished).code).toBe(0);
    const missing = await startCli(['tap', '--exchange', 'none'], { env: { AMQP_URL: broker.url } }).finished;
    expect(missing.code).toBe(4);
    expect(missing.stderr).toContain("no exchange 'none'");
    const nothing = await startCli(['tap'], { env: { AMQP_URL: broker.url } }).finished;
    expect(nothing.code).toBe(3);
    expect(nothing.stderr).toContain('give --exchange, or a bridge.yaml');
  });
});
