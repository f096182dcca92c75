/**
 * Plays a recording: sends each row when it is due.
 *
 * A row is due at `start + (t - t0) / rate` on the monotonic clock, computed from the recorded times each time anew,
 * so that neither a timer that fires late nor a slow broker adds up to a drift: rows that are late are sent at once,
 * together, until the schedule is met again. The core does no I/O: rows come from a {@link ReplaySource}, bodies go to
 * a {@link Sink}, time comes from a {@link ReplayClock}.
 */
import { END_OF_STREAM_KEY, WATERMARK_KEY } from '../support/stream-marks.js';
import { formatRfc3339 } from '../support/time.js';
import { type ReplayClock, systemClock } from './clock.js';
import { NothingToReplayError, ReplayOptionError } from './errors.js';
import { LagHistogram } from './lag-histogram.js';
import type { ReplayReport } from './report.js';
import { Schedule } from './schedule.js';
import type { Sink, SinkCounts } from './sink.js';
import { type RecordedRow, type ReplaySource, SourceLog, type SourceLogOptions } from './source.js';
import { type TimeBound, TimeWindow } from './time-window.js';

export interface PlayerOptions extends Partial<SourceLogOptions> {
  readonly source: ReplaySource;
  /**
   * Or how to open it: that happens when the first row is known, so that a wrong recording is reported without a broker,
   * and before the clock starts. Whoever opened it closes it.
   */
  readonly sink: Sink | (() => Promise<Sink>);
  /** Times the recorded speed; default 1. */
  readonly rate?: number;
  /** Default true; false sends as fast as the sink takes it. */
  readonly paced?: boolean;
  /** How often the recording is played; default 1, `Infinity` until stopped. Its time goes on from pass to pass. */
  readonly passes?: number;
  /** Default: from the first row. Resolved against the first row of each pass. */
  readonly start?: TimeBound;
  /** Default: to the last row. The first row at or past it ends the pass, and is not sent. */
  readonly until?: TimeBound;
  /**
   * The time in the messages. `keep` (default): as recorded. `now`: when the row is due, by the wall clock read once at
   * the start; unpaced, as if paced.
   */
  readonly stamp?: 'keep' | 'now';
  /**
   * Nanoseconds of recorded time. Where the recording has a longer gap, a watermark goes out every so often: a message
   * without values that says that the stream is as far as its time. For recordings in order of time.
   */
  readonly watermarkInterval?: bigint;
  /** After the last pass a message says that the stream has ended. */
  readonly endOfStream?: boolean;
  /** Key of the time in the messages; default `time`. */
  readonly timeKey?: string;
  /** How long to wait for confirmations at the end, in milliseconds; default 10,000. */
  readonly drainTimeoutMs?: number;
  /** Aborting is the same as {@link Player.stop}. */
  readonly signal?: AbortSignal;
  readonly clock?: ReplayClock;
}

const DEFAULT_DRAIN_TIMEOUT_MS = 10_000;
const NOTHING_SENT: SinkCounts = { confirmed: 0, returned: 0, resent: 0, unconfirmed: 0 };

export class Player {
  readonly #options: PlayerOptions;
  readonly #clock: ReplayClock;
  readonly #log: SourceLog;
  readonly #timeKeyText: string;
  readonly #lag = new LagHistogram();
  readonly #stop = new AbortController();
  #sink: Sink | undefined;
  #schedule: Schedule | undefined;
  #outcome: ReplayReport['outcome'] = 'running';
  #passes = 0;
  #sent = 0;
  #equal = 0;
  #back = 0;
  #firstSentAt = 0;
  #lastSentAt = 0;

  /** Throws {@link ReplayOptionError}. */
  constructor(options: PlayerOptions) {
    const { source, rate = 1, passes = 1 } = options;
    if (!(rate > 0 && Number.isFinite(rate))) {
      throw new ReplayOptionError(`the rate is ${rate}, not a number greater than 0`, {
        remedy: '1 is the recorded speed',
      });
    }
    if (!(passes >= 1 && (Number.isInteger(passes) || passes === Number.POSITIVE_INFINITY))) {
      throw new ReplayOptionError(`the number of passes is ${passes}, not a whole number from 1`);
    }
    if (passes > 1 && source.onlyOnce !== undefined) {
      throw new ReplayOptionError(`${source.name} cannot be looped: ${source.onlyOnce}`, {
        remedy: 'write it to a file first',
      });
    }
    this.#options = options;
    this.#sink = typeof options.sink === 'function' ? undefined : options.sink;
    this.#clock = options.clock ?? systemClock;
    this.#log = new SourceLog({ ...options, badRows: options.badRows ?? 'stop' });
    this.#timeKeyText = `${JSON.stringify(options.timeKey ?? 'time')}:`;
  }

  /**
   * Plays to the end and waits for the confirmations; to be called once. Throws what the source or the sink throws,
   * after the confirmations of what was sent before, and {@link NothingToReplayError}.
   */
  async play(): Promise<ReplayReport> {
    const { signal, passes = 1, drainTimeoutMs = DEFAULT_DRAIN_TIMEOUT_MS } = this.#options;
    const stop = () => this.stop();
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) this.stop();
    try {
      while (this.#passes < passes && !this.#stopped) {
        this.#passes += 1;
        await this.#playPass();
      }
      if (this.#options.endOfStream === true && !this.#stopped) await this.#sendMark(END_OF_STREAM_KEY, this.#stamp());
      await this.#sink?.drain(drainTimeoutMs);
    } catch (error) {
      // The first error is the one to tell; what drain throws would only hide it.
      await this.#sink?.drain(drainTimeoutMs).catch(() => {});
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
    this.#outcome = this.#stopped ? 'stopped' : 'finished';
    return this.report();
  }

  /** Ends after the row at hand; `play` then waits for the confirmations and returns its report. */
  stop(): void {
    this.#stop.abort();
  }

  /** As it stands now. */
  report(): ReplayReport {
    const durationMs = this.#lastSentAt - this.#firstSentAt;
    const { confirmed, returned, resent, unconfirmed } = this.#sink?.counts ?? NOTHING_SENT;
    return {
      source: this.#options.source.name,
      outcome: this.#outcome,
      passes: this.#passes,
      rowsRead: this.#log.rowsRead,
      rowsSkipped: Object.fromEntries(this.#log.rowsSkipped),
      cellErrors: Object.fromEntries(this.#log.cellErrors),
      rowsOfEqualTime: this.#equal,
      rowsBackInTime: this.#back,
      messagesSent: this.#sent,
      confirmed,
      returned,
      resent,
      unconfirmed,
      lagMs:
        this.#options.paced === false
          ? null
          : { p50: this.#lag.percentile(0.5), p99: this.#lag.percentile(0.99), max: this.#lag.max },
      durationMs,
      messagesPerSecond: durationMs > 0 ? (this.#sent / durationMs) * 1000 : 0,
    };
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #playPass(): Promise<void> {
    const { source, start, until } = this.#options;
    const window = new TimeWindow(start, until);
    let began = false;
    pass: for await (const batch of this.#untilStopped(source.read(this.#log))) {
      for (const row of batch) {
        if (this.#stopped) return;
        const place = window.place(row.time);
        if (place === 'before') continue;
        if (place === 'past') break pass;
        if (!began) await this.#beginPass(row);
        began = true;
        if (this.#options.watermarkInterval !== undefined)
          await this.#fillGap(row.time, this.#options.watermarkInterval);
        // Awaited only where there is something to wait for: an await costs about as much as a row.
        const waiting = this.#playRow(row);
        if (waiting !== undefined) await waiting;
      }
    }
    if (!began && !this.#stopped) throw nothingToReplay(source.name, window);
  }

  /** The batches of a source; one that is waiting for its next bytes (a live pipe) is left behind on a stop. */
  async *#untilStopped(batches: AsyncIterable<readonly RecordedRow[]>): AsyncIterable<readonly RecordedRow[]> {
    const iterator = batches[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#orStopped(iterator.next());
        if (next === undefined || next.done) return;
        yield next.value;
      }
    } finally {
      const closed = iterator.return?.();
      if (closed !== undefined) await this.#orStopped(closed);
    }
  }

  async #beginPass(row: RecordedRow): Promise<void> {
    const { sink, rate = 1 } = this.#options;
    if (this.#sink === undefined && typeof sink === 'function') this.#sink = await sink();
    if (this.#schedule === undefined) {
      this.#schedule = new Schedule({ recorded: row.time, now: this.#clock.now(), wall: this.#clock.wall() }, rate);
    } else {
      this.#schedule.beginPass(row.time);
    }
  }

  #playRow(row: RecordedRow): void | Promise<void> {
    const schedule = this.#schedule!;
    const order = schedule.take(row.time);
    if (order === 'equal') this.#equal += 1;
    else if (order === 'back') this.#back += 1;
    const now = this.#clock.now();
    if (this.#options.paced === false) return this.#send(row, now, now);
    const { due } = schedule;
    return now >= due ? this.#send(row, now, due) : this.#waitAndSend(row, due);
  }

  async #waitAndSend(row: RecordedRow, due: number): Promise<void> {
    const now = await this.#waitUntil(due);
    if (!this.#stopped) await this.#send(row, now, due);
  }

  /** What the clock says then. */
  async #waitUntil(due: number): Promise<number> {
    let now = this.#clock.now();
    while (now < due && !this.#stopped) {
      await this.#clock.sleep(due - now, this.#stop.signal);
      now = this.#clock.now();
    }
    return now;
  }

  #send(row: RecordedRow, now: number, due: number): void | Promise<void> {
    this.#lag.record(now - due);
    if (this.#sent === 0) this.#firstSentAt = now;
    this.#lastSentAt = now;
    this.#sent += 1;
    const separator = row.members === '' ? '' : ',';
    const body = `{${row.members}${separator}${this.#timeKeyText}"${formatRfc3339(this.#stamp())}"}`;
    const waiting = this.#sink!.send(Buffer.from(body));
    return waiting === undefined ? undefined : this.#orStopped(waiting);
  }

  /** The time in the message of the row at hand. */
  #stamp(): bigint {
    const schedule = this.#schedule!;
    return this.#options.stamp === 'now' ? schedule.presentStamp : schedule.recordedStamp;
  }

  async #sendMark(key: string, stamp: bigint): Promise<void> {
    this.#sent += 1;
    const body = `{${this.#timeKeyText}"${formatRfc3339(stamp)}",${JSON.stringify(key)}:true}`;
    const waiting = this.#sink!.send(Buffer.from(body));
    if (waiting !== undefined) await this.#orStopped(waiting);
  }

  /** Watermarks between the latest row and the next, which is of recorded time `recorded`. */
  async #fillGap(recorded: bigint, interval: bigint): Promise<void> {
    const schedule = this.#schedule!;
    const next = schedule.moved(recorded);
    for (let mark = (schedule.latest ?? next) + interval; mark < next; mark += interval) {
      if (this.#options.paced !== false) await this.#waitUntil(schedule.dueOf(mark));
      if (this.#stopped) return;
      await this.#sendMark(WATERMARK_KEY, this.#options.stamp === 'now' ? schedule.presentOf(mark) : mark);
    }
  }

  /** What is waited for, or undefined on a stop: whoever stops does not wait for a broker or a pipe that is silent. */
  async #orStopped<T>(waiting: Promise<T>): Promise<T | undefined> {
    const { signal } = this.#stop;
    let onAbort = () => {};
    const aborted = new Promise<undefined>((resolve) => {
      onAbort = () => resolve(undefined);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort);
    });
    try {
      return await Promise.race([waiting, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

function nothingToReplay(name: string, window: TimeWindow): NothingToReplayError {
  const { first, last } = window;
  if (first === undefined || last === undefined) {
    return new NothingToReplayError(`${name} has no row to replay`, { location: { file: name } });
  }
  return new NothingToReplayError(`no row of ${name} lies between --start and --until`, {
    location: { file: name },
    remedy: `its rows read so far are from ${formatRfc3339(first)} to ${formatRfc3339(last)}`,
  });
}
