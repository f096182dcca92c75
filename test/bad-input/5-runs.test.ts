/** Runs from the command line whose broker, or whose bridge's backend, fails: exit code, words, and what is kept. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBridgeFmu, parseBridgeConfig } from '#tb/bridge/index.js';
import { stamp, temporaryFolder, until } from '../support/bridge.js';
import { type BrokerProcess, startBroker } from '../support/broker-process.js';
import { type Running, runCli, startCli } from '../support/cli.js';
import { Feeder } from '../support/feeder.js';
import { backends } from '../support/processes.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
let broker: BrokerProcess;
let feeder: Feeder;

beforeAll(async () => {
  broker = await startBroker();
  feeder = await Feeder.start(broker.url);
  await system('failing', 'fail', '1 s', '1 s');
  await system('holding', 'hold', '1 s', '500 ms');
  await system('patient', 'fail', '20 s', '60 s');
});
afterAll(async () => {
  await feeder?.stop();
  await broker?.kill();
});

/** A system of one bridge; `name.yaml` in the folder. */
async function system(name: string, onTimeout: 'fail' | 'hold', maxage: string, timeout: string): Promise<void> {
  const config = `twinbridge: bridge
name: robot
send: { announce: true }
selection: { maxage: ${maxage}, lookahead: 100, timeout: ${timeout}, onTimeout: ${onTimeout} }
outputs: { x: Real }
diagnostics: true
`;
  await buildBridgeFmu(parseBridgeConfig(config, 'bridge.yaml'), path(`${name}.fmu`));
  writeFileSync(
    path(`${name}.yaml`),
    `twinbridge: system\ncomponents: { robot: { fmu: ${name}.fmu } }\nstep: 0.1\nstop: 3\npace: realtime\n`,
  );
}

describe('1 no broker', () => {
  it.each([
    ['at a closed port', 'amqp://guest:sesame-73@127.0.0.1:1', /nothing listens at amqp:\/\/guest@127\.0\.0\.1:1\//],
    ['of that name', 'amqp://guest:sesame-73@no-such-host.invalid', /cannot resolve the host 'no-such-host\.invalid'/],
  ])('%s: exit code 4, cause and remedy, no password', async (_, url, said) => {
    const { code, stdout, stderr } = await runCli(['run', path('patient.yaml')], { env: { AMQP_URL: url } });
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toMatch(said);
    expect(stderr).not.toContain('sesame-73');
  });

  it('that lets us in: exit code 4, and no password either', async () => {
    const url = broker.url.replace(':guest@', ':sesame-73@');
    const { code, stderr } = await runCli(['run', path('failing.yaml')], { env: { AMQP_URL: url } });
    expect(code).toBe(4);
    expect(stderr).toContain("refused the login of user 'guest'");
    expect(stderr).not.toContain('sesame-73');
  });

  it('but data that do not come, which is something else: exit code 1', async () => {
    const { code, stderr } = await runCli(['run', path('failing.yaml')], { env: { AMQP_URL: broker.url } });
    expect(code).toBe(1);
    expect(stderr).toContain('initialisation: no valid data within 1.000 s (maxage 1.000 s): x (never received)');
  });
});

describe('2 in the middle of a run', () => {
  let runs = 0;
  async function start(name: string, ...more: string[]): Promise<{ running: Running; results: string }> {
    await feeder.onReady({ x: 1, time: stamp(0) });
    const results = path(`${++runs}.csv`);
    const running = startCli(['run', path(`${name}.yaml`), '--results', results, '--json', ...more], {
      env: { AMQP_URL: broker.url },
    });
    await running.wrote(results);
    return { running, results };
  }
  async function restart(): Promise<void> {
    await feeder.stop();
    await broker.kill();
    broker = await startBroker(broker.port);
    feeder = await Feeder.start(broker.url);
  }
  const rows = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\r\n').slice(1);

  it('the broker dies and the policy is to fail: exit code 5 once the data are too old; results and report are kept', async () => {
    const { running, results } = await start('failing');
    await broker.kill();
    const { code, stdout, stderr } = await running.finished;
    expect(code).toBe(5);
    expect(stderr).toContain('robot: receiving: lost the broker');
    expect(stderr).toContain(
      'step to 1.1 s: no valid data within 1.000 s (maxage 1.000 s, the broker is out of reach): x (1.100 s old)',
    );
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'failed', steps: 10 });
    expect(rows(results)).toHaveLength(11);
    await restart();
  });

  it('the broker dies and the policy is to hold: the run goes on to its end', async () => {
    const { running } = await start('holding', '--stop', '2.6');
    await broker.kill();
    const { code, stdout, stderr } = await running.finished;
    expect(code).toBe(0);
    // Sixteen steps without data, told at the first, second, fourth …
    expect(stderr).toContain('x (1.100 s old); the outputs stay as they are\n');
    expect(stderr).toContain('x (2.600 s old); the outputs stay as they are, for 16 steps now');
    expect(stderr.match(/the outputs stay as they are/g)).toHaveLength(5);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'finished', steps: 26, finalValues: { 'robot.x': 1 } });
    await restart();
  });

  it('the broker dies and comes back in time: nothing but a warning', async () => {
    const { running } = await start('patient', '--stop', '6');
    await restart();
    const restarted = performance.now();
    const feed = setInterval(() => void feeder.send({ x: 2, time: stamp(performance.now() - restarted) }), 50);
    const { code, stdout, stderr } = await running.finished;
    clearInterval(feed);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('robot: receiving: lost the broker');
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'finished',
      finalValues: { 'robot.x': 2, 'robot.link_up': true, 'robot.reconnects': 2 },
    });
  });

  it('the backend is killed: exit code 1, and what happened', async () => {
    const { running } = await start('failing');
    const pid = running.process.pid as number;
    await until(() => backends(pid).length === 1);
    process.kill(backends(pid)[0] as number, 'SIGKILL');
    const { code, stderr } = await running.finished;
    expect(code).toBe(1);
    expect(stderr).toMatch(/backend process \d+ was ended by signal 9 \(Killed\), and with it the link to the broker/);
  });

  it('bad messages come: they are told while it runs and summed up at its end, and the run finishes', async () => {
    const { running } = await start('patient', '--stop', '1');
    await feeder.send('no JSON', { x: '1', time: stamp(0) }, { x: 5, time: stamp(500), z: 1 });
    const { code, stdout, stderr } = await running.finished;
    expect(code).toBe(0);
    expect(stderr).toContain("robot: message 2 (routing key 'data.to_cosim'): malformed_json: byte 0");
    expect(stderr).toContain("robot: message 3 (routing key 'data.to_cosim'): no_usable_value: 'x' is the string");
    expect(stderr).toContain("robot: message 4 (routing key 'data.to_cosim'): unknown_field: 'z' is no signal");
    expect(stderr).toMatch(
      /robot: totals: steps 10, .*messages received 4, rejected 2, with unknown fields 1, samples used 2/,
    );
    expect(JSON.parse(stdout).finalValues).toMatchObject({ 'robot.x': 5, 'robot.rejected': 2 });
  });
});
