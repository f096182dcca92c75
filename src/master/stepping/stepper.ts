/** Where the next communication point is: one file for each way to choose it. */
import type { Advance, Simulation } from '../simulation.js';

export interface Limits {
  /** The communication point not to go beyond, s. */
  readonly end: number;
  /** s; the first communication point that is not before it is to be come back at, if it is after the present one. */
  readonly due: number;
  /** Steps to make at most. */
  readonly steps: number;
  readonly budgetMs: number;
}

export interface Stepper {
  /** Steps that were made and undone. */
  readonly rejected: number;
  /** Whether the run is over: no step fits before `end`, s. */
  isAtEnd(end: number): boolean;
  /** Makes steps within the limits; `reached` when one of them is. Throws what `Simulation` throws. */
  advance(limits: Limits): Advance;
}

/** Of a step: what is left to a communication point counts as nothing. */
export const STEP_TOLERANCE = 1e-6;

/** Steps of any size, one after the other, within the limits. `step` makes one that ends at `limit`, s, at the latest. */
export function advanceWithin(
  limits: Limits,
  simulation: Simulation,
  minimum: number,
  step: (limit: number) => Advance,
): Advance {
  const until = performance.now() + limits.budgetMs;
  for (let made = 0; made < limits.steps; made++) {
    if (isLeftOver(limits.end, simulation.time, minimum)) return 'reached';
    const end = step(limitOf(limits, simulation.time, minimum));
    if (end !== 'reached') return end;
    if (isLeftOver(limits.due, simulation.time, minimum)) return 'reached';
    if (performance.now() >= until) return 'budget';
  }
  return 'reached';
}

/** Whether what is left to a communication point is no step any more. */
export function isLeftOver(until: number, time: number, minimum: number): boolean {
  return until - time <= STEP_TOLERANCE * minimum;
}

/** Where a step that may have any size is to end at the latest, s. */
function limitOf({ end, due }: Limits, time: number, minimum: number): number {
  return isLeftOver(due, time, minimum) ? end : Math.min(end, due);
}

export type { Advance, Simulation };
