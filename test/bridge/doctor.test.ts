/** `twinbridge doctor`: for each step, a broker on which exactly that one fails, and what is said then. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import amqp from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CheckupReport, checkBroker, readTarget } from '#tb/bridge/index.js';
import { startBroker } from '../support/broker-process.js';
import { makeAuthority } from '../support/certificates.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';
import { freePort, type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';

const folder = temporaryFolder();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let files = 0;
function bridgeYaml(receive: string, more = ''): string {
  const file = join(folder, `bridge-${files++}.yaml`);
  writeFileSync(
    file,
    `twinbridge: bridge\nname: robot\nreceive: ${receive}\noutputs: { x: Real, stop: Boolean }\n${more}`,
  );
  return file;
}
const TOPIC = '{ exchange: plant, type: topic, key: robot.state }';

/** As from the command line, with `url` in the environment. */
async function check(target: string, url = target, exchange?: string): Promise<CheckupReport> {
  const env = { AMQP_URL: url };
  return checkBroker({
    ...(await readTarget(target, { env, ...(exchange === undefined ? {} : { exchange }) })),
    connectTimeoutMs: 3000,
    messageTimeoutMs: 400,
  });
}
const failed = ({ steps }: CheckupReport) => steps.filter(({ state }) => state === 'failed');
/** The one step that failed; the ones behind it were not taken. */
function failure(report: CheckupReport, name: string, exitCode: number) {
  expect(report.ok).toBe(false);
  expect(report.exitCode).toBe(exitCode);
  expect(failed(report).map((step) => step.name)).toEqual([name]);
  const [step] = failed(report);
  expect(step?.remedy ?? '').not.toBe('');
  return `${step?.message} → ${step?.remedy}`;
}
async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  return (server.address() as { port: number }).port;
}

describe('where there is no broker', () => {
  it('dns', async () => {
    const said = failure(await check('amqp://robot:secret@no-such-host.invalid'), 'dns', 4);
    expect(said).toContain("cannot resolve the host 'no-such-host.invalid'");
  });

  it('tcp', async () => {
    const said = failure(await check(`amqp://127.0.0.1:${await freePort()}`), 'tcp', 4);
    expect(said).toMatch(/nothing listens at .* → start the broker/);
  });

  it('greeting: a web server, a silent one, one that hangs up', async () => {
    const web = createHttpServer((_, response) => response.end('hello'));
    expect(failure(await check(`amqp://127.0.0.1:${await listen(web)}`), 'greeting', 4)).toContain(
      'it is a web server',
    );
    const silent = createServer((socket) => socket.on('error', () => {}));
    const target = await readTarget(`amqp://127.0.0.1:${await listen(silent)}`, { env: {} });
    const report = await checkBroker({ ...target, connectTimeoutMs: 200, messageTimeoutMs: 100 });
    expect(failure(report, 'greeting', 4)).toContain('did not complete the connection within 200 ms');
    const rude = createServer((socket) => socket.destroy());
    failure(await check(`amqp://127.0.0.1:${await listen(rude)}`), 'greeting', 4);
  });

  it('tls: a port without it', async () => {
    const broker = await startBroker();
    cleanups.push(() => broker.kill());
    const said = failure(await check(`amqps://guest:guest@127.0.0.1:${broker.port}`), 'tls', 4);
    expect(said).toContain('does not speak TLS');
  });
});

describe('on the embedded broker', () => {
  it('login and virtual host', async () => {
    const broker = await startBroker();
    cleanups.push(() => broker.kill());
    const at = `127.0.0.1:${broker.port}`;
    expect(failure(await check(`amqp://guest:wrong@${at}`), 'login', 4)).toContain('ACCESS_REFUSED');
    expect(failure(await check(`amqp://guest:guest@${at}/lab`), 'vhost', 4)).toMatch(/vhost lab not found.*add_vhost/s);
  });

  it('all is well, with a message; nothing is left', async () => {
    const broker = await startBroker();
    cleanups.push(() => broker.kill());
    const model = await amqp.connect(broker.url);
    cleanups.push(() => model.close());
    const channel = await model.createChannel();
    await channel.assertExchange('plant', 'topic', { durable: false });
    const sending = setInterval(() => {
      channel.publish('plant', 'robot.state', Buffer.from(`{"x":1,"stop":false,"time":"${new Date().toISOString()}"}`));
    }, 20);
    cleanups.push(() => clearInterval(sending));
    const report = await check(bridgeYaml(TOPIC), broker.url);
    expect(failed(report)).toEqual([]);
    expect(report.steps.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'dns ok',
      'tcp ok',
      'tls skipped',
      'greeting ok',
      'login ok',
      'vhost ok',
      'configure ok',
      'write skipped',
      'read ok',
      'exchange ok',
      'queue ok',
      'message ok',
      'decode ok',
    ]);
    expect(report.steps.at(-1)?.message).toMatch(/2 of 2 signals, time 20.*, \d+\.\d{3} s old/);
  });

  it('makes neither the exchange nor the queue that it looks for', async () => {
    const broker = await startBroker();
    cleanups.push(() => broker.kill());
    const file = bridgeYaml('{ exchange: plant, type: topic, key: "#", queue: { name: robot, durable: true } }');
    const report = await check(file, broker.url);
    expect(failed(report)).toEqual([]);
    const model = await amqp.connect(broker.url);
    cleanups.push(() => model.close());
    for (const look of ['checkExchange', 'checkQueue'] as const) {
      const channel = await model.createChannel();
      channel.on('error', () => {});
      await expect(channel[look](look === 'checkQueue' ? 'robot' : 'plant')).rejects.toThrow('404');
    }
  });
});

describe.skipIf(!ownRabbitMqAvailable())('on RabbitMQ', () => {
  const ca = makeAuthority(folder, 'ca');
  let broker: OwnRabbitMq;
  let tlsPort: number;
  let model: amqp.ChannelModel;
  let channel: amqp.Channel;
  const as = (user: string) => `amqp://${user}:secret@127.0.0.1:${broker.port}`;

  beforeAll(async () => {
    const server = ca.issue('broker', { names: ['localhost'] });
    tlsPort = await freePort();
    const users = {
      full: ['.*', '.*', '.*'],
      stranger: undefined,
      'no-configure': ['', '.*', '.*'],
      'no-write': ['.*', '^(?!commands$).*', '.*'],
      'no-read': ['.*', '.*', '^(?!plant$).*'],
    };
    broker = await startOwnRabbitMq({
      config: [
        `listeners.ssl.default = 127.0.0.1:${tlsPort}`,
        `ssl_options.cacertfile = ${ca.cert}`,
        `ssl_options.certfile = ${server.cert}`,
        `ssl_options.keyfile = ${server.key}`,
      ],
      credentials: 'full:secret',
      definitions: {
        users: Object.keys(users).map((name) => ({ name, password: 'secret', tags: '' })),
        vhosts: [{ name: '/' }],
        permissions: Object.entries(users).flatMap(([user, rights]) =>
          rights === undefined ? [] : [{ user, vhost: '/', configure: rights[0], write: rights[1], read: rights[2] }],
        ),
        exchanges: ['plant', 'commands'].map((name) => ({
          name,
          vhost: '/',
          type: 'topic',
          durable: true,
          auto_delete: false,
          internal: false,
          arguments: {},
        })),
        queues: [
          { name: 'robot', vhost: '/', durable: true, auto_delete: false, arguments: { 'x-max-length': 5 } },
          { name: 'history', vhost: '/', durable: true, auto_delete: false, arguments: { 'x-queue-type': 'stream' } },
        ],
      },
    });
    model = await amqp.connect(broker.url);
    channel = await model.createChannel();
  }, 90_000);
  afterAll(async () => {
    await model.close();
    await broker.stop();
  }, 30_000);

  const PLANT = '{ exchange: plant, type: topic, durable: true, key: robot.state }';
  function send(body: string, key = 'robot.state'): void {
    const sending = setInterval(() => channel.publish('plant', key, Buffer.from(body)), 20);
    cleanups.push(() => clearInterval(sending));
  }
  const now = () => new Date().toISOString();

  it('tls: an authority that is not trusted; one that is', async () => {
    const url = `amqps://full:secret@localhost:${tlsPort}`;
    expect(failure(await check(url), 'tls', 4)).toMatch(
      /comes from an authority that is not trusted here.*TWINBRIDGE_TLS_CA/s,
    );
    const target = await readTarget(url, { env: { TWINBRIDGE_TLS_CA: ca.cert } });
    const report = await checkBroker({ ...target, connectTimeoutMs: 3000, messageTimeoutMs: 100 });
    expect(report.steps[2]).toMatchObject({ name: 'tls', state: 'ok' });
    expect(report.steps[2]?.message).toContain('certificate of broker by ca');
    expect(readFileSync(ca.cert, 'utf8')).toContain('CERTIFICATE');
  });

  it('greeting: TLS is expected', async () => {
    const said = failure(await check(`amqp://full:secret@localhost:${tlsPort}`), 'greeting', 4);
    expect(said).toContain('expects TLS → use amqps://');
  });

  it('login', async () => {
    const said = failure(await check(`amqp://full:wrong@127.0.0.1:${broker.port}`), 'login', 4);
    expect(said).toContain('ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN');
    expect(said).not.toContain('wrong');
  });

  it('vhost: not there, or not allowed', async () => {
    expect(failure(await check(`${as('full')}/lab`), 'vhost', 4)).toContain("rabbitmqctl add_vhost 'lab'");
    expect(failure(await check(as('stranger')), 'vhost', 4)).toContain("set_permissions -p '/' 'stranger'");
  });

  it('configure', async () => {
    const said = failure(await check(bridgeYaml(PLANT), as('no-configure')), 'configure', 1);
    expect(said).toContain("access to exchange 'plant' in vhost '/' refused for user 'no-configure'");
    expect(said).toContain("access to queue 'amq.gen-");
    expect(said).toContain("rabbitmqctl set_permissions -p '/' 'no-configure'");
  });

  it('write', async () => {
    send(`{"x":1,"stop":false,"time":"${now()}"}`);
    const file = bridgeYaml(PLANT, 'inputs: { go: Boolean }\nsend: { exchange: commands }\n');
    const said = failure(await check(file, as('no-write')), 'write', 1);
    expect(said).toContain("access to exchange 'commands' in vhost '/' refused for user 'no-write'");
  });

  it('read', async () => {
    const said = failure(await check(bridgeYaml(PLANT), as('no-read')), 'read', 1);
    expect(said).toContain("access to exchange 'plant' in vhost '/' refused for user 'no-read'");
  });

  it('exchange: not there, or of another type', async () => {
    const missing = bridgeYaml('{ exchange: nothing, declare: passive, key: a }');
    expect(failure(await check(missing, as('full')), 'exchange', 1)).toContain("no exchange 'nothing' in vhost '/'");
    send(`{"x":1,"stop":false,"time":"${now()}"}`);
    const direct = bridgeYaml('{ exchange: plant, type: direct, durable: true, key: robot.state }');
    const said = failure(await check(direct, as('full')), 'exchange', 1);
    expect(said).toContain(
      "inequivalent arg 'type' for exchange 'plant' in vhost '/': received 'direct' but current is 'topic'",
    );
  });

  it('queue: of other properties, or not there', async () => {
    send(`{"x":1,"stop":false,"time":"${now()}"}`);
    const other = bridgeYaml(PLANT.replace('}', ', queue: { name: robot, durable: true } }'));
    expect(failure(await check(other, as('full')), 'queue', 1)).toContain(
      "inequivalent arg 'x-max-length' for queue 'robot'",
    );
    const missing = bridgeYaml(PLANT.replace('}', ', queue: { name: none, declare: passive } }'));
    expect(failure(await check(missing, as('full')), 'queue', 1)).toContain("no queue 'none' in vhost '/'");
  });

  it('message: none came, or with other keys', async () => {
    expect(failure(await check(bridgeYaml(PLANT), as('full')), 'message', 1)).toContain(
      "nothing came from 'plant' with key 'robot.state' in 0.4 s",
    );
    send('{}', 'robot.pose');
    expect(failure(await check(bridgeYaml(PLANT), as('full')), 'message', 1)).toContain("but with 'robot.pose'");
  });

  it('decode: no sample, or one with oddities', async () => {
    send('{"x":1,"stop":false}');
    const said = failure(await check(bridgeYaml(PLANT), as('full')), 'decode', 1);
    expect(said).toContain('time_missing: the message has no \'time\'; it begins {"x":1,"stop":false}');
    await cleanups.pop()?.();
    send('{"x":1,"stpo":false,"time":"2020-01-01T00:00:00Z"}');
    const report = await check(bridgeYaml(PLANT), as('full'));
    expect(report.ok).toBe(true);
    const decode = report.steps.at(-1);
    expect(decode?.state).toBe('warning');
    expect(decode?.message).toContain('1 of 2 signals');
    expect(decode?.message).toContain("'stpo' is no signal (did you mean 'stop'?)");
    expect(decode?.message).toContain('older than maxage');
  });

  it('leaves the broker as it was, and the messages where they are', async () => {
    await channel.bindQueue('robot', 'plant', 'robot.state');
    for (const x of [1, 2, 3]) channel.publish('plant', 'robot.state', Buffer.from(`{"x":${x}}`));
    channel.sendToQueue('history', Buffer.from(`{"x":1,"stop":true,"time":"${now()}"}`));
    const look = async () => {
      const lists = [
        ['list_exchanges', 'name', 'type'],
        ['list_bindings', 'source_name', 'destination_name', 'routing_key'],
      ];
      return Promise.all(lists.map((list) => broker.ctl(...list, '--quiet')));
    };
    const queue = () => channel.checkQueue('robot');
    await expect.poll(async () => (await queue()).messageCount).toBe(3);
    const before = await look();
    const named = bridgeYaml(
      PLANT.replace('}', ', queue: { name: robot, declare: passive } }'),
      'inputs: { go: Boolean }\n',
    );
    await check(named, as('full'));
    await check(bridgeYaml('{ exchange: new, type: topic, key: a, queue: { name: new, type: quorum } }'), as('full'));
    const stream = await check(
      bridgeYaml(
        '{ exchange: plant, type: topic, durable: true, maxage: 1 h, stream: { name: history, offset: first } }',
      ),
      as('full'),
    );
    expect(failed(stream)).toEqual([]);
    expect(stream.steps.at(-1)).toMatchObject({ name: 'decode', state: 'ok' });
    expect(await look()).toEqual(before);
    expect((await queue()).messageCount).toBe(3);
    const first = await channel.get('robot', { noAck: true });
    expect(first !== false && first.fields.redelivered).toBe(false);
  });

  describe('the command', () => {
    it('prints a line a step and what to do, or JSON; the exit code tells the kind', async () => {
      const file = bridgeYaml(PLANT);
      const refused = await runCli(['doctor', file], {
        env: { AMQP_URL: `amqp://full:wrong@127.0.0.1:${broker.port}` },
      });
      expect(refused.code).toBe(4);
      expect(refused.stdout).toMatch(/^ok {7}tcp .* connected to 127\.0\.0\.1/m);
      expect(refused.stdout).toMatch(/^failed {3}login .*\n +→ check user and password/m);
      expect(refused.stdout).not.toContain('wrong');
      const silent = await runCli(['doctor', as('full'), '--exchange', 'plant', '--timeout', '0.2', '--json']);
      expect(silent.code).toBe(1);
      const report = JSON.parse(silent.stdout) as CheckupReport;
      expect(failed(report).map(({ name }) => name)).toEqual(['message']);
      const well = await runCli(['doctor', as('full')]);
      expect(well.code).toBe(0);
      const broken = join(folder, 'broken.yaml');
      writeFileSync(broken, 'twinbridge: bridge\n');
      expect((await runCli(['doctor', broken])).code).toBe(3);
      expect((await runCli(['doctor', '--timeout', 'soon'])).code).toBe(2);
    }, 30_000);
  });
});
