/**
 * Steps whose size follows the error or the constraints.
 *
 * The error of a step is estimated by making it also in two halves (Richardson): the difference of the connected values,
 * over what is allowed, says whether it stands and how large the next may be. The coupling of inputs that are held for a
 * step is of first order, so the error goes with the square of the size. What stands are the two halves.
 */
import { FmuDiscardError } from '../../fmi/index.js';
import { isFunctionPort, type Port, portName, type StepControl, type System, variableAt } from '../../system/index.js';
import { dependsOn } from '../plan/dependencies.js';
import { type Constraint, createConstraint } from './constraints.js';
import {
  type Advance,
  advanceWithin,
  isLeftOver,
  type Limits,
  type Simulation,
  STEP_TOLERANCE,
  type Stepper,
} from './stepper.js';

/** Part of the step size that the error would allow. */
const SAFETY = 0.9;
const LARGEST_GROWTH = 5;
const LARGEST_SHRINKING = 0.1;
/** Without an estimate of the error, a step may be so much longer than the last. */
const GROWTH = 2;

const Place = { before: 0 } as const;

export class VariableStepper implements Stepper {
  rejected = 0;
  readonly #simulation: Simulation;
  readonly #control: Extract<StepControl, { kind: 'variable' }>;
  readonly #constraints: readonly Constraint[];
  readonly #canGoBack: boolean;
  /** Real values whose error counts. */
  readonly #values: readonly (() => number)[];
  #next: number;

  constructor(simulation: Simulation, control: Extract<StepControl, { kind: 'variable' }>) {
    this.#simulation = simulation;
    this.#control = control;
    this.#next = control.initial;
    this.#canGoBack = canGoBack(simulation);
    this.#values = control.tolerance === undefined ? [] : realReaders(simulation);
    this.#constraints = control.constraints.map((constraint) => createConstraint(simulation, constraint));
  }

  isAtEnd(end: number): boolean {
    return isLeftOver(end, this.#simulation.time, this.#control.minimum);
  }

  advance(limits: Limits): Advance {
    return advanceWithin(limits, this.#simulation, this.#control.minimum, (limit) => this.#step(limit));
  }

  /** One step that stands. */
  #step(limit: number): Advance {
    const simulation = this.#simulation;
    const { minimum, maximum } = this.#control;
    const { time, steps: number } = simulation;
    const left = limit - time;
    const { nextEvent } = simulation;
    const toEvent = nextEvent !== undefined && nextEvent > time ? nextEvent - time : Number.POSITIVE_INFINITY;
    let size = Math.min(maximum, this.#next, toEvent, ...this.#constraints.map((constraint) => constraint.bound()));
    size = Math.max(minimum, size);
    if (size >= left - STEP_TOLERANCE * minimum) size = left;
    if (this.#canGoBack) simulation.save(Place.before);
    for (;;) {
      const attempt = this.#attempt(time, size, number);
      if (attempt.end === 'ended') return 'ended';
      const smaller = this.#verdict(attempt.error, attempt.discarded, size);
      if (smaller === undefined || !this.#canGoBack || size <= minimum) {
        simulation.setGrid(time + size, size, number + 1);
        const isFull = simulation.record();
        for (const constraint of this.#constraints) constraint.accept();
        this.#next = this.#grown(size, attempt.error);
        return isFull ? 'rows' : 'reached';
      }
      this.rejected += 1;
      simulation.restore(Place.before);
      size = Math.max(minimum, smaller);
    }
  }

  #attempt(time: number, size: number, number: number): { end: Advance; error: number; discarded: boolean } {
    const simulation = this.#simulation;
    const { tolerance } = this.#control;
    simulation.quiet = true;
    try {
      if (tolerance === undefined) return { end: this.#go(time, size, number), error: 0, discarded: false };
      const whole = this.#go(time, size, number);
      if (whole === 'ended') return { end: whole, error: 0, discarded: false };
      const once = this.#values.map((read) => read());
      simulation.restore(Place.before);
      const half = size / 2;
      const first = this.#go(time, half, number);
      const end = first === 'ended' ? first : this.#go(time + half, size - half, number);
      let error = 0;
      for (const [index, read] of this.#values.entries()) {
        const twice = read();
        const allowed = tolerance.absolute + tolerance.relative * Math.max(Math.abs(once[index]!), Math.abs(twice));
        const own = Math.abs(once[index]! - twice) / allowed;
        // What is no number has no error that a smaller step would mend.
        if (own > error) error = own;
      }
      return { end, error, discarded: false };
    } catch (error) {
      // An FMU that cannot make a step may make a smaller one.
      if (!(error instanceof FmuDiscardError) || !this.#canGoBack || size <= this.#control.minimum) throw error;
      return { end: 'reached', error: 0, discarded: true };
    } finally {
      simulation.quiet = false;
    }
  }

  /** Until the step is made; messages on the way are delivered already. */
  #go(time: number, size: number, number: number): Advance {
    this.#simulation.setGrid(time, size, number);
    let end: Advance;
    do end = this.#simulation.advance(number + 1);
    while (end !== 'ended' && this.#simulation.steps <= number);
    return end;
  }

  /** undefined: the step stands; else a smaller size. */
  #verdict(error: number, discarded: boolean, size: number): number | undefined {
    if (discarded) return size / 2;
    const wanted = this.#constraints.map((constraint) => constraint.check(size)).filter((one) => one !== undefined);
    if (error > 1) wanted.push(size * Math.max(LARGEST_SHRINKING, SAFETY / Math.sqrt(error)));
    return wanted.length === 0 ? undefined : Math.min(...wanted);
  }

  #grown(size: number, error: number): number {
    const { maximum, tolerance } = this.#control;
    if (tolerance === undefined) return Math.min(maximum, size * GROWTH);
    const growth = error === 0 ? LARGEST_GROWTH : SAFETY / Math.sqrt(error);
    return Math.min(maximum, size * Math.min(LARGEST_GROWTH, Math.max(LARGEST_SHRINKING, growth)));
  }
}

export function canGoBack({ system }: Pick<Simulation, 'system'>): boolean {
  return system.components.every(({ model }) => model.capabilities.getAndSetState);
}

/**
 * Real outputs that are connected or recorded. With Jacobi those that show an input directly are a step behind, whatever
 * its size: they say nothing of what the step does to the rest, and are left out where there are others.
 */
function realReaders(simulation: Simulation): (() => number)[] {
  const { system } = simulation;
  const seen = new Map<string, Port>();
  for (const port of [
    ...system.connections.flatMap(({ from }) => (isFunctionPort(from) ? [] : [from])),
    ...system.recordings.flatMap(({ variables }) => variables),
  ].flatMap((one) => simulation.scalars(one))) {
    const { type, causality } = variableAt(system, port);
    if (causality !== 'output' || (type !== 'Float64' && type !== 'Float32')) continue;
    seen.set(portName(system, port), port);
  }
  const all = [...seen.values()];
  const own = system.algorithm === 'jacobi' ? all.filter((port) => !showsConnectedInput(system, port)) : all;
  return (own.length > 0 ? own : all).map((port) => simulation.numberReader(port));
}

function showsConnectedInput(system: System, { component, variable }: Port): boolean {
  const { model } = system.components[component]!;
  return system.connections.some(
    ({ to }) => !isFunctionPort(to) && to.component === component && dependsOn(model, variable, to.variable, 'step'),
  );
}
