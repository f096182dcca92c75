import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import { MAIN } from '../support/cli.js';
import { temporaryFile } from './support.js';

function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, 'replay', ...args], {
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
    child.stdin.write(`timestamp,x\n${'1,2\n'.repeat(150)}`);
    child.stdout.once('data', () => child.kill('SIGINT'));
    const { code, stderr } = await done;
    expect(stderr).toContain('stopped: 150 messages');
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
      says: /a\.csv:1: no column 'timestamp' \(did you mean 'timestmp'\?\).*--time-column/s,
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
      says: /a\.csv:3:2: 1 cell where the header has 2 columns.*--bad-rows skip/s,
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

describe('with a broker', () => {
  const file = temporaryFile('a.csv', ROWS);

  it('sends, and prints the report on standard output', async () => {
    const broker = await EmbeddedBroker.listen();
    const { code, stdout, stderr } = await run([file, '--broker', broker.url, '--exchange', 'robot', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'finished', messagesSent: 2, confirmed: 2, returned: 0 });
    expect(stderr).toContain('connected to the broker');
    expect(code).toBe(0);
    const unroutable = await run([file, '--broker', broker.url, '--exchange', 'robot', '--mandatory']);
    expect(unroutable.stdout).toContain('returned as unroutable 2');
    expect(unroutable.stderr).toContain("2 messages came back: no queue is bound to 'robot' for 'data.to_cosim'");
    expect(unroutable.code).toBe(1);
    await broker.close();
  });

  it('Ctrl-C ends an endless loop with everything confirmed', async () => {
    const broker = await EmbeddedBroker.listen();
    const { child, done } = start([file, '--loop', '--json'], { TWINBRIDGE_BROKER: broker.url });
    while (broker.stats().confirmed < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGINT');
    const { code, stdout } = await done;
    const report = JSON.parse(stdout) as Record<string, number>;
    expect(report).toMatchObject({ outcome: 'stopped', unconfirmed: 0, confirmed: report.messagesSent });
    expect(report.messagesSent).toBe(broker.stats().published);
    expect(code).toBe(0);
    await broker.close();
  });

  it('a wrong password is named without being repeated', async () => {
    const broker = await EmbeddedBroker.listen();
    const { code, stderr, stdout } = await run([file, '--broker', broker.url.replace('//', '//guest:s3cret@')]);
    expect(stderr).toContain("refused the login of user 'guest'");
    expect(stderr + stdout).not.toContain('s3cret');
    expect(code).toBe(4);
    await broker.close();
  });

  it('an unreachable broker', async () => {
    const broker = await EmbeddedBroker.listen();
    const { url } = broker;
    await broker.close();
    const { code, stderr } = await run([file, '--broker', url]);
    expect(stderr).toContain('nothing listens at');
    expect(code).toBe(4);
  });

  it('an address that is none', async () => {
    const { code, stderr } = await run([file, '--broker', 'localhost:5672']);
    expect(stderr).toContain('is no broker URL');
    expect(code).toBe(3);
  });
});
