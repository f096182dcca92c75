/** `broker-config/` as an installed RabbitMQ loads it: users with just the rights they need, policies, TLS, metrics. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Publisher, parseBrokerUrl } from '#tb/amqp/index.js';
import { checkBroker, readTarget } from '#tb/bridge/index.js';
import { Bridge, bridgeFmu, stamp } from '../support/bridge.js';
import { temporaryFolder } from '../support/fmus.js';
import { type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';
import { CONFIG, configured, type Ports, passwordOf, prepare, VHOST } from './support.js';

const folder = temporaryFolder();

describe.skipIf(!ownRabbitMqAvailable())('RabbitMQ as broker-config/ has it', () => {
  let generated: string;
  let broker: OwnRabbitMq;
  let ports: Ports;
  const url = (user: string) => `amqp://${user}:${passwordOf(generated, user)}@127.0.0.1:${broker.port}/${VHOST}`;
  const list = async (what: string, ...columns: string[]) =>
    (await broker.ctl(what, '--vhost', VHOST, ...columns, '--quiet', '--no-table-headers')).trim().split('\n');

  beforeAll(async () => {
    generated = prepare(join(folder, 'generated'));
    const options = await configured(generated);
    ports = options.ports;
    broker = await startOwnRabbitMq(options);
  }, 90_000);
  afterAll(() => broker.stop(), 30_000);

  /** What the broker says to one request of a user. */
  async function asked(user: string, ask: (channel: amqp.ConfirmChannel) => Promise<unknown>): Promise<string> {
    const model = await amqp.connect(url(user));
    model.on('error', () => {});
    const channel = await model.createConfirmChannel();
    let closed: Error | undefined;
    channel.on('error', (error: Error) => {
      closed = error;
    });
    const outcome = await ask(channel).then(
      () => 'allowed',
      (error: Error) => (closed ?? error).message,
    );
    await model.close();
    return /403/.test(outcome) ? 'refused' : outcome;
  }
  const publish = (exchange: string) => async (channel: amqp.ConfirmChannel) => {
    channel.publish(exchange, 'key', Buffer.from('{}'));
    await channel.waitForConfirms();
  };

  it('has its users, each with the password that was made, and no guest', async () => {
    const users = (await broker.ctl('list_users', '--quiet', '--no-table-headers')).trim().split('\n').sort();
    expect(users.map((line) => line.split('\t')[0])).toEqual([
      'bridge',
      'fmu-client',
      'fmu-worker',
      'monitor',
      'operator',
      'robot',
    ]);
    for (const user of ['bridge', 'robot']) expect(await asked(user, async () => {})).toBe('allowed');
    await expect(amqp.connect(`amqp://guest:guest@127.0.0.1:${broker.port}`)).rejects.toThrow('403');
    await expect(amqp.connect(`amqp://bridge:@127.0.0.1:${broker.port}/${VHOST}`)).rejects.toThrow('403');
  });

  it('has exchanges, queues of their types and a policy for each', async () => {
    const exchanges = await list('list_exchanges', 'name', 'type');
    expect(exchanges).toEqual(expect.arrayContaining(['robot.state\ttopic', 'robot.command\ttopic', 'dead\tfanout']));
    const queues = (await list('list_queues', 'name', 'type', 'policy')).sort();
    expect(queues).toEqual([
      'dead\tquorum\tdead',
      'robot.commands\tquorum\tcommands',
      'robot.history\tstream\thistory',
    ]);
  });

  it('lets a bridge do what it needs, and no more', async () => {
    const own = async (channel: amqp.ConfirmChannel) => {
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, 'robot.state', '#');
      await channel.consume(queue, () => {});
    };
    const outcomes = {
      'a queue of its own': await asked('bridge', own),
      'publish a command': await asked('bridge', publish('robot.command')),
      'publish a state': await asked('bridge', publish('robot.state')),
      'consume commands': await asked('bridge', (channel) => channel.consume('robot.commands', () => {})),
      'read the stream': await asked('bridge', async (channel) => {
        await channel.prefetch(1);
        await channel.consume('robot.history', () => {});
      }),
      'delete the stream': await asked('bridge', (channel) => channel.deleteQueue('robot.history')),
      'make a queue': await asked('bridge', (channel) => channel.assertQueue('mine', { durable: true })),
      'make an exchange': await asked('bridge', (channel) => channel.assertExchange('mine', 'direct')),
    };
    expect(outcomes).toEqual({
      'a queue of its own': 'allowed',
      'publish a command': 'allowed',
      'publish a state': 'refused',
      'consume commands': 'refused',
      'read the stream': 'allowed',
      'delete the stream': 'refused',
      'make a queue': 'refused',
      'make an exchange': 'refused',
    });
  });

  it('lets a robot publish its state and take its commands, and no more', async () => {
    const outcomes = {
      'publish its state': await asked('robot', publish('robot.state')),
      'take its commands': await asked('robot', (channel) => channel.consume('robot.commands', () => {})),
      'publish a command': await asked('robot', publish('robot.command')),
      'make a queue': await asked('robot', (channel) => channel.assertQueue('', { exclusive: true })),
      'read the history': await asked('robot', (channel) => channel.consume('robot.history', () => {})),
    };
    expect(outcomes).toEqual({
      'publish its state': 'allowed',
      'take its commands': 'allowed',
      'publish a command': 'refused',
      'make a queue': 'refused',
      'read the history': 'refused',
    });
  });

  const places = `receive: { exchange: robot.state, type: topic, durable: true, declare: passive, key: '#' }
send: { exchange: robot.command, type: topic, durable: true, declare: passive, key: stop, mandatory: true }
outputs: { x: Real }
inputs: { stop: Boolean }
`;

  it('serves the bridge of its README, over TLS, with a password or a certificate', async () => {
    const file = join(folder, 'bridge.yaml');
    writeFileSync(
      file,
      `twinbridge: bridge\nname: robot\nbroker: { host: localhost, port: ${ports.tls}, vhost: twin, tls: { ca: ${generated}/tls/ca.pem } }\n${places}`,
    );
    const robot = await amqp.connect(url('robot'));
    const channel = await robot.createChannel();
    const sending = setInterval(() => {
      channel.publish('robot.state', 'a', Buffer.from(JSON.stringify({ x: 1, time: new Date().toISOString() })));
    }, 50);
    const byPassword = { TWINBRIDGE_SECRET_FILE: join(generated, 'secrets/bridge') };
    const byCertificate = {
      TWINBRIDGE_BROKER_AUTH: 'external',
      TWINBRIDGE_TLS_CERT: join(generated, 'clients/bridge.pem'),
      TWINBRIDGE_TLS_KEY: join(generated, 'clients/bridge.key'),
    };
    try {
      for (const env of [byPassword, byCertificate]) {
        const target = await readTarget(file, { env });
        const report = await checkBroker({ ...target, connectTimeoutMs: 5000, messageTimeoutMs: 5000 });
        expect(report.steps.filter(({ state }) => state !== 'ok' && state !== 'skipped')).toEqual([]);
        expect(report.steps.at(-1)).toMatchObject({ name: 'decode', state: 'ok' });
      }
    } finally {
      clearInterval(sending);
      await robot.close();
    }
  });

  it('carries the history to a bridge, and its stop to the robot', async () => {
    const before = process.env.AMQP_URL;
    const fmu = await bridgeFmu(
      `receive: { exchange: robot.state, declare: passive, stream: { name: robot.history, offset: last, declare: passive } }
send: { exchange: robot.command, declare: passive, key: stop, mandatory: true }
selection: { timeout: 5 s }
outputs: { x: Real }
inputs: { stop: Boolean }
`,
      folder,
    );
    const robot = await amqp.connect(url('robot'));
    const channel = await robot.createConfirmChannel();
    const commands: string[] = [];
    await channel.consume('robot.commands', (message) => {
      if (message === null) return;
      commands.push(message.content.toString());
      channel.ack(message);
    });
    channel.publish('robot.state', 'a', Buffer.from(JSON.stringify({ x: 4.5, time: stamp(0) })));
    await channel.waitForConfirms();
    process.env.AMQP_URL = url('bridge');
    const bridge = new Bridge(fmu);
    try {
      bridge.initialise();
      expect(bridge.real('x')).toBe(4.5);
      bridge.set('stop', true);
      bridge.instance.doStep(0, 0.1);
      await expect.poll(() => commands.filter((text) => text.includes('"stop":true')).length).toBe(1);
    } finally {
      bridge.instance.free();
      await robot.close();
      if (before === undefined) delete process.env.AMQP_URL;
      else process.env.AMQP_URL = before;
    }
  });

  it('has the metrics that Prometheus asks for and Grafana shows', async () => {
    const dashboard = JSON.parse(readFileSync(join(CONFIG, 'grafana/dashboards/rabbitmq.json'), 'utf8')) as {
      panels: { targets: { expr: string }[] }[];
    };
    const names = dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(/rabbitmq_\w+/g)));
    expect(names.length).toBeGreaterThan(5);
    // The broker counts every five seconds: those of queues made just now come a little later.
    await vi.waitFor(
      async () => {
        const metrics = await (await fetch(`http://127.0.0.1:${ports.prometheus}/metrics`)).text();
        for (const name of names) expect(metrics).toMatch(new RegExp(`^${name}[{ ]`, 'm'));
        expect(metrics).toMatch(/^rabbitmq_queue_messages_ready\{.*queue="robot.commands"/m);
      },
      { timeout: 20_000, interval: 500 },
    );
  });

  it('answers a publisher that a message is too large', async () => {
    const publisher = await Publisher.open({ address: parseBrokerUrl(url('robot')), connectionName: 'large' });
    await expect(publisher.publish('robot.state', 'a', Buffer.alloc(17 << 20))).rejects.toThrow(/larger than/);
    await publisher.close();
  });
});
