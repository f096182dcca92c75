/** Saving and restoring all of a simulation: states of FMUs, values between them, clocks. */
import { describe, expect, it } from 'vitest';
import type { Simulation } from '#tb/master/index.js';
import { describedAs, writeFmu } from '../support/fmus.js';
import { history, master, step, values } from './support.js';

const { start, folder } = master('ball', 'clocks3', 'feedthrough', 'gain', 'oscillator', 'state3');

const TEXT = `
components:
  random: { fmu: state3.fmu, start: { seed: 7 } }
  ball: { fmu: ball.fmu }
  g: { fmu: gain.fmu, start: { k: -2 } }
  o: { fmu: oscillator.fmu, start: { x0: 1 } }
functions: { s: { type: sum } }
connections: [ 'random.x -> s.in[0]', 'ball.height -> s.in[1]', s.out -> g.u, g.y -> o.f ]
step: 0.05
`;
const NAMES = ['random.x', 'random.drawn', 'ball.height', 'ball.bounces', 'g.y', 'o.x', 'o.v'];

function back(simulation: Simulation, place: number, number: number, time: number): void {
  simulation.restore(place);
  simulation.setGrid(time, 0.05, number);
}

describe.each(['jacobi', 'gauss-seidel'])('with %s', (algorithm) => {
  const begin = () => start(`${TEXT}algorithm: ${algorithm}\n`, { mayGoBack: true });

  it('what follows is the same again, to the bit', async () => {
    const simulation = await begin();
    step(simulation, 5);
    const { time } = simulation;
    simulation.save(0);
    const first = history(simulation, 20, ...NAMES);
    back(simulation, 0, 5, time);
    expect(simulation.steps).toBe(5);
    expect(history(simulation, 20, ...NAMES)).toEqual(first);
    // Again, from the same place.
    back(simulation, 0, 5, time);
    expect(history(simulation, 20, ...NAMES)).toEqual(first);
  });

  it('the values between components are back at once, without a step', async () => {
    const simulation = await begin();
    step(simulation, 3);
    const before = values(simulation, ...NAMES);
    simulation.save(1);
    step(simulation, 4);
    expect(values(simulation, ...NAMES)).not.toEqual(before);
    simulation.restore(1);
    expect(values(simulation, ...NAMES)).toEqual(before);
  });

  it('four places are apart, and each may be overwritten', async () => {
    const simulation = await begin();
    const seen: unknown[] = [];
    for (let place = 0; place < 4; place++) {
      step(simulation);
      simulation.save(place);
      seen.push(values(simulation, ...NAMES));
    }
    for (const place of [2, 0, 3, 1]) {
      simulation.restore(place);
      expect(values(simulation, ...NAMES)).toEqual(seen[place]);
    }
    simulation.save(3);
    simulation.restore(0);
    simulation.restore(3);
    expect(values(simulation, ...NAMES)).toEqual(seen[1]);
  });
});

describe('texts', () => {
  it('between components are back, too', async () => {
    // counter can do what its functions can: its description says that it cannot.
    writeFmu(
      `${folder}/counts.fmu`,
      describedAs('counter', (xml) =>
        xml.replace('canHandleVariable', 'canGetAndSetFMUstate="true" canHandleVariable'),
      ),
    );
    const simulation = await start(`
components: { c: { fmu: counts.fmu }, f: { fmu: feedthrough.fmu }, g: { fmu: feedthrough.fmu } }
connections: [ c.text -> f.string_in, f.string_out -> g.string_in ]
step: 1
`);
    step(simulation, 9);
    simulation.save(0);
    const first = history(simulation, 4, 'c.text', 'f.string_out', 'g.string_out');
    expect(first[0]).toEqual(['9 steps', '8 steps', '7 steps']);
    simulation.restore(0);
    simulation.jumpTo(9);
    expect(history(simulation, 4, 'c.text', 'f.string_out', 'g.string_out')).toEqual(first);
  });
});

describe('what cannot be', () => {
  it('a state of an FMU that has none', async () => {
    const simulation = await start('components: { c: { fmu: clocks3.fmu } }\nstep: 0.2\n');
    step(simulation, 4);
    expect(() => simulation.save(0)).toThrow(
      /^c: fmi3GetFMUState at t = 0.8 s returned fmi3Error\n.*cannot save its state/,
    );
  });

  it('a place where nothing was saved', async () => {
    const simulation = await start(TEXT);
    expect(() => simulation.restore(2)).toThrow('nothing was saved in place 2');
  });
});
