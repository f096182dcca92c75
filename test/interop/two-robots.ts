/**
 * The co-simulation that every tool is given. Two robots drive towards one another, each on a bridge of its own (two
 * instances of one FMU); a monitor sees both, tells them their distance, and stops both when it is too small.
 *
 *     robot ── left.state ──► left ── x, y ──────────► monitor ── distance, stop ──► left ── left.command ──► robot
 *     robot ── right.state ─► right ─ x, y ─► (as obstacle)                      └─► right ─ right.command ─► robot
 *
 * A robot answers the command of each step with its sample of that step's end, and the bridge waits for it: the loop
 * through the broker is closed in every step, so the numbers are the same however fast tool and machine are.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { expect } from 'vitest';
import { buildBridgeFmu, parseBridgeConfig } from '#tb/bridge/index.js';
import { stamp } from '../support/bridge.js';
import { exampleFmu } from '../support/fmus.js';
import { withoutOrphans } from './orphans.js';

export const SIDES = ['left', 'right'] as const;
export type Side = (typeof SIDES)[number];

/** s */
export const STEP = 0.05;
export const STEPS = 60;
/** m; below it the monitor stops both. */
export const SAFE_DISTANCE = 2.5;
/** m; half of how far apart the robots begin. */
const BEGIN = 5.125;
/** m; what a robot drives in a step: 2 m/s. */
const STRIDE = 0.1;

export interface Connection {
  readonly from: readonly [component: string, variable: string];
  readonly to: readonly [component: string, variable: string];
  readonly type: 'Real' | 'Boolean';
}

export const CONNECTIONS: readonly Connection[] = [
  { from: ['left', 'x'], to: ['monitor', 'x'], type: 'Real' },
  { from: ['left', 'y'], to: ['monitor', 'y'], type: 'Real' },
  { from: ['right', 'x'], to: ['monitor', 'obstacle_x'], type: 'Real' },
  { from: ['right', 'y'], to: ['monitor', 'obstacle_y'], type: 'Real' },
  ...SIDES.flatMap((side): Connection[] => [
    { from: ['monitor', 'distance'], to: [side, 'distance'], type: 'Real' },
    { from: ['monitor', 'stop'], to: [side, 'stop'], type: 'Boolean' },
  ]),
];

/** What each component gives, by type; a tool that cannot read some of it leaves it out of its rows. */
export const OUTPUTS: readonly (readonly [component: string, variable: string, type: string])[] = [
  ...SIDES.flatMap((side) => [
    [side, 'x', 'Real'] as const,
    [side, 'y', 'Real'] as const,
    [side, 'seqno', 'Integer'] as const,
    [side, 'moving', 'Boolean'] as const,
    [side, 'place', 'String'] as const,
  ]),
  ['monitor', 'distance', 'Real'],
  ['monitor', 'stop', 'Boolean'],
];

/** Start values that make two bridges of one FMU. */
export const bridgeParameters = (side: Side, exchange: string) => ({
  'config.exchangename': exchange,
  'config.routingkey': `${side}.state`,
  'config.routingkey.from_cosim': `${side}.command`,
});

/** `bridge.fmu` and `monitor.fmu` in `folder`; `more` are further lines of the bridge's configuration. */
export async function buildFmus(folder: string, more = ''): Promise<{ bridge: string; monitor: string }> {
  const yaml = `
twinbridge: bridge
name: bridge
receive: { exchange: unused, type: topic }
send: { exchange: unused, type: topic, when: always, announce: true }
selection: { maxage: 0 ms, lookahead: 1, timeout: 10 s }
outputs:
  x: { type: Real, unit: m }
  y: { type: Real, unit: m }
  seqno: Integer
  moving: Boolean
  place: { type: String, maxLength: 60 }
inputs:
  distance: { type: Real, start: 0, unit: m }
  stop: Boolean
${more}`;
  const bridge = join(folder, 'bridge.fmu');
  await buildBridgeFmu(parseBridgeConfig(yaml, 'bridge.yaml'), bridge);
  const monitor = exampleFmu(folder, 'monitor');
  return { bridge, monitor };
}

/** A copy of an FMU, for tools that know an FMU by its file. */
export function copyFmu(file: string, name: string): string {
  const copy = join(file, '..', `${name}.fmu`);
  copyFileSync(file, copy);
  return copy;
}

export interface Command {
  readonly distance: number;
  readonly stop: boolean;
  /** ms */
  readonly simstep: string;
}

/** Both robots, on the broker. */
export class Robots {
  readonly commands: Record<Side, Command[]> = { left: [], right: [] };
  readonly #driven: Record<Side, number> = { left: 0, right: 0 };
  readonly #connection: amqp.ChannelModel;
  readonly #failures: unknown[] = [];

  private constructor(connection: amqp.ChannelModel) {
    this.#connection = connection;
  }

  static async start(url: string, exchange: string): Promise<Robots> {
    const connection = await amqp.connect(url);
    const robots = new Robots(connection);
    connection.on('error', (error) => robots.#failures.push(error));
    const channel = await connection.createChannel();
    await channel.assertExchange(exchange, 'topic', { durable: false });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, '*.command');
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return;
        const side = message.fields.routingKey.split('.')[0] as Side;
        const body = JSON.parse(message.content.toString()) as Command | { internal_status: string };
        const answer = 'internal_status' in body ? sample(side, 0, 0) : robots.#obey(side, body);
        channel.publish(exchange, `${side}.state`, Buffer.from(JSON.stringify(answer)));
      },
      { noAck: true },
    );
    return robots;
  }

  #obey(side: Side, command: Command): Record<string, unknown> {
    this.commands[side].push(command);
    const k = Math.round(Number(command.simstep) / 1000 / STEP);
    // What is in the command of the first step is the tool's affair: not all pass values on before it.
    if (k === 1 || !command.stop) this.#driven[side]++;
    return sample(side, k, this.#driven[side]);
  }

  async stop(): Promise<void> {
    await this.#connection.close();
    expect(this.#failures).toEqual([]);
  }
}

function sample(side: Side, k: number, driven: number): Record<string, unknown> {
  return { ...valuesAt(side, k, driven), time: stamp(Math.round(k * STEP * 1000)) };
}

function valuesAt(side: Side, k: number, driven: number) {
  const sign = side === 'left' ? -1 : 1;
  return {
    x: sign * (BEGIN - driven * STRIDE),
    y: sign * 0.25,
    seqno: k,
    moving: driven === k,
    // Not beyond U+FFFF, which Java's native interface passes on in a way of its own.
    place: `${side} ${k}: "é漢"`,
  };
}

/** What a tool is asked for. */
export interface Question {
  readonly components: Readonly<Record<'left' | 'right' | 'monitor', string>>;
  readonly start: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  readonly connections: readonly Connection[];
  readonly outputs: typeof OUTPUTS;
  readonly step: number;
  readonly steps: number;
}

let exchanges = 0;

function ask(fmus: { readonly bridge: string; readonly monitor: string }, exchange: string): Question {
  return {
    components: { left: fmus.bridge, right: fmus.bridge, monitor: fmus.monitor },
    start: {
      left: bridgeParameters('left', exchange),
      right: bridgeParameters('right', exchange),
      monitor: { safe_distance: SAFE_DISTANCE },
    },
    connections: CONNECTIONS,
    outputs: OUTPUTS,
    step: STEP,
    steps: STEPS,
  };
}

/**
 * Has a tool run the co-simulation on the broker of `AMQP_URL` and holds what it saw against what it must have seen.
 * `run` gets the environment for its process, of which nothing may be left afterwards.
 */
export async function runTwoRobots(
  url: string,
  fmus: { readonly bridge: string; readonly monitor: string },
  run: (question: Question, env: NodeJS.ProcessEnv) => Promise<readonly Row[]>,
  expected: { delay?: 1 | 2 } = {},
): Promise<void> {
  const exchange = `tb-two-robots-${process.pid}-${exchanges++}`;
  const robots = await Robots.start(url, exchange);
  try {
    expectRun(robots, await withoutOrphans((env) => run(ask(fmus, exchange), env)), expected);
  } finally {
    await robots.stop();
  }
}

/** Where no broker is, the tool ends soon, its user is told why and what to do, and nothing is left of the bridges. */
export async function expectToldWithoutBroker(
  fmus: { readonly bridge: string; readonly monitor: string },
  run: (question: Question, env: NodeJS.ProcessEnv) => Promise<readonly Row[]>,
): Promise<void> {
  const nobody = 'amqp://guest:guest@127.0.0.1:1';
  const failed = withoutOrphans((env) => run(ask(fmus, 'nowhere'), { ...env, AMQP_URL: nobody }));
  await expect(failed).rejects.toThrow(/nothing listens at amqp:\/\/guest@127\.0\.0\.1:1\/; start the broker/);
}

export type Row = Record<string, number | boolean | string>;

/**
 * What the outputs are at the communication points. `delay`: after how many steps a robot's place is in the commands:
 * two where all FMUs are stepped with the values of the last communication point (Jacobi), one where the monitor is
 * stepped with what the bridges have just given (Gauss-Seidel).
 */
export function expectedRun(delay: 1 | 2 = 2): { rows: Row[]; commands: Omit<Command, 'simstep'>[] } {
  const rows: Row[] = [];
  const commands: Omit<Command, 'simstep'>[] = [];
  const distanceAt: number[] = [];
  let driven = 0;
  let stopped = false;
  for (let k = 0; k <= STEPS; k++) {
    const seen = distanceAt[k - delay];
    stopped ||= k > 1 && seen !== undefined && seen < SAFE_DISTANCE;
    if (k > 0 && !stopped) driven++;
    const left = valuesAt('left', k, driven);
    const right = valuesAt('right', k, driven);
    distanceAt[k] = Math.hypot(left.x - right.x, left.y - right.y);
    if (k > 0) commands.push({ distance: seen ?? Number.NaN, stop: stopped });
    const distance = distanceAt[k + 1 - delay] ?? Number.NaN;
    rows.push({
      time: k * STEP,
      ...named('left', left),
      ...named('right', right),
      'monitor.distance': distance,
      'monitor.stop': distanceAt.slice(0, k + 2 - delay).some((d) => d < SAFE_DISTANCE),
    });
  }
  return { rows, commands };
}

function named(side: Side, values: object): Row {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${side}.${name}`, value]));
}

/**
 * The tool has seen every sample at its communication point and each robot got its command of every step.
 * `first` is the first step whose row is there.
 */
export function expectRun(robots: Robots, rows: readonly Row[], { delay = 2 as 1 | 2, first = 1 } = {}): void {
  const expected = expectedRun(delay);
  const columns = Object.keys(rows[0] ?? {});
  expect(columns).toEqual(expect.arrayContaining(['time', 'left.x', 'right.x']));
  expect(rows).toEqual(
    expected.rows
      .slice(first)
      .map((row) =>
        Object.fromEntries(
          columns.map((column) => [
            column,
            column === 'time' || column === 'monitor.distance' ? expect.closeTo(row[column] as number, 9) : row[column],
          ]),
        ),
      ),
  );
  for (const side of SIDES) {
    const commands = robots.commands[side];
    expect(commands.map(({ simstep }) => Number(simstep))).toEqual(
      expected.commands.map((_, k) => expect.closeTo((k + 1) * STEP * 1000, 6)),
    );
    // The first command holds what the tool has made of the initial values.
    expect(commands.slice(1).map(({ distance, stop }) => ({ distance, stop }))).toEqual(
      expected.commands.slice(1).map(({ distance, stop }) => ({ distance: expect.closeTo(distance, 9), stop })),
    );
  }
  // A run in which nobody was stopped, or too late, would prove little.
  const stoppedAt = expected.commands.findIndex(({ stop }) => stop);
  expect(stoppedAt).toBeGreaterThan(20);
  expect(stoppedAt).toBeLessThan(STEPS - 10);
}
