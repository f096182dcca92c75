import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { temporaryFile } from './support.js';

/** The command as `main` runs it: errors on standard error with their remedy, their exit code as the process's. */
const MAIN = `
  import { Command, CommanderError } from 'commander';
  import { registerReplay } from '#tb/cli/replay.js';
  const program = new Command('twinbridge').exitOverride();
  registerReplay(program);
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync().catch((error) => {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    const { location: l } = error;
    const place = l ? [l.file, l.line, l.column].filter((part) => part !== undefined).join(':') + ': ' : '';
    console.error(place + error.message + ' [' + error.code + ']' + (error.remedy ? ' → ' + error.remedy : ''));
    process.exitCode = error.exitCode ?? 1;
  });`;

function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', MAIN, '--', 'replay', ...args], {
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const done = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    stdout,
    stderr,
  }));
  return { child, done };
}

const run = async (args: readonly string[], input?: string) => {
  const { child, done } = start(args);
  child.stdin.end(input);
  return done;
};

const ROWS = 'timestamp,x,name\n1311868163.8697,1.4220,a\n1311868163.8731,,b\n';

describe('dry run', () => {
  it('prints the messages on standard output and the report on standard error', async () => {
    const { code, stdout, stderr } = await run([temporaryFile('a.csv', ROWS), '--dry-run']);
    expect(stdout).toBe(
      '{"x":1.4220,"name":"a","time":"2011-07-28T15:49:23.869700Z"}\n{"name":"b","time":"2011-07-28T15:49:23.873100Z"}\n',
    );
    expect(stderr).toContain('times are read as epoch-s, since the first one is 1311868163.8697');
    expect(stderr).toContain('columns: x Real, name String');
    expect(stderr).toContain('finished: 2 messages');
    expect(code).toBe(0);
  });

  it('reads standard input', async () => {
    const { code, stdout } = await run(['-', '--dry-run', '--columns', 'X:=x', '--json'], ROWS);
    expect(stdout).toContain('{"X":1.4220,"time"');
    expect(code).toBe(0);
  });

  it('ends quietly when its reader has enough', async () => {
    const file = temporaryFile('a.csv', `timestamp,x\n${'1,2\n'.repeat(100_000)}`);
    const { child, done } = start([file, '--dry-run', '--unpaced']);
    child.stdout.once('data', () => child.stdout.destroy());
    const { code, stderr } = await done;
    expect(stderr).toContain('stopped');
    expect(code).toBe(0);
  });

  it('Ctrl-C in a gap of the recording ends it with the report', async () => {
    const { child, done } = start([temporaryFile('a.csv', 'timestamp,x\n1,2\n9999,3\n'), '--dry-run', '--json']);
    child.stdout.once('data', () => child.kill('SIGINT'));
    const { code, stderr } = await done;
    expect(JSON.parse(stderr.trim().split('\n').at(-1)!)).toMatchObject({ outcome: 'stopped', messagesSent: 1 });
    expect(code).toBe(0);
  });

  it('Ctrl-C while standard input is silent ends it too', async () => {
    const { child, done } = start(['-', '--dry-run']);
    child.stdin.write('timestamp,x\n1,2\n');
    // Types are inferred from a hundred rows, so the first one is still held back.
    setTimeout(() => child.kill('SIGINT'), 600);
    const { code, stderr } = await done;
    expect(stderr).toContain('stopped: 0 messages');
    expect(code).toBe(0);
  });
});

describe('what is wrong is said with its place, and the exit code tells what kind it is', () => {
  const csv = (text: string) => temporaryFile('a.csv', text);

  it.each<{ name: string; args: () => string[]; code: number; says: RegExp }>([
    { name: 'missing file', args: () => ['/no/such.csv'], code: 3, says: /cannot read \/no\/such\.csv: no such file/ },
    { name: 'empty file', args: () => [csv('')], code: 3, says: /a\.csv:1: .*is empty/ },
    { name: 'no rows', args: () => [csv('timestamp,x\n')], code: 3, says: /has no row to replay/ },
    {
      name: 'no time column',
      args: () => [csv('timestmp,x\n1,2\n')],
      code: 3,
      says: /a\.csv:1: no column 'timestamp' \(did you mean 'timestmp'\?\).*--time-column/,
    },
    {
      name: 'bad time on line 3',
      args: () => [csv('timestamp,x\n1,2\nsoon,3\n'), '--dry-run'],
      code: 3,
      says: /a\.csv:3:1: the time 'soon' is no number of seconds/,
    },
    {
      name: 'ragged row',
      args: () => [csv('timestamp,x\n1,2\n2\n'), '--dry-run'],
      code: 3,
      says: /a\.csv:3:2: 1 cell where the header has 2 columns.*--bad-rows skip/,
    },
    {
      name: 'unknown column',
      args: () => [csv(ROWS), '--columns', 'nme'],
      code: 3,
      says: /no column 'nme' \(did you mean 'name'\?\)/,
    },
    { name: 'nothing in the stretch', args: () => [csv(ROWS), '--start', '5'], code: 3, says: /its rows read so far/ },
    {
      name: 'bad columns',
      args: () => [csv(ROWS), '--columns', 'a:='],
      code: 2,
      says: /neither a column nor key:=col/,
    },
    { name: 'bad type', args: () => [csv(ROWS), '--types', 'x=Rael'], code: 2, says: /did you mean 'Real'/ },
    { name: 'bad rate', args: () => [csv(ROWS), '--rate', 'fast'], code: 2, says: /--rate: 'fast' is no number/ },
    { name: 'bad loop', args: () => [csv(ROWS), '--loop', '1.5'], code: 2, says: /passes is 1\.5/ },
    { name: 'bad start', args: () => [csv(ROWS), '--start', 'noon'], code: 2, says: /--start: 'noon' is neither/ },
    { name: 'bad interval', args: () => [csv(ROWS), '--interval', '0'], code: 2, says: /--interval: '0'/ },
    { name: 'looped pipe', args: () => ['-', '--loop'], code: 2, says: /stdin cannot be looped/ },
    { name: 'unknown option', args: () => [csv(ROWS), '--exchnge', 'x'], code: 2, says: /Did you mean --exchange\?/ },
    { name: 'bad choice', args: () => [csv(ROWS), '--time', 'then'], code: 2, says: /Allowed choices are keep, now/ },
  ])('$name', async ({ args, code, says }) => {
    const outcome = await run(args());
    expect(outcome.stderr).toMatch(says);
    expect(outcome.code).toBe(code);
    expect(outcome.stdout).not.toContain('finished');
  });

  it('bad rows can be skipped', async () => {
    const { code, stderr, stdout } = await run([
      csv('timestamp,x\n1,2\nsoon,3\n1,4\n'),
      '--dry-run',
      '--bad-rows',
      'skip',
    ]);
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect(stderr).toContain("a.csv:3:1: the time 'soon' is no number of seconds");
    expect(stderr).toContain('rows skipped: time_malformed 1');
    expect(code).toBe(0);
  });
});
