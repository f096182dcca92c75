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

/** Where a step that may have any size is to end at the latest, s. */
export function limitOf(limits: Limits, time: number, minimum: number): number {
  return isDue(limits, time, minimum) ? limits.end : Math.min(limits.end, limits.due);
}

/** Whether a step has come to where it was to be come back. */
export function isDue({ due }: Limits, time: number, minimum: number): boolean {
  return due - time <= STEP_TOLERANCE * minimum;
}

export type { Advance, Simulation };
