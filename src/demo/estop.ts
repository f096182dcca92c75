/**
 * The emergency-stop loop: field robot → broker → bridge FMU → monitor FMU → bridge FMU → broker → field robot.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Captured, type RunReport, runSystem } from '../master/index.js';
import { TwinbridgeError } from '../support/errors.js';
import { parseRfc3339 } from '../support/time.js';
import { type BridgeTraffic, type RunSummary, readTraffic, summariseRun, trafficOutputs } from './bridge-traffic.js';
import type { RobotMessage, RobotOptions } from './field-robot.js';
import { type DemoOptions, setStage } from './stage.js';
import { type Summary, scale, summarise } from './statistics.js';

const DEFAULT_DURATION = 20;
const SAFE_DISTANCE = 2;

export interface EstopReport {
  readonly demo: 'estop';
  readonly broker: string;
  readonly messages: BridgeTraffic & { readonly published: number };
  /** Communication point minus sample time, ms. */
  readonly dataAgeMs: Summary;
  readonly stop: StopReport | null;
  /** m */
  readonly distanceLeft: number;
  readonly safeDistance: number;
  readonly run: RunSummary;
  readonly resultFile: string;
}

/** From the robot's message to its standing still; hops in ms, each beginning where the one before ends. */
export interface StopReport {
  /** Communication point at which the monitor decided, s. */
  readonly decidedAt: number;
  /** Sequence number of the message that it decided on. */
  readonly seqno: number;
  readonly hopsMs: {
    /** Robot's time stamp → in the bridge's ring. */
    readonly robotToRing: number;
    /** In the ring → the doStep that published the stop: the wait for the communication point, and one step of the Jacobi master. */
    readonly ringToPublish: number;
    /** That doStep → the broker's confirm. */
    readonly publishToConfirm: number;
    /** That doStep → at the robot. */
    readonly publishToRobot: number;
  };
  /** Robot's time stamp → the stop's confirm. */
  readonly messageToConfirmMs: number;
  /** Robot's time stamp → the stop at the robot. */
  readonly messageToRobotMs: number;
  /** The stop at the robot → standing still: its brakes. */
  readonly brakingMs: number | null;
}

/** The robot process ended before its time. */
export class RobotProcessError extends TwinbridgeError {
  override readonly code = 'TB_DEMO_ROBOT';
}

export async function runEstop(options: DemoOptions = {}): Promise<EstopReport> {
  const duration = options.duration ?? DEFAULT_DURATION;
  const stage = await setStage('estop', 'robot.fmu', options);
  const robot = new RobotProcess({
    exchange: 'robotti',
    stateKey: 'robotti.state',
    commandKey: 'robotti.command',
    durationSeconds: duration,
    periodMs: 20,
  });
  try {
    await robot.driving();
    const run = await runSystem(stage.system, {
      stop: duration,
      results: stage.resultFile,
      capture: [...CAPTURED, ...trafficOutputs('robot')],
      watch: ['monitor.distance', 'robot.data_age', 'monitor.stop'],
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      ...(options.onLog === undefined ? {} : { onLog: options.onLog }),
    });
    const lastWords = await robot.leave();
    return toReport(stage, run, robot, lastWords);
  } finally {
    robot.kill();
    await stage.close();
  }
}

const CAPTURED = [
  'robot.seqno',
  'robot.data_age',
  'robot.transport_delay',
  'robot.confirm_delay',
  'monitor.stop',
] as const;
type Column = (typeof CAPTURED)[number];

function toReport(
  stage: { brokerName: string; resultFile: string },
  run: RunReport,
  robot: RobotProcess,
  lastWords: Extract<RobotMessage, { type: 'lastWords' }>,
): EstopReport {
  const captured = run.captured as Captured;
  const column = (name: Column): Float64Array => captured.columns[name] as Float64Array;
  return {
    demo: 'estop',
    broker: stage.brokerName,
    messages: { published: lastWords.published, ...readTraffic(captured, 'robot') },
    dataAgeMs: scale(summarise(column('robot.data_age')), 1000),
    stop: toStopReport(captured, column, robot, lastWords.stamps),
    distanceLeft: lastWords.distance,
    safeDistance: SAFE_DISTANCE,
    run: summariseRun(run),
    resultFile: stage.resultFile,
  };
}

function toStopReport(
  captured: Captured,
  column: (name: Column) => Float64Array,
  robot: RobotProcess,
  stamps: readonly string[],
): StopReport | null {
  const decided = column('monitor.stop').findIndex((stop) => stop !== 0);
  const { stopReceived, standing } = robot;
  if (decided < 0 || stopReceived === undefined) return null;
  // The monitor of a Jacobi master decides on the values of the communication point before.
  const row = Math.max(0, decided - 1);
  const seqno = column('robot.seqno')[row] ?? 0;
  const stamped = parseRfc3339(stamps[seqno] ?? '');
  const published = parseRfc3339(stopReceived.sentAt);
  if (typeof stamped !== 'bigint' || typeof published !== 'bigint') return null;
  const robotToRing = (column('robot.transport_delay')[row] ?? 0) * 1000;
  const publishToConfirm = (column('robot.confirm_delay').at(-1) ?? 0) * 1000;
  const messageToPublish = Number(published - stamped) / 1e6;
  return {
    decidedAt: captured.time[decided] ?? 0,
    seqno,
    hopsMs: {
      robotToRing,
      ringToPublish: messageToPublish - robotToRing,
      publishToConfirm,
      publishToRobot: Number(BigInt(stopReceived.at) - published) / 1e6,
    },
    messageToConfirmMs: messageToPublish + publishToConfirm,
    messageToRobotMs: Number(BigInt(stopReceived.at) - stamped) / 1e6,
    brakingMs: standing === undefined ? null : Number(BigInt(standing.at) - BigInt(stopReceived.at)) / 1e6,
  };
}

/** The robot's process, and what it said. */
class RobotProcess {
  stopReceived: Extract<RobotMessage, { type: 'stopReceived' }> | undefined;
  standing: Extract<RobotMessage, { type: 'standing' }> | undefined;
  #lastWords: Extract<RobotMessage, { type: 'lastWords' }> | undefined;
  readonly #process: ChildProcess;
  readonly #driving: Promise<void>;

  constructor(options: RobotOptions) {
    this.#process = fork(fileURLToPath(new URL('./field-robot.js', import.meta.url)), [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#driving = new Promise((resolve, reject) => {
      this.#process.on('message', (message: RobotMessage) => {
        if (message.type === 'driving') resolve();
        else if (message.type === 'stopReceived') this.stopReceived = message;
        else if (message.type === 'standing') this.standing = message;
        else this.#lastWords = message;
      });
      this.#process.on('exit', (code) => reject(new RobotProcessError(`the field robot ended with exit code ${code}`)));
    });
  }

  driving(): Promise<void> {
    return this.#driving;
  }

  /** Ends the robot in order. */
  async leave(): Promise<Extract<RobotMessage, { type: 'lastWords' }>> {
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.send('over');
      await exited;
    }
    if (this.#lastWords === undefined) throw new RobotProcessError('the field robot ended before the run was over');
    return this.#lastWords;
  }

  kill(): void {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill('SIGKILL');
  }
}
