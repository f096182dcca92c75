/** FMUs that workers offer on a broker: who finds them, who runs them, how many, and who is refused. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { readFmuModel } from '#tb/fmi/index.js';
import { accessOf, BrokerClient, describeAmqpFmu, openGateway } from '#tb/remote/broker/index.js';
import { binaryProtocol, encodeCall, FMU_SERVICE, frameHead, ThriftClient } from '#tb/remote/thrift/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { runCli } from '../support/cli.js';
import { describedAs, temporaryFolder, testFmu, writeFmu } from '../support/fmus.js';
import { childrenOf, isRunning } from '../support/processes.js';
import { until } from '../support/until.js';
import { ProxyProcess, RemoteFmu, reference, WorkerProcess } from './broker-harness.js';

const folder = temporaryFolder();
const oscillator = testFmu(folder, 'oscillator');
const counter = testFmu(folder, 'counter');
const crash = testFmu(folder, 'crash');

describeOnBrokers('FMUs on a broker', (broker) => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const worker = async (host: string, fmus: readonly string[], ...options: string[]) => {
    const started = await WorkerProcess.start(broker.url, host, fmus, ...options);
    cleanups.push(() => started.stop());
    return started;
  };
  const use = async (file: string, name: string, options = {}) => {
    const fmu = await RemoteFmu.open(broker.url, name, (await readFmuModel(file)).model, options);
    cleanups.push(() => fmu.close());
    return fmu;
  };

  it('gives the values that the FMU gives here, from a process of its own', async () => {
    const serving = await worker('one', [oscillator]);
    const fmu = await use(oscillator, 'oscillator');
    await fmu.initialise();
    const seen: (readonly number[])[] = [];
    for (let index = 0; index < 50; index++) seen.push(await fmu.step(index));
    expect(seen).toEqual(await reference(oscillator, 50));
    expect(childrenOf(serving.pid)).toEqual([fmu.pid]);
    await fmu.client.call('terminate', {});
    await fmu.client.call('freeInstance', {});
    await until(() => serving.events('ended').length === 1 && !isRunning(fmu.pid));
    expect(serving.events('ended')[0]).toMatchObject({ how: 'left', running: 0, instance: 'oscillator' });
  });

  it.skipIf(process.getuid?.() !== 0)('runs it as another user, who is told nothing of the broker', async () => {
    await worker('one', [oscillator], '--user', 'nobody', '--max-files', '64');
    const fmu = await use(oscillator, 'oscillator');
    await fmu.initialise();
    expect(await fmu.step(0)).toEqual((await reference(oscillator, 1))[0]);
    expect(readFileSync(`/proc/${fmu.pid}/status`, 'utf8')).toMatch(/^Uid:\t65534\t65534/m);
    expect(readFileSync(`/proc/${fmu.pid}/limits`, 'utf8')).toMatch(/^Max open files +64 /m);
    expect(readFileSync(`/proc/${fmu.pid}/environ`, 'latin1')).not.toMatch(
      /AMQP_URL|TWINBRIDGE_(SECRET|PROXY_TOKEN=\w)/,
    );
  });

  it('says what an FMU is: the model is that of the file', async () => {
    await worker('one', [oscillator, `my name=${counter}`]);
    for (const [name, file] of [
      ['oscillator', oscillator],
      ['my name', counter],
    ] as const) {
      const { model } = await readFmuModel(file);
      expect(await describeAmqpFmu({ broker: broker.url, name, guid: model.token })).toEqual(model);
    }
  });

  it('an unknown name: who misspelt it is told which there are; nobody there is another matter', async () => {
    const nobody = describeAmqpFmu({ broker: broker.url, name: 'motor' }, { retryMs: 300 });
    await expect(nobody).rejects.toMatchObject({
      code: 'TB_BROKER_FMU_NOT_OFFERED',
      exitCode: 3,
      message: expect.stringMatching(/^nobody offers FMUs at amqp:/),
      remedy: expect.stringMatching(/twinbridge serve --amqp .* motor\.fmu/),
    });
    await worker('one', [oscillator, counter]);
    await expect(describeAmqpFmu({ broker: broker.url, name: 'oscilator' })).rejects.toMatchObject({
      message: expect.stringMatching(/nobody offers an FMU 'oscilator' at .* \(did you mean 'oscillator'\?\)$/),
      remedy: 'there are counter, oscillator',
      details: expect.objectContaining({ name: 'oscilator' }),
    });
  });

  it('another guid, and several FMUs of one name, are not taken for the one that was meant', async () => {
    await worker('one', [oscillator]);
    const { token } = (await readFmuModel(oscillator)).model;
    await expect(openGateway({ broker: broker.url, name: 'oscillator', guid: '{other}' })).rejects.toMatchObject({
      code: 'TB_BROKER_FMU_NOT_OFFERED',
      message: expect.stringContaining(`has the guid ${token}, not {other}`),
    });
    const other = writeFmu(
      join(folder, 'other', 'oscillator.fmu'),
      describedAs('oscillator', (xml) => xml.replace(token, '{00000000-0000-0000-0000-000000000001}')),
    );
    await worker('two', [other]);
    await expect(describeAmqpFmu({ broker: broker.url, name: 'oscillator' })).rejects.toMatchObject({
      code: 'TB_BROKER_FMU_AMBIGUOUS',
      message: expect.stringMatching(/several FMUs are offered as 'oscillator'.*\(on (one|two)\); .*\(on (one|two)\)$/),
    });
    expect((await describeAmqpFmu({ broker: broker.url, name: 'oscillator', guid: token })).token).toBe(token);
  });

  it('a worker that comes later is waited for', async () => {
    const later = describeAmqpFmu({ broker: broker.url, name: 'counter' }, { retryMs: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 400));
    await worker('one', [counter]);
    expect((await later).modelName).toBe((await readFmuModel(counter)).model.modelName);
  });

  it('two workers share the instances; the rest waits until there is room', async () => {
    const [one, two] = await Promise.all([
      worker('one', [counter], '--instances', '2'),
      worker('two', [counter], '--instances', '2'),
    ]);
    const fmus = await Promise.all([1, 2, 3, 4].map(() => use(counter, 'counter')));
    expect(fmus.flatMap(({ workers }) => workers).sort()).toEqual(['one', 'one', 'two', 'two']);
    await expect(use(counter, 'counter', { startMs: 700 })).rejects.toMatchObject({
      code: 'TB_BROKER_NO_WORKER',
      message: expect.stringMatching(
        /no worker has taken an instance of 'counter' within 0.7 s: (one|two) runs 2 of 2 instances; (one|two) runs 2 of 2 instances/,
      ),
      remedy: expect.stringContaining('--instances'),
    });
    const fifth = use(counter, 'counter');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const freed = fmus[0]!;
    await freed.close();
    const [host] = (await fifth).workers;
    expect(host).toBe(freed.workers[0]);
    for (const fmu of [...fmus.slice(1), await fifth]) {
      await fmu.initialise();
      await fmu.client.call('step', { currentTime: 0, stepSize: 1 });
    }
    expect(one.events('taken').length + two.events('taken').length).toBe(5);
    // Never more at a time than they were told.
    for (const event of [...one.events('taken'), ...two.events('taken')]) expect(event.running).toBeLessThanOrEqual(2);
  }, 60_000);

  it('shows who offers what', async () => {
    await worker('one', [counter, oscillator], '--instances', '3');
    await use(counter, 'counter');
    const shown = await runCli(['serve', '--amqp', broker.url, '--list']);
    expect(shown.stdout).toMatch(
      /^one \(\d+\): 1 of 3 instances\n {2}counter {2}FMI 2.0 {2}\{.*\} {2}not restorable\n {2}oscillator {2}FMI 2.0 {2}\{.*\}\n$/,
    );
    const client = await BrokerClient.open({ access: await accessOf(broker.url) });
    cleanups.push(() => client.close());
    const [offers] = await client.offers();
    expect(offers).toMatchObject({ worker: { host: 'one', instances: 1, limit: 3, isDraining: false } });
  });

  it('an FMU that ends its process takes nobody with it, and the error says how it ended', async () => {
    const serving = await worker('one', [crash]);
    const fmu = await use(crash, 'crash', { instanceName: 'instantiate_segfault' });
    const other = await use(crash, 'crash', { instanceName: 'other' });
    await expect(fmu.client.call('instantiate', {})).rejects.toThrow(
      /instantiate_segfault .*was lost, in instantiate: the worker on one \(\d+\), its process is gone: .*SIGSEGV/,
    );
    await other.initialise();
    await until(() => serving.events('ended').length === 1);
    expect(serving.events('ended')[0]).toMatchObject({ how: 'crashed', instance: 'instantiate_segfault', running: 1 });
  });

  it('a library that cannot be loaded is told before the first call', async () => {
    const broken = writeFmu(
      join(folder, 'broken', 'counter.fmu'),
      describedAs('counter', (xml) => xml).map((entry) =>
        entry.name.startsWith('binaries/') ? { ...entry, content: Buffer.from('no library') } : entry,
      ),
    );
    await worker('one', [broken]);
    await expect(use(broken, 'counter')).rejects.toMatchObject({
      code: 'TB_BROKER_INSTANCE_REFUSED',
      message: expect.stringMatching(/^counter: the worker on one cannot run 'counter': .*counter\.(so|dylib)/s),
    });
  });

  it('whoever does not know the token is not served', async () => {
    await worker('one', [counter]);
    const fmu = await use(counter, 'counter');
    const stranger = await ThriftClient.connect(FMU_SERVICE, fmu.gateway);
    await expect(stranger.call('instantiate', {})).rejects.toThrow('the first call must be tb_authenticate');
    const guesser = await ThriftClient.connect(FMU_SERVICE, fmu.gateway);
    expect(await guesser.call('tb_authenticate', { token: 'guess' })).toBe(false);
    await expect(guesser.call('instantiate', {})).rejects.toThrow(/closed the connection/);
    const garbage = connect(fmu.gateway.port, '127.0.0.1');
    garbage.on('error', () => {});
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => garbage.on('close', resolve));
    await fmu.initialise();
  });

  it('takes no more instances after Ctrl-C, and lets those that run finish', async () => {
    const one = await worker('one', [counter]);
    const fmu = await use(counter, 'counter');
    const two = await worker('two', [counter]);
    await fmu.initialise();
    one.kill('SIGINT');
    await one.said(/waits for 1 to finish/);
    const next = await use(counter, 'counter');
    expect(next.workers).toEqual(['two']);
    await fmu.client.call('step', { currentTime: 0, stepSize: 1 });
    await fmu.client.call('freeInstance', {});
    expect(await one.finished).toMatchObject({ code: 0 });
    expect(two.isGone).toBe(false);
  });

  it('a second Ctrl-C ends them: what can be restored goes on elsewhere', async () => {
    const one = await worker('one', [oscillator, counter]);
    const [fmu, lost] = [await use(oscillator, 'oscillator'), await use(counter, 'counter')];
    await worker('two', [oscillator, counter]);
    await fmu.initialise();
    await lost.initialise();
    const expected = await reference(oscillator, 20);
    for (let index = 0; index < 10; index++) expect(await fmu.step(index)).toEqual(expected[index]);
    one.kill('SIGINT');
    await one.said(/waits for 2 to finish/);
    one.kill('SIGINT');
    expect(await one.finished).toMatchObject({ code: 0 });
    for (let index = 10; index < 20; index++) expect(await fmu.step(index)).toEqual(expected[index]);
    expect(fmu.workers).toEqual(['one', 'two']);
    await expect(lost.client.call('step', { currentTime: 0, stepSize: 1 })).rejects.toThrow(
      /the worker on one \(\d+\), the worker on one was stopped; it cannot be restored elsewhere/,
    );
  }, 60_000);

  it('speaks the spawn protocol of proxyfmu', async () => {
    const serving = await worker('one', [counter]);
    const proxy = await ProxyProcess.start(broker.url, counter, 'by libcosim');
    cleanups.push(() => proxy.stop());
    // As libcosim: it lets go of the connection when the server has ended.
    const client = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    let answers = 0;
    client.on('data', () => (answers += 1));
    for (const method of ['instantiate', 'freeInstance'] as const) {
      const call = encodeCall(FMU_SERVICE, binaryProtocol, method, {}, answers);
      client.write(Buffer.concat([frameHead(call), call]));
      await until(() => answers > (method === 'instantiate' ? 0 : 1));
    }
    const { code, stdout } = await proxy.cli.finished;
    expect({ code, stdout }).toEqual({ code: 0, stdout: `[proxyfmu] port=${proxy.port}\n[proxyfmu] freed\n` });
    expect(serving.events('taken')[0]).toMatchObject({ instance: 'by libcosim' });
    const unknown = runCli(['amqp-proxyfmu', '--fmu', oscillator, '--instanceName', 'x'], {
      env: { AMQP_URL: broker.url },
    });
    expect(await unknown).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/nobody offers an FMU 'oscillator' at .*\n {2}there are counter/),
    });
  });
});
