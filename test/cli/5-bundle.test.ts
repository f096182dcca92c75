/** The command as it is installed, in few files, says and does what its modules do one by one. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { bridgeFileValidator } from '#tb/bridge/config-validator.js';
import type { RuntimeValidator } from '#tb/support/validator.js';
import { containerValidator } from '#tb/system/formats/container/validator.js';
import { multiModelValidator } from '#tb/system/formats/maestro/validator.js';
import { scenarioValidator } from '#tb/system/formats/osp/scenario-validator.js';
import { systemFileValidator } from '#tb/system/formats/yaml-validator.js';
import { MAIN, runCli } from '../support/cli.js';
import { exampleFmu, temporaryFolder } from '../support/fmus.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = temporaryFolder();
exampleFmu(folder, 'dahlquist');
exampleFmu(folder, 'misbehave');

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** The command from the modules that tsc makes. */
async function runModules(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, NO_COLOR: '1' };
  return promisify(execFile)(process.execPath, [join(root, 'dist/cli/program.js'), ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

describe('the same as module by module', () => {
  const broken = write(
    'broken.yaml',
    'twinbridge: sistem\ncomponents:\n  a: { fmu: dahlquist.fmu, strat: { k: 1 } }\n  b: 7\nstep: -1\nlate: never\n',
  );
  const unknown = write(
    'unknown.yaml',
    'twinbridge: system\ncomponents: { a: { fmu: dahlquist.fmu, start: { kk: 1 } } }\nconnections: [a.x -> b.u]\nstep: 1\n',
  );
  const bridge = write(
    'bridge.yaml',
    'twinbridge: bridge\nname: 1\noutputs: { x: Rael, y: { type: Real, sclae: 2 } }\nring: { capacity: none }\n',
  );
  const fails = write(
    'fails.yaml',
    'twinbridge: system\ncomponents: { m: { fmu: misbehave.fmu, start: { mode: fail_initialization } } }\nstep: 0.1\nstop: 1\n',
  );

  it.each([
    { args: ['--help'] },
    { args: ['run', '--help'] },
    { args: ['nonsense'] },
    { args: ['run', broken] },
    { args: ['run', unknown] },
    { args: ['validate', broken, unknown, bridge] },
    { args: ['validate', '--print-schema', 'bridge'] },
    { args: ['run', fails] },
    { args: ['run', join(folder, 'missing.yaml')] },
    { args: ['info', join(folder, 'dahlquist.fmu')] },
  ])('$args', async ({ args }) => {
    const [{ code, stdout, stderr }, modules] = await Promise.all([runCli(args), runModules(args)]);
    expect({ code, stdout, stderr }).toEqual({ code: modules.code, stdout: modules.stdout, stderr: modules.stderr });
  });
});

it('errors and classes keep their names', () => {
  const files = readdirSync(dirname(MAIN)).filter((file) => file.endsWith('.cjs'));
  const code = files.map((file) => readFileSync(join(dirname(MAIN), file), 'utf8')).join('\n');
  for (const name of ['RunError', 'InvalidFileError', 'FmuInstantiationError', 'UnknownFormatError']) {
    expect(code).toMatch(new RegExp(`class ${name} extends|${name}=class extends`));
  }
});

it('a run loads neither ajv nor what reads XML and archives, and the FMU is in the cache', async () => {
  const system = write(
    'system.yaml',
    'twinbridge: system\ncomponents: { a: { fmu: dahlquist.fmu } }\nstep: 0.1\nstop: 1\n',
  );
  expect((await runCli(['run', system])).code).toBe(0);
  const probe = write(
    'probe.cjs',
    "process.on('exit', () => console.log(JSON.stringify(Object.keys(require.cache))));\n",
  );
  const { stdout } = await runCli(['run', system, '--quiet'], { env: { NODE_OPTIONS: `--require=${probe}` } });
  const loaded = JSON.parse(stdout.trim().split('\n').at(-1)!) as string[];
  const own = loaded.filter((file) => file.startsWith(dirname(MAIN)));
  expect(loaded.filter((file) => file.includes('node_modules'))).toEqual([]);
  const code = own.map((file) => readFileSync(file, 'utf8')).join('\n');
  expect(code).toContain('parseYaml');
  for (const unneeded of [
    'OrderedObjParser',
    'yauzl',
    'Ajv2020',
    'amqplib',
    'ZipArchive',
    'ThriftClient',
    'TWINBRIDGE_PROXY_TOKEN',
  ]) {
    expect(code).not.toContain(unneeded);
  }
});

it('a run that does not come about ends as it should, wherever the thread is that was started for it', async () => {
  // That thread loads koffi at about this time; to be torn from it would abort the process, one time in eight.
  for (let round = 0; round < 40; round++) {
    const { code, signal, stderr } = await runCli(['run']);
    expect({ code, signal }).toEqual({ code: 2, signal: null });
    expect(stderr).toBe("error: missing required argument 'system'\n(see 'twinbridge help <command>')\n");
  }
}, 60_000);

it('carries the licences of what is in it', () => {
  const licences = readdirSync(join(dirname(MAIN), 'licences'));
  for (const name of ['commander', 'js-yaml', 'yaml', 'amqplib', 'fast-xml-parser', 'yauzl', 'ajv']) {
    expect(licences).toContain(`${name}.txt`);
  }
});

describe('validators compiled at build time find the same problems as those compiled at run time', () => {
  const right: Readonly<Record<string, [RuntimeValidator<unknown>, string, unknown]>> = {
    'system file': [
      systemFileValidator,
      'system/formats/yaml-validator.js',
      {
        twinbridge: 'system',
        components: { a: { fmu: 'a.fmu', start: { k: 1, v: [1, 2] }, isolate: true, deadline: 1 } },
        functions: { f: { type: 'linear', factor: 2 } },
        connections: ['a.x -> b.u', { from: 'a.x', to: 'b.u', map: [[1, 2]] }],
        step: {
          min: 1,
          max: 2,
          tolerance: { relative: 1 },
          constraints: { c: { type: 'zero-crossing', ports: ['a.x'] } },
        },
        record: { file: 'r.csv', variables: ['a.x'], roll: { rows: 1 } },
        scenario: { events: [{ time: 1, set: 'a.x', value: Number.POSITIVE_INFINITY }] },
        logging: { a: ['all'] },
      },
    ],
    'bridge file': [
      bridgeFileValidator,
      'bridge/config-validator.js',
      {
        twinbridge: 'bridge',
        name: 'robot',
        receive: { exchange: 'robot', type: 'topic', key: 'state' },
        send: { exchange: 'robot', when: 'changed', expiration: '2 s' },
        selection: { behaviour: 2, maxage: '300 ms', lookahead: 50 },
        ring: { capacity: 16, whenFull: 'block' },
        outputs: { x: 'Real', y: { type: 'Real', path: '/a', scale: 2 } },
        inputs: { stop: { type: 'Boolean', latch: true } },
        diagnostics: ['data_age'],
      },
    ],
    'multi-model': [
      multiModelValidator,
      'system/formats/maestro/validator.js',
      {
        fmus: { '{a}': 'a.fmu' },
        connections: { '{a}.a.x': ['{b}.b.u'] },
        parameters: { '{a}.a.k': 1 },
        algorithm: {
          type: 'var-step',
          size: [1, 2],
          initsize: 1,
          constraints: { c: { type: 'zerocrossing', ports: [] } },
        },
      },
    ],
    'container description': [
      containerValidator,
      'system/formats/container/validator.js',
      {
        name: 'c.fmu',
        fmu: ['a.fmu'],
        input: [['u', 'a.fmu', 'u']],
        start: [['a.fmu', 'k', 1]],
        container: [{ fmu: [] }],
      },
    ],
    scenario: [
      scenarioValidator,
      'system/formats/osp/scenario-validator.js',
      { defaults: { model: 'a' }, events: [{ time: 1, variable: 'x', action: 'bias', value: 2 }], end: 3 },
    ],
  };

  it.each(Object.entries(right))('%s', async (_, [runtime, file, value]) => {
    const compiled = await compiledAtBuildTime(file);
    const changed = [value, ...mutations(value)];
    expect(changed.length).toBeGreaterThan(20);
    let refused = 0;
    for (const one of changed) {
      expect(problems(compiled, one)).toEqual(problems(runtime.validate, one));
      if (!runtime.validate(structuredClone(one))) refused += 1;
    }
    expect(refused).toBeGreaterThan(changed.length / 4);
    expect(runtime.validate(structuredClone(value))).toBe(true);
  });

  async function compiledAtBuildTime(file: string): Promise<ValidateFunction> {
    const tool = new URL('../../tools/bundle-cli.mjs', import.meta.url).href;
    const { compiledValidators } = (await import(tool)) as { compiledValidators(path: string): Promise<string> };
    const code = await compiledValidators(join(root, 'dist', file));
    const module = code.replace(/export const (\w+) = /g, 'exports.$1 = ');
    const [{ validate }] = Object.values(evaluate(module)) as [{ validate: ValidateFunction }];
    return validate;
  }

  function evaluate(code: string): Record<string, unknown> {
    const exports = {};
    new Function('exports', 'require', code)(exports, createRequire(join(root, 'package.json')));
    return exports;
  }

  /** What the reader of problems looks at, and the value, into which defaults may have been filled. */
  function problems(validate: ValidateFunction, value: unknown): unknown {
    const copy = structuredClone(value);
    const isRight = validate(copy);
    return [isRight, copy, isRight ? [] : validate.errors!.map(({ schema: _, ...error }) => error)];
  }

  /** The value with one part of it left out, of another kind, beside an unknown key, or with another text. */
  function mutations(value: unknown): unknown[] {
    const kinds = [7, -1.5, true, 'nonsense', '', null, [], {}, Number.NaN];
    if (Array.isArray(value)) {
      return [
        ...kinds,
        ...value.flatMap((item, at) => mutations(item).map((other) => value.with(at, other))),
        value.slice(1),
        [...value, ...value],
      ];
    }
    if (typeof value !== 'object' || value === null) return kinds;
    const entries = Object.entries(value);
    return [
      ...kinds,
      { ...value, unheardOf: 1 },
      ...entries.map(([key]) => Object.fromEntries(entries.filter(([other]) => other !== key))),
      ...entries.flatMap(([key, part]) => mutations(part).map((other) => ({ ...value, [key]: other }))),
    ];
  }
});
