/** SSP beyond this house: what is written here, by its schemas and in other tools, and what another library writes. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runSystem } from '#tb/master/index.js';
import { parseSystemYaml, readSspSystem, writeSsp } from '#tb/system/index.js';
import { exampleFmu, temporaryFolder, testFmu } from '../support/fmus.js';
import { starts, wires } from '../system/ssp.js';
import { python, pythonPackages } from './python.js';

const folder = temporaryFolder();
for (const name of ['feedthrough', 'dahlquist'] as const) exampleFmu(folder, name);
for (const name of ['arrays3', 'clocks3', 'enumer', 'feedthrough3', 'gain', 'units'] as const) testFmu(folder, name);

async function written(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeSsp(await parseSystemYaml(join(folder, 'system.yaml'), `twinbridge: system\n${text}`), file);
  return file;
}

function describeWith(name: string, packages: readonly [string, ...string[]], tests: () => void): void {
  const found = pythonPackages(...packages);
  if ('missing' in found) describe.skip(`${name} (${found.missing})`, tests);
  else describe(name, tests);
}

/** Scaled, converted and plain values of all types that libcosim has; a function; two rates; settings of our own. */
const SYSTEM = `
components:
  a.one: { fmu: gain.fmu, start: { k: 2, u: 3, b: 1.0e-3 } }
  b: { fmu: gain.fmu }
  slow: { fmu: dahlquist.fmu, step: 0.2 }
  u: { fmu: units.fmu }
  v: { fmu: units.fmu }
  f: { fmu: feedthrough.fmu, start: { string_in: 'a & b', boolean_in: true, integer_in: -4 } }
functions: { scale: { type: linear, factor: 2, offset: 1 } }
connections:
  - a.one.y -> scale.in
  - scale.out -> b.u
  - u.out_mm -> v.in_m
  - u.out_degC -> v.in_K
  - { from: u.out_rpm, to: v.in_rad_per_s, units: ignore }
  - b.y -> f.real_in
algorithm: gauss-seidel
step: 0.1
stop: 1
`;

describeWith('the schemas of SSP (pyssp_standard)', ['pyssp_standard', 'xmlschema'], () => {
  const validate = (file: string) => python<unknown>('ssp.py', { do: 'validate', file });

  it('of 1.0 find nothing wrong with what is written', async () => {
    expect(await validate(await written('one.ssp', SYSTEM))).toEqual({ version: '1.0', sets: 2, problems: [] });
  });

  it('of 2.0 find nothing wrong with what is written', async () => {
    const file = await written(
      'two.ssp',
      `
components:
  a: { fmu: feedthrough3.fmu, start: { float32_in: 0.5, int64_in: -5, string_in: x, binary_in: 00ff, choice_in: second } }
  b: { fmu: arrays3.fmu, start: { n: 2, A: [1, 2, 3, 4], u: [1, 2] } }
  c: { fmu: enumer.fmu, start: { mode_in: fast } }
  d: { fmu: clocks3.fmu }
connections: [b.y3 -> b.u3, 'a.float64_out -> b.u[1]', c.mode -> a.choice_in]
step: 0.1
`,
    );
    expect(await validate(file)).toEqual({ version: '2.0', sets: 3, problems: [] });
  });
});

describe('what is written runs the same', () => {
  const outputs = [
    ['a.one', 'y', 'real'],
    ['b', 'y', 'real'],
    ['v', 'got_m', 'real'],
    ['v', 'got_K', 'real'],
    ['v', 'got_rad_per_s', 'real'],
    ['f', 'integer_out', 'integer'],
    ['f', 'boolean_out', 'boolean'],
    ['f', 'string_out', 'string'],
  ];
  const expected = {
    'a.one.y': 6.001,
    'b.y': 13.002,
    'v.got_m': 1.5,
    'v.got_K': 293.15,
    'v.got_rad_per_s': 60,
    'f.integer_out': -4,
    'f.boolean_out': true,
    'f.string_out': 'a & b',
  };
  const run = async (tool: string) => {
    const file = await written('run.ssp', SYSTEM);
    return python<Record<string, unknown>[]>('ssp.py', { do: tool, file, steps: 3, step: 0.1, outputs });
  };
  const settled = (rows: readonly Record<string, unknown>[]) => {
    const { time, ...values } = rows.at(-1)!;
    expect(time).toBeCloseTo(0.3, 9);
    for (const [name, value] of Object.entries(values)) {
      const wanted = expected[name as keyof typeof expected];
      if (typeof wanted === 'number') expect(value, name).toBeCloseTo(wanted, 9);
      else expect(value, name).toBe(wanted);
    }
    expect(Object.keys(values)).toEqual(Object.keys(expected));
  };

  it('here', async () => {
    const system = await readSspSystem(await written('run.ssp', SYSTEM));
    const { finalValues } = await runSystem(system, { stop: 0.3 });
    settled([{ time: 0.3, ...Object.fromEntries(Object.keys(expected).map((name) => [name, finalValues[name]])) }]);
  });

  describeWith('in libcosim', ['libcosimpy'], () => {
    it('with its step size, start values, conversions and functions that scale', async () => {
      settled(await run('libcosim'));
    });
  });

  describeWith('in Ecos', ['ecospy'], () => {
    it('with its start values, conversions and functions that scale', async () => {
      settled(await run('ecos'));
    });
  });
});

describeWith('pyssp_standard', ['pyssp_standard'], () => {
  it('writes systems in systems, sets and mappings that are read here', async () => {
    const file = join(folder, 'theirs.ssp');
    await python('ssp.py', { do: 'write', file, fmu: join(folder, 'gain.fmu') });
    const system = await readSspSystem(file);
    expect(wires(system)).toEqual(['first.y -> box.second.u']);
    expect(starts(system)).toEqual(['first.k = 1.5', 'box.second.k = 4']);
    expect(system).toMatchObject({ start: 0, stop: 2, stepping: { kind: 'fixed', size: 0.1 } });
  });
});
