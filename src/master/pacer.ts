/**
 * Holds a run to the wall clock.
 *
 * Every due time is computed from the start of the run, so an overrun delays the steps behind it only as long as they
 * need to catch up: nothing adds up. Waiting sleeps; it never spins.
 */
import type { Pace } from '../system/index.js';
import { LatenessHistogram } from './histogram.js';

export class Pacer {
  /** Steps that ended after their due time. */
  readonly overruns: LatenessHistogram = new LatenessHistogram();
  readonly #factor: number | undefined;
  readonly #stopFlag: Int32Array;
  #startTime = 0;
  #startedMs = 0;

  /** `stopFlag`: one shared cell, not 0 when the run is to stop; a notification on it ends a wait. */
  constructor(pace: Pace, stopFlag: Int32Array) {
    this.#factor = pace === 'fast' ? undefined : pace;
    this.#stopFlag = stopFlag;
  }

  get isPaced(): boolean {
    return this.#factor !== undefined;
  }

  /** Communication point `time`, s, is now. */
  start(time: number): void {
    this.#startTime = time;
    this.#startedMs = performance.now();
  }

  /** A step to communication point `time` has ended: waits until it is due, or counts the overrun. */
  reached(time: number): void {
    if (this.#factor === undefined) return;
    const dueMs = this.#startedMs + ((time - this.#startTime) / this.#factor) * 1000;
    let leftMs = dueMs - performance.now();
    if (leftMs < 0) this.overruns.add(-leftMs);
    while (leftMs > 0 && Atomics.wait(this.#stopFlag, 0, 0, leftMs) === 'timed-out') {
      leftMs = dueMs - performance.now();
    }
  }
}
