/**
 * What a communication step is, in the plainest words: FMUs called one by one, values passed on one by one.
 *
 * Jacobi: functions are computed and inputs are taken from what was there at the communication point; then all whose step
 * begins make it; then the outputs of all whose step ends are read. Gauss-Seidel: one component after the other takes,
 * makes its step, and is read at once.
 */
import { FmuInstance, type ModelFolder, type ModelValue, storageOf } from '#tb/fmi/index.js';
import { convertValue, startUp } from '#tb/master/start-up.js';
import { type Connection, isFunctionPort, type System, type Terminal } from '#tb/system/index.js';

export class ReferenceModel {
  readonly #system: System;
  readonly #instances: FmuInstance[];
  /** In the order in which components are stepped with Gauss-Seidel. */
  readonly #order: readonly number[];
  /** What others see of the outputs of each component, by variable. */
  readonly #seen: Map<number, readonly ModelValue[]>[];
  readonly #computed: number[][];
  readonly #size: number;
  #step = 0;

  constructor(system: System, folders: ReadonlyMap<string, ModelFolder>, order: readonly number[]) {
    if (system.stepping.kind !== 'fixed') throw new TypeError('steps of one size only');
    this.#system = system;
    this.#size = system.stepping.size;
    this.#order = order;
    this.#instances = system.components.map(({ name, fmu }) => new FmuInstance(folders.get(fmu)!, { name }));
    this.#seen = system.components.map(() => new Map());
    this.#computed = system.functions.map(({ dimension }) => new Array<number>(dimension).fill(0));
    startUp(system, this.#instances);
    for (const component of this.#instances.keys()) this.#read(component);
  }

  get(component: number, variable: number): readonly ModelValue[] {
    return this.#seen[component]!.get(variable)!;
  }

  step(): void {
    const { algorithm, components } = this.#system;
    const begins = (component: number) => this.#step % components[component]!.every === 0;
    const ends = (component: number) => (this.#step + 1) % components[component]!.every === 0;
    if (algorithm === 'jacobi') {
      const all = [...components.keys()];
      for (const index of this.#computed.keys()) this.#compute(index);
      for (const component of all.filter(begins)) this.#take(component);
      for (const component of all.filter(begins)) this.#make(component);
      for (const component of all.filter(ends)) this.#read(component);
    } else {
      for (const component of this.#order) {
        for (const index of this.#computed.keys()) this.#compute(index);
        if (begins(component)) {
          this.#take(component);
          this.#make(component);
        }
        if (ends(component)) this.#read(component);
      }
    }
    this.#step += 1;
  }

  free(): void {
    for (const instance of this.#instances) instance.free();
  }

  #make(component: number): void {
    const { start, components } = this.#system;
    this.#instances[component]!.doStep(start + this.#step * this.#size, this.#size * components[component]!.every);
  }

  #read(component: number): void {
    const { model, sizes } = this.#system.components[component]!;
    for (const [variable, { causality }] of model.variables.entries()) {
      if (causality !== 'output') continue;
      this.#seen[component]!.set(variable, this.#instances[component]!.get(variable, sizes.get(variable) ?? 1));
    }
  }

  #take(component: number): void {
    const { model, sizes } = this.#system.components[component]!;
    for (const connection of this.#system.connections) {
      const { to } = connection;
      if (isFunctionPort(to) || to.component !== component) continue;
      const storage = storageOf(model.fmi, model.variables[to.variable]!.type);
      const given = this.#passed(connection).map((value) => convertValue(value, storage));
      const instance = this.#instances[component]!;
      if (to.element === undefined) instance.set(to.variable, given);
      else {
        const all = instance.get(to.variable, sizes.get(to.variable));
        all[to.element] = given[0]!;
        instance.set(to.variable, all);
      }
    }
  }

  /** Functions are listed behind those that feed them. */
  #compute(index: number): void {
    const { inputs, dimension, factor, offset } = this.#system.functions[index]!;
    const entered = new Array<number>(inputs * dimension).fill(0);
    for (const connection of this.#system.connections) {
      const { to } = connection;
      if (!isFunctionPort(to) || to.function !== index) continue;
      for (const [element, value] of this.#passed(connection).entries()) {
        entered[(to.input ?? 0) * dimension + (to.element ?? 0) + element] = Number(value);
      }
    }
    this.#computed[index] = Array.from({ length: dimension }, (_, element) => {
      let total = 0;
      for (let input = 0; input < inputs; input++) total += entered[input * dimension + element]!;
      return factor * total + offset;
    });
  }

  #passed({ from, factor, offset, table }: Connection): ModelValue[] {
    const values = this.#at(from);
    if (table !== undefined) return values.map((value) => table.find(([one]) => one === Number(value))?.[1] ?? value);
    return factor === 1 && offset === 0 ? values : values.map((value) => factor * Number(value) + offset);
  }

  #at(from: Terminal): ModelValue[] {
    const all = isFunctionPort(from) ? this.#computed[from.function]! : this.get(from.component, from.variable);
    return from.element === undefined ? [...all] : [all[from.element]!];
  }
}
