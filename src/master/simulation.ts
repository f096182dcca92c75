/**
 * A system as running instances and a step plan, synchronous, in the thread of the caller.
 *
 * Life: `initialize`, then steps, `close` in any case. Where steps go is the caller's to decide: `setGrid` says where the
 * next one begins and how long steps are, `advance` makes them, `save` and `restore` go back.
 */
import {
  FmiStatus,
  FmuDiscardError,
  FmuInstance,
  type FmuLogMessage,
  type ModelFolder,
  type ModelValue,
  numberArray,
  RemoteLibrary,
  type RemoteOptions,
  storageOf,
  toModelValue,
  toRaw,
} from '../fmi/index.js';
import { type ComponentTimes, loadKoffi, NativePlan, type NativeRows, type RunEnd } from '../native/index.js';
import {
  type Component,
  isFunctionPort,
  type Port,
  portName,
  type System,
  sizeOf,
  variableAt,
} from '../system/index.js';
import { AlgebraicLoopError, EndlessEventError, SimulationMemoryError, UnknownVariableError } from './errors.js';
import { type CompiledPlan, compilePlan } from './plan/compile.js';
import { isText, type Slot } from './plan/layout.js';
import type { VariableValue } from './report.js';
import { convertValue, startUp } from './start-up.js';

export interface SimulationOptions {
  /** Variables whose values are wanted at each communication point, besides those of the recordings. */
  readonly observe?: readonly Port[];
  /** Called between the calls of FMUs, never inside one. */
  readonly onLog?: (message: FmuLogMessage) => void;
  /** Where remote components are, by index: what `prepareRemotes` gives. */
  readonly remotes?: ReadonlyMap<number, RemoteOptions>;
  /** Is told the number of each process that is started for a component. */
  readonly onProcess?: (process: number) => void;
  /** Has every step timed, instead of as many as cost next to nothing. */
  readonly profile?: boolean;
  /** Whether states from before a step may be restored after it. */
  readonly mayGoBack?: boolean;
}

/**
 * What `advance` came back for: the step asked for is `reached`; the `budget` of time is used up; FMUs have sent
 * `messages`; `rows` of results have to be taken; an FMU asks to end the simulation (`ended`, see `endedBy`).
 */
export type Advance = 'reached' | 'budget' | 'messages' | 'rows' | 'ended';

type Phase = 'instantiated' | 'running' | 'over';

export class Simulation {
  readonly system: System;
  readonly plan: CompiledPlan;
  readonly #instances: FmuInstance[] = [];
  #native: NativePlan | undefined;
  readonly #saved = new Set<number>();
  #phase: Phase = 'instantiated';
  #endedBy: string | undefined;

  /**
   * Instantiates all components. `folders`: the unpacked FMUs by `Component.fmu`, but for those that servers run. Throws what {@link FmuInstance}
   * throws, with nothing left behind.
   */
  constructor(system: System, folders: ReadonlyMap<string, ModelFolder>, options: SimulationOptions = {}) {
    this.system = system;
    const { onLog, onProcess, profile, observe, mayGoBack } = options;
    this.plan = compilePlan(system, {
      ...(observe === undefined ? {} : { observed: observe }),
      ...(mayGoBack === undefined ? {} : { mayGoBack }),
      patched: patchedPorts(system),
    });
    const begun = new Map<number, RemoteLibrary>();
    try {
      // All servers start, and all connections are made, at the same time.
      for (const [index, component] of system.components.entries()) {
        if (component.remote !== undefined) begun.set(index, beginRemote(component, options, index));
      }
      for (const [index, { name, fmu, logging, isolate, deadline }] of system.components.entries()) {
        const remote = begun.get(index);
        const folder = remote?.folder ?? folders.get(fmu);
        if (folder === undefined) throw new TypeError(`component '${name}': ${fmu} is not unpacked`);
        begun.delete(index);
        const instance = new FmuInstance(folder, {
          name,
          loggingOn: logging !== undefined,
          eventMode: this.plan.eventMode[index] === true,
          ...(remote && { remote }),
          ...(isolate && {
            isolate: {
              ...(deadline === undefined ? {} : { deadlineMs: deadline * 1000 }),
              ...(onProcess === undefined ? {} : { onStart: onProcess }),
            },
          }),
          ...(onLog && { onLog }),
        });
        this.#instances.push(instance);
        if (logging !== undefined) instance.setDebugLogging(true, logging === 'all' ? [] : logging);
      }
      this.#native = new NativePlan(
        this.plan.spec,
        this.#instances.map(({ address }) => address),
        this.plan.columns,
      );
      if (profile === true) this.#native.profileAll();
    } catch (error) {
      for (const library of begun.values()) library.release();
      this.close();
      throw error;
    }
  }

  /** Communication point, s. */
  get time(): number {
    return this.#plan.time;
  }

  get steps(): number {
    return this.#plan.step;
  }

  /** When an FMU wants to handle an event next, s. */
  get nextEvent(): number | undefined {
    return this.#plan.nextEvent;
  }

  /** The component whose FMU asked to end the simulation, if one did. */
  get endedBy(): string | undefined {
    return this.#endedBy;
  }

  get instances(): readonly FmuInstance[] {
    return this.#instances;
  }

  get #plan(): NativePlan {
    if (this.#native === undefined) throw new TypeError('the simulation is closed');
    return this.#native;
  }

  /**
   * Start values, then initialisation mode with the outputs passed on in the order of their dependencies; ends at the
   * first communication point. Throws what {@link FmuInstance} throws, and {@link AlgebraicLoopError}.
   */
  initialize(): void {
    startUp(this.system, this.#instances, (component) => this.#primeClocked(component));
    this.#phase = 'running';
    const { stepping, start } = this.system;
    this.setGrid(start, stepping.kind === 'fixed' ? stepping.size : stepping.maximum);
    const { time, attention } = this.#plan.watchAddresses;
    for (const instance of this.#instances) instance.watch({ time, attention });
    this.#primePartlyFed();
    this.#expect(this.#plan.events(true));
    this.#expect(this.#plan.execute(...this.plan.refresh));
    this.drainLogs();
  }

  /** From here on steps begin at `time` and have `size`, s; the next is number `step`, that which it is by default. */
  setGrid(time: number, size: number, step: number = this.steps): void {
    this.#plan.setGrid(time, size, step);
  }

  /** Steps are counted on from number `step`, at its place on the present grid. */
  jumpTo(step: number): void {
    this.#plan.jumpTo(step);
  }

  /**
   * A shared cell, by which other threads call: `advance` comes back after the present step when it is no longer
   * {@link callsSeen}. It has to outlive the simulation.
   */
  watch(calls: Int32Array): void {
    this.#plan.watch(calls);
  }

  set callsSeen(count: number) {
    this.#plan.callsSeen = count;
  }

  /** Whether steps leave no rows of results: they may be undone. */
  set quiet(value: boolean) {
    this.#plan.quiet = value;
  }

  /**
   * Makes steps until number `until` is reached, or for `budgetMs` at most, or until something needs the caller. Throws
   * what {@link FmuInstance} throws.
   */
  advance(until: number, budgetMs?: number): Advance {
    const end = this.#plan.run(until, budgetMs);
    switch (end) {
      case 'done':
        return 'reached';
      case 'deadline':
        return 'budget';
      case 'attention':
        this.drainLogs();
        return 'messages';
      case 'rows-full':
        return 'rows';
      default:
        this.#expect(end);
        return 'ended';
    }
  }

  /** Event mode of FMI 3.0, at the present communication point. */
  handleEvents(): void {
    this.#expect(this.#plan.events(false));
  }

  /** A row of the present communication point for each recording. True: the rows have to be taken before the next. */
  record(): boolean {
    const end = this.#plan.record();
    this.#expect(end);
    return end === 'rows-full';
  }

  takeRows(recording: number): NativeRows {
    return this.#plan.takeRows(recording);
  }

  /** All states and values at the present communication point, in one of four places. */
  save(place: number): void {
    this.#expect(this.#plan.save(place));
    this.#saved.add(place);
  }

  restore(place: number): void {
    if (!this.#saved.has(place)) throw new TypeError(`nothing was saved in place ${place}`);
    this.#expect(this.#plan.restore(place));
  }

  /** Hands over what FMUs have said. */
  drainLogs(): void {
    for (const instance of this.#instances) instance.drainLog();
  }

  /** Calls of a component that returned a warning; those of the step plan are counted together, in `planWarnings`. */
  get planWarnings(): number {
    return this.#plan.warnings;
  }

  componentTimes(): ComponentTimes[] {
    return this.#plan.componentTimes();
  }

  ownTimes(): ReturnType<NativePlan['ownTimes']> {
    return this.#plan.ownTimes();
  }

  /**
   * Terminates the components that can be terminated and frees all. What an FMU answers then changes nothing any more
   * and is left to its log. May be called again.
   */
  close(): void {
    if (this.#phase === 'over') return;
    for (const instance of this.#instances) {
      instance.unwatch();
      if (this.#phase !== 'running') continue;
      try {
        instance.terminate();
      } catch {
        // Freeing it is all that remains to be done.
      }
    }
    this.#phase = 'over';
    this.#native?.destroy(this.#instances.some(({ isAbandoned, isolated }) => isAbandoned && !isolated));
    this.#native = undefined;
    for (const instance of this.#instances) instance.free();
  }

  // -- Values -----------------------------------------------------------------------------------------------------------

  /** The scalars of a port: itself, or the elements of an array. */
  scalars(port: Port): Port[] {
    const isArray = port.element === undefined && variableAt(this.system, port).dimensions.length > 0;
    if (!isArray) return [port];
    return Array.from({ length: sizeOf(this.system, port) }, (_, element) => ({ ...port, element }));
  }

  /**
   * A function that tells a scalar's value at the present communication point, without a call of the FMU. It throws once
   * the simulation is closed: the memory that it looks into is gone.
   */
  reader(port: Port): () => VariableValue {
    const slot = this.#slot(port);
    const { type } = variableAt(this.system, port);
    const raw = this.#memoryOf(slot);
    if (slot.storage === 'text') {
      const koffi = loadKoffi();
      return () => koffi.decode.string(raw() as bigint);
    }
    if (slot.storage === 'bytes') {
      const koffi = loadKoffi();
      const sizes = new BigUint64Array(this.#plan.arena, this.#sizeOffset(slot), 1);
      return () => Buffer.from(koffi.view(raw() as bigint, Number(sizes[0]))).toString('hex');
    }
    return () => toVariableValue(toModelValue(slot.storage, type, raw()));
  }

  /** {@link reader} as a number, a Boolean as 0 or 1. Throws {@link UnknownVariableError} for a text. */
  numberReader(port: Port): () => number {
    const slot = this.#slot(port);
    if (isText(slot.storage)) {
      throw new UnknownVariableError(`'${portName(this.system, port)}' is a text and cannot be captured as numbers`);
    }
    const raw = this.#memoryOf(slot);
    return slot.storage === 'f64' ? (raw as () => number) : () => Number(raw());
  }

  #memoryOf({ storage, offset }: Slot): () => number | bigint {
    const memory = numberArray(storage, 1, this.#plan.arena, offset);
    return () => {
      if (this.#native === undefined) throw new TypeError('the simulation is closed');
      return memory[0]!;
    };
  }

  /** What the FMU gives now: one value for each element. */
  get(port: Port): ModelValue[] {
    const { component, variable, element } = port;
    const all = this.#instances[component]!.get(variable, sizeOf(this.system, { component, variable }));
    return element === undefined ? all : [all[element]!];
  }

  /** Sets what no connection feeds, between steps: one value for each element. */
  set(port: Port, values: readonly ModelValue[]): void {
    const { component, variable, element } = port;
    const { type, causality, variability } = variableAt(this.system, port);
    const storage = storageOf(this.system.components[component]!.model.fmi, type);
    const converted = values.map((value) => convertValue(value, storage));
    // An array some of whose elements are fed is set at each step, from the plan's own copy.
    if (element !== undefined && isReachedByPlan(this.system, { component, variable })) {
      this.#store(this.plan.layout.taken(port)!, converted);
      return;
    }
    const all = element === undefined ? converted : this.get({ component, variable });
    if (element !== undefined) all[element] = converted[0]!;
    const change = () => this.#instances[component]!.set(variable, all);
    // In step mode only continuous inputs may change (FMI 3.0.2, section 4.2.1).
    const needsEvent =
      this.plan.eventMode[component] === true && !(causality === 'input' && variability === 'continuous');
    if (needsEvent) this.#changeInEvent(component, change);
    else change();
  }

  /** All that are at this communication point take part, as in any event; one in the middle of a step has it alone. */
  #changeInEvent(component: number, change: () => void): void {
    const isHere = (index: number) => this.steps % this.system.components[index]!.every === 0;
    const instance = this.#instances[component]!;
    if (!isHere(component)) {
      instance.enterEventMode();
      change();
      while (instance.updateDiscreteStates().needsUpdate);
      instance.enterStepMode();
      return;
    }
    for (const [index, one] of this.#instances.entries()) {
      if (this.plan.eventMode[index] === true && isHere(index)) one.enterEventMode();
    }
    change();
    this.#expect(this.#plan.events(true));
  }

  /** Overrides or biases a connected input, or an output, from the next step on. */
  patch(port: Port, mode: 'off' | 'override' | 'bias', value: VariableValue = 0): void {
    const patch = this.plan.patchOf(port);
    if (patch === undefined) throw new TypeError(`'${portName(this.system, port)}' is not patched`);
    const text = this.plan.layout.texts + patch;
    if (typeof value === 'string') this.#plan.putText(text, toBytes(value, this.#patchedSlot(port).storage));
    this.#plan.patch(patch, mode, typeof value === 'string' ? 0 : Number(value), text);
  }

  #patchedSlot(port: Port): Slot {
    const { layout } = this.plan;
    const slot = variableAt(this.system, port).causality === 'output' ? layout.given(port) : layout.taken(port);
    return slot ?? this.#slot(port);
  }

  #slot(port: Port): Slot {
    const slot = this.plan.layout.given(port);
    if (slot === undefined) throw new TypeError(`'${portName(this.system, port)}' is not observed`);
    return slot;
  }

  #sizeOffset(slot: Slot): number {
    const { layout, spec } = this.plan;
    const texts = slot.offset - 8 * layout.textNumber(slot);
    return texts + 8 * spec.texts + 8 * layout.textNumber(slot);
  }

  /** Elements of arrays that nothing feeds keep the values they start with. */
  #primePartlyFed(): void {
    const primed = new Set<Slot>();
    for (const { to } of this.system.connections) {
      if (isFunctionPort(to) || to.element === undefined) continue;
      const { component, variable } = to;
      const slot = this.plan.layout.taken({ component, variable });
      if (slot === undefined || primed.has(slot)) continue;
      primed.add(slot);
      this.#store(slot, this.get({ component, variable }));
    }
  }

  /** What has a clock is read when it ticks; till then it has its initial value. */
  #primeClocked(component: number): void {
    const { gives } = this.plan.layout.components[component]!;
    for (const variable of gives.flatMap(({ variables, clock }) => (clock === undefined ? [] : variables))) {
      this.#store(this.plan.layout.given({ component, variable })!, this.get({ component, variable }));
    }
  }

  /** Into the plan's own memory. */
  #store(slot: Slot, values: readonly ModelValue[]): void {
    const { storage, offset, count } = slot;
    if (isText(storage)) {
      const first = this.plan.layout.textNumber(slot);
      for (const [index, value] of values.entries()) {
        this.#plan.putText(first + index, toBytes(value as string | Uint8Array, storage));
      }
      return;
    }
    const raw = numberArray(storage, count, this.#plan.arena, offset);
    for (const [index, value] of values.entries()) raw[index] = toRaw(storage, value);
  }

  /** Throws what a run of the plan ended with, if it is an error. */
  #expect(end: RunEnd): void {
    if (end === 'done' || end === 'deadline' || end === 'attention' || end === 'rows-full') return;
    const { component, status, function: name } = this.#plan.failure;
    this.drainLogs();
    if (end === 'terminated') {
      this.#endedBy = this.system.components[component]!.name;
      return;
    }
    if (end === 'no-memory') throw new SimulationMemoryError('out of memory in a step: a text is too long');
    if (end === 'unsettled') throw this.#unsettled(component);
    if (end === 'endless-event') {
      const { name: owner } = this.system.components[component]!;
      throw new EndlessEventError(`at t = ${this.time} s an event of '${owner}' does not come to an end`, {
        details: { component: owner, time: this.time },
      });
    }
    const instance = this.#instances[component]!;
    const error = instance.failure(name, status, this.time);
    if (error instanceof FmuDiscardError && status === FmiStatus.discard && instance.wantsToTerminate()) {
      this.#endedBy = instance.name;
      return;
    }
    throw error;
  }

  #unsettled(number: number): AlgebraicLoopError {
    const loops = this.plan.order.blocks.flatMap(({ loop }) => (loop === undefined ? [] : [loop]));
    const { iterations } = this.system.loops;
    const path = loops[number]?.path ?? [];
    return new AlgebraicLoopError(
      `at t = ${this.time} s an algebraic loop does not settle after ${iterations} rounds: ${path.join(', ')}`,
      {
        details: { connections: path, time: this.time },
        remedy: 'take a smaller step, a larger loops.tolerance, or loops.atSteps: false',
      },
    );
  }
}

/** Ports of the scenario that the plan has to reach: those that a connection feeds, and what is read. */
function patchedPorts(system: System): Port[] {
  const ports = new Map<string, Port>();
  for (const { port } of system.scenario?.events ?? []) {
    if (isReachedByPlan(system, port)) ports.set(portName(system, port), port);
  }
  return [...ports.values()];
}

/** Whether the plan gives the port its values, or gets them from it; else it is set directly. */
export function isReachedByPlan(system: System, port: Port): boolean {
  const { causality } = variableAt(system, port);
  if (causality === 'output' || causality === 'calculatedParameter') return true;
  return system.connections.some(({ to }) => {
    if (isFunctionPort(to) || to.component !== port.component || to.variable !== port.variable) return false;
    return to.element === undefined || port.element === undefined || to.element === port.element;
  });
}

function beginRemote(
  { name, fmu, model, deadline, remote }: Component,
  { remotes, onProcess }: SimulationOptions,
  index: number,
): RemoteLibrary {
  const place = remotes?.get(index);
  if (place === undefined) throw new TypeError(`component '${name}': ${remote?.uri} is not prepared`);
  return new RemoteLibrary({ file: fmu, directory: '', model }, name, {
    ...place,
    ...(deadline === undefined ? {} : { deadlineMs: deadline * 1000 }),
    ...(onProcess === undefined ? {} : { onStart: onProcess }),
  });
}

/** A value for people and for JSON: a whole number that a double does not hold is a text, and so are bytes, in hexadecimal. */
export function toVariableValue(value: ModelValue): VariableValue {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** A text's UTF-8; bytes as they are, or from hexadecimal. */
function toBytes(value: string | Uint8Array, storage: Slot['storage']): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, storage === 'bytes' ? 'hex' : 'utf8') : value;
}
