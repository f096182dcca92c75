/** Steps of one size: the communication point after k steps is start + k * size, so that rounding does not add up. */
import type { Pacer } from '../pacer.js';
import { type Advance, type Limits, type Simulation, STEP_TOLERANCE, type Stepper } from './stepper.js';

export class FixedStepper implements Stepper {
  readonly rejected = 0;
  readonly #simulation: Simulation;
  readonly #size: number;
  readonly #start: number;
  readonly #pacer: Pacer;
  /** Steps after which all components, whatever their own step sizes, are at a communication point again. */
  readonly #cycle: number;
  /** Longer steps under way: to step number `until` of theirs, which is number `to` of all. */
  #longer: { readonly until: number; readonly to: number } | undefined;
  /** Communication points that were passed over, by the policy `skip`. */
  skipped = 0;

  constructor(simulation: Simulation, size: number, pacer: Pacer) {
    this.#simulation = simulation;
    this.#size = size;
    this.#start = simulation.time;
    this.#pacer = pacer;
    this.#cycle = simulation.system.components.reduce((cycle, { every }) => leastCommonMultiple(cycle, every), 1);
  }

  isAtEnd(end: number): boolean {
    return this.#longer === undefined && this.#simulation.steps >= this.#stepsTo(end);
  }

  advance({ end, due, steps, budgetMs }: Limits): Advance {
    const { steps: done } = this.#simulation;
    if (this.#longer === undefined) {
      const last = Math.min(this.#stepsTo(end), Math.max(done + 1, this.#stepsPast(due)));
      const now = this.#pacer.skipTo(this.#simulation.time, this.#size);
      if (now !== undefined) this.#lengthen(Math.min(this.#stepsTo(now), last));
      if (this.#longer === undefined) return this.#simulation.advance(Math.min(last, done + steps), budgetMs);
    }
    return this.#goOn(this.#longer);
  }

  /** Has one cycle of steps take the time of all up to number `to`, at the most. */
  #lengthen(to: number): void {
    const { steps: done, time } = this.#simulation;
    const times = Math.floor((to - done) / this.#cycle);
    if (times < 2 || done % this.#cycle !== 0) return;
    this.#simulation.setGrid(time, times * this.#size);
    this.#longer = { until: done + this.#cycle, to: done + times * this.#cycle };
  }

  #goOn({ until, to }: { readonly until: number; readonly to: number }): Advance {
    const simulation = this.#simulation;
    simulation.quiet = simulation.steps === until - 1;
    const end = simulation.advance(simulation.steps + 1);
    simulation.quiet = false;
    if (simulation.steps < until) return end;
    // The executor has counted one for several; which rows are due goes by the right number.
    this.skipped += to - until;
    simulation.setGrid(this.#start, this.#size, 0);
    simulation.jumpTo(to);
    this.#longer = undefined;
    return simulation.record() ? 'rows' : end;
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

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
