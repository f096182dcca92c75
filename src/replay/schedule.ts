/**
 * Recorded time ↦ when a row is due and what time its message carries. Integer nanoseconds; a row's due time is
 * computed from the first row's, never from that of the row before, so no rounding adds up.
 */
import { NANOSECONDS_PER_SECOND } from '../support/time.js';

/** How a row's time compares with the latest before it. */
export type RowOrder = 'later' | 'equal' | 'back';

export interface ScheduleStart {
  /** Recorded time of the first row, in nanoseconds. */
  readonly recorded: bigint;
  /** When it is due on the monotonic clock, in milliseconds. */
  readonly now: number;
  /** The same instant on the wall clock, in nanoseconds since the epoch. */
  readonly wall: bigint;
}

export class Schedule {
  readonly #start: ScheduleStart;
  readonly #rate: number;
  /** Added to recorded times so that they go on from pass to pass. */
  #shift = 0n;
  #passStart: bigint;
  #passRows = 0n;
  /** Of the row taken last, shifted. */
  #time: bigint;
  /** Of all rows so far. */
  #latest: bigint | undefined;

  /** `rate` is a multiple of the recorded speed. */
  constructor(start: ScheduleStart, rate: number) {
    this.#start = start;
    this.#rate = rate;
    this.#passStart = start.recorded;
    this.#time = start.recorded;
  }

  /**
   * The next row, of recorded time `recorded`, is the first of another pass. It will follow the latest row at the mean
   * distance of the rows of the pass that ended, or at 1 s where there is none to go by.
   */
  beginPass(recorded: bigint): void {
    if (this.#latest === undefined) return;
    const span = this.#latest - this.#passStart;
    const gap = span > 0n && this.#passRows > 1n ? span / (this.#passRows - 1n) : NANOSECONDS_PER_SECOND;
    this.#passStart = this.#latest + (gap > 0n ? gap : 1n);
    this.#passRows = 0n;
    this.#shift = this.#passStart - recorded;
  }

  /** Moves on to a row; the properties below are then this row's. */
  take(recorded: bigint): RowOrder {
    this.#passRows += 1n;
    this.#time = recorded + this.#shift;
    if (this.#latest === undefined || this.#time > this.#latest) {
      this.#latest = this.#time;
      return 'later';
    }
    return this.#time === this.#latest ? 'equal' : 'back';
  }

  /** When the row is due, in milliseconds on the monotonic clock; a row that goes back in time is due at once. */
  get due(): number {
    return this.dueOf(this.#latest ?? this.#time);
  }

  /** The latest time of all rows so far, moved on from pass to pass. */
  get latest(): bigint | undefined {
    return this.#latest;
  }

  /** A time of this pass, moved on. */
  moved(recorded: bigint): bigint {
    return recorded + this.#shift;
  }

  /** When a moved time is due. */
  dueOf(time: bigint): number {
    return this.#start.now + Number(time - this.#start.recorded) / 1e6 / this.#rate;
  }

  /** As recorded, moved on from pass to pass; nanoseconds since the epoch. */
  get recordedStamp(): bigint {
    return this.#time;
  }

  /** The recorded time mapped to the present: the first row happens at the start, the others at the rate. */
  get presentStamp(): bigint {
    return this.presentOf(this.#time);
  }

  /** A moved time mapped to the present. */
  presentOf(time: bigint): bigint {
    const elapsed = time - this.#start.recorded;
    return this.#start.wall + (this.#rate === 1 ? elapsed : BigInt(Math.round(Number(elapsed) / this.#rate)));
  }
}
