/** The processes of isolated components: they never outlive the run, and nothing of theirs gets where it should not. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isolateProgramPath } from '#tb/native/index.js';
import { type Running, runCli, startCli } from '../../support/cli.js';
import { childrenOf, isRunning, openFiles } from '../../support/processes.js';
import { thrownBy } from '../../support/thrown.js';
import { until } from '../../support/until.js';
import { components, master, step, values } from '../support.js';
import { isolated, processes } from './support.js';

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => {
  delete process.env.TWINBRIDGE_ISOLATE;
  expect(processes()).toEqual([]);
});

const { start, create, read, failure, folder } = master(
  'counter',
  'crash',
  'dahlquist',
  'gain',
  'misbehave',
  'once',
  'once1',
);

function system(name: string, body: string): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, `twinbridge: system\n${body}`);
  return file;
}

/** A shell script in place of the program; it goes on with the program itself. */
function script(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${text}\nexec '${isolateProgramPath()}' "$@"\n`, { mode: 0o755 });
  return file;
}

/** The children of a run that was started, once there are so many. */
async function childrenOfRun({ process: { pid } }: Running, count: number): Promise<number[]> {
  await until(() => processes(pid).length === count, `${count} processes`);
  return processes(pid);
}

/** Folders of unpacked FMUs that a run whose process was killed could not remove. */
const forgetFolders = () => {
  const temporary = process.env.TMPDIR!;
  for (const name of readdirSync(temporary)) rmSync(join(temporary, name), { recursive: true });
};

describe('no process is left', () => {
  it('while and after a run', async () => {
    const simulation = await start(
      isolated(await read('components: { a: { fmu: gain.fmu }, b: { fmu: counter.fmu } }\nstep: 1\n')),
    );
    expect(processes()).toHaveLength(2);
    expect(simulation.instances.map((instance) => instance.process).sort()).toEqual(processes().sort());
    step(simulation, 3);
    simulation.close();
    expect(processes()).toEqual([]);
  });

  it('after one that was not initialised', async () => {
    (await create(isolated(await read('components: { a: { fmu: gain.fmu } }\nstep: 1\n')))).close();
  });

  it('nor are files, after many', async () => {
    const text = await read(
      'components: { a: { fmu: gain.fmu }, b: { fmu: crash.fmu, start: { mode: abort } } }\nstep: 1\n',
    );
    const once = async () => {
      const simulation = await start(isolated(text));
      expect(() => step(simulation)).toThrow(/SIGABRT/);
      simulation.close();
    };
    await once();
    const before = openFiles();
    for (let k = 0; k < 10; k++) await once();
    expect(openFiles()).toEqual(before);
  });

  it.each([
    [
      'between two steps',
      'components: { a: { fmu: gain.fmu, isolate: true }, b: { fmu: gain.fmu, isolate: true } }\nstep: 0.1\n',
    ],
    [
      'in a step without end',
      'components: { a: { fmu: crash.fmu, isolate: true, start: { mode: loop } }, b: { fmu: gain.fmu, isolate: true } }\nstep: 0.1\n',
    ],
    [
      'in one that sleeps',
      'components: { a: { fmu: crash.fmu, isolate: true, start: { mode: sleep, delay: 3600 } }, b: { fmu: gain.fmu, isolate: true } }\nstep: 0.1\n',
    ],
  ])('when the master is killed %s', async (_when, body) => {
    const running = startCli(['run', system('killed', body), '--stop', 'never', '--pace', 'realtime']);
    const pids = await childrenOfRun(running, 2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(pids.every(isRunning)).toBe(true);
    running.process.kill('SIGKILL');
    await running.finished;
    await until(() => !pids.some(isRunning), 'the end of the processes');
    forgetFolders();
  });

  it('not even of those that an FMU has started', async () => {
    process.env.TWINBRIDGE_ISOLATE = script('helper', 'sleep 3600 3>&- 4>&- 5>&- 6>&- &');
    const simulation = await start(
      isolated(await read('components: { a: { fmu: crash.fmu, start: { mode: abort } } }\nstep: 1\n')),
    );
    const [pid] = processes();
    await until(() => childrenOf(pid!, 'sleep').length === 1, 'the start of the helper');
    const helpers = childrenOf(pid!, 'sleep');
    expect(() => step(simulation)).toThrow(/SIGABRT/);
    await until(() => !helpers.some(isRunning), 'the end of the helper');
    simulation.close();
  });
});

describe('what it prints', () => {
  it('goes to standard error, whatever it is meant for', async () => {
    const env = { TWINBRIDGE_ISOLATE: script('loud', 'echo to standard output; echo to standard error >&2') };
    const file = system('loud', 'components: { a: { fmu: counter.fmu, isolate: true } }\nstep: 1\nstop: 3\n');
    const { code, stdout, stderr } = await runCli(['run', file, '--json'], { env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'finished', steps: 3 });
    expect(stderr).toMatch(/^to standard output\nto standard error\n/);
  });

  it('is kept for the message when it crashes: as much as is of use', async () => {
    process.env.TWINBRIDGE_ISOLATE = script('verbose', 'for k in $(seq 5000); do echo line $k of a long tale; done');
    const simulation = await start(
      isolated(await read('components: { bad: { fmu: crash.fmu, start: { mode: abort } } }\nstep: 1\n')),
    );
    const error = thrownBy(() => step(simulation)) as Error & { details: { output: string } };
    const tail = Array.from({ length: 9 }, (_, k) => `  | line ${4992 + k} of a long tale`);
    expect(error.message.split('\n').slice(1)).toEqual([...tail, '  | crash: abort, as asked']);
    expect(error.details.output.length).toBeLessThanOrEqual(4096);
    simulation.close();
  });

  it('does not hold it up, even when nobody reads standard error', async () => {
    process.env.TWINBRIDGE_ISOLATE = script('flood', 'yes "a line" | head -c 300000');
    const simulation = await start(isolated(await read('components: { a: { fmu: counter.fmu } }\nstep: 1\n')));
    step(simulation, 2);
    simulation.close();
  });
});

describe('an FMU that allows one instance in a process', () => {
  it.each(['once', 'once1'] as const)('%s can have several: each further one gets a process', async (name) => {
    const simulation = await start(
      `${components({ a: `fmu: ${name}.fmu`, b: `fmu: ${name}.fmu`, c: `fmu: ${name}.fmu` })}step: 0.5\n`,
    );
    expect(simulation.instances.map(({ isolated: is }) => is)).toEqual([false, true, true]);
    step(simulation, 3);
    expect(values(simulation, 'a.y', 'b.y', 'c.y')).toEqual([1.5, 1.5, 1.5]);
  });
});

describe('its surroundings', () => {
  it('are those of the run: environment and folder', async () => {
    const file = join(folder, 'told');
    process.env.TB_TEST_TOLD = 'by the run';
    process.env.TWINBRIDGE_ISOLATE = script('told', `echo "$TB_TEST_TOLD" "$(pwd)" > '${file}'`);
    (await create(isolated(await read('components: { a: { fmu: gain.fmu } }\nstep: 1\n')))).close();
    delete process.env.TB_TEST_TOLD;
    expect(readFileSync(file, 'utf8')).toBe(`by the run ${process.cwd()}\n`);
  });
});

describe('Ctrl-C', () => {
  const steady = () =>
    system('steady', 'components: { a: { fmu: counter.fmu, isolate: true }, b: { fmu: dahlquist.fmu } }\nstep: 0.1\n');

  it('in the terminal is for the run, which ends in order', async () => {
    const file = join(folder, 'interrupted.csv');
    const running = startCli(['run', steady(), '--stop', 'never', '--pace', 'realtime', '--json', '--results', file], {
      detached: true,
    });
    const pids = await childrenOfRun(running, 1);
    await running.wrote(file);
    await new Promise((resolve) => setTimeout(resolve, 300));
    // To the whole group, as a terminal does it.
    process.kill(-running.process.pid!, 'SIGINT');
    const { code, stdout } = await running.finished;
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.outcome).toBe('stopped');
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n')).toHaveLength(report.steps + 2);
    expect(pids.some(isRunning)).toBe(false);
  });

  it('twice ends also a run whose component never answers', { timeout: 20_000 }, async () => {
    const body =
      'components: { bad: { fmu: misbehave.fmu, isolate: true, start: { mode: hang, at: 0.3 } } }\nstep: 0.1\nstop: 1\n';
    const file = join(folder, 'hang.csv');
    const running = startCli(['run', system('hang', body), '--results', file, '--pace', '10']);
    const pids = await childrenOfRun(running, 1);
    await running.wrote(file);
    await new Promise((resolve) => setTimeout(resolve, 300));
    running.process.kill('SIGINT');
    await running.said(/stopping after this step/);
    running.process.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect(code).toBe(1);
    expect(stderr).toMatch(/the run did not react within 5 s/);
    await until(() => !pids.some(isRunning), 'the end of the process');
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n').length).toBeGreaterThanOrEqual(3);
    forgetFolders();
  });

  it('twice keeps the report, too, and leaves no thread behind', async () => {
    const kill = new AbortController();
    const threads = () => readdirSync('/proc/self/task').length;
    const before = threads();
    const failing = failure(
      `${components({ bad: 'fmu: misbehave.fmu, isolate: true, start: { mode: hang, at: 0.3 }', d: 'fmu: dahlquist.fmu' })}step: 0.1\nstop: 1\n`,
      { kill: kill.signal, killAfterMs: 200 },
    );
    await until(() => processes().length === 1, 'the start of the process');
    await new Promise((resolve) => setTimeout(resolve, 500));
    kill.abort();
    const error = await failing;
    expect(error).toMatchObject({ code: 'TB_MASTER_KILLED', report: { outcome: 'killed', steps: 2 } });
    await until(() => threads() <= before, 'the end of the threads');
  });

  it('is no matter to a deadline: exit code 5', async () => {
    const body =
      'components: { bad: { fmu: misbehave.fmu, isolate: true, deadline: 0.3, start: { mode: hang, at: 0.3 } } }\nstep: 0.1\nstop: 1\n';
    const { code, stderr } = await runCli(['run', system('late', body)]);
    expect(code).toBe(5);
    expect(stderr).toMatch(/bad: fmi2DoStep at t = 0\.2\d* s took longer than 0\.3 s: its process was ended/);
  });
});
