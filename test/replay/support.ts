/** A sink, a clock and sources for tests: real ones where the test is about them, these where it is about the player. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReplayClock } from '#tb/replay/clock.js';
import type { Sink, SinkCounts } from '#tb/replay/sink.js';
import { type BadRowPolicy, type RecordedRow, type ReplaySource, SourceLog } from '#tb/replay/source.js';
import type { Problem } from '#tb/support/errors.js';
import { formatProblem } from '#tb/support/errors.js';
import { temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();

export function temporaryFile(name: string, content: string | Uint8Array): string {
  const path = join(mkdtempSync(join(folder, 'recording-')), name);
  writeFileSync(path, content);
  return path;
}

export class CollectingSink implements Sink {
  readonly bodies: string[] = [];
  readonly sentAt: number[] = [];
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  send(body: Buffer): void {
    this.bodies.push(body.toString());
    this.sentAt.push(this.#now());
  }

  async drain(): Promise<void> {}

  get counts(): SinkCounts {
    return { confirmed: this.bodies.length, returned: 0, resent: 0, unconfirmed: 0 };
  }

  get messages(): Record<string, unknown>[] {
    return this.bodies.map((body) => JSON.parse(body) as Record<string, unknown>);
  }
}

/** A clock that moves only when someone sleeps, and then too far by what `overshoot` says, as timers do. */
export class FakeClock implements ReplayClock {
  #now = 5000;
  readonly #overshoot: () => number;

  constructor(overshoot: () => number = () => 0) {
    this.#overshoot = overshoot;
  }

  now(): number {
    return this.#now;
  }

  wall(): bigint {
    return 1_700_000_000_000_000_000n;
  }

  async sleep(milliseconds: number): Promise<void> {
    this.#now += milliseconds + this.#overshoot();
  }
}

export function rowsSource(times: Iterable<bigint>, batchSize = 1000): ReplaySource {
  return {
    name: 'rows',
    async *read(log) {
      let batch: RecordedRow[] = [];
      let index = 0;
      for (const time of times) {
        log.rowsRead += 1;
        batch.push({ time, members: `"i":${index++}` });
        if (batch.length === batchSize) {
          yield batch;
          batch = [];
        }
      }
      yield batch;
    },
  };
}

export interface ReadOutcome {
  readonly rows: RecordedRow[];
  readonly log: SourceLog;
  readonly notices: string[];
  readonly problems: string[];
}

/** Reads a source to its end; problems as `line:column: message`. */
export async function readAll(source: ReplaySource, badRows: BadRowPolicy = 'stop'): Promise<ReadOutcome> {
  const notices: string[] = [];
  const problems: string[] = [];
  const log = new SourceLog({
    badRows,
    onNotice: (text) => notices.push(text),
    onProblem: (problem: Problem) => problems.push(formatProblem(problem).slice(problem.location.file.length + 1)),
  });
  const rows: RecordedRow[] = [];
  for await (const batch of source.read(log)) rows.push(...batch);
  return { rows, log, notices, problems };
}
