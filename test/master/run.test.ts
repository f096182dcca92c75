import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Progress, RunError, RunLogMessage, RunOptions, RunReport } from '#tb/master/index.js';
import { runSystem } from '#tb/master/index.js';
import { parseSystemYaml } from '#tb/system/index.js';
import { exampleFmu, privateTemporaryFiles, temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
const leftBehind = privateTemporaryFiles();
for (const name of ['dahlquist', 'feedthrough', 'misbehave', 'monitor'] as const) exampleFmu(folder, name);
const results = join(folder, 'results.csv');

afterEach(() => expect(leftBehind()).toEqual([]));

async function run(text: string, options: RunOptions = {}): Promise<RunReport> {
  return runSystem(await parseSystemYaml(join(folder, 'system.yaml'), `twinbridge: system\n${text}`), options);
}

async function failure(text: string, options: RunOptions = {}): Promise<RunError> {
  return run(text, options).then(
    () => {
      throw new Error('the run did not fail');
    },
    (error: RunError) => error,
  );
}

const DAHLQUIST = 'components: { model: { fmu: dahlquist.fmu } }\nstep: 0.25\n';
const misbehaving = (start: string) => `
components:
  model: { fmu: dahlquist.fmu }
  bad: { fmu: misbehave.fmu, start: { ${start} } }
step: 0.1
stop: 1
`;

describe('a run', () => {
  it('comes back with a report', async () => {
    const report = await run(`${DAHLQUIST}stop: 1\n`, { capture: ['model.x'] });
    expect(report).toMatchObject({
      outcome: 'finished',
      steps: 4,
      time: 1,
      simulatedSeconds: 1,
      overruns: { count: 0, maxMs: 0 },
      components: [{ name: 'model', steps: 4, warnings: 0, lostMessages: 0 }],
      finalValues: { 'model.x': 0.75 ** 4 },
    });
    expect(report.captured?.time).toEqual(Float64Array.of(0, 0.25, 0.5, 0.75, 1));
    expect(report.captured?.columns['model.x']).toEqual(Float64Array.of(1, 0.75, 0.75 ** 2, 0.75 ** 3, 0.75 ** 4));
    const [{ p50Us, p99Us, maxUs, totalMs }] = report.components as [RunReport['components'][number]];
    expect(p50Us).toBeGreaterThan(0);
    expect(p99Us).toBeGreaterThanOrEqual(p50Us);
    expect(maxUs).toBeGreaterThanOrEqual(p99Us);
    expect(totalMs * 1000).toBeGreaterThanOrEqual(maxUs);
  });

  it('ends where the step count says, whatever binary fractions do', async () => {
    // 0.3 / 0.1 is 2.9999999999999996.
    const report = await run('components: { model: { fmu: dahlquist.fmu } }\nstep: 0.1\nstop: 0.3\n');
    expect(report.steps).toBe(3);
  });

  it('can be given another end', async () => {
    expect((await run(`${DAHLQUIST}stop: 1\n`, { stop: 0.5 })).steps).toBe(2);
  });

  it('refuses to capture what is not there, or no number', async () => {
    const text = 'components: { f: { fmu: feedthrough.fmu } }\nstep: 1\nstop: 1\n';
    await expect(run(text, { capture: ['f.real_ot'] })).rejects.toMatchObject({
      code: 'TB_MASTER_UNKNOWN_VARIABLE',
      exitCode: 3,
      message: "no variable is named 'f.real_ot' (did you mean 'f.real_out'?)",
    });
    await expect(run(text, { capture: ['f.string_out'] })).rejects.toThrow(/is a String/);
  });

  it('tells its progress and the log while it goes on', async () => {
    const progress: Progress[] = [];
    const log: RunLogMessage[] = [];
    await run('components: { f: { fmu: feedthrough.fmu } }\nstep: 0.05\nstop: 0.4\nlogging: { f: [logSteps] }\n', {
      pace: 1,
      progressMs: 100,
      watch: ['f.real_out', 'f.boolean_out'],
      onProgress: (message) => progress.push(message),
      onLog: (message) => log.push(message),
    });
    expect(progress.length).toBeGreaterThanOrEqual(2);
    expect(progress.length).toBeLessThanOrEqual(5);
    expect(progress[0]).toMatchObject({ overruns: expect.any(Number), values: [0, false] });
    expect(progress.map(({ steps }) => steps)).toEqual(progress.map(({ steps }) => steps).sort((a, b) => a - b));
    expect(log.filter(({ category }) => category === 'logSteps')).toHaveLength(8);
    expect(log.at(-1)).toMatchObject({ instance: 'f', message: expect.stringMatching(/^step from 0\.35/) });
    expect(log.at(-1)?.time).toBeCloseTo(0.35, 12);
  });
});

describe('results', () => {
  it('are a CSV file whose numbers read back exactly and whose texts are quoted', async () => {
    const report = await run(
      `
components:
  f: { fmu: feedthrough.fmu, start: { real_in: -0.0, offset: -0.0, string_in: "a \\"b\\", c", boolean_in: true, integer_in: -3 } }
  wild: { fmu: dahlquist.fmu, start: { k: 1000, x0: 1e308 } }
  model: { fmu: dahlquist.fmu, start: { k: 0.1, x0: 0.1 } }
step: 0.1
stop: 0.3
record: { file: results.csv, variables: ['f.*_out', wild.x, model.x] }
`,
    );
    expect(report.resultFile).toBe(results);
    const text = readFileSync(results, 'utf8');
    expect(text.endsWith('\r\n')).toBe(true);
    const [header, ...rows] = text.trimEnd().split('\r\n');
    expect(header).toBe('time,f.real_out,f.integer_out,f.boolean_out,f.string_out,f.choice_out,wild.x,model.x');
    expect(rows).toHaveLength(4);
    expect(rows[0]).toBe('0,-0,-3,true,"a ""b"", c",1,1e+308,0.1');
    expect(rows.slice(1).map((row) => row.split(',').at(-2))).toEqual(['-Infinity', 'NaN', 'NaN']);
    let x = 0.1;
    for (const row of rows) {
      expect(Number(row.split(',').at(-1))).toBe(x);
      x += 0.1 * -0.1 * x;
    }
    expect(Number(rows[3]!.split(',')[0])).toBe(3 * 0.1);
  });

  it('may go to a folder that is not there yet', async () => {
    const file = join(folder, 'runs', 'today', 'r.csv');
    await run(`${DAHLQUIST}stop: 1\n`, { results: file });
    expect(readFileSync(file, 'utf8').split('\r\n')[0]).toBe('time,model.x');
  });

  it('that cannot be written end the run', async () => {
    const error = await failure(`${DAHLQUIST}stop: 1\n`, { results: folder });
    expect(error).toMatchObject({ code: 'TB_MASTER_RESULTS', exitCode: 1 });
  });

  it.runIf(existsSync('/dev/full'))('for which the disk is full end it too', async () => {
    const error = await failure(`${DAHLQUIST}stop: 1\n`, { results: '/dev/full' });
    expect(error.code).toBe('TB_MASTER_RESULTS');
  });
});

describe('pace', () => {
  const text = 'components: { model: { fmu: dahlquist.fmu } }\nstep: 0.02\nstop: 0.4\n';

  it('realtime takes as long as it simulates', async () => {
    const { wallSeconds, realTimeFactor, steps } = await run(text, { pace: 1 });
    expect(steps).toBe(20);
    expect(wallSeconds).toBeGreaterThanOrEqual(0.399);
    expect(wallSeconds).toBeLessThan(0.8);
    expect(realTimeFactor).toBeLessThanOrEqual(1.003);
  });

  it('a factor is simulated seconds per second', async () => {
    const { wallSeconds } = await run(text, { pace: 4 });
    expect(wallSeconds).toBeGreaterThanOrEqual(0.099);
    expect(wallSeconds).toBeLessThan(0.4);
  });

  it('counts steps that end after their due time, and catches up', async () => {
    const slow = 'components: { bad: { fmu: misbehave.fmu, start: { delay: 0.03 } } }\nstep: 0.01\nstop: 0.1\n';
    const { overruns, wallSeconds, components } = await run(slow, { pace: 1 });
    expect(overruns.count).toBe(10);
    // Step n ends at 30 n ms at the earliest and is due at 10 n ms.
    expect(overruns.maxMs).toBeGreaterThanOrEqual(200);
    expect(overruns.histogram.reduce((sum, { count }) => sum + count, 0)).toBe(10);
    // The first is 20 ms late, or a little more on a busy machine.
    const upTo = (ms: number) => overruns.histogram.filter(({ upToMs }) => upToMs <= ms);
    expect(upTo(100).reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(1);
    expect(upTo(10).reduce((sum, { count }) => sum + count, 0)).toBe(0);
    expect(wallSeconds).toBeGreaterThanOrEqual(0.3);
    expect(components[0]?.p50Us).toBeGreaterThanOrEqual(28_000);
  });
});

describe('a run ends', () => {
  it('by request, after the present step, with its results written', async () => {
    const stop = new AbortController();
    const report = await run('components: { model: { fmu: dahlquist.fmu } }\nstep: 0.05\nstop: never\n', {
      pace: 1,
      progressMs: 10,
      results,
      signal: stop.signal,
      onProgress: ({ steps }) => {
        if (steps >= 3) stop.abort();
      },
    });
    expect(report.outcome).toBe('stopped');
    expect(report.steps).toBeLessThan(10);
    expect(readFileSync(results, 'utf8').trimEnd().split('\r\n')).toHaveLength(report.steps + 2);
  });

  it('by request also while it waits for a far due time', async () => {
    const stop = new AbortController();
    let stopped = 0;
    const report = await run('components: { model: { fmu: dahlquist.fmu } }\nstep: 3600\n', {
      pace: 1,
      progressMs: 0,
      signal: stop.signal,
      // After the step; a moment later it waits.
      onProgress: () =>
        setTimeout(() => {
          stopped = performance.now();
          stop.abort();
        }, 100),
    });
    expect(report).toMatchObject({ outcome: 'stopped', steps: 1 });
    expect(performance.now() - stopped).toBeLessThan(2000);
  });

  it('when an FMU asks for it', async () => {
    const report = await run(misbehaving('mode: end, at: 0.5'));
    expect(report).toMatchObject({ outcome: 'ended', endedBy: 'bad', steps: 4 });
  });

  it('with exit code 5 when a step is discarded; the results stay', async () => {
    const error = await failure(misbehaving('mode: discard, at: 0.5'), { results });
    expect(error).toMatchObject({
      code: 'TB_FMI_DISCARD',
      exitCode: 5,
      message: expect.stringMatching(
        /^bad: fmi2DoStep at t = 0\.4 s returned fmi2Discard\n {2}bad: step to 0\.5 s discarded$/,
      ),
      report: { outcome: 'failed', steps: 4 },
    });
    const lines = readFileSync(results, 'utf8').trimEnd().split('\r\n');
    expect(lines[0]).toBe('time,model.x,bad.steps');
    expect(lines).toHaveLength(6);
    expect(lines.at(-1)).toMatch(/^0\.4,.*,4$/);
  });

  it.each([
    ['error', 'TB_FMI_ERROR'],
    ['fatal', 'TB_FMI_FATAL'],
  ])('with exit code 1 on fmi2%s', async (mode, code) => {
    const error = await failure(misbehaving(`mode: ${mode}, at: 0.3`));
    expect(error).toMatchObject({ code, exitCode: 1, report: { steps: 2 } });
  });

  it('before it begins when an FMU does not initialize', async () => {
    const error = await failure(misbehaving('mode: fail_initialization'));
    expect(error).toMatchObject({ code: 'TB_FMI_ERROR', exitCode: 1, report: undefined });
    expect(error.message).toMatch(/^bad: fmi2ExitInitializationMode at t = 0 s returned fmi2Error/);
  });

  it('not when an FMU leaves its steps pending', async () => {
    expect(await run(misbehaving('mode: pending, at: 0'))).toMatchObject({ outcome: 'finished', steps: 10 });
  });

  it('not when an FMU logs more than anybody can read', async () => {
    const seen: RunLogMessage[] = [];
    const report = await run(`${misbehaving('flood: 3000')}logging: { bad: true }\n`, {
      onLog: (message) => seen.push(message),
    });
    expect(report.outcome).toBe('finished');
    const lost = report.components[1]!.lostMessages + report.droppedLogMessages;
    // One message of instantiation, and those of ten steps.
    expect(seen.length + lost).toBe(10 * 3000 + 1);
  });

  it('given up when an FMU does not return; the process goes on', async () => {
    const kill = new AbortController();
    let given = 0;
    const error = await failure(misbehaving('delay: 1'), {
      kill: kill.signal,
      killAfterMs: 200,
      progressMs: 0,
      // After a step; a moment later the next is under way.
      onProgress: () =>
        setTimeout(() => {
          given ||= performance.now();
          kill.abort();
        }, 100),
    });
    expect(error).toMatchObject({ code: 'TB_MASTER_KILLED', exitCode: 1 });
    expect(performance.now() - given).toBeLessThan(900);
    // Until the FMU has returned, the thread is still there.
    await new Promise((resolve) => setTimeout(resolve, 1500));
  });
});
