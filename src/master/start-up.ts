/**
 * From instances to the first communication point: start values, initialisation mode, and values passed on along the
 * connections in the order of their dependencies, loops repeated until they settle.
 */
import { type FmuInstance, INTEGER_RANGE, type ModelValue, storageOf } from '../fmi/index.js';
import type { Storage } from '../native/index.js';
import { type Connection, isFunctionPort, type System, type Terminal, variableAt } from '../system/index.js';
import { AlgebraicLoopError } from './errors.js';
import { FixedPoint } from './fixed-point.js';
import { type AlgebraicLoop, orderConnections } from './plan/dependencies.js';

/** `beforeLeaving`: a component is about to leave initialisation mode, with its initial values. */
export function startUp(
  system: System,
  instances: readonly FmuInstance[],
  beforeLeaving: (component: number) => void = () => {},
): void {
  new StartUp(system, instances, beforeLeaving).run();
}

class StartUp {
  readonly #system: System;
  readonly #instances: readonly FmuInstance[];
  readonly #beforeLeaving: (component: number) => void;
  /** Outputs of functions, by function. */
  readonly #computed: Float64Array[];
  /** Inputs of functions, one after the other. */
  readonly #entered: Float64Array[];
  /** Components that are out of initialisation mode. */
  readonly #isInitialized = new Set<number>();

  constructor(system: System, instances: readonly FmuInstance[], beforeLeaving: (component: number) => void) {
    this.#system = system;
    this.#instances = instances;
    this.#beforeLeaving = beforeLeaving;
    this.#entered = system.functions.map(({ inputs, dimension }) => new Float64Array(inputs * dimension));
    this.#computed = system.functions.map(({ dimension }) => new Float64Array(dimension));
  }

  run(): void {
    const { start: startTime, stop: stopTime } = this.#system;
    const experiment = { startTime, ...(stopTime === undefined ? {} : { stopTime }) };
    for (const [component, instance] of this.#instances.entries()) {
      this.#setStructure(component, instance);
      this.#setStartValues(component, 'before');
      instance.enterInitializationMode(experiment);
      this.#setStartValues(component, 'inside');
    }
    const { parts, loops } = orderConnections(this.#system, 'start');
    const loopOf = new Map(loops.flatMap((loop) => loop.connections.map((index) => [index, loop] as const)));
    for (const part of parts) {
      const loop = loopOf.get(part[0]!);
      if (loop !== undefined) this.#settle(loop);
      else for (const index of part) this.#passOn(this.#system.connections[index]!);
    }
    for (const component of this.#instances.keys()) this.#leave(component);
  }

  /** Out of initialisation mode. */
  #leave(component: number): void {
    if (this.#isInitialized.has(component)) return;
    this.#isInitialized.add(component);
    this.#beforeLeaving(component);
    this.#instances[component]!.exitInitializationMode();
  }

  /** Structural parameters have a mode of their own (FMI 3.0.2, section 2.3.3). */
  #setStructure(component: number, instance: FmuInstance): void {
    const { start, model } = this.#system.components[component]!;
    const structural = start.filter(({ variable }) => model.variables[variable]!.causality === 'structuralParameter');
    if (structural.length === 0) return;
    instance.configure(() => {
      for (const { variable, values } of structural) instance.set(variable, values);
    });
  }

  /** Inputs are set inside initialisation mode, all other start values before it (FMI 2.0.4, section 4.2.4). */
  #setStartValues(component: number, when: 'before' | 'inside'): void {
    const { start, model } = this.#system.components[component]!;
    for (const { variable, values } of start) {
      const { causality, type } = model.variables[variable]!;
      if (causality === 'structuralParameter') continue;
      if ((causality === 'input') !== (when === 'inside')) continue;
      const storage = storageOf(model.fmi, type);
      this.#instances[component]!.set(
        variable,
        values.map((value) => convertValue(value, storage)),
      );
    }
  }

  // -- Values along connections ---------------------------------------------------------------------------------------

  #passOn(connection: Connection): void {
    this.#give(connection, this.#take(connection));
  }

  /** What comes out of the connection's source. */
  #take({ from }: Connection): ModelValue[] {
    if (isFunctionPort(from)) {
      this.#compute(from.function);
      const all = this.#computed[from.function]!;
      return from.element === undefined ? [...all] : [all[from.element]!];
    }
    const { sizes, model } = this.#system.components[from.component]!;
    const size = sizes.get(from.variable) ?? 1;
    // FMI 1.0 has no such mode: it computes its outputs when it initialises, from the inputs that are there by now.
    if (model.fmi === '1.0') this.#leave(from.component);
    const values = this.#instances[from.component]!.get(from.variable, size);
    return from.element === undefined ? values : [values[from.element]!];
  }

  #give({ to, factor, offset, table }: Connection, came: readonly ModelValue[]): void {
    const values =
      table === undefined ? came : came.map((value) => table.find(([given]) => given === Number(value))?.[1] ?? value);
    const isScaled = factor !== 1 || offset !== 0;
    if (isFunctionPort(to)) {
      const { dimension } = this.#system.functions[to.function]!;
      const at = (to.input ?? 0) * dimension + (to.element ?? 0);
      for (const [index, value] of values.entries()) {
        this.#entered[to.function]![at + index] = isScaled ? factor * Number(value) + offset : Number(value);
      }
      return;
    }
    const { type } = variableAt(this.#system, to);
    if (type === 'Clock') return;
    const storage = storageOf(this.#system.components[to.component]!.model.fmi, type);
    const converted = values.map((value) => convertValue(isScaled ? factor * Number(value) + offset : value, storage));
    const instance = this.#instances[to.component]!;
    if (to.element === undefined) {
      instance.set(to.variable, converted);
      return;
    }
    const size = this.#system.components[to.component]!.sizes.get(to.variable) ?? 1;
    const all = instance.get(to.variable, size);
    all[to.element] = converted[0]!;
    instance.set(to.variable, all);
  }

  #compute(index: number): void {
    const { inputs, dimension, factor, offset } = this.#system.functions[index]!;
    for (let element = 0; element < dimension; element++) {
      let total = 0;
      for (let input = 0; input < inputs; input++) total += this.#entered[index]![input * dimension + element]!;
      this.#computed[index]![element] = factor * total + offset;
    }
  }

  // -- Loops ------------------------------------------------------------------------------------------------------------

  /** Passes values round until those that are guessed come back as they went in. */
  #settle({ connections, guessed, path }: AlgebraicLoop): void {
    const { tolerance, iterations } = this.#system.loops;
    const guesses = connections.filter((index) => guessed.has(index)).map((index) => this.#system.connections[index]!);
    const isReal = guesses.map(({ from }) => isRealTerminal(this.#system, from));
    const reals = (all: readonly ModelValue[][]) =>
      Float64Array.from(all.flatMap((values, i) => (isReal[i] ? values.map(Number) : [])));
    const point = new FixedPoint();
    let used = guesses.map((connection) => this.#take(connection));
    for (let round = 0; round < iterations; round++) {
      for (const index of connections) {
        const connection = this.#system.connections[index]!;
        const guess = guesses.indexOf(connection);
        this.#give(connection, guess < 0 ? this.#take(connection) : used[guess]!);
      }
      const came = guesses.map((connection) => this.#take(connection));
      if (came.every((values, i) => values.every((value, k) => isSame(value, used[i]![k]!, tolerance)))) return;
      const next = point.next(reals(used), reals(came));
      let at = 0;
      used = came.map((values, i) => (isReal[i] ? values.map(() => next[at++]!) : values));
    }
    throw new AlgebraicLoopError(
      `the initial values of a loop do not settle after ${iterations} rounds: ${path.join(', ')}`,
      {
        details: { connections: path },
        remedy: 'break the loop, or let an FMU declare that its output does not depend on the input at the start',
      },
    );
  }
}

function isRealTerminal(system: System, terminal: Terminal): boolean {
  if (isFunctionPort(terminal)) return true;
  const { type } = variableAt(system, terminal);
  return type === 'Float64' || type === 'Float32';
}

function isSame(a: ModelValue, b: ModelValue, tolerance: number): boolean {
  if (typeof a === 'number' && typeof b === 'number') {
    return Object.is(a, b) || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return a === b;
}

/** Of the storages of whole numbers. */
const LIMITS: Readonly<Partial<Record<Storage, readonly [bigint, bigint]>>> = {
  i8: INTEGER_RANGE.Int8!,
  u8: INTEGER_RANGE.UInt8!,
  i16: INTEGER_RANGE.Int16!,
  u16: INTEGER_RANGE.UInt16!,
  i32: INTEGER_RANGE.Int32!,
  u32: INTEGER_RANGE.UInt32!,
  i64: INTEGER_RANGE.Int64!,
  u64: INTEGER_RANGE.UInt64!,
};

/**
 * As the executor converts (fmu-shim/src/plan/values.c): rounded, and kept within the range of the storage. Bytes may be
 * given in hexadecimal.
 */
export function convertValue(value: ModelValue, storage: Storage): ModelValue {
  if (storage === 'bytes') return typeof value === 'string' ? Buffer.from(value, 'hex') : value;
  if (storage === 'text') return value;
  if (storage === 'f64') return Number(value);
  if (storage === 'f32') return Math.fround(Number(value));
  const limits = LIMITS[storage];
  if (limits === undefined) return Number(value) !== 0;
  const [low, high] = limits;
  const whole = typeof value === 'bigint' ? value : toWhole(Number(value));
  const kept = whole < low ? low : whole > high ? high : whole;
  return storage === 'i64' || storage === 'u64' ? kept : Number(kept);
}

function toWhole(value: number): bigint {
  if (Number.isNaN(value)) return 0n;
  if (Math.abs(value) >= 2 ** 64) return value < 0 ? -(2n ** 64n) : 2n ** 64n;
  const floor = Math.floor(value);
  const rest = value - floor;
  // Halves to the even neighbour, as rint does.
  return BigInt(rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1);
}
