/** A run report for people to read. */
import type { Outcome, RunReport } from './report.js';

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  finished: 'finished',
  stopped: 'stopped by request',
  ended: 'ended by the FMU of',
  failed: 'failed',
  killed: 'given up',
};

/** Several lines, without a newline at the end. */
export function formatReport(report: RunReport): string {
  const {
    outcome,
    endedBy,
    steps,
    simulatedSeconds,
    wallSeconds,
    realTimeFactor,
    overruns,
    components,
    resultFiles,
    plan,
  } = report;
  const lines = [
    `${OUTCOMES[outcome]}${endedBy === undefined ? '' : ` '${endedBy}'`} at ${round(report.time)} s: ${steps} steps, ${round(simulatedSeconds)} s simulated in ` +
      `${round(wallSeconds)} s (${round(realTimeFactor)} times real time), initialization ${round(report.initializationSeconds)} s`,
    overruns.count === 0
      ? 'overruns: none'
      : `overruns: ${overruns.count} of ${steps} steps ended late, at most by ${round(overruns.maxMs)} ms (${formatBuckets(report)})`,
  ];
  if (components.length > 0) {
    lines.push(
      ...alignColumns([
        ['component', 'steps', 'p50', 'p99', 'max', 'doStep', 'get, set', 'share'],
        ...slowestFirst(components).map(({ name, steps: count, p50Us, p99Us, maxUs, totalMs, accessMs, share }) => [
          name,
          String(count),
          `${round(p50Us)} us`,
          `${round(p99Us)} us`,
          `${round(maxUs)} us`,
          `${round(totalMs)} ms`,
          `${round(accessMs)} ms`,
          `${round(share * 100)} %`,
        ]),
      ]),
    );
    if (components.length > MAX_LISTED) lines.push(`and ${components.length - MAX_LISTED} more, all faster`);
    lines.push(formatPlan(report));
  }
  for (const { name, warnings, lostMessages } of components) {
    if (warnings > 0) lines.push(`${name}: ${warnings} calls returned a warning`);
    if (lostMessages > 0) lines.push(`${name}: ${lostMessages} log messages lost, more than the queue holds`);
  }
  if (report.droppedLogMessages > 0)
    lines.push(`${report.droppedLogMessages} log messages not shown, too many at once`);
  if (plan.warnings > 0) lines.push(`${plan.warnings} calls in steps returned a warning`);
  if (plan.rejectedSteps > 0) lines.push(`${plan.rejectedSteps} steps were undone and made smaller`);
  if (plan.skippedSteps > 0) lines.push(`${plan.skippedSteps} communication points were passed over to catch up`);
  for (const { path, reason } of plan.openLoops) lines.push(`a loop is not iterated, ${reason}: ${path.join(', ')}`);
  if (resultFiles.length > 0) lines.push(`results: ${resultFiles.join(', ')}`);
  return lines.join('\n');
}

/** As many components as a person reads. */
const MAX_LISTED = 20;

function slowestFirst(components: RunReport['components']): RunReport['components'] {
  if (components.length <= MAX_LISTED) return components;
  return components.toSorted((a, b) => b.totalMs - a.totalMs).slice(0, MAX_LISTED);
}

function formatPlan({ plan, steps, wallSeconds }: RunReport): string {
  const part = (ms: number) => `${round(ms)} ms (${round(wallSeconds > 0 ? ms / wallSeconds / 10 : 0)} %)`;
  const timed = plan.timedSteps === steps ? 'every step timed' : `${plan.timedSteps} of ${steps} steps timed`;
  return `between components: ${part(plan.overheadMs)}; results: ${part(plan.recordingMs)}; ${timed}`;
}

function formatBuckets({ overruns }: RunReport): string {
  return overruns.histogram
    .filter(({ count }) => count > 0)
    .map(({ upToMs, count }) => (Number.isFinite(upToMs) ? `${count} up to ${upToMs} ms` : `${count} more`))
    .join(', ');
}

/** Three significant digits, no exponent; integers in full. */
function round(value: number): string {
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** Pads every column to its widest cell; the first to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}
