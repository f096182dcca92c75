/** `twinbridge demo`: the main job, as a newcomer sees it. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EstopReport, ShadowReport } from '#tb/demo/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { runCli, startCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';
import { processesWith } from '../support/processes.js';

const folder = temporaryFolder();
const MARK = 'TWINBRIDGE_TEST_RUN';

/** The only thing on standard output. */
function onlyObject<Report>(stdout: string): Report {
  expect(stdout.endsWith('\n')).toBe(true);
  expect(stdout.trimEnd()).not.toContain('\n');
  return JSON.parse(stdout) as Report;
}

/** Every message that came in is accounted for. */
function expectBalanced({ received, used, skipped, late, duplicate, pending }: ShadowReport['messages']): void {
  expect(used + skipped + late + duplicate + pending).toBe(received);
}

async function estop(...args: string[]): Promise<{ report: EstopReport; stderr: string }> {
  const { code, stdout, stderr } = await runCli(['demo', '--json', '--duration', '6', ...args], { cwd: folder });
  expect(code, stderr).toBe(0);
  return { report: onlyObject<EstopReport>(stdout), stderr };
}

function expectStopped({ messages, stop, distanceLeft, safeDistance, dataAgeMs, run }: EstopReport): void {
  expect(run).toMatchObject({ outcome: 'finished', steps: 600, simulatedSeconds: 6 });
  expect(run.wallSeconds).toBeGreaterThan(5.9);
  // 50 a second, and no more than that; what was published before the bridge listened it never saw.
  expect(messages.received).toBeGreaterThan(200);
  expect(messages.published).toBeGreaterThanOrEqual(messages.received);
  expect(messages).toMatchObject({ late: 0, duplicate: 0, dropped: 0, rejected: 0 });
  expectBalanced(messages);
  expect(dataAgeMs.median).toBeGreaterThan(0);
  expect(dataAgeMs.max).toBeLessThanOrEqual(300); // maxage
  // The robot stood still before the obstacle, closer than the distance at which it was told to.
  expect(distanceLeft).toBeGreaterThan(0);
  expect(distanceLeft).toBeLessThan(safeDistance);
  expect(stop?.decidedAt).toBeGreaterThan(0);
  expect(stop?.decidedAt).toBeLessThan(6);
  expect(stop?.brakingMs).toBeGreaterThan(0);
  const { robotToRing, ringToPublish, publishToConfirm, publishToRobot } = stop!.hopsMs;
  for (const hop of [robotToRing, ringToPublish, publishToConfirm, publishToRobot]) expect(hop).toBeGreaterThan(0);
  expect(stop?.messageToRobotMs).toBeCloseTo(robotToRing + ringToPublish + publishToRobot, 6);
  expect(stop?.messageToConfirmMs).toBeCloseTo(robotToRing + ringToPublish + publishToConfirm, 6);
}

describe('twinbridge demo', () => {
  it('stops the robot, and says so in one JSON object', async () => {
    const { report, stderr } = await estop();
    expect(report).toMatchObject({ demo: 'estop', broker: 'embedded' });
    expectStopped(report);
    expect(isAbsolute(report.resultFile)).toBe(true);
    const rows = readFileSync(report.resultFile, 'utf8').trimEnd().split(/\r?\n/);
    expect(rows[0]).toContain('robot.x');
    expect(rows).toHaveLength(1 + 601);
    expect(stderr).toContain('to the nearest obstacle');
  });

  it('says so in words', async () => {
    const { code, stdout } = await runCli(['demo', '--duration', '5'], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^The robot stands still before the obstacle\.$/m);
    expect(stdout).toMatch(/^ {2}messages +\d+ in, \d+ used/m);
    expect(stdout).toMatch(/^ {2}distance left +[01]\.\d\d m \(stop below 2\.0 m\)$/m);
    expect(stdout).toMatch(/^ {2}run +finished: 500 steps, 5\.0 s in 5\.\d s/m);
    const results = /^ {2}results +(\S+)$/m.exec(stdout)?.[1];
    expect(existsSync(`${folder}/${results}`)).toBe(true);
  });

  it('shadow follows a recording', async () => {
    const { code, stdout, stderr } = await runCli(['demo', 'shadow', '--json', '--duration', '4'], { cwd: folder });
    expect(code, stderr).toBe(0);
    const { replay, messages, deviationMm, run, demo } = onlyObject<ShadowReport>(stdout);
    expect(demo).toBe('shadow');
    expect(run).toMatchObject({ outcome: 'finished', steps: 200, simulatedSeconds: 4 });
    expect(replay.confirmed).toBe(replay.messagesSent);
    // About 300 a second were recorded; the run ends before the player.
    expect(messages.received).toBeGreaterThan(1000);
    expect(messages.received).toBeLessThanOrEqual(replay.messagesSent);
    expect(messages).toMatchObject({ late: 0, dropped: 0, rejected: 0 });
    expectBalanced(messages);
    expect(deviationMm.median).toBeGreaterThan(0);
    expect(deviationMm.max).toBeLessThan(50);
  });
});

describe('Ctrl-C', () => {
  /** A terminal sends the signal to every process of the command; `kill` to the one named. */
  it.each(['of a terminal', 'of a script'])(
    '%s ends the demo with its report, and every process of it',
    async (from) => {
      const mark = randomUUID();
      const running = startCli(['demo', '--json', '--duration', '60'], {
        cwd: folder,
        env: { [MARK]: mark },
        detached: from === 'of a terminal',
      });
      await running.said(/ s +\d+\.\d+ m to the nearest obstacle/);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      // The demo, its robot, the bridge's backend.
      expect(processesWith(MARK, mark)).toHaveLength(3);
      if (from === 'of a terminal') process.kill(-running.process.pid!, 'SIGINT');
      else running.process.kill('SIGINT');
      const pressed = performance.now();
      const { code, stdout, stderr } = await running.finished;
      expect(performance.now() - pressed).toBeLessThan(3000);
      expect(code, stderr).toBe(0);
      const { run, messages } = onlyObject<EstopReport>(stdout);
      expect(run.outcome).toBe('stopped');
      expect(run.steps).toBeGreaterThan(50);
      expect(messages.received).toBeGreaterThan(20);
      expect(processesWith(MARK, mark)).toEqual([]);
    },
  );

  it('ends shadow too', async () => {
    const mark = randomUUID();
    const running = startCli(['demo', 'shadow', '--json'], { cwd: folder, env: { [MARK]: mark } });
    await running.said(/prediction off by/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    running.process.kill('SIGINT');
    const { code, stdout, stderr } = await running.finished;
    expect(code, stderr).toBe(0);
    expect(onlyObject<ShadowReport>(stdout).run.outcome).toBe('stopped');
    expect(processesWith(MARK, mark)).toEqual([]);
  });
});

describeOnBrokers('--broker', (broker) => {
  it('runs the demo on a broker of one’s own', async () => {
    const { report } = await estop('--broker', broker.url);
    expect(report.broker).toMatch(/^amqp:\/\/[^@]+:\d+$/);
    expectStopped(report);
  });

  it('comes from TWINBRIDGE_BROKER too, where other users do not see the password', async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--json', '--duration', '1'], {
      cwd: folder,
      env: { TWINBRIDGE_BROKER: broker.url },
    });
    expect(code, stderr).toBe(0);
    expect(onlyObject<EstopReport>(stdout).broker).not.toBe('embedded');
    expect(stdout + stderr).not.toContain('guest@');
  });
});

describe('without its broker', () => {
  it.each(['estop', 'shadow'])('%s names what is missing and what to do, and starts nothing', async (name) => {
    const mark = randomUUID();
    const { code, stdout, stderr } = await runCli(['demo', name, '--json', '--broker', 'amqp://u:s3cret@127.0.0.1:1'], {
      cwd: folder,
      env: { [MARK]: mark },
    });
    expect(code).toBe(4);
    expect(stdout).toBe('');
    expect(stderr).toContain('nothing listens at amqp://u@127.0.0.1:1');
    expect(stderr).toContain('start the broker');
    expect(stderr).not.toContain('s3cret');
    expect(processesWith(MARK, mark)).toEqual([]);
  });

  it('an address that is none is no broker', async () => {
    const { code, stderr } = await runCli(['demo', '--broker', 'localhost:5672'], { cwd: folder });
    expect(stderr).toContain('is no broker URL');
    expect(code).toBe(3);
  });
});
