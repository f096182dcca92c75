// @ts-nocheck
/**
 * A fixed-step Jacobi co-simulation, synchronous, in the thread of the caller: at each communication point all inputs
 * are set from the outputs of that point, then all components make their step. A value thus takes one step through each
 * component, whatever the order of the components.
 *
 * Life: `initialize`, `step` any number of times, `close` in any case. The communication point after k steps is
 * start + k * step, computed anew each time, so rounding does not add up.
 */
import { Fmi2Instance, FmuDiscardError, type FmuFolder, type FmuLogMessage } from '../fmi/index.js';
import { type Connection, type Port, portName, type System, variableAt } from '../system/index.js';
import { AlgebraicLoopError, UnknownVariableError } from './errors.js';
import { DurationHistogram } from './histogram.js';
import { initialOrder } from './initial-order.js';
import type { VariableValue } from './report.js';
import { type Copies, carrierOf, compileStepPlan, type Slot, type StepPlan, type Windows } from './step-plan.js';

export interface SimulationOptions {
  /** Variables whose values are wanted at each communication point, besides `system.record`. */
  readonly observe?: readonly Port[];
  /** Called between the calls of FMUs, never inside one. */
  readonly onLog?: (message: FmuLogMessage) => void;
}

/** Rounds of passing values along a loop before it is given up. */
const MAX_LOOP_ROUNDS = 100;
/** Relative change of a Real that counts as settled. */
const LOOP_TOLERANCE = 1e-12;

type ComponentState = 'initializing' | 'stepping' | 'over';

interface Participant {
  readonly instance: Fmi2Instance;
  readonly inputs: Windows;
  readonly outputs: Windows;
  readonly stepTimes: DurationHistogram;
  state: ComponentState;
}

export class Simulation {
  readonly system: System;
  readonly #plan: StepPlan;
  readonly #participants: Participant[] = [];
  #steps = 0;
  #endedBy: string | undefined;

  /**
   * Instantiates all components. `folders`: the unpacked FMUs by `Component.fmu`. Throws what {@link Fmi2Instance}
   * throws, with nothing left behind.
   */
  constructor(system: System, folders: ReadonlyMap<string, FmuFolder>, options: SimulationOptions = {}) {
    this.system = system;
    this.#plan = compileStepPlan(system, [...system.record.variables, ...(options.observe ?? [])]);
    try {
      for (const [index, { name, fmu, logging }] of system.components.entries()) {
        const folder = folders.get(fmu);
        if (folder === undefined) throw new TypeError(`component '${name}': ${fmu} is not unpacked`);
        const { onLog } = options;
        const instance = new Fmi2Instance(folder, { name, loggingOn: logging !== undefined, ...(onLog && { onLog }) });
        this.#participants.push({
          instance,
          inputs: this.#plan.inputs[index]!,
          outputs: this.#plan.outputs[index]!,
          stepTimes: new DurationHistogram(),
          state: 'initializing',
        });
        if (logging !== undefined) instance.setDebugLogging(true, logging === 'all' ? [] : logging);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Communication point, s. */
  get time(): number {
    return this.system.start + this.#steps * this.system.step;
  }

  get steps(): number {
    return this.#steps;
  }

  /** The component whose FMU asked to end the simulation, if one did. */
  get endedBy(): string | undefined {
    return this.#endedBy;
  }

  get instances(): readonly Fmi2Instance[] {
    return this.#participants.map(({ instance }) => instance);
  }

  /** Durations of `fmi2DoStep`, by component. */
  get stepTimes(): readonly DurationHistogram[] {
    return this.#participants.map(({ stepTimes }) => stepTimes);
  }

  /**
   * Start values, then initialization mode with the outputs passed on in the order of their dependencies. Throws what
   * {@link Fmi2Instance} throws, and {@link AlgebraicLoopError}.
   */
  initialize(): void {
    const { start: startTime, stop: stopTime } = this.system;
    const experiment = { startTime, ...(stopTime === undefined ? {} : { stopTime }) };
    for (const [index, { instance }] of this.#participants.entries()) {
      this.#setStartValues(index, 'before');
      instance.setupExperiment(experiment);
      instance.enterInitializationMode();
      this.#setStartValues(index, 'inside');
    }
    const { ordered, looped } = initialOrder(this.system);
    for (const connection of ordered) this.#passOn(connection);
    this.#settle(looped);
    for (const participant of this.#participants) {
      participant.instance.exitInitializationMode();
      participant.state = 'stepping';
    }
    this.#takeOutputs();
  }

  /**
   * One communication step of all components. False, with nothing changed at this communication point, when an FMU asked
   * to end the simulation instead of making its step. Throws what {@link Fmi2Instance} throws.
   */
  step(): boolean {
    const { time } = this;
    const { step: size } = this.system;
    this.#passAllOn();
    for (const { instance, inputs } of this.#participants) setInputs(instance, inputs);
    let before = performance.now();
    for (const participant of this.#participants) {
      try {
        participant.instance.doStep(time, size);
      } catch (error) {
        if (error instanceof FmuDiscardError && participant.instance.wantsToTerminate()) {
          this.#endedBy = participant.instance.name;
          return false;
        }
        throw error;
      }
      const after = performance.now();
      participant.stepTimes.add(after - before);
      before = after;
    }
    this.#takeOutputs();
    this.#steps += 1;
    return true;
  }

  /**
   * Terminates the components that can be terminated and frees all. What an FMU answers then changes nothing any more
   * and is left to its log. May be called again.
   */
  close(): void {
    for (const participant of this.#participants) {
      if (participant.state === 'stepping') {
        try {
          participant.instance.terminate();
        } catch {
          // Freeing it is all that remains to be done.
        }
      }
      participant.state = 'over';
      participant.instance.free();
    }
  }

  /** A function that tells the variable's value at the present communication point, without a call of the FMU. */
  reader(port: Port): () => VariableValue {
    const { reals, integers, strings } = this.#plan.given;
    const { type, index } = this.#slot(port);
    switch (carrierOf(type)) {
      case 'Real':
        return () => reals[index]!;
      case 'Integer':
        return () => integers[index]!;
      case 'Boolean':
        return () => integers[index] !== 0;
      case 'String':
        return () => strings[index]!;
    }
  }

  /** {@link reader} as a number, a Boolean as 0 or 1. Throws {@link UnknownVariableError} for a String. */
  numberReader(port: Port): () => number {
    const { reals, integers } = this.#plan.given;
    const { type, index } = this.#slot(port);
    if (type === 'String') {
      throw new UnknownVariableError(`'${portName(this.system, port)}' is a String and cannot be captured as numbers`);
    }
    return type === 'Real' ? () => reals[index]! : () => integers[index]!;
  }

  #slot(port: Port): Slot {
    const slot = this.#plan.slotOf(port);
    if (slot === undefined) throw new TypeError(`'${portName(this.system, port)}' is not observed`);
    return slot;
  }

  /** Inputs are set inside initialization mode, all other start values before it (FMI 2.0.4, section 4.2.4). */
  #setStartValues(component: number, when: 'before' | 'inside'): void {
    for (const { variable, value } of this.system.components[component]!.start) {
      const port = { component, variable };
      const isInput = variableAt(this.system, port).causality === 'input';
      if (isInput === (when === 'inside')) this.#write(port, value);
    }
  }

  /** Passes the values along the loops until none changes any more. */
  #settle(looped: readonly Connection[]): void {
    let moving: readonly Connection[] = looped;
    for (let round = 0; moving.length > 0; round++) {
      if (round === MAX_LOOP_ROUNDS) {
        const names = moving.map(({ from, to }) => `${portName(this.system, from)} -> ${portName(this.system, to)}`);
        throw new AlgebraicLoopError(
          `the initial values of a loop do not settle after ${MAX_LOOP_ROUNDS} rounds: ${names.join(', ')}`,
          {
            details: { connections: names },
            remedy: 'break the loop, or let an FMU declare that its output does not depend on the input at the start',
          },
        );
      }
      const settled = new Map(looped.map((connection) => [connection, this.#read(connection.from)]));
      for (const connection of looped) this.#passOn(connection);
      moving = looped.filter((connection) => !isSame(this.#read(connection.from), settled.get(connection)!));
    }
  }

  #passOn({ from, to }: Connection): void {
    this.#write(to, this.#read(from));
  }

  /** One value, asked of the FMU; for initialization, not for steps. */
  #read(port: Port): VariableValue {
    const { instance } = this.#participants[port.component]!;
    const { type, valueReference } = variableAt(this.system, port);
    const vrs = Uint32Array.of(valueReference);
    const real = new Float64Array(1);
    const integer = new Int32Array(1);
    const text: string[] = [];
    switch (carrierOf(type)) {
      case 'Real':
        instance.getReal(vrs, real);
        return real[0]!;
      case 'Integer':
        instance.getInteger(vrs, integer);
        return integer[0]!;
      case 'Boolean':
        instance.getBoolean(vrs, integer);
        return integer[0] !== 0;
      case 'String':
        instance.getString(vrs, text);
        return text[0]!;
    }
  }

  #write(port: Port, value: VariableValue): void {
    const { instance } = this.#participants[port.component]!;
    const { type, valueReference } = variableAt(this.system, port);
    const vrs = Uint32Array.of(valueReference);
    const carrier = carrierOf(type);
    if (carrier === 'Real') instance.setReal(vrs, Float64Array.of(Number(value)));
    else if (carrier === 'Integer') instance.setInteger(vrs, Int32Array.of(Number(value)));
    else if (carrier === 'Boolean') instance.setBoolean(vrs, Int32Array.of(Number(value)));
    else instance.setString(vrs, [String(value)]);
  }

  /** From the given to the taken arena. */
  #passAllOn(): void {
    const { given, taken, realToReal, integerToReal, integerToInteger, stringToString } = this.#plan;
    copy(given.reals, taken.reals, realToReal);
    copy(given.integers, taken.reals, integerToReal);
    copy(given.integers, taken.integers, integerToInteger);
    copy(given.strings, taken.strings, stringToString);
    for (const { string: window } of this.#plan.inputs) {
      for (let i = 0; i < (window?.values.length ?? 0); i++) window!.values[i] = taken.strings[window!.offset + i]!;
    }
  }

  #takeOutputs(): void {
    const { strings } = this.#plan.given;
    for (const { instance, outputs } of this.#participants) getOutputs(instance, outputs, strings);
  }
}

function copy<T>(source: ArrayLike<T>, target: { [index: number]: T }, { from, to }: Copies): void {
  for (let i = 0; i < from.length; i++) target[to[i]!] = source[from[i]!]!;
}

function setInputs(instance: Fmi2Instance, { real, integer, boolean, string }: Windows): void {
  if (real !== undefined) instance.setReal(real.vrs, real.values);
  if (integer !== undefined) instance.setInteger(integer.vrs, integer.values);
  if (boolean !== undefined) instance.setBoolean(boolean.vrs, boolean.values);
  if (string !== undefined) instance.setString(string.vrs, string.values);
}

/** `strings`: the arena's. */
function getOutputs(instance: Fmi2Instance, { real, integer, boolean, string }: Windows, strings: string[]): void {
  if (real !== undefined) instance.getReal(real.vrs, real.values);
  if (integer !== undefined) instance.getInteger(integer.vrs, integer.values);
  if (boolean !== undefined) instance.getBoolean(boolean.vrs, boolean.values);
  if (string === undefined) return;
  instance.getString(string.vrs, string.values);
  for (let i = 0; i < string.values.length; i++) strings[string.offset + i] = string.values[i]!;
}

function isSame(a: VariableValue, b: VariableValue): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return a === b;
  return Object.is(a, b) || Math.abs(a - b) <= LOOP_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}
