/** Whole runs of systems that other tools wrote, with remote components: their results are those of a run without. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { RunControl, runSystem } from '#tb/master/index.js';
import { readSystem, type System, writeSystem } from '#tb/system/index.js';
import { everything } from '../../master/isolate/support.js';
import { CASES, FMUS } from '../../master/isolate/systems.js';
import { master } from '../../master/support.js';
import { runCli, startCli } from '../../support/cli.js';
import { structureXml, variableConnection, write } from '../../support/osp.js';
import { isRunning } from '../../support/processes.js';
import { until } from '../../support/until.js';
import { component, connect, elements, ssd } from '../../system/ssp.js';
import { remotely, servers } from './support.js';

// Registered first, so done last: when all simulations of a test are closed.
afterEach(() => expect(servers()).toEqual([]));

const { start, read, folder } = master(...FMUS, 'crash', 'monitor');

const HERE = 'proxyfmu://localhost';
const here = (name: string) => `${HERE}?file=${name}.fmu`;

/** The results, as they lie in the file. */
async function results(system: System, stop?: number): Promise<string> {
  const file = join(folder, 'results.csv');
  await runSystem(system, { results: file, ...(stop === undefined ? {} : { stop }) });
  return readFileSync(file, 'utf8');
}

/** As it is read with its FMUs remote, and without. */
async function bothOf(file: (named: (fmu: string) => string) => string): Promise<void> {
  const [remote, local] = [await readSystem(file(here)), await readSystem(file((name) => `${name}.fmu`))];
  expect(remote.components.every((one) => one.remote !== undefined)).toBe(true);
  expect(local.components.every((one) => one.remote === undefined)).toBe(true);
  const found = await results(remote, 3);
  expect(found).toBe(await results(local, 3));
  expect(found.split('\n').length).toBeGreaterThan(20);
}

describe('a run gives the same results', () => {
  it('of a system structure of OSP', () =>
    bothOf((named) =>
      write(
        folder,
        'OspSystemStructure.xml',
        structureXml({
          simulators: `<Simulator name="c" source="${named('counter')}"/>
    <Simulator name="f" source="${named('feedthrough')}"><InitialValues><InitialValue variable="offset"><Real value="0.25"/></InitialValue></InitialValues></Simulator>
    <Simulator name="d" source="${named('dahlquist')}" stepSize="0.2"/>`,
          connections: ['c.odd -> f.boolean_in', 'c.text -> f.string_in', 'd.x -> f.real_in', 'c.count -> f.integer_in']
            .map((wire) => variableConnection(wire.split(' -> ')[0]!, wire.split(' -> ')[1]!))
            .join('\n    '),
        }),
      ),
    ));

  it.each(['1.0', '2.0'])('of a system of SSP %s', (version) =>
    bothOf((named) => {
      const content = [
        elements(component('d', named('dahlquist')), component('g', named('gain')), component('c', named('counter'))),
        `<ssd:Connections>${connect('d.x -> g.u')}</ssd:Connections>`,
      ];
      return write(folder, 'system.ssd', ssd(content.join('\n'), undefined, version));
    }),
  );

  it('of a package that was written', async () => {
    const system = remotely(
      await read(
        'components: { d: { fmu: dahlquist3.fmu }, s: { fmu: state3.fmu, start: { seed: 7 } } }\nstep: 0.1\nstop: 3\n',
      ),
      HERE,
    );
    const file = join(folder, 'written.ssp');
    await writeSystem(system, file);
    const csv = join(folder, 'packed.csv');
    expect(await runCli(['run', file, '--results', csv, '--json'])).toMatchObject({ code: 0 });
    expect(readFileSync(csv, 'utf8')).toBe(await results(system));
  });

  it('of a scenario', async () => {
    const system = await read(`
components: { d: { fmu: dahlquist.fmu }, g: { fmu: gain.fmu } }
connections: [ d.x -> g.u ]
step: 0.1
stop: 2
scenario:
  events:
    - { time: 0.5, set: g.u, value: 7 }
    - { time: 1.2, set: g.u, action: bias, value: -1 }
    - { time: 1.5, set: g.u, action: reset }
    - { time: 1.6, set: g.k, value: 3 }
`);
    expect(await results(remotely(system, HERE))).toBe(await results(system));
  });

  it('of steps whose size is chosen by the error, with states that are gone back to', async () => {
    const system = await read(`
components:
  o: { fmu: oscillator.fmu }
  p: { fmu: oscillator.fmu, start: { x0: 1 } }
connections: [ p.f_out -> o.f, o.x -> p.x_in, o.v -> p.v_in ]
step: { min: 1e-4, max: 0.1, initial: 0.01, tolerance: 1e-5 }
stop: 2
algorithm: gauss-seidel
`);
    expect(await results(remotely(system, HERE))).toBe(await results(system));
  });

  it('of a loop that is iterated at each step', async () => {
    const system = await read(`
components:
  o: { fmu: oscillator.fmu }
  p: { fmu: oscillator.fmu, start: { x0: 1 } }
connections: [ p.f_out -> o.f, o.x -> p.x_in, o.v -> p.v_in ]
step: 0.01
stop: 2
loops: { atSteps: true }
`);
    for (const algorithm of ['jacobi', 'gauss-seidel'] as const) {
      expect(await results(remotely({ ...system, algorithm }, HERE))).toBe(await results({ ...system, algorithm }));
    }
  });

  it('of parameters that are changed on the way', async () => {
    const outcome = async (named: (fmu: string) => string) => {
      const system = await read(
        `components: { d: { fmu: '${named('dahlquist')}' }, g: { fmu: '${named('gain')}' } }\nconnections: [ d.x -> g.u ]\nstep: 0.1\nstop: 3\n`,
      );
      const file = join(folder, 'controlled.csv');
      const control = new RunControl();
      const running = runSystem(system, { results: file, paused: true, control });
      await control.step(10);
      await control.set('g.k', [2.5]);
      expect((await control.get('g.k')).values).toEqual([2.5]);
      await control.step(10);
      await control.set('g.k', [-1]);
      await control.resume();
      await running;
      return readFileSync(file, 'utf8');
    };
    const found = await outcome(here);
    expect(found).toBe(await outcome((name) => `${name}.fmu`));
  });
});

/** What a run whose process was killed could not remove. */
const forgetFolders = () => {
  const temporary = process.env.TMPDIR!;
  for (const name of readdirSync(temporary)) rmSync(join(temporary, name), { recursive: true });
};

/** What the protocol of proxyfmu has words for: FMI 1.0 and 2.0. */
const PLAIN = CASES.filter(([, , text]) => !/(feedthrough3|arrays3)/.test(text));

describe('by nothing but the protocol of proxyfmu', () => {
  it.each(PLAIN)('the values are the same: %s, %s', async (_title, algorithm, text) => {
    const system = await read(`${text}algorithm: ${algorithm}\n`);
    const expected = everything(await start(system), 40);
    expect(everything(await start(remotely(system, HERE), { target: 'plain 1\n' }), 40)).toEqual(expected);
  });

  it('an FMU of FMI 3.0 is refused, and it is said why', async () => {
    const system = remotely(await read('components: { d: { fmu: dahlquist3.fmu } }\nstep: 1\n'), HERE);
    await expect(start(system, { target: 'plain 1\n' })).rejects.toMatchObject({
      code: 'TB_FMI_REMOTE_REFUSED',
      message: expect.stringMatching(/^d: proxyfmu:\/\/localhost\?file=.*dahlquist3\.fmu cannot be run: .*FMI 3\.0/),
    });
  });
});

describe('no process is left', () => {
  it.each([
    ['between two steps', `a: { fmu: '${here('gain')}' }, b: { fmu: '${here('counter')}' }`],
    ['in a step without end', `a: { fmu: '${here('crash')}', start: { mode: loop } }, b: { fmu: '${here('gain')}' }`],
    [
      'in one that sleeps',
      `a: { fmu: '${here('crash')}', start: { mode: sleep, delay: 3600 } }, b: { fmu: '${here('gain')}' }`,
    ],
  ])('when the master is killed %s', async (_when, body) => {
    const file = join(folder, 'killed.yaml');
    writeFileSync(file, `twinbridge: system\ncomponents: { ${body} }\nstep: 0.1\n`);
    const running = startCli(['run', file, '--stop', 'never', '--pace', 'realtime']);
    await until(() => servers(running.process.pid).length === 2, 'two servers');
    const pids = servers(running.process.pid);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(pids.every(isRunning)).toBe(true);
    running.process.kill('SIGKILL');
    await running.finished;
    await until(() => !pids.some(isRunning), 'the end of the servers');
    forgetFolders();
  });

  it('nor when a run that does not react is given up', { timeout: 20_000 }, async () => {
    const file = join(folder, 'hang.yaml');
    writeFileSync(
      file,
      `twinbridge: system\ncomponents: { a: { fmu: '${here('crash')}', start: { mode: loop, at: 2 } } }\nstep: 0.1\nstop: 1\n`,
    );
    const running = startCli(['run', file, '--pace', '10']);
    await until(() => servers(running.process.pid).length === 1, 'a server');
    const pids = servers(running.process.pid);
    await new Promise((resolve) => setTimeout(resolve, 500));
    running.process.kill('SIGINT');
    await running.said(/stopping after this step/);
    running.process.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect(code).toBe(1);
    expect(stderr).toMatch(/the run did not react within 5 s/);
    await until(() => !pids.some(isRunning), 'the end of the server');
    forgetFolders();
  });
});

it('a folder of a run says where its FMUs were run', async () => {
  const file = join(folder, 'kept.yaml');
  writeFileSync(file, `twinbridge: system\ncomponents: { a: { fmu: '${here('gain')}' } }\nstep: 0.1\nstop: 1\n`);
  const { code, stderr } = await runCli(['run', file, '--folder', join(folder, 'runs')]);
  expect(code).toBe(0);
  const path = /run folder: (.*)/.exec(stderr)![1]!;
  const { fmus } = JSON.parse(readFileSync(join(path, 'versions.json'), 'utf8'));
  expect(fmus).toEqual([expect.objectContaining({ file: 'gain.fmu', runsAt: [here('gain')] })]);
});

it('plan, validate and info say where FMUs run', async () => {
  const file = join(folder, 'shown.yaml');
  writeFileSync(
    file,
    `twinbridge: system\ncomponents: { a: { fmu: '${here('gain')}' }, b: { fmu: gain.fmu } }\nstep: 0.1\n`,
  );
  expect((await runCli(['plan', file])).stdout).toContain(`elsewhere:\n  a: ${here('gain')}\n`);
  expect(await runCli(['validate', file])).toMatchObject({ code: 0, stdout: `${file}: valid\n` });
  const uri = `proxyfmu://10.0.0.1:9090?file=${join(folder, 'gain.fmu')}`;
  expect((await runCli(['info', uri])).stdout).toMatch(/^runs at {9}proxyfmu:\/\/10\.0\.0\.1:9090\?file=/m);
  const { code, stderr } = await runCli(['info', 'proxyfmu://10.0.0.1?file=a.fmu']);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^the argument has the source 'proxyfmu:\/\/10\.0\.0\.1\?file=a\.fmu', which lacks the port/);
});
