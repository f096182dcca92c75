/**
 * Values on their way: from where components give them to where others take them, converted and patched, and what is
 * computed of them.
 */
import { STORAGE_SIZE, storageNumber } from '../../native/index.js';
import { type Connection, isFunctionPort, type Port, type System } from '../../system/index.js';
import type { PlanCode } from './code.js';
import type { Feeds } from './feeds.js';
import type { Layout, Slot, Window } from './layout.js';

export interface Patch {
  readonly port: Port;
  readonly patch: number;
}

export class ValueCode {
  /** Connections whose values are moved when a step begins: what they begin at changes before they are due. */
  readonly early: Set<Connection> = new Set();
  readonly #system: System;
  readonly #code: PlanCode;
  readonly #layout: Layout;
  readonly #feeds: Feeds;
  readonly #patches: readonly Patch[];

  constructor(system: System, code: PlanCode, layout: Layout, feeds: Feeds, patches: readonly Patch[]) {
    this.#system = system;
    this.#code = code;
    this.#layout = layout;
    this.#feeds = feeds;
    this.#patches = patches;
  }

  setWindow(component: number, window: Window): void {
    const feeds = this.#feeding(component, window);
    const source = this.#lyingElsewhere(window, feeds);
    if (source === undefined) this.moveFeeds(feeds.filter((feed) => !this.early.has(feed)));
    this.#access('set', component, window, source ?? window.offset);
  }

  getWindow(component: number, window: Window): void {
    this.#access('get', component, window, window.offset);
    for (const { port, patch } of this.#patches) {
      if (port.component !== component || !window.variables.includes(port.variable)) continue;
      this.#patch(patch, this.#layout.given(port));
    }
  }

  /** To inputs of components, which may be patched on the way. */
  moveFeeds(feeds: readonly Connection[]): void {
    this.#moveAll(feeds);
    for (const { port, patch } of this.#patches) {
      const isFed = feeds.some(({ to }) => !isFunctionPort(to) && covers(to, port));
      if (isFed) this.#patch(patch, this.#layout.taken(port));
    }
  }

  #patch(patch: number, slot: Slot | undefined): void {
    if (slot !== undefined) this.#code.emit({ op: 'patch', a: slot.offset, b: storageNumber(slot.storage), c: patch });
  }

  #access(op: 'set' | 'get', component: number, window: Window, offset: number): void {
    const { variables, count, storage } = window;
    this.#code.emit({
      op,
      component,
      a: this.#valueReferences(component, variables),
      b: variables.length,
      c: offset,
      d: count,
      e: storageNumber(storage),
    });
  }

  /** Where in the pool the value references lie. */
  #valueReferences(component: number, variables: readonly number[]): number {
    const { model, fmu } = this.#system.components[component]!;
    return this.#code.list(`${fmu} ${variables.join(' ')}`, () =>
      variables.map((variable) => model.variables[variable]!.valueReference),
    );
  }

  #feeding(component: number, window: Window): Connection[] {
    const variables = new Set(window.variables);
    return this.#feeds.ofComponent[component]!.filter(({ to }) => variables.has((to as Port).variable));
  }

  /** Where all values of the window lie side by side already, as they are; undefined: nowhere. */
  #lyingElsewhere({ variables, storage }: Window, feeds: readonly Connection[]): number | undefined {
    if (feeds.length !== variables.length) return undefined;
    const byVariable = new Map(feeds.map((connection) => [(connection.to as Port).variable, connection]));
    let begin: number | undefined;
    let next: number | undefined;
    for (const variable of variables) {
      const connection = byVariable.get(variable);
      if (connection === undefined || isScaled(connection) || connection.table !== undefined) return undefined;
      const to = connection.to as Port;
      if (to.element !== undefined || this.early.has(connection) || this.#isPatched(to)) return undefined;
      const slot = this.#layout.given(connection.from)!;
      if (slot.storage !== storage || (next !== undefined && slot.offset !== next)) return undefined;
      begin ??= slot.offset;
      next = slot.offset + slot.count * STORAGE_SIZE[slot.storage];
    }
    return begin;
  }

  #isPatched(variable: Port): boolean {
    return this.#patches.some(({ port }) => covers(variable, port));
  }

  /** Neighbours that go to neighbours in one. */
  #moveAll(connections: readonly Connection[]): void {
    const moves = connections
      .map((connection) => ({
        connection,
        from: this.#layout.given(connection.from)!,
        to: this.#layout.taken(connection.to)!,
      }))
      .sort((a, b) => a.to.offset - b.to.offset);
    let run: { from: Slot; to: Slot; count: number } | undefined;
    const flush = () => {
      if (run !== undefined) this.#move(run.from, run.to, run.count);
      run = undefined;
    };
    for (const { connection, from, to } of moves) {
      if (connection.table !== undefined) {
        flush();
        this.#replace(from, to, connection.table);
        continue;
      }
      if (isScaled(connection)) {
        flush();
        const { factor, offset } = connection;
        this.#move(from, to, from.count, { factor, offset });
        continue;
      }
      const continues =
        run !== undefined &&
        run.from.storage === from.storage &&
        run.to.storage === to.storage &&
        from.offset === run.from.offset + run.count * STORAGE_SIZE[from.storage] &&
        to.offset === run.to.offset + run.count * STORAGE_SIZE[to.storage];
      if (continues) run!.count += from.count;
      else {
        flush();
        run = { from, to, count: from.count };
      }
    }
    flush();
  }

  #move(from: Slot, to: Slot, count: number, scale?: { factor: number; offset: number }): void {
    this.#code.emit({
      op: 'move',
      a: from.offset,
      b: to.offset,
      c: count,
      d: storageNumber(from.storage),
      e: storageNumber(to.storage),
      ...(scale === undefined ? {} : { scale }),
    });
  }

  #replace(from: Slot, to: Slot, table: NonNullable<Connection['table']>): void {
    const place = this.#code.place(table.length);
    this.#code.placeDoubles(...table.flat());
    const [d, e] = [storageNumber(from.storage), storageNumber(to.storage)];
    this.#code.emit({ op: 'table', a: from.offset, b: to.offset, c: from.count, d, e, f: place });
  }

  /** `isWanted`: which of its inputs are taken anew. */
  computeFunction(index: number, isWanted: (feed: Connection) => boolean = () => true): void {
    const { inputs: count, dimension, factor, offset } = this.#system.functions[index]!;
    const { inputs, output } = this.#layout.functions[index]!;
    this.#moveAll(this.#feeds.ofFunction[index]!.filter(isWanted));
    this.#code.emit({
      op: 'sum',
      a: inputs.offset,
      b: count,
      c: dimension,
      d: output.offset,
      scale: { factor, offset },
    });
  }
}

/** Whether `port` is `whole`, or an element of it. */
function covers(whole: Port, port: Port): boolean {
  if (whole.component !== port.component || whole.variable !== port.variable) return false;
  return whole.element === undefined || whole.element === port.element;
}

function isScaled({ factor, offset }: Connection): boolean {
  return factor !== 1 || offset !== 0;
}
