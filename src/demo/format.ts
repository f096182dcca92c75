/** The demos' reports for people. */
import type { EstopReport } from './estop.js';
import { shown } from './paths.js';
import type { ShadowReport } from './shadow.js';
import type { Summary } from './statistics.js';

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
const spread = ({ median, p99 }: Summary): string => `${ms(median)} median, ${ms(p99)} p99`;

/** Lines of a label and a text, the texts below one another. */
function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`).join('\n');
}

export function formatEstop(report: EstopReport): string {
  const { messages, stop, run } = report;
  const rows: [string, string][] = [
    [
      'messages',
      `${messages.received} in, ${messages.used} used, ${messages.skipped} skipped, ${messages.late} late, ${messages.dropped} dropped, ${messages.rejected} rejected`,
    ],
    ['data age at the output', spread(report.dataAgeMs)],
  ];
  if (stop === null) {
    rows.push(['emergency stop', 'none: the robot did not come close to an obstacle']);
  } else {
    const { hopsMs } = stop;
    rows.push(
      ['emergency stop', `decided at ${stop.decidedAt.toFixed(2)} s on message ${stop.seqno}`],
      ['  robot → ring', ms(hopsMs.robotToRing)],
      [
        '  ring → stop published',
        `${ms(hopsMs.ringToPublish)} (communication points every ${((run.simulatedSeconds / run.steps) * 1000).toFixed(0)} ms; decision and command take one each)`,
      ],
      ['  published → confirmed', ms(hopsMs.publishToConfirm)],
      ['  message → stop confirmed', ms(stop.messageToConfirmMs)],
      ['  message → stop at robot', ms(stop.messageToRobotMs)],
    );
    if (stop.brakingMs !== null) rows.push(['  braking', ms(stop.brakingMs)]);
  }
  rows.push(
    ['distance left', `${report.distanceLeft.toFixed(2)} m (stop below ${report.safeDistance.toFixed(1)} m)`],
    [
      'run',
      `${run.outcome}: ${run.steps} steps, ${run.simulatedSeconds.toFixed(1)} s in ${run.wallSeconds.toFixed(1)} s, ${run.overruns.count} overruns (${ms(run.overruns.maxMs)} at most)`,
    ],
    ['results', shown(report.resultFile)],
  );
  const verdict = stop === null ? 'The robot drove on.' : 'The robot stands still before the obstacle.';
  return `${verdict}\n${table(rows)}`;
}

export function formatShadow(report: ShadowReport): string {
  const { messages, gaps, run, replay } = report;
  return `The shadow followed ${report.recording}.\n${table([
    [
      'replayed',
      `${replay.messagesSent} messages, ${replay.confirmed} confirmed${replay.lagMs === null ? '' : `, ${ms(replay.lagMs.p99)} late at p99`}`,
    ],
    [
      'messages',
      `${messages.received} in, ${messages.used} used, ${messages.skipped} skipped by lookahead, ${messages.late} late, ${messages.duplicate} of equal time`,
    ],
    [
      'measured against predicted',
      `${report.deviationMm.median.toFixed(2)} mm median, ${report.deviationMm.p99.toFixed(1)} mm p99, ${report.deviationMm.max.toFixed(1)} mm at most`,
    ],
    [
      'gaps ridden over by maxage',
      `${gaps.count} of 0.1 s and more, the longest ${gaps.longestSeconds.toFixed(2)} s; ${gaps.heldSteps} steps on a held sample`,
    ],
    ['data age at the output', spread(report.dataAgeMs)],
    [
      'run',
      `${run.outcome}: ${run.steps} steps, ${run.simulatedSeconds.toFixed(1)} s in ${run.wallSeconds.toFixed(1)} s, ${run.overruns.count} overruns (${ms(run.overruns.maxMs)} at most)`,
    ],
    ['results', shown(report.resultFile)],
  ])}`;
}
