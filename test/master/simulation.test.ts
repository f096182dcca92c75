import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openFmu, type UnpackedFmu } from '#tb/fmi/index.js';
import { AlgebraicLoopError, Simulation } from '#tb/master/index.js';
import { findPort, matchPorts, parseSystemYaml, type System } from '#tb/system/index.js';
import { exampleFmu, privateTemporaryFiles, temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
const leftBehind = privateTemporaryFiles();
for (const name of ['dahlquist', 'feedthrough', 'monitor', 'predictor'] as const) exampleFmu(folder, name);

const opened: UnpackedFmu[] = [];
const simulations: Simulation[] = [];

afterEach(async () => {
  for (const simulation of simulations.splice(0)) simulation.close();
  for (const fmu of opened.splice(0)) await fmu.close();
  expect(leftBehind()).toEqual([]);
});

async function create(text: string): Promise<Simulation> {
  const system: System = await parseSystemYaml(join(folder, 'system.yaml'), `twinbridge: system\n${text}`);
  for (const fmu of new Set(system.components.map((component) => component.fmu))) opened.push(await openFmu(fmu));
  const simulation = new Simulation(system, new Map(opened.map((fmu) => [fmu.file, fmu])), {
    observe: matchPorts(system, '*'),
  });
  simulations.push(simulation);
  return simulation;
}

const value = (simulation: Simulation, name: string) => simulation.reader(findPort(simulation.system, name)!)();

describe('stepping', () => {
  it('solves a known equation: x_k = x0 (1 - h k)^n', async () => {
    const simulation = await create(`
components: { model: { fmu: dahlquist.fmu, start: { k: 0.5, x0: 3 } } }
step: 0.125
`);
    simulation.initialize();
    expect(value(simulation, 'model.x')).toBe(3);
    for (let n = 1; n <= 80; n++) {
      expect(simulation.step()).toBe(true);
      expect(value(simulation, 'model.x')).toBeCloseTo(3 * (1 - 0.5 * 0.125) ** n, 12);
    }
    expect(simulation.time).toBe(10);
  });

  it('computes communication points anew, so that rounding does not add up', async () => {
    const simulation = await create('components: { model: { fmu: dahlquist.fmu } }\nstep: 0.1\nstart: 5\n');
    simulation.initialize();
    for (let n = 0; n < 1000; n++) simulation.step();
    expect(simulation.time).toBe(5 + 1000 * 0.1);
  });

  it('takes a value one step through each component, in whatever order they stand', async () => {
    const chain = (order: string[]) => `
components:
${order.map((name) => `  ${name}: { fmu: ${name === 'source' ? 'dahlquist' : 'feedthrough'}.fmu }`).join('\n')}
connections: [ source.x -> a.real_in, a.real_out -> b.real_in, b.real_out -> c.real_in ]
step: 0.5
`;
    for (const order of [
      ['source', 'a', 'b', 'c'],
      ['c', 'b', 'a', 'source'],
    ]) {
      const simulation = await create(chain(order));
      simulation.initialize();
      // Initialization passes values on without a delay.
      expect(['a', 'b', 'c'].map((name) => value(simulation, `${name}.real_out`))).toEqual([1, 1, 1]);
      const rows = Array.from({ length: 4 }, () => {
        simulation.step();
        return ['source.x', 'a.real_out', 'b.real_out', 'c.real_out'].map((name) => value(simulation, name));
      });
      expect(rows).toEqual([
        [0.5, 1, 1, 1],
        [0.25, 0.5, 1, 1],
        [0.125, 0.25, 0.5, 1],
        [0.0625, 0.125, 0.25, 0.5],
      ]);
    }
  });

  it('carries all types, and integers to Real and Enumeration inputs', async () => {
    const simulation = await create(`
components:
  a:
    fmu: feedthrough.fmu
    start: { real_in: 1.5, integer_in: 2, boolean_in: true, string_in: "a \\"text\\", ü", choice_in: second }
  b: { fmu: feedthrough.fmu }
  c: { fmu: feedthrough.fmu }
connections:
  - a.real_out -> b.real_in
  - a.integer_out -> b.integer_in
  - a.boolean_out -> b.boolean_in
  - a.string_out -> b.string_in
  - a.choice_out -> b.choice_in
  - a.integer_out -> c.real_in
  - a.integer_out -> c.choice_in
  - a.choice_out -> c.integer_in
step: 1
`);
    const outputs = (name: string) =>
      ['real', 'integer', 'boolean', 'string', 'choice'].map((type) => value(simulation, `${name}.${type}_out`));
    const passed = [1.5, 2, true, 'a "text", ü', 2];
    simulation.initialize();
    expect(outputs('b')).toEqual(passed);
    simulation.step();
    simulation.step();
    expect(outputs('b')).toEqual(passed);
    expect(outputs('c')).toEqual([2, 2, false, '', 2]);
  });
});

describe('initialization', () => {
  it('of a loop repeats until the values settle', async () => {
    const simulation = await create(`
components:
  a: { fmu: feedthrough.fmu, start: { real_in: 7 } }
  b: { fmu: feedthrough.fmu }
connections: [ a.real_out -> b.real_in, b.real_out -> a.real_in ]
step: 1
`);
    simulation.initialize();
    expect(value(simulation, 'a.real_out')).toBe(value(simulation, 'b.real_out'));
  });

  it('of a loop without a solution fails, and says which', async () => {
    const simulation = await create(`
components: { a: { fmu: feedthrough.fmu, start: { offset: 1 } } }
connections: [ a.real_out -> a.real_in ]
step: 1
`);
    expect(() => simulation.initialize()).toThrow(AlgebraicLoopError);
    expect(() => simulation.initialize()).toThrow();
  });

  it('knows from the FMU that there is no loop', async () => {
    // predictor.px depends on x alone at the start, so x -> px -> y -> py is a chain.
    const simulation = await create(`
components: { p: { fmu: predictor.fmu, start: { x: 4 } } }
connections: [ p.py -> p.z, p.px -> p.y ]
step: 1
`);
    simulation.initialize();
    expect(['px', 'py', 'pz'].map((name) => value(simulation, `p.${name}`))).toEqual([4, 4, 4]);
  });
});

describe('the example models', () => {
  it('monitor: stop when the robot comes too close, and stay stopped', async () => {
    const monitor = (latched: boolean) => `
components:
  robot: { fmu: dahlquist.fmu, start: { x0: 8, k: 1 } }
  away: { fmu: dahlquist.fmu, start: { x0: -1, k: -1 } }
  monitor: { fmu: monitor.fmu, start: { latched: ${latched} } }
connections: [ robot.x -> monitor.x, away.x -> monitor.y ]
step: 0.5
`;
    // Distances at the steps: |(8, 1)|, |(4, 1.5)|, |(2, 2.25)|, |(1, 3.375)| ...
    const stops = async (safe: number, latched: boolean) => {
      const simulation = await create(monitor(latched).replace('latched:', `safe_distance: ${safe}, latched:`));
      simulation.initialize();
      return Array.from({ length: 6 }, () => {
        simulation.step();
        return value(simulation, 'monitor.stop');
      });
    };
    expect(await stops(3.2, true)).toEqual([false, false, true, true, true, true]);
    expect(await stops(3.2, false)).toEqual([false, false, true, false, false, false]);
    expect(await stops(1, true)).toEqual([false, false, false, false, false, false]);
  });

  it('predictor: a constant velocity is foretold exactly', async () => {
    // A chain of an integrator: a feedthrough that adds 0.25 to its own output in every step.
    const simulation = await create(`
components:
  robot: { fmu: feedthrough.fmu, start: { offset: 0.25 } }
  p: { fmu: predictor.fmu }
connections: [ robot.real_out -> p.x ]
step: 0.1
`);
    simulation.initialize();
    const robot = simulation.instances[0]!;
    for (let k = 1; k < 20; k++) {
      robot.setReal(Uint32Array.of(0), Float64Array.of(k * 0.25));
      simulation.step();
      if (k < 3) continue;
      expect(value(simulation, 'p.px')).toBeCloseTo(value(simulation, 'robot.real_out') as number, 12);
      expect(value(simulation, 'p.deviation')).toBeCloseTo(0, 12);
    }
    // It stops at once: its value is held, and after hold_time (0.5 s) it is known to stand 0.5 s of way behind.
    const deviations = Array.from({ length: 20 }, () => {
      simulation.step();
      return value(simulation, 'p.deviation') as number;
    });
    expect(deviations.slice(0, 5)).toEqual(Array(5).fill(expect.closeTo(0, 12)));
    expect(Math.max(...deviations)).toBeCloseTo(1.25, 1);
    expect(deviations.at(-1)).toBeCloseTo(0, 12);
    expect(value(simulation, 'p.px')).toBeCloseTo(value(simulation, 'robot.real_out') as number, 12);
  });
});
