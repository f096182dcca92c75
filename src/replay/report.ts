/** What a replay did, in numbers: also its progress while it runs. */

export interface ReplayReport {
  readonly source: string;
  /** `finished`: all that was asked for was sent. `stopped`: ended from outside before that. */
  readonly outcome: 'running' | 'finished' | 'stopped';
  /** Passes begun. */
  readonly passes: number;
  /** Over all passes, with those before `start`. */
  readonly rowsRead: number;
  readonly rowsSkipped: Readonly<Record<string, number>>;
  readonly cellErrors: Readonly<Record<string, number>>;
  /** Rows with the time of the row before them: sent together with it. */
  readonly rowsOfEqualTime: number;
  /** Rows older than one before them: sent in file order, without waiting. */
  readonly rowsBackInTime: number;
  readonly messagesSent: number;
  readonly confirmed: number;
  readonly returned: number;
  readonly resent: number;
  readonly unconfirmed: number;
  /** By how much messages were sent later than due, in milliseconds; null when unpaced. */
  readonly lagMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** From the first message to the last. */
  readonly durationMs: number;
  readonly messagesPerSecond: number;
}

/** For people; several lines, no line break at the end. */
export function formatReport(report: ReplayReport): string {
  const { lagMs } = report;
  const lines = [
    `${report.outcome}: ${report.messagesSent} messages from ${report.source} in ${seconds(report.durationMs)} s` +
      ` (${Math.round(report.messagesPerSecond)} a second, ${report.passes} ${report.passes === 1 ? 'pass' : 'passes'})`,
    `confirmed ${report.confirmed}, returned as unroutable ${report.returned}, resent ${report.resent},` +
      ` unconfirmed ${report.unconfirmed}`,
    `rows read ${report.rowsRead}, of equal time ${report.rowsOfEqualTime}, back in time ${report.rowsBackInTime}`,
  ];
  if (lagMs !== null) {
    lines.push(`lag p50 ${milliseconds(lagMs.p50)}, p99 ${milliseconds(lagMs.p99)}, max ${milliseconds(lagMs.max)} ms`);
  }
  if (Object.keys(report.rowsSkipped).length > 0) lines.push(`rows skipped: ${formatCounts(report.rowsSkipped)}`);
  if (Object.keys(report.cellErrors).length > 0) lines.push(`cells left out: ${formatCounts(report.cellErrors)}`);
  return lines.join('\n');
}

function formatCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}

function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(0);
}
