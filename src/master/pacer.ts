/**
 * Holds a run to the wall clock.
 *
 * Every due time is computed from the start of the run, so an overrun delays the steps behind it only as long as they
 * need to catch up: nothing adds up, unless the policy is to slip. Waiting sleeps; it never spins.
 */
import type { LatePolicy, Pace } from '../system/index.js';
import type { Bell } from './bell.js';
import { DeadlineMissedError } from './errors.js';
import { LatenessHistogram } from './histogram.js';

export class Pacer {
  /** Steps that ended after their due time. */
  readonly overruns: LatenessHistogram = new LatenessHistogram();
  readonly #factor: number | undefined;
  readonly #late: LatePolicy;
  readonly #bell: Bell;
  #startTime = 0;
  #startedMs = 0;
  #dueMs = 0;

  /** `bell`: ends a wait. */
  constructor(pace: Pace, late: LatePolicy, bell: Bell) {
    this.#factor = pace === 'fast' ? undefined : pace;
    this.#late = late;
    this.#bell = bell;
  }

  get isPaced(): boolean {
    return this.#factor !== undefined;
  }

  /** Communication point `time`, s, is now: at the start, and after a pause. */
  start(time: number): void {
    this.#startTime = time;
    this.#startedMs = performance.now();
  }

  /** A step to communication point `time` has ended: counts it if it is late. Throws {@link DeadlineMissedError}. */
  reached(time: number): void {
    if (this.#factor === undefined) return;
    this.#dueMs = this.#startedMs + ((time - this.#startTime) / this.#factor) * 1000;
    const lateMs = performance.now() - this.#dueMs;
    if (lateMs <= 0) return;
    this.overruns.add(lateMs);
    if (this.#late === 'slip') this.#startedMs += lateMs;
    if (this.#late === 'fail') throw missed(time, lateMs);
  }

  /** Sleeps until the communication point reached is due. `woken`: by the bell, before that. */
  wait(): 'due' | 'woken' {
    if (this.#factor === undefined) return 'due';
    for (;;) {
      const leftMs = this.#dueMs - performance.now();
      if (leftMs <= 0) return 'due';
      if (this.#bell.wait(leftMs) === 'rung') return 'woken';
    }
  }

  /** By the policy `skip`: what is due now, s, when that is more than `size` behind `time`; else undefined. */
  skipTo(time: number, size: number): number | undefined {
    if (this.#factor === undefined || this.#late !== 'skip') return undefined;
    const now = this.#startTime + ((performance.now() - this.#startedMs) / 1000) * this.#factor;
    return now - time > size ? now : undefined;
  }
}

function missed(time: number, lateMs: number): DeadlineMissedError {
  return new DeadlineMissedError(`the step to ${time} s ended ${lateMs.toFixed(3)} ms after it was due`, {
    details: { time, lateMs },
    remedy: 'take longer steps, a slower pace, or another policy: late: catch-up, slip or skip',
  });
}
