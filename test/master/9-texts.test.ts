/** Strings of any length, and bytes. */
import { describe, expect, it } from 'vitest';
import { findPort } from '#tb/system/index.js';
import { course, history, master, step, value, values } from './support.js';

const { start } = master('counter', 'feedthrough', 'feedthrough1', 'feedthrough3');

/** Characters of one to four bytes. */
const text = (bytes: number) => {
  let all = '';
  for (let i = 0; Buffer.byteLength(all) < bytes; i++) all += ['a', 'ß', '€', '😀'][i % 4];
  while (Buffer.byteLength(all) > bytes) all = [...all].slice(0, -1).join('');
  return all.padEnd(all.length + bytes - Buffer.byteLength(all), '.');
};

describe.each(['jacobi', 'gauss-seidel'])('with %s', (algorithm) => {
  const delay = algorithm === 'jacobi' ? 1 : 0;

  it('a String passes through FMUs of FMI 2.0, 3.0 and 1.0', async () => {
    const simulation = await start(`
components:
  c: { fmu: counter.fmu }
  two: { fmu: feedthrough.fmu }
  three: { fmu: feedthrough3.fmu }
  one: { fmu: feedthrough1.fmu }
connections: [ c.text -> two.string_in, two.string_out -> three.string_in, three.string_out -> one.string_in ]
algorithm: ${algorithm}
step: 1
`);
    const steps = (n: number) => `${n} step${n === 1 ? '' : 's'}`;
    const rows = history(simulation, 12, 'c.text', 'two.string_out', 'three.string_out', 'one.string_out');
    for (const [n, row] of rows.entries()) {
      expect(row).toEqual([0, 1, 2, 3].map((k) => steps(Math.max(0, n - k * delay))));
    }
  });

  it('a String of any length, longer than all before and shorter again', async () => {
    const simulation = await start(`
components: { a: { fmu: feedthrough.fmu }, b: { fmu: feedthrough3.fmu }, c: { fmu: feedthrough.fmu } }
connections: [ a.string_out -> b.string_in, b.string_out -> c.string_in ]
algorithm: ${algorithm}
step: 1
`);
    for (const length of [0, 1, 15, 16, 17, 40, 255, 3, 0, 254, 100]) {
      const given = text(length);
      expect(Buffer.byteLength(given)).toBe(length);
      simulation.set(findPort(simulation.system, 'a.string_in')!, [given]);
      step(simulation, 3);
      expect(values(simulation, 'a.string_out', 'b.string_out', 'c.string_out')).toEqual([given, given, given]);
    }
  });

  it('bytes of any length, zeros among them', async () => {
    const simulation = await start(`
components: { a: { fmu: feedthrough3.fmu, start: { binary_in: "00ff7f80" } }, b: { fmu: feedthrough3.fmu }, c: { fmu: feedthrough3.fmu } }
connections: [ a.binary_out -> b.binary_in, b.binary_out -> c.binary_in ]
algorithm: ${algorithm}
step: 1
`);
    expect(course(simulation, 1, 'c.binary_out')).toEqual(['00ff7f80', '00ff7f80']);
    for (const length of [1, 256, 0, 17, 255]) {
      const given = Buffer.from(Array.from({ length }, (_, i) => (i * 37) % 256));
      simulation.set(findPort(simulation.system, 'a.binary_in')!, [new Uint8Array(given)]);
      step(simulation, 3);
      expect(values(simulation, 'b.binary_out', 'c.binary_out')).toEqual([
        given.toString('hex'),
        given.toString('hex'),
      ]);
    }
    // In hexadecimal, as a system file and a command write it.
    simulation.set(findPort(simulation.system, 'a.binary_in')!, ['0a0b00']);
    step(simulation, 3);
    expect(value(simulation, 'c.binary_out')).toBe('0a0b00');
  });
});

describe('start values', () => {
  it('of Strings and bytes are those of the FMU where nothing is said', async () => {
    const simulation = await start(`
components: { a: { fmu: feedthrough3.fmu }, b: { fmu: feedthrough3.fmu } }
connections: [ a.string_out -> b.string_in ]
step: 1
`);
    expect(values(simulation, 'a.string_out', 'b.string_out', 'a.binary_out')).toEqual(['start', 'start', '']);
  });

  it('may be texts that look like something else', async () => {
    for (const given of ['"1.5"', '"true"', '""', '"a\\nb"', '"\\u20ac # \\\\"']) {
      const simulation = await start(
        `components: { a: { fmu: feedthrough.fmu, start: { string_in: ${given} } } }\nstep: 1\n`,
      );
      expect(course(simulation, 1, 'a.string_out')).toEqual([JSON.parse(given), JSON.parse(given)]);
    }
  });
});

describe('what an FMU refuses', () => {
  it('a String that is too long for it ends the run, with its words', async () => {
    const simulation = await start('components: { a: { fmu: feedthrough.fmu } }\nstep: 1\n');
    expect(() => simulation.set(findPort(simulation.system, 'a.string_in')!, [text(256)])).toThrow(
      /a: fmi2SetString at t = 0 s returned fmi2Error\n {2}a: fmi2SetString: too long/,
    );
  });
});
