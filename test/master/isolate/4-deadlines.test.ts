/** A component that does not answer in time is ended; the run ends with it, and nothing else. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ComponentDeadlineError, FmuInstance, FmuInstanceGoneError, modelOf, openAnyFmu } from '#tb/fmi/index.js';
import { thrownBy } from '../../support/thrown.js';
import { master, step, value, values } from '../support.js';
import { processes } from './support.js';

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => expect(processes()).toEqual([]));

const { start, run, failure, folder } = master('crash', 'dahlquist', 'gain', 'misbehave', 'slow');

const hanging = (start: string, deadline = '0.3') => `
components:
  model: { fmu: dahlquist.fmu }
  bad: { fmu: crash.fmu, isolate: true, deadline: ${deadline}, start: { ${start} } }
step: 0.25
stop: 2
`;

/** What hangs, and costs processor time or none. */
const HANGS = [['loop'], ['sleep']] as const;
const how = (mode: string) => (mode === 'sleep' ? 'mode: sleep, delay: 3600' : 'mode: loop');

describe.each(HANGS)('%s', (mode) => {
  it('in a step', async () => {
    const simulation = await start(hanging(`${how(mode)}, at: 3`));
    step(simulation, 2);
    const before = performance.now();
    const error = thrownBy(() => step(simulation)) as ComponentDeadlineError;
    const took = performance.now() - before;
    expect(error).toBeInstanceOf(ComponentDeadlineError);
    expect(error).toMatchObject({ code: 'TB_FMI_COMPONENT_DEADLINE', exitCode: 5, details: { limitMs: 300 } });
    expect(error.message).toBe(
      `bad: fmi2DoStep at t = 0.5 s took longer than 0.3 s: its process was ended\n  | crash: ${mode}, as asked`,
    );
    expect(error.ending.waitedMs).toBeGreaterThanOrEqual(300);
    expect(took).toBeGreaterThanOrEqual(300);
    expect(took).toBeLessThan(5000);
    expect(processes()).toEqual([]);
    // The others are as they were.
    expect(values(simulation, 'model.x', 'bad.steps')).toEqual([expect.any(Number), 2]);
    expect(thrownBy(() => simulation.instances[1]!.get(0))).toBeInstanceOf(FmuInstanceGoneError);
    simulation.close();
  });

  it('in a getter', async () => {
    // The first getter after the initialisation reads what is recorded at its end.
    const error = (await failure(hanging(`${how(mode)}, where: get`))) as unknown;
    expect(error).toMatchObject({ code: 'TB_FMI_COMPONENT_DEADLINE', exitCode: 5 });
    expect((error as Error).message).toMatch(/^bad: fmi2GetInteger at t = 0 s took longer than 0.3 s/);
  });

  it.each(['initialization', 'instantiation'])('at %s: starting up has a limit of its own', async (where) => {
    const fmu = await openAnyFmu(join(folder, 'crash.fmu'));
    const model = modelOf(fmu.description);
    const create = () =>
      new FmuInstance(
        { file: fmu.file, directory: fmu.directory, model },
        {
          name: where === 'instantiation' ? `instantiate_${mode}` : 'bad',
          isolate: { deadlineMs: 10, startUpMs: 400 },
        },
      );
    const set = (instance: FmuInstance, name: string, value: number) =>
      instance.set(
        model.variables.findIndex((variable) => variable.name === name),
        [value],
      );
    let instance: FmuInstance | undefined;
    const error = thrownBy(() => {
      instance = create();
      set(instance, 'mode', mode === 'loop' ? 4 : 5);
      set(instance, 'delay', 3600);
      set(instance, 'where', 1);
      instance.enterInitializationMode({ startTime: 0 });
      instance.exitInitializationMode();
    }) as ComponentDeadlineError;
    instance?.free();
    await fmu.close();
    expect(error).toBeInstanceOf(ComponentDeadlineError);
    expect(error.message).toMatch(/^\w+: fmi2\w+( at t = 0 s)? took longer than 0.4 s: its process was ended/);
    expect(error.ending.function).toMatch(
      where === 'instantiation' ? /^fmi2Instantiate$/ : /^fmi2(EnterInitializationMode|ExitInitializationMode)$/,
    );
  });
});

describe('a deadline', () => {
  it('ends a run with exit code 5, its results kept', async () => {
    const file = join(folder, 'r.csv');
    const error = await failure(hanging('mode: loop, at: 5'), { results: file });
    expect(error).toMatchObject({
      code: 'TB_FMI_COMPONENT_DEADLINE',
      exitCode: 5,
      details: { instance: 'bad', function: 'fmi2DoStep', time: 1, limitMs: 300 },
      report: { outcome: 'failed', steps: 4, time: 1, finalValues: { 'bad.steps': 4 } },
    });
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n')).toHaveLength(1 + 5);
  });

  it('counts from the beginning of each step, and is no matter when it is kept', async () => {
    const report = await run(hanging('mode: sleep, at: 3, delay: 0.1', '5'));
    expect(report).toMatchObject({ outcome: 'finished', steps: 8 });
  });

  it('does not count how long the others take meanwhile', async () => {
    const report = await run(`
components:
  bad: { fmu: misbehave.fmu, start: { delay: 0.4 } }
  quick: { fmu: gain.fmu, isolate: true, deadline: 0.25 }
step: 1
stop: 3
`);
    expect(report.outcome).toBe('finished');
  });

  it('is one for each component', async () => {
    const error = await failure(`
components:
  a: { fmu: misbehave.fmu, isolate: true, deadline: 30, start: { delay: 0.05 } }
  b: { fmu: misbehave.fmu, isolate: true, deadline: 0.3, start: { mode: hang, at: 2 } }
  c: { fmu: misbehave.fmu, isolate: true, start: { delay: 0.05 } }
step: 1
stop: 3
`);
    expect(error.message).toMatch(/^b: fmi2DoStep at t = 1 s took longer than 0.3 s/);
  });

  it('holds in a loop, too', async () => {
    const simulation = await start(`
components:
  a: { fmu: gain.fmu, isolate: true, start: { k: 0.5, b: 1 }, deadline: 0.3 }
  b: { fmu: gain.fmu, start: { k: 0.5 } }
connections: [ a.y -> b.u, b.y -> a.u ]
algorithm: gauss-seidel
step: 0.5
`);
    step(simulation, 2);
    expect(value(simulation, 'a.y')).toBeCloseTo(1 / 0.75, 9);
    const [pid] = processes();
    process.kill(pid!, 'SIGSTOP');
    const error = thrownBy(() => step(simulation)) as ComponentDeadlineError;
    expect(error).toBeInstanceOf(ComponentDeadlineError);
    expect(error.ending).toMatchObject({ instance: 'a', time: 1 });
  });
});
