/**
 * What a run notices of workers that are lost: nothing but time where the FMU can serialise its state, a clear error where it
 * cannot.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { type FmuModel, readFmuModel } from '#tb/fmi/index.js';
import { startBroker } from '../support/broker-process.js';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder, testFmu } from '../support/fmus.js';
import { isRunning } from '../support/processes.js';
import { until } from '../support/until.js';
import { processState, RemoteFmu, reference, WorkerProcess } from './broker-harness.js';

const folder = temporaryFolder();
const oscillator = testFmu(folder, 'oscillator');
const counter = testFmu(folder, 'counter');
const modelOf = async (file: string): Promise<FmuModel> => (await readFmuModel(file)).model;

describeOnBrokers('Workers that are lost', (broker) => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const worker = async (host: string, ...options: string[]) => {
    const started = await WorkerProcess.start(broker.url, host, [oscillator, counter], ...options);
    cleanups.push(() => started.stop());
    return started;
  };
  const use = async (file: string, name: string, options = {}) => {
    const fmu = await RemoteFmu.open(broker.url, name, await modelOf(file), options);
    cleanups.push(() => fmu.close());
    return fmu;
  };

  it('a worker is killed in the middle of a step: another goes on, with the same bits', async () => {
    const STEPS = 600;
    const first = await worker('first');
    const fmu = await use(oscillator, 'oscillator', { checkpointSeconds: 0.05 });
    const second = await worker('second');
    await fmu.initialise();
    const expected = await reference(oscillator, STEPS);
    for (let index = 0; index < STEPS; index++) {
      if (index === 300) {
        await until(() => fmu.has('checkpoint'));
        // A step that has begun, and whose answer will never come.
        process.kill(fmu.pid, 'SIGSTOP');
        const step = fmu.step(index);
        await new Promise((resolve) => setTimeout(resolve, 50));
        process.kill(fmu.pid, 'SIGKILL');
        first.kill('SIGKILL');
        expect(await step).toEqual(expected[index]);
      } else expect(await fmu.step(index), `step ${index}`).toEqual(expected[index]);
      if (index % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(fmu.workers).toEqual(['first', 'second']);
    const [restored] = fmu.events.filter((event) => event.type === 'restored');
    expect(restored).toMatchObject({ from: 'state', worker: { host: 'second' } });
    const [lost] = fmu.events.filter((event) => event.type === 'lost');
    expect(lost).toMatchObject({ lastCall: expect.stringMatching(/^in /), worker: { host: 'first', pid: first.pid } });
    expect(second.events('taken')).toHaveLength(1);
  }, 60_000);

  it('one that hangs is given up, and what it says later is not listened to', async () => {
    const first = await worker('first', '--linger', '1');
    const fmu = await use(oscillator, 'oscillator', { timing: { silentMs: 600, beatMs: 100 } });
    await worker('second');
    await fmu.initialise();
    const expected = await reference(oscillator, 60);
    const firstPid = fmu.pid;
    for (let index = 0; index < 60; index++) {
      if (index === 20) first.kill('SIGSTOP');
      if (index === 40) first.kill('SIGCONT');
      expect(await fmu.step(index), `step ${index}`).toEqual(expected[index]);
    }
    expect(fmu.workers).toEqual(['first', 'second']);
    // Before the first step that the first had not answered no state was taken: its calls are done once more.
    expect(fmu.events.find((event) => event.type === 'restored')).toMatchObject({ from: 'calls' });
    // Its instance goes, once it hears that it is needed no more.
    await until(() => !isRunning(firstPid), 'the end of the instance that was given up', 20_000);
  }, 60_000);

  it('several are lost, one after the other, at any moment', async () => {
    const STEPS = 400;
    const fmus = await worker('0', '--instances', '1').then(() =>
      use(oscillator, 'oscillator', { checkpointSeconds: 0.02 }),
    );
    const others = await Promise.all(['1', '2', '3'].map((host) => worker(host)));
    await fmus.initialise();
    const expected = await reference(oscillator, STEPS);
    for (let index = 0; index < STEPS; index++) {
      if (index % 120 === 100) {
        const host = fmus.workers.at(-1)!;
        const victim = others.find((each) => each.host === host);
        setTimeout(
          () => (victim === undefined ? process.kill(fmus.pid, 'SIGKILL') : victim.kill('SIGKILL')),
          index / 50,
        );
      }
      expect(await fmus.step(index), `step ${index}`).toEqual(expected[index]);
    }
    expect(fmus.workers.length).toBeGreaterThan(2);
  }, 60_000);

  it('an FMU that cannot serialise its state: the error says what, where, and after which call', async () => {
    const first = await worker('first');
    const fmu = await use(counter, 'counter');
    await worker('second');
    await fmu.initialise();
    await fmu.step(0);
    const from = performance.now();
    first.kill('SIGKILL');
    await expect(fmu.step(1)).rejects.toThrow(
      new RegExp(
        `^counter \\('counter' at amqp://.*\\) was lost, (in|after) .*: the worker on first \\(${first.pid}\\), the broker has no queue of it any more; it cannot be restored elsewhere, as the FMU cannot serialise its state$`,
      ),
    );
    expect(performance.now() - from).toBeLessThan(5000);
    expect(fmu.events.find((event) => event.type === 'absent')).toBeDefined();
  }, 60_000);

  it('where nobody else takes it, the error says that it was lost', async () => {
    const only = await worker('only');
    const fmu = await use(oscillator, 'oscillator', { startMs: 1000 });
    await fmu.initialise();
    await fmu.step(0);
    only.kill('SIGKILL');
    await expect(fmu.step(1)).rejects.toThrow(
      /^oscillator was lost, and no worker has taken an instance of 'oscillator' within 1 s: nobody offers it/,
    );
    expect(fmu.events.find((event) => event.type === 'failed')).toMatchObject({
      error: { code: 'TB_BROKER_INSTANCE_LOST', remedy: expect.stringContaining('start another worker') },
    });
  }, 60_000);

  it('ends an instance whose client is gone, after a while', async () => {
    const first = await worker('first', '--linger', '0.5');
    const { startCli } = await import('../support/cli.js');
    const client = startCli(['amqp-proxyfmu', '--fmu', counter, '--instanceName', 'left'], {
      env: { AMQP_URL: broker.url },
    });
    await until(() => first.events('ready').length === 1);
    const pid = Number(first.events('ready')[0]!.pid);
    expect(processState(pid)).toBeDefined();
    client.process.kill('SIGKILL');
    await until(() => first.events('ended').length === 1);
    expect(first.events('ended')[0]).toMatchObject({ how: 'gone', reason: 'its client is gone', running: 0 });
    await until(() => !isRunning(pid));
  }, 60_000);
});

describe('A broker that is restarted', () => {
  it('is waited for, and no step is done twice or left out', async () => {
    let broker = await startBroker();
    const worker = await WorkerProcess.start(broker.url, 'only', [counter], '--linger', '20');
    const fmu = await RemoteFmu.open(broker.url, 'counter', await modelOf(counter));
    try {
      await fmu.initialise();
      const steps = fmu.model.variables.find(({ name }) => name === 'count')!.valueReference;
      for (let index = 0; index < 90; index++) {
        if (index % 30 === 15) {
          const step = fmu.client.call('step', { currentTime: index, stepSize: 1 });
          if (index === 45) await new Promise((resolve) => setTimeout(resolve, 2));
          await broker.kill();
          broker = await startBroker(broker.port);
          await step;
        } else await fmu.client.call('step', { currentTime: index, stepSize: 1 });
        expect((await fmu.client.call('read_integer', { vr: [steps] })).value).toEqual([index + 1]);
      }
      expect(fmu.workers).toEqual(['only']);
    } finally {
      await fmu.close();
      await worker.stop();
      await broker.kill();
    }
  }, 60_000);
});
