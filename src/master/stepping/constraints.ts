/**
 * What bounds a variable step, as in Maestro's variable-step algorithm: before a step a constraint says how large it may
 * be; after it, whether it may stand, and if not how large to try it again.
 */
import type { Port, StepConstraint, System } from '../../system/index.js';
import { variableAt } from '../../system/index.js';
import type { Simulation } from './stepper.js';

export interface Constraint {
  /** Largest step from the present communication point, s. */
  bound(): number;
  /** After a step of `size`: undefined when it stands, else a smaller size to try. */
  check(size: number): number | undefined;
  /** The step stands. */
  accept(): void;
}

export function createConstraint(simulation: Simulation, constraint: StepConstraint): Constraint {
  switch (constraint.kind) {
    case 'zero-crossing':
      return new ZeroCrossing(simulation, constraint);
    case 'bounded-difference':
      return new BoundedDifference(simulation, constraint);
    case 'sampling-rate':
      return new SamplingRate(simulation, constraint);
    case 'fmu-max-step-size':
      return new FmuMaxStepSize(simulation);
  }
}

/** Of the step; a sample so near is the present communication point. */
const NEAR = 1e-9;

type Of<Kind extends StepConstraint['kind']> = Extract<StepConstraint, { kind: Kind }>;

/** Where nothing is said, what counts as zero. */
const ZERO = 1e-3;

/** Steps end near where a value crosses zero, or two values each other. */
class ZeroCrossing implements Constraint {
  readonly #simulation: Simulation;
  readonly #order: 1 | 2;
  readonly #tolerance: number;
  readonly #safety: number;
  readonly #read: () => number;
  /** The newest last; one more than the order of the extrapolation. */
  #history: { time: number; value: number }[] = [];

  constructor(simulation: Simulation, { ports, order, tolerance = ZERO, safety }: Of<'zero-crossing'>) {
    const [first, second] = ports.map((port) => simulation.numberReader(port));
    this.#simulation = simulation;
    this.#order = order;
    this.#tolerance = tolerance;
    this.#safety = safety;
    this.#read = second === undefined ? first! : () => first!() - second();
    this.accept();
  }

  bound(): number {
    const left = this.#predict();
    return left === undefined ? Number.POSITIVE_INFINITY : left * (1 - Math.min(0.9, this.#safety));
  }

  check(size: number): number | undefined {
    const before = this.#history.at(-1)!.value;
    const after = this.#read();
    const hasCrossed = before * after < 0 && Math.abs(before) > this.#tolerance;
    if (!hasCrossed || Math.abs(after) <= this.#tolerance) return undefined;
    // Regula falsi, never so near to the end that nothing is gained.
    return size * Math.min(0.9, Math.max(0.05, before / (before - after)));
  }

  accept(): void {
    this.#history.push({ time: this.#simulation.time, value: this.#read() });
    if (this.#history.length > this.#order + 1) this.#history.shift();
  }

  /** How long until the extrapolated value is zero, s. */
  #predict(): number | undefined {
    const [a, b, c] = this.#history.slice(-this.#order - 1).reverse();
    if (a === undefined || b === undefined || Math.abs(a.value) <= this.#tolerance) return undefined;
    const slope = (a.value - b.value) / (a.time - b.time);
    const linear = slope === 0 ? undefined : positive(-a.value / slope);
    if (this.#order === 1 || c === undefined) return linear;
    // Newton's polynomial through three points, at a.time + s: a + s (d1 + d2 (s + a.time - b.time)).
    const earlier = (b.value - c.value) / (b.time - c.time);
    const curvature = (slope - earlier) / (a.time - c.time);
    const first = slope + curvature * (a.time - b.time);
    if (Math.abs(curvature) < 1e-12 * Math.abs(first)) return linear;
    const root = first * first - 4 * curvature * a.value;
    if (root < 0) return undefined;
    const candidates = [(-first + Math.sqrt(root)) / (2 * curvature), (-first - Math.sqrt(root)) / (2 * curvature)]
      .map(positive)
      .filter((value) => value !== undefined);
    return candidates.length === 0 ? undefined : Math.min(...candidates);
  }
}

/** A step that is made again goes so near to what it may do: nearer, and it would often have to be made a third time. */
const SHORT_OF_LIMIT = 0.95;

function positive(value: number): number | undefined {
  return value > 0 ? value : undefined;
}

/** The values of a set stay near each other; a single one near its last. */
class BoundedDifference implements Constraint {
  readonly #constraint: Of<'bounded-difference'>;
  readonly #reads: readonly (() => number)[];
  readonly #isDiscrete: boolean;
  #last = Number.NaN;
  /** What was tried before: where a smaller step does not help, the value jumps. */
  #tried: { readonly size: number; readonly excess: number } | undefined;

  constructor(simulation: Simulation, constraint: Of<'bounded-difference'>) {
    this.#constraint = constraint;
    this.#reads = constraint.ports.map((port) => simulation.numberReader(port));
    this.#isDiscrete = constraint.ports.every((port) => isDiscrete(simulation.system, port));
    this.accept();
  }

  bound(): number {
    return Number.POSITIVE_INFINITY;
  }

  check(size: number): number | undefined {
    const { absolute = Number.POSITIVE_INFINITY, relative = Number.POSITIVE_INFINITY, safety } = this.#constraint;
    const values = this.#reads.map((read) => read());
    const all = values.length === 1 ? [this.#last, ...values] : values;
    const difference = Math.max(...all) - Math.min(...all);
    const scale = Math.max(...all.map(Math.abs));
    const excess = Math.max(difference / absolute, scale === 0 ? 0 : difference / (relative * scale));
    if (!(excess > 1)) return undefined;
    const tried = this.#tried;
    this.#tried = { size, excess };
    // Without a jump it would have become smaller with the step.
    const jumps = this.#isDiscrete || (tried !== undefined && excess > tried.excess * ((1 + size / tried.size) / 2));
    if (jumps && this.#constraint.skipDiscrete) return undefined;
    return size * Math.max(0.1, (SHORT_OF_LIMIT * (1 - Math.min(0.9, safety))) / excess);
  }

  accept(): void {
    if (this.#reads.length === 1) this.#last = this.#reads[0]!();
    this.#tried = undefined;
  }
}

function isDiscrete(system: System, port: Port): boolean {
  return variableAt(system, port).variability === 'discrete';
}

/** Steps end at all samples of a grid. */
class SamplingRate implements Constraint {
  readonly #simulation: Simulation;
  readonly #period: number;
  readonly #first: number;

  constructor(simulation: Simulation, { base, rate, start }: Of<'sampling-rate'>) {
    this.#simulation = simulation;
    this.#period = base * rate;
    this.#first = base * start;
  }

  bound(): number {
    const { time } = this.#simulation;
    const passed = Math.floor((time - this.#first) / this.#period + NEAR);
    const next = this.#first + Math.max(0, passed + 1) * this.#period;
    return time < this.#first ? this.#first - time : next - time;
  }

  check(): undefined {
    return undefined;
  }

  accept(): void {}
}

/** What FMUs say by `fmi2GetMaxStepsize`. */
class FmuMaxStepSize implements Constraint {
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  bound(): number {
    const sizes = this.#simulation.instances.map((instance) => instance.maxStepSize() ?? Number.POSITIVE_INFINITY);
    return Math.min(...sizes);
  }

  check(): undefined {
    return undefined;
  }

  accept(): void {}
}
