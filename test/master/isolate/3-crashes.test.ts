/** A component that crashes ends its own process and the run, and nothing else. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ComponentCrashError, FmuInstanceGoneError } from '#tb/fmi/index.js';
import { isolateProgramPath } from '#tb/native/index.js';
import type { System } from '#tb/system/index.js';
import { thrownBy } from '../../support/thrown.js';
import { master, step, value } from '../support.js';
import { processes } from './support.js';

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => expect(processes()).toEqual([]));

const { create, start, run, failure, folder, read } = master('counter', 'crash', 'dahlquist', 'gain', 'misbehave');

/** Crashes in the process of the FMU, and how they end it. */
const ENDINGS = [
  ['segfault', { signal: 'SIGSEGV' }, 'was ended by SIGSEGV'],
  ['abort', { signal: 'SIGABRT' }, 'was ended by SIGABRT'],
  ['exit', { exitCode: 3 }, 'exited with code 3'],
] as const;

const crashing = (start: string, more = '') => `
components:
  model: { fmu: dahlquist.fmu }
  bad: { fmu: crash.fmu, isolate: true, start: { ${start} } }
step: 0.25
stop: 2
${more}
`;

/** Renamed, since an FMU is told before its instantiation how to crash there. */
const named = (system: System, name: string): System => ({
  ...system,
  components: system.components.map((component) => (component.name === 'bad' ? { ...component, name } : component)),
});

describe.each(ENDINGS)('%s', (mode, ending, words) => {
  it('in a step', async () => {
    const simulation = await start(crashing(`mode: ${mode}, at: 3`));
    step(simulation, 2);
    const error = thrownBy(() => step(simulation)) as ComponentCrashError;
    expect(error).toBeInstanceOf(ComponentCrashError);
    expect(error.ending).toMatchObject({ instance: 'bad', function: 'fmi2DoStep', time: 0.5, ...ending });
    expect(error).toMatchObject({ code: 'TB_FMI_COMPONENT_CRASH', exitCode: 1 });
    expect(error.message).toBe(`bad: its process ${words} in fmi2DoStep at t = 0.5 s\n  | crash: ${mode}, as asked`);
    // The others are as they were, and can be asked.
    expect(value(simulation, 'bad.steps')).toBe(2);
    expect(simulation.instances[0]!.get(0)).toHaveLength(1);
    expect(thrownBy(() => simulation.instances[1]!.get(0))).toBeInstanceOf(FmuInstanceGoneError);
    simulation.close();
  });

  it('at initialisation', async () => {
    const simulation = await create(crashing(`mode: ${mode}, where: initialization`));
    const error = thrownBy(() => simulation.initialize()) as ComponentCrashError;
    expect(error.ending).toMatchObject({ instance: 'bad', time: 0, ...ending });
    expect(error.ending.function).toMatch(/^fmi2(EnterInitializationMode|ExitInitializationMode|GetInteger)$/);
    simulation.close();
  });

  it('in a getter', async () => {
    const simulation = await create(crashing(`mode: ${mode}, where: get`));
    const error = thrownBy(() => {
      simulation.initialize();
      step(simulation, 3);
    }) as ComponentCrashError;
    expect(error).toBeInstanceOf(ComponentCrashError);
    expect(error.ending).toMatchObject({ instance: 'bad', function: 'fmi2GetInteger', ...ending });
    simulation.close();
  });

  it('at instantiation', async () => {
    const system = named(await read(crashing('')), `bad.instantiate_${mode}`);
    const error = await create(system).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ComponentCrashError);
    expect(error.ending).toMatchObject({ function: 'fmi2Instantiate', time: undefined, ...ending });
    expect(error.message).toBe(
      `bad.instantiate_${mode}: its process ${words} in fmi2Instantiate\n  | crash: ${mode}, as asked`,
    );
  });
});

describe('a run', () => {
  it('ends with the results up to then, and a report', async () => {
    const file = join(folder, 'r.csv');
    const error = await failure(crashing('mode: segfault, at: 5'), { results: file });
    expect(error).toMatchObject({
      code: 'TB_FMI_COMPONENT_CRASH',
      exitCode: 1,
      details: {
        instance: 'bad',
        function: 'fmi2DoStep',
        time: 1,
        signal: 'SIGSEGV',
        output: 'crash: segfault, as asked\n',
      },
      report: { outcome: 'failed', steps: 4, time: 1, finalValues: { 'bad.steps': 4 } },
    });
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n')).toHaveLength(1 + 5);
  });

  it('ends before it begins', async () => {
    const error = await failure(crashing('mode: abort, where: initialization'));
    expect(error).toMatchObject({ code: 'TB_FMI_COMPONENT_CRASH', report: undefined });
  });

  it('ends the processes of all others in order', async () => {
    // The program is started by a script, which notes what it exits with.
    const [script, codes] = [join(folder, 'noting'), join(folder, 'codes')];
    writeFileSync(script, `#!/bin/sh\n'${isolateProgramPath()}'\necho $? >> '${codes}'\n`, { mode: 0o755 });
    process.env.TWINBRIDGE_ISOLATE = script;
    try {
      const error = await failure(`
components:
  a: { fmu: counter.fmu, isolate: true }
  b: { fmu: counter.fmu }
  c: { fmu: counter.fmu, isolate: true }
  bad: { fmu: crash.fmu, isolate: true, start: { mode: exit, at: 3 } }
step: 0.25
stop: 2
`);
      expect(error.message).toMatch(/^bad: its process (exited with code \d+|is gone) in fmi2DoStep at t = 0.5 s/);
      expect(readFileSync(codes, 'utf8').trimEnd().split('\n').sort()).toEqual(['0', '0', '3']);
    } finally {
      delete process.env.TWINBRIDGE_ISOLATE;
    }
  });

  it('says what the FMU logged last', async () => {
    const error = await failure(`
components: { bad: { fmu: misbehave.fmu, isolate: true, start: { mode: crash, at: 0.5, flood: 3 } } }
step: 0.25
stop: 2
logging: { bad: [flood] }
`);
    expect(error.message.split('\n').slice(-3)).toEqual([1, 2, 3].map((k) => `  bad: message ${k} of 3`));
  });

  it('goes on when what crashes is not asked any more', async () => {
    expect(await run(crashing('mode: segfault, at: 9'))).toMatchObject({ outcome: 'finished', steps: 8 });
  });

  it.each(['jacobi', 'gauss-seidel'])('tells which of several it was: %s', async (algorithm) => {
    const error = await failure(`
components:
  ${[1, 2, 3, 4].map((k) => `c${k}: { fmu: crash.fmu, isolate: true, start: { mode: abort, at: ${k === 3 ? 4 : 9} } }`).join('\n  ')}
step: 0.25
stop: 2
algorithm: ${algorithm}
`);
    expect(error.message).toMatch(/^c3: its process was ended by SIGABRT in fmi2DoStep at t = 0.75 s/);
  });
});

describe('a process that somebody else ends', () => {
  it('between two calls is noticed at the next', async () => {
    const simulation = await start('components: { c: { fmu: counter.fmu, isolate: true } }\nstep: 0.5\n');
    step(simulation, 2);
    const [pid] = processes();
    process.kill(pid!, 'SIGKILL');
    const error = thrownBy(() => {
      for (;;) step(simulation);
    }) as ComponentCrashError;
    expect(error).toBeInstanceOf(ComponentCrashError);
    expect(error.message).toMatch(
      /^c: its process was ended by SIGKILL (between two calls, by|in \w+ at) t = [\d.]+ s$/,
    );
  });

  it('in a loop that goes back', async () => {
    const simulation = await start(`
components: { a: { fmu: gain.fmu, isolate: true, start: { k: 0.5, b: 1 } }, b: { fmu: gain.fmu, start: { k: 0.5 } } }
connections: [ a.y -> b.u, b.y -> a.u ]
algorithm: gauss-seidel
step: 0.5
`);
    step(simulation, 2);
    process.kill(processes()[0]!, 'SIGTERM');
    const error = thrownBy(() => {
      for (;;) step(simulation);
    }) as ComponentCrashError;
    expect(error.ending).toMatchObject({ instance: 'a', signal: 'SIGTERM' });
  });
});
