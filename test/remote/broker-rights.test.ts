/** FMUs on a RabbitMQ as broker-config/ has it: workers and clients with just the rights they need, over TLS. */
import { join } from 'node:path';
import amqp from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGateway } from '#tb/remote/broker/index.js';
import { configured, type Ports, passwordOf, prepare, VHOST } from '../broker-config/support.js';
import { runCli, startCli } from '../support/cli.js';
import { temporaryFolder, testFmu } from '../support/fmus.js';
import { type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';
import { until } from '../support/until.js';
import { ProxyProcess, WorkerProcess } from './broker-harness.js';

const folder = temporaryFolder();
const counter = testFmu(folder, 'counter');

describe.skipIf(!ownRabbitMqAvailable())('FMUs on a RabbitMQ as broker-config/ has it', () => {
  let generated: string;
  let broker: OwnRabbitMq;
  let ports: Ports;
  const url = (user: string) => `amqp://${user}:${passwordOf(generated, user)}@127.0.0.1:${broker.port}/${VHOST}`;

  beforeAll(async () => {
    generated = prepare(join(folder, 'generated'));
    const options = await configured(generated);
    ports = options.ports;
    broker = await startOwnRabbitMq(options);
  }, 90_000);
  afterAll(() => broker.stop(), 30_000);

  it('a worker and a client come together, with TLS and passwords from secret files', async () => {
    const tls = `amqps://localhost:${ports.tls}/${VHOST}`;
    const env = (user: string) => ({
      AMQP_URL: '',
      TWINBRIDGE_SECRET_FILE: join(generated, 'secrets', user),
      TWINBRIDGE_TLS_CA: join(generated, 'tls/ca.pem'),
    });
    const worker = startCli(['serve', '--amqp', tls, '--host', 'one', counter], { env: env('fmu-worker') });
    try {
      await worker.said(/offers counter .* at amqps:\/\/fmu-worker@localhost/);
      const client = startCli(['amqp-proxyfmu', '--broker', tls, '--fmu', counter, '--instanceName', 'a'], {
        env: env('fmu-client'),
      });
      await worker.said(/a: runs as process/);
      client.process.kill('SIGINT');
      expect(await client.finished).toMatchObject({ code: 0, stderr: '' });
      await worker.said(/a: left/);
    } finally {
      worker.process.kill('SIGINT');
      expect(await worker.finished).toMatchObject({ code: 0 });
    }
  }, 60_000);

  it('neither may do what is the other’s, nor anything else', async () => {
    const offers = await runCli(['serve', counter], { env: { AMQP_URL: url('fmu-client') } });
    expect(offers).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^not permitted at .*'twinbridge.fmu.worker.*' in vhost 'twin'/),
    });
    const asks = openGateway({ broker: url('fmu-worker'), name: 'counter' }, { retryMs: 0 });
    await expect(asks).rejects.toMatchObject({ code: 'TB_AMQP_PERMISSION', exitCode: 4 });
    const robot = openGateway({ broker: url('robot'), name: 'counter' }, { retryMs: 0 });
    await expect(robot).rejects.toMatchObject({ code: 'TB_AMQP_PERMISSION' });
    const wrong = url('fmu-client').replace(/:[^:@]+@/, ':wrong@');
    await expect(openGateway({ broker: wrong, name: 'counter' })).rejects.toMatchObject({
      code: 'TB_AMQP_LOGIN_REFUSED',
    });
  }, 60_000);

  it('a client can neither take requests nor read what others are answered', async () => {
    const worker = await WorkerProcess.start(url('fmu-worker'), 'one', [counter], '--linger', '1');
    const proxy = await ProxyProcess.start(url('fmu-client'), counter, 'a');
    const queues = (await broker.ctl('list_queues', '--vhost', VHOST, 'name', '--quiet', '--no-table-headers'))
      .split('\n')
      .filter((name) => name.startsWith('twinbridge.fmu.'));
    expect(queues.map((name) => name.split('.')[2]).sort()).toEqual(['client', 'instance', 'request', 'worker']);
    const model = await amqp.connect(url('fmu-client'));
    model.on('error', () => {});
    for (const queue of queues) {
      const channel = await model.createChannel();
      channel.on('error', () => {});
      const taken = channel.consume(queue, () => {});
      // The queue of another client is exclusive to its connection.
      await expect(taken, queue).rejects.toThrow(queue.includes('.client.') ? /405/ : /403/);
    }
    await model.close();
    await proxy.stop();
    await until(() => worker.events('ended').length === 1, 'the end', 20_000);
    await worker.stop();
  }, 60_000);

  it('what workers do can be listened to', async () => {
    const tap = startCli(['tap', url('operator'), '--exchange', 'twinbridge.fmu.events', '--json', '-n', '2']);
    await tap.said(/listening/);
    const worker = await WorkerProcess.start(url('fmu-worker'), 'one', [counter]);
    const proxy = await ProxyProcess.start(url('fmu-client'), counter, 'a');
    const { stdout } = await tap.finished;
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { routingKey: string; body: string });
    expect(events.map(({ routingKey }) => routingKey)).toEqual(['worker.one.taken', 'worker.one.ready']);
    expect(JSON.parse(events[0]!.body)).toMatchObject({ instance: 'a', fmu: 'counter', worker: { host: 'one' } });
    await proxy.stop();
    await worker.stop();
  }, 60_000);
});
