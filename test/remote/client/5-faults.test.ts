/** A component's server that crashes, is killed, or does not answer: it ends the run, and nothing else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ComponentCrashError,
  ComponentDeadlineError,
  FmuInstanceGoneError,
  RemoteDeadlineError,
  RemoteLostError,
} from '#tb/fmi/index.js';
import type { Simulation } from '#tb/master/index.js';
import type { System } from '#tb/system/index.js';
import { master, step, value, values } from '../../master/support.js';
import { runCli } from '../../support/cli.js';
import { openFiles } from '../../support/processes.js';
import { thrownBy } from '../../support/thrown.js';
import { instanceServer, remotely, servers } from './support.js';

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => expect(servers()).toEqual([]));

const { create, start, run, failure, read, folder } = master(
  'counter',
  'crash',
  'dahlquist',
  'gain',
  'misbehave',
  'once',
);

const HERE = 'proxyfmu://localhost';

/** `bad` is on a server. */
async function crashing(assignments: string, deadline?: number): Promise<System> {
  const text = `
components:
  model: { fmu: dahlquist.fmu }
  bad: { fmu: crash.fmu, start: { ${assignments} } }
step: 0.25
stop: 2
`;
  const { components, ...rest } = remotely(await read(text), HERE, 'bad');
  return {
    ...rest,
    components: components.map((one) => (one.name === 'bad' && deadline !== undefined ? { ...one, deadline } : one)),
  };
}

/** Crashes in the process of the FMU, and how they end it. */
const ENDINGS = [
  ['segfault', { signal: 'SIGSEGV' }, 'was ended by SIGSEGV'],
  ['abort', { signal: 'SIGABRT' }, 'was ended by SIGABRT'],
  ['exit', { exitCode: 3 }, 'exited with code 3'],
] as const;

describe.each([
  ['with commands', false],
  ['by the protocol of proxyfmu', true],
])('a server that was started here, %s', (_how, isPlain) => {
  const begin = (system: System) => create(system, { target: isPlain ? 'plain 1\n' : '' });

  it.each(ENDINGS)('%s in a step', async (mode, ending, words) => {
    const simulation = await begin(await crashing(`mode: ${mode}, at: 3`));
    simulation.initialize();
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
  });

  it.each(ENDINGS)('%s at initialisation', async (mode, ending) => {
    const simulation = await begin(await crashing(`mode: ${mode}, where: initialization`));
    const error = thrownBy(() => simulation.initialize()) as ComponentCrashError;
    expect(error.ending).toMatchObject({ instance: 'bad', time: 0, ...ending });
    expect(error.ending.function).toMatch(/^fmi2(EnterInitializationMode|ExitInitializationMode|GetInteger)$/);
  });

  it.each(['loop', 'sleep, delay: 3600'])('%s: a step that takes too long', async (mode) => {
    const simulation = await begin(await crashing(`mode: ${mode}, at: 3`, 0.3));
    simulation.initialize();
    step(simulation, 2);
    const beganMs = performance.now();
    const error = thrownBy(() => step(simulation)) as ComponentDeadlineError;
    expect(performance.now() - beganMs).toBeLessThan(5000);
    expect(error).toBeInstanceOf(ComponentDeadlineError);
    expect(error).toMatchObject({ code: 'TB_FMI_COMPONENT_DEADLINE', exitCode: 5, details: { limitMs: 300 } });
    expect(error.message).toMatch(/^bad: fmi2DoStep at t = 0\.5 s took longer than 0\.3 s: its process was ended\n/);
    expect(servers()).toEqual([]);
    expect(values(simulation, 'model.x', 'bad.steps')).toEqual([expect.any(Number), 2]);
  });

  it('that somebody kills', async () => {
    const simulation = await begin(await crashing('mode: well'));
    simulation.initialize();
    step(simulation, 2);
    process.kill(servers()[0]!, 'SIGKILL');
    const error = thrownBy(() => step(simulation)) as ComponentCrashError;
    expect(error.message).toBe('bad: its process was ended by SIGKILL in fmi2DoStep at t = 0.5 s');
  });

  it('that somebody stops', async () => {
    const simulation = await begin(await crashing('mode: well', 0.3));
    simulation.initialize();
    step(simulation, 2);
    process.kill(servers()[0]!, 'SIGSTOP');
    const error = thrownBy(() => step(simulation)) as ComponentDeadlineError;
    expect(error).toBeInstanceOf(ComponentDeadlineError);
    expect(servers()).toEqual([]);
  });

  it('nor are files left, after many', async () => {
    const system = await crashing('mode: abort');
    const once = async () => {
      const simulation = await begin(system);
      simulation.initialize();
      expect(() => step(simulation)).toThrow(/SIGABRT/);
      simulation.close();
    };
    await once();
    const before = openFiles();
    for (let k = 0; k < 10; k++) await once();
    expect(openFiles()).toEqual(before);
  });
});

describe('a server that was there already', () => {
  /** At a step of the simulation. */
  async function reached(
    deadline?: number,
  ): Promise<{ simulation: Simulation; pid: number; port: number; end(): Promise<void> }> {
    const { pid, port, end } = await instanceServer(join(folder, 'counter.fmu'));
    const system = remotely(
      await read('components: { c: { fmu: counter.fmu } }\nstep: 0.25\n'),
      `proxyfmu://localhost:${port}`,
    );
    const components = system.components.map((one) => (deadline === undefined ? one : { ...one, deadline }));
    const remotes = new Map([
      [
        0,
        {
          target: `protocol proxyfmu\nhost 127.0.0.1\nport ${port}\n`,
          uri: `proxyfmu://localhost:${port}?file=counter.fmu`,
        },
      ],
    ]);
    const simulation = await start({ ...system, components }, { remotes });
    step(simulation, 2);
    return { simulation, pid, port, end };
  }

  it('is lost', async () => {
    const { simulation, pid, port, end } = await reached();
    process.kill(pid, 'SIGKILL');
    const error = thrownBy(() => step(simulation, 3)) as RemoteLostError;
    expect(error).toBeInstanceOf(RemoteLostError);
    expect(error).toMatchObject({ code: 'TB_FMI_REMOTE_LOST', exitCode: 1, remedy: expect.stringContaining('server') });
    expect(error.message).toMatch(
      new RegExp(
        `^c: its server proxyfmu://localhost:${port}\\?file=counter\\.fmu is lost in fmi2DoStep at t = 0\\.5 s: .*127\\.0\\.0\\.1:${port}`,
      ),
    );
    await end();
  });

  it('does not answer', async () => {
    const { simulation, pid, port, end } = await reached(0.3);
    process.kill(pid, 'SIGSTOP');
    const error = thrownBy(() => step(simulation, 3)) as RemoteDeadlineError;
    await end();
    expect(error).toBeInstanceOf(RemoteDeadlineError);
    expect(error).toMatchObject({ code: 'TB_FMI_REMOTE_DEADLINE', exitCode: 5, details: { limitMs: 300 } });
    expect(error.message).toBe(
      `c: fmi2DoStep at t = 0.5 s took longer than 0.3 s: the connection to proxyfmu://localhost:${port}?file=counter.fmu was closed`,
    );
  });
});

describe('a run', () => {
  it('keeps its results up to then, and ends all other servers', async () => {
    const system = await crashing('mode: abort, at: 3');
    const all = remotely(system, HERE);
    const error = await failure(all);
    expect(error).toMatchObject({
      code: 'TB_FMI_COMPONENT_CRASH',
      exitCode: 1,
      report: { outcome: 'failed', steps: 2, time: 0.5 },
    });
    expect(servers()).toEqual([]);
  });

  it('has every server ended when one cannot run its FMU', async () => {
    const { components, ...rest } = remotely(
      await read('components: { a: { fmu: gain.fmu }, b: { fmu: counter.fmu } }\nstep: 1\nstop: 1\n'),
      HERE,
    );
    const [a, b] = components;
    const broken = { ...b!, model: { ...b!.model, modelIdentifier: 'nothing' } };
    const error = await failure({ ...rest, components: [a!, broken] });
    expect(error.message).toMatch(/nothing/);
    expect(servers()).toEqual([]);
  });

  it('of one instance a process has as many as there are components', async () => {
    const system = remotely(
      await read('components: { a: { fmu: once.fmu }, b: { fmu: once.fmu } }\nstep: 1\nstop: 3\n'),
      HERE,
    );
    expect((await run(system)).outcome).toBe('finished');
  });

  it('says what is missing: the program, or the server with how it is started', async () => {
    const file = join(folder, 'missing.yaml');
    writeFileSync(
      file,
      "twinbridge: system\ncomponents: { a: { fmu: 'proxyfmu://localhost?file=gain.fmu' } }\nstep: 1\nstop: 1\n",
    );
    const missing = await runCli(['run', file], { env: { TWINBRIDGE_PROXYFMU: '/nowhere/proxyfmu' } });
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(
      /the program \/nowhere\/proxyfmu, which runs remote FMUs on this machine, is missing\n {2}set TWINBRIDGE_PROXYFMU/,
    );
    writeFileSync(
      file,
      "twinbridge: system\ncomponents: { a: { fmu: 'proxyfmu://127.0.0.1:9?file=gain.fmu' } }\nstep: 1\nstop: 1\n",
    );
    const { code, stderr } = await runCli(['run', file]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/a: cannot reach proxyfmu:\/\/127\.0\.0\.1:9\?file=gain\.fmu: .*Connection refused/);
    expect(stderr).toContain('twinbridge proxyfmu boot --port 9');
  });
});
