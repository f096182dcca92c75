/** What every command has in common. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAIN, runCli } from '../support/cli.js';
import { exampleFmu, temporaryFolder } from '../support/fmus.js';

const COMMANDS = 'broker build cache convert demo doctor info init plan plot replay run tap validate'.split(' ');
const folder = temporaryFolder();

describe('help', () => {
  it('lists every command', async () => {
    const { code, stdout, stderr } = await runCli(['--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    const listed = [...stdout.matchAll(/^ {2}([a-z-]+) .*/gm)].map(([, name]) => name);
    expect(listed.filter((name) => name !== 'help').sort()).toEqual([...COMMANDS].sort());
    expect(stdout).toContain('Exit codes: 0 ok, 1 run failed, 2 usage, 3 invalid input, 4 broker unreachable');
  });

  it.each(COMMANDS)('%s: what it does, examples, exit codes', async (command) => {
    const { code, stdout, stderr } = await runCli([command, '--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(new RegExp(`^Usage: twinbridge ${command} `));
    expect(stdout).toMatch(/^\n?[A-Z][^\n]+/m);
    expect(stdout).toMatch(new RegExp(`^ +\\$ .*twinbridge ${command}`, 'm'));
    expect(stdout).toMatch(/^Exit codes: 0 /m);
    // A terminal of usual width shows it without breaking lines.
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    expect((await runCli(['help', command])).stdout).toBe(stdout);
  });

  it('the version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });
});

it('a reader that has had enough is no failure', () => {
  const { status, stderr } = spawnSync('/bin/sh', ['-c', '"$0" "$1" help run | true', process.execPath, MAIN], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

describe('wrong usage exits with 2, on standard error, with a hint', () => {
  it.each<{ args: string[]; says: RegExp }>([
    { args: [], says: /Usage: twinbridge/ },
    { args: ['dmeo'], says: /unknown command 'dmeo'\n\(Did you mean demo\?\)/ },
    { args: ['demo', '--durations', '3'], says: /unknown option '--durations'\n\(Did you mean --duration\?\)/ },
    { args: ['demo', 'estopp'], says: /no demo 'estopp'; there are estop and shadow/ },
    { args: ['demo', '--duration', 'long'], says: /'long' is invalid\. expected a number of seconds/ },
    { args: ['demo', '--duration', '-1'], says: /'-1' is invalid/ },
    { args: ['demo', 'estop', 'shadow'], says: /too many arguments/ },
    { args: ['run'], says: /missing required argument 'system'/ },
    { args: ['run', 'a.yaml', '--pace', 'slow'], says: /'slow' is invalid/ },
    { args: ['build'], says: /missing required argument 'config'/ },
    { args: ['init'], says: /required option '--from <file>' not specified/ },
    {
      args: ['replay', 'a.csv', '--exchange-type', 'ring'],
      says: /Allowed choices are direct, fanout, topic, headers/,
    },
    { args: ['broker', '--port', '70000'], says: /a port is a number from 0 to 65535/ },
    { args: ['cache', 'cler'], says: /Allowed choices are info, clear/ },
    { args: ['info'], says: /missing required argument 'fmu'/ },
    { args: ['validate', '--print-schema', 'song'], says: /song/ },
  ])('twinbridge $args', async ({ args, says }) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(stderr).toMatch(says);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

describe('what cannot be read exits with 3 and names the file', () => {
  it.each([['run'], ['build'], ['info'], ['init', '--from'], ['replay']])('twinbridge %s', async (...command) => {
    const missing = join(folder, 'missing.yaml');
    const { code, stdout, stderr } = await runCli([...command, missing]);
    expect(stderr).toContain(missing);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(stdout).toBe('');
    expect(code).toBe(3);
  });
});

describe('color', () => {
  exampleFmu(folder, 'misbehave');
  const system = join(folder, 'system.yaml');
  writeFileSync(
    system,
    'twinbridge: system\ncomponents: { bad: { fmu: misbehave.fmu, start: { mode: error } } }\nstep: 0.1\nstop: 1\n',
  );
  /** `script` gives the command a terminal. */
  const onTerminal = (env: NodeJS.ProcessEnv) => {
    const { NO_COLOR: _, ...inherited } = process.env;
    const command = `'${process.execPath}' '${MAIN}' run '${system}'`;
    return spawnSync('script', ['-qec', command, '/dev/null'], { env: { ...inherited, ...env }, encoding: 'utf8' })
      .stdout;
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that set a color
  const COLOR = /\u001b\[[0-9;]*m/;

  it('is for terminals', async () => {
    expect(onTerminal({ TERM: 'xterm' })).toMatch(COLOR);
    const { stderr } = await runCli(['run', system], { env: { NO_COLOR: '' } });
    expect(stderr).toContain('bad');
    expect(stderr).not.toMatch(COLOR);
  });

  it('is not used when NO_COLOR is set', () => {
    const said = onTerminal({ TERM: 'xterm', NO_COLOR: '1' });
    expect(said).toContain('bad');
    expect(said).not.toMatch(COLOR);
  });
});
