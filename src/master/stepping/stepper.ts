/** Where the next communication point is: one file for each way to choose it. */
import type { Advance, Simulation } from '../simulation.js';

export interface Limits {
  /** The communication point not to go beyond, s. */
  readonly time: number;
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

export type { Advance, Simulation };
