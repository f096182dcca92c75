/** Steps of one size: the communication point after k steps is start + k * size, so that rounding does not add up. */
import type { Pacer } from '../pacer.js';
import { type Advance, type Limits, type Simulation, STEP_TOLERANCE, type Stepper } from './stepper.js';

export class FixedStepper implements Stepper {
  readonly rejected = 0;
  readonly #simulation: Simulation;
  readonly #size: number;
  readonly #start: number;
  readonly #pacer: Pacer;
  /** Communication points that were passed over, by the policy `skip`. */
  skipped = 0;

  constructor(simulation: Simulation, size: number, pacer: Pacer) {
    this.#simulation = simulation;
    this.#size = size;
    this.#start = simulation.time;
    this.#pacer = pacer;
  }

  isAtEnd(end: number): boolean {
    return this.#simulation.steps >= this.#stepsTo(end);
  }

  advance({ end, due, steps, budgetMs }: Limits): Advance {
    const { steps: done } = this.#simulation;
    const last = Math.min(this.#stepsTo(end), Math.max(done + 1, this.#stepsPast(due)));
    const now = this.#pacer.skipTo(this.#simulation.time, this.#size);
    if (now !== undefined) return this.#skip(Math.min(this.#stepsTo(now), last));
    return this.#simulation.advance(Math.min(last, done + steps), budgetMs);
  }

  /** One step over all communication points up to number `to`. */
  #skip(to: number): Advance {
    const { steps: done, time } = this.#simulation;
    if (to <= done + 1) return this.#simulation.advance(Math.min(to, done + 1));
    // The executor counts one step: it is told afterwards that these were several.
    this.#simulation.setGrid(time, (to - done) * this.#size);
    const end = this.#simulation.advance(done + 1);
    if (this.#simulation.steps > done) {
      this.skipped += to - done - 1;
      this.#simulation.setGrid(this.#start, this.#size, 0);
      this.#simulation.jumpTo(to);
    }
    return end;
  }

  /** Whole steps from the start to `time`. */
  #stepsTo(time: number): number {
    return Math.floor((time - this.#start) / this.#size + STEP_TOLERANCE);
  }

  /** Whole steps from the start until `time` is reached or passed. */
  #stepsPast(time: number): number {
    return Math.ceil((time - this.#start) / this.#size - STEP_TOLERANCE);
  }
}
