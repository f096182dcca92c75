import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  type BridgeConfig,
  buildBridgeFmu,
  formatBridgeYaml,
  inferBridge,
  parseBridgeConfig,
  readJsonLinesSamples,
  readJsonSample,
} from '#tb/bridge/index.js';
import { type Finished, runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
const MOCAP = fileURLToPath(new URL('../../examples/shadow/mocap-fr2-desk-slice.csv', import.meta.url));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

interface Inferred {
  readonly yaml: string;
  readonly config: BridgeConfig;
  readonly types: Readonly<Record<string, string>>;
}

/** What `twinbridge init` writes, and what the reader of configurations makes of it. */
async function infer(file: string, ...flags: string[]): Promise<Inferred> {
  const yaml = /\.jsonl?$/.test(file) ? await inferFromJson(file) : await inferFromTable(file, flags);
  const config = parseBridgeConfig(yaml, 'inferred.yaml');
  return { yaml, config, types: Object.fromEntries(config.outputs.map(({ name, type }) => [name, type])) };
}

async function inferFromJson(file: string): Promise<string> {
  const samples = file.endsWith('l') ? readJsonLinesSamples(file) : readJsonSample(file);
  return formatBridgeYaml(await inferBridge(samples, { file }), { file });
}

async function inferFromTable(file: string, flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(['init', '--from', file, '-o', '-', ...flags]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

const refused = async (file: string, ...flags: string[]): Promise<Finished> => {
  const finished = await runCli(['init', '--from', file, '-o', '-', ...flags]);
  expect(finished.stdout).toBe('');
  return finished;
};

describe('one message', () => {
  it('gives signals, types and the time', async () => {
    const file = write(
      'robot.json',
      `{
  "time": "2019-01-04T16:41:24.1Z",
  "x": 1.0, "e": 1e3, "n": 3, "least": -2147483648, "most": 2147483647, "beyond": 2147483648,
  "ok": true, "id": "a"
}\n`,
    );
    const { config, types, yaml } = await infer(file);
    expect(types).toEqual({
      x: 'Real',
      e: 'Real',
      n: 'Integer',
      least: 'Integer',
      most: 'Integer',
      beyond: 'Real',
      ok: 'Boolean',
      id: 'String',
    });
    expect(config.name).toBe('robot');
    expect(config.sources[0]!.time).toEqual({ key: 'time', format: 'rfc3339', assumeUtc: false });
    expect(config.inputs).toEqual([]);
    expect(yaml).toContain('#   emergency_stop: {type: Boolean, start: false}');
    // One message tells no rhythm.
    expect(yaml).not.toContain('maxage');
  });

  it.each([
    ['"time": 1311868163.8697', 'time', 'epoch-s'],
    ['"stamp": 1311868163869', 'stamp', 'epoch-ms'],
    ['"Timestamp": 1311868163869700', 'Timestamp', 'epoch-us'],
    ['"ts": 1311868163869700123', 'ts', 'epoch-ns'],
    ['"t": 0.02', 't', 'epoch-s'],
    ['"when": "2011-07-28T15:49:23Z"', 'when', 'rfc3339'],
    ['"time": "soon", "measured": "2011-07-28 15:49:23+02:00"', 'measured', 'rfc3339'],
  ])('recognises the time in %s', async (member, key, format) => {
    const { config, types } = await infer(write('time.json', `{"x": 1, ${member}}`));
    expect(config.sources[0]!.time).toMatchObject({ key, format, assumeUtc: false });
    expect(types).not.toHaveProperty(key);
  });

  it('says so when times have no zone, and when there is no time', async () => {
    const { config, yaml } = await infer(write('naive.json', '{"x": 1, "time": "2011-07-28T15:49:23.5"}'));
    expect(config.sources[0]!.time).toEqual({ key: 'time', format: 'rfc3339', assumeUtc: true });
    expect(yaml).toContain('have no zone');
    expect((await infer(write('timeless.json', '{"x": 1.5}'))).yaml).toContain('No field that looks like a time');
  });

  it('leaves out what cannot be a signal, and says why', async () => {
    const { config, types, yaml } = await infer(
      write(
        'mixed.json',
        '{"time": 1, "x": 1, "pose": {}, "scan": [{"a": 1}], "none": [], "gap": null, "config.port": 1, "": 1, "a\\nb": 2}',
      ),
    );
    expect(types).toEqual({ x: 'Integer' });
    expect(yaml).toContain('# left out: pose (holds objects that are empty or too deep)');
    expect(yaml).toContain('# left out: scan (an array of objects or arrays; name single values by path)');
    expect(yaml).toContain('# left out: none (an empty array)');
    expect(yaml).toContain('# left out: gap (no value in any message)');
    expect(yaml).toContain('# left out: config.port');
    expect(yaml).toContain('# left out: "a\\nb" (a character in its name cannot be printed)');
    // Or each message would be warned about.
    expect(config.sources[0]!.unknownFields).toBe('ignore');
  });

  it('finds values in objects, and arrays of one size', async () => {
    const { config, yaml } = await infer(
      write(
        'nested.jsonl',
        `{"header": {"stamp": 1767225600123}, "pose": {"x": 1.5, "a/b": true}, "q": [1, 2.5], "ids": ["a", "b"], "grows": [1], "mixed": 1, "pose.x": 1}
{"header": {"stamp": 1767225600223}, "pose": {"x": 2}, "q": [3, 4], "ids": [null, "${'c'.repeat(300)}"], "grows": [1, 2], "mixed": [1]}
`,
      ),
    );
    expect(config.sources[0]!.time).toMatchObject({ key: '/header/stamp', format: 'epoch-ms' });
    expect(config.outputs).toMatchObject([
      { name: 'pose.x', type: 'Real', path: ['pose', 'x'] },
      { name: 'pose.a/b', type: 'Boolean', path: ['pose', 'a/b'] },
      { name: 'q', type: 'Real', size: 2 },
      { name: 'ids', type: 'String', size: 2, maxLength: 1024 },
    ]);
    expect(config.outputs[2]).not.toHaveProperty('path');
    expect(yaml).toContain('# left out: grows (an array of 1 to 2 elements; a signal has as many in each message)');
    expect(yaml).toContain('# left out: mixed (holds single values as well as arrays)');
    expect(yaml).toContain('# left out: pose.x (another field has this name)');
    expect(yaml).toContain('pose.a/b: { type: Boolean, path: /pose/a~1b }  # in 1 of 2 messages');
  });

  it('quotes names that YAML has a meaning for', async () => {
    const names = [
      'y',
      'no',
      'null',
      '1',
      '1.5',
      'a: b',
      '# c',
      '"q"',
      "it's",
      '- d',
      '{e}',
      '<<',
      'é 机',
      '__proto__',
    ];
    const members = names.map((name) => `${JSON.stringify(name)}: 1.5`);
    const { types } = await infer(write('names.json', `{"time": 1, ${members.join(', ')}}`));
    expect(Object.keys(types).sort()).toEqual(names.sort());
  });

  it('is enough to build an FMU from', async () => {
    const { config } = await infer(write('fmu.json', `{"time": 1, "x": 1.5, "long": "${'a'.repeat(300)}"}`));
    expect(config.outputs[1]).toMatchObject({ name: 'long', type: 'String', maxLength: 1024 });
    const { variables } = await buildBridgeFmu(config, join(folder, 'fmu.fmu'));
    expect(variables.outputs).toBe(2);
  });
});

describe('several messages', () => {
  it('give types that hold all values', async () => {
    const { types, yaml } = await infer(
      write(
        'a.jsonl',
        '{"time":0,"a":1,"b":1,"c":1,"d":true,"e":null}\n\n{"time":1,"a":2,"b":2.5,"c":"x","d":false,"e":7}\r\n{"time":2,"a":3}',
      ),
    );
    expect(types).toEqual({ a: 'Integer', b: 'Real', d: 'Boolean', e: 'Integer' });
    expect(yaml).toContain('b: Real  # in 2 of 3 messages');
    expect(yaml).toContain('# left out: c (holds numbers as well as strings)');
  });

  it.each([
    // Every 20 ms: three times the spacing, rounded up; a step of 0.1 s takes 5, twice that to catch up.
    [20, 100, 10],
    [100, 500, 2],
    [500, 2000, 2],
    [1, 5, 200],
    [0.05, 0.2, 4000],
  ])('%s ms apart give maxage %s ms and lookahead %s', async (spacing, maxageMs, lookahead) => {
    const lines = Array.from(
      { length: 200 },
      (_, i) => `{"time":${(1.7e9 + (i * spacing) / 1000).toFixed(6)},"x":${i}}`,
    );
    const { config, yaml } = await infer(write('rhythm.jsonl', lines.join('\n')));
    expect(config.selection).toMatchObject({ maxageMs, lookahead });
    expect(config.ring.capacity).toBeGreaterThanOrEqual(lookahead);
    expect(yaml).toMatch(/# Messages are .* apart \(median\)/);
  });

  it('out of order and with a long gap are no trouble', async () => {
    const times = [3, 1, 2, 2, 5, 4, 60, 61, 62];
    const { yaml } = await infer(write('gap.jsonl', times.map((time) => `{"time":${time},"x":1}`).join('\n')));
    expect(yaml).toContain('apart (median)');
    expect(parseBridgeConfig(yaml, 'gap.yaml').selection.maxageMs).toBe(100_000);
  });
});

describe('a table', () => {
  it('gives the signals of the recording, with the time as replay will send it', async () => {
    const { config, types, yaml } = await infer(MOCAP);
    expect(types).toEqual({ tx: 'Real', ty: 'Real', tz: 'Real', qx: 'Real', qy: 'Real', qz: 'Real', qw: 'Real' });
    expect(config.sources[0]!.time).toEqual({ key: 'time', format: 'rfc3339', assumeUtc: false });
    expect(yaml).toContain('column timestamp (epoch-s)');
    expect(config.selection.maxageMs).toBe(100);
    expect(yaml).toContain('The longest gap is 2.22 s');
  });

  it('fits what replay sends of it', async () => {
    const file = write(
      'types.csv',
      'timestamp,i,r,b,s,code,nan,empty\n1,1,1.0,true,a,007,1.5,\n2,2,2.0,FALSE,b,008,NaN,\n',
    );
    const { types, yaml } = await infer(file);
    expect(types).toEqual({ i: 'Integer', r: 'Real', b: 'Boolean', s: 'String', code: 'String', nan: 'Real' });
    expect(yaml).toContain('# left out: empty (no value in any message)');
    const { stdout } = await runCli(['replay', file, '--dry-run']);
    expect(Object.keys(JSON.parse(stdout.split('\n')[0] as string)).sort()).toEqual(
      [...Object.keys(types), 'time'].sort(),
    );
  });

  it('may be separated otherwise', async () => {
    expect((await infer(write('a.tsv', 'time\tx\n1\t2\n'))).types).toEqual({ x: 'Integer' });
    const file = write('a.csv', 'time;x\n1;2\n');
    expect((await infer(file, '--delimiter', ';')).types).toEqual({ x: 'Integer' });
    expect((await refused(file)).stderr).toContain("--delimiter ';'");
  });
});

describe('what cannot be used is named with its place', () => {
  it.each([
    ['broken.json', '{"x": 1,\n "y": 01}', '2:8: this is no JSON', ''],
    ['list.json', '[{"x": 1}]', '1:1: a message is a JSON object, and this is a list', 'jq'],
    ['lines.json', '{"x": 1}\n{"x": 2}\n', '2:1: this is no JSON', '.jsonl'],
    ['broken.jsonl', '{"x": 1}\n{"x": }\n', '2:7: this is no JSON: expected a JSON value', ''],
    ['empty.json', '', 'holds no message', ''],
    ['empty.jsonl', '\n\n', 'holds no message', ''],
    ['header.csv', 'time,x\n', 'holds no message', ''],
    ['time.json', '{"time": 1}', '1:1: the messages have no field that can be a signal', 'a time only'],
    ['ragged.csv', 'time,x\n1,2\n3\n', '3:1: the row has 1 cells, the header 2', ''],
    ['numbers.csv', '1,2\n3,4\n', '1:1: the first line must name the columns', ''],
    ['twice.csv', 'time,x,x\n1,2,3\n', "1:1: there are several columns 'x'", ''],
    ['quote.csv', 'time,x\n1,"a\n', '2:3: ', ''],
  ])('%s', async (name, text, message, remedy) => {
    const file = write(name, text);
    const { code, stderr } = await refused(file);
    expect(stderr).toContain(file);
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
    expect(code).toBe(3);
  });

  it.each(['none.json', 'none.jsonl', 'none.csv'])('%s, which is not there', async (name) => {
    const file = join(folder, 'missing', name);
    const { code, stderr } = await refused(file);
    expect(stderr).toContain(`cannot read ${file}: no such file`);
    expect(code).toBe(3);
  });
});

describe('the output', () => {
  it('is bridge.yaml in the working directory, and is not overwritten', async () => {
    const cwd = temporaryFolder();
    const sample = write('sample.json', '{"time": 1, "x": 1.5}');
    const output = join(cwd, 'bridge.yaml');
    const first = await runCli(['init', '--from', sample], { cwd });
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toContain('twinbridge build bridge.yaml');
    writeFileSync(output, 'mine');

    const second = await runCli(['init', '--from', sample], { cwd });
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('--force');
    expect(readFileSync(output, 'utf8')).toBe('mine');

    expect((await runCli(['init', '--from', sample, '--force'], { cwd })).code).toBe(0);
    expect(readFileSync(output, 'utf8')).toContain('twinbridge: bridge');
  });
});
