/** Systems whose components run on workers behind a broker. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { RunLogMessage } from '#tb/master/index.js';
import { runSystem } from '#tb/master/index.js';
import { parseSystemYaml, type System } from '#tb/system/index.js';
import { describeOnBrokers } from '../../support/brokers.js';
import { runCli } from '../../support/cli.js';
import { temporaryFolder, testFmu } from '../../support/fmus.js';
import { write } from '../../support/osp.js';
import { WorkerProcess } from '../broker-harness.js';

const folder = temporaryFolder();
const files = (['gain', 'oscillator', 'state3'] as const).map((name) => testFmu(folder, name));

const BODY = `
connections: [ p.f_out -> o.f, o.x -> p.x_in, o.v -> p.v_in, o.x -> g.u ]
step: 0.01
stop: 10
`;

describeOnBrokers('FMUs on a broker, in a system', (broker) => {
  const workers: WorkerProcess[] = [];
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.stop();
  });
  const worker = async (host: string) => {
    const started = await WorkerProcess.start(broker.url, host, files, '--instances', '8');
    workers.push(started);
    return started;
  };
  const place = () => {
    const { host, pathname, protocol } = new URL(broker.url);
    const vhost = pathname.length > 1 ? pathname : '';
    return `${protocol === 'amqps:' ? 'amqps-fmu' : 'amqp-fmu'}://${host}${vhost}`;
  };
  const read = (named: (fmu: string) => string, body = BODY): Promise<System> =>
    parseSystemYaml(
      join(folder, 'system.yaml'),
      `twinbridge: system
components:
  o: { fmu: '${named('oscillator')}' }
  p: { fmu: '${named('oscillator')}', start: { x0: 1 } }
  g: { fmu: '${named('gain')}', start: { k: -3 } }
  s: { fmu: '${named('state3')}', start: { seed: 42 } }
${body}`,
    );
  const elsewhere = (fmu: string) => `${place()}/${fmu}`;
  const here = (fmu: string) => `${fmu}.fmu`;
  const results = async (system: System, options: Parameters<typeof runSystem>[1] = {}) => {
    const file = join(mkdtempSync(join(tmpdir(), 'twinbridge-test-')), 'results.csv');
    await runSystem(system, { ...options, results: file });
    return readFileSync(file, 'utf8');
  };

  /** A paced run that has begun. */
  const begun = async (system: System, log: RunLogMessage[] = []) => {
    let begins: (() => void) | undefined;
    const first = new Promise<void>((resolve) => {
      begins = resolve;
    });
    const running = results(system, {
      pace: 1,
      onLog: (message) => log.push(message),
      onProgress: () => begins?.(),
    });
    await Promise.race([first, running]);
    return { running };
  };

  it('give the results of a run in one process; nothing of them is on this machine', async () => {
    await worker('first');
    const system = await read(elsewhere);
    expect(system.components.map(({ fmu, remote }) => [fmu, remote?.kind])).toEqual(
      ['oscillator', 'oscillator', 'gain', 'state3'].map((name) => [elsewhere(name), 'amqp-fmu']),
    );
    expect(await results(system)).toBe(await results(await read(here)));
  }, 60_000);

  it('go on elsewhere when a worker is lost, which is told', async () => {
    const first = await worker('first');
    const log: RunLogMessage[] = [];
    const { running } = await begun(await read(elsewhere), log);
    await worker('second');
    first.kill('SIGKILL');
    expect(await running).toBe(await results(await read(here)));
    const told = log.filter(({ category }) => category === 'remote');
    expect(new Set(told.map(({ instance }) => instance))).toEqual(new Set(['o', 'p', 'g', 's']));
    expect(told.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^its worker is lost \(first, process \d+\): /),
        expect.stringMatching(/^it goes on at second, process \d+, from /),
      ]),
    );
  }, 60_000);

  it('end the run when there is no worker left', async () => {
    const first = await worker('first');
    const { running } = await begun(await read(elsewhere));
    first.kill('SIGKILL');
    await expect(running).rejects.toMatchObject({
      code: 'TB_FMI_REMOTE_LOST',
      message: expect.stringMatching(/^[opgs]: its server amqps?-fmu:\/\/.* is lost in fmi[23]DoStep at t = \d/),
    });
  }, 60_000);

  it('are shown and checked as others are', async () => {
    await worker('first');
    const { code, stdout } = await runCli(['info', elsewhere('gain')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^runs at {9}amqps?-fmu:/m);
    expect(stdout).toMatch(/^k +Float64 +parameter/m);
    const file = write(
      folder,
      'wrong.yaml',
      `twinbridge: system\ncomponents: { a: { fmu: '${elsewhere('gian')}' } }\nstep: 1\n`,
    );
    const wrong = await runCli(['validate', file]);
    expect(wrong.code).toBe(3);
    expect(wrong.stdout).toMatch(/wrong\.yaml:2:\d+: .*gian.*did you mean 'gain'/);
  }, 60_000);
});

describe('without a broker', () => {
  it('it is said which one is not there: exit code 4', async () => {
    const file = write(
      folder,
      'none.yaml',
      "twinbridge: system\ncomponents: { a: { fmu: 'amqp-fmu://127.0.0.1:9/gain' } }\nstep: 1\n",
    );
    const { code, stderr } = await runCli(['run', file]);
    expect(stderr).toMatch(/none\.yaml:2:\d+: .*127\.0\.0\.1:9/);
    expect(code).toBe(4);
  });
});
