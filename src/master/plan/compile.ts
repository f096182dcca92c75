/**
 * A system compiled to a step plan: what the executor (fmu-shim/src/plan) does in a step, instruction by instruction.
 *
 * A component's turn is: move its inputs to where they lie side by side and convert them on the way, set them, make the
 * step. Its outputs are read as soon as nobody needs the old ones any more. Where the inputs of a component lie side by
 * side already, among the outputs of another, they are set from there and nothing is moved.
 */
import {
  type PlanInstruction,
  type PlanSpec,
  poolDouble,
  STORAGE_SIZE,
  storageNumber,
  TIMER_KINDS,
} from '../../native/index.js';
import {
  type Connection,
  isFunctionPort,
  type Port,
  type System,
  type Terminal,
  variableAt,
} from '../../system/index.js';
import type { AlgebraicLoop } from './dependencies.js';
import { isText, Layout, type Slot, type Window } from './layout.js';
import { type Block, type StepOrder, stepOrder } from './order.js';

export interface CompileOptions {
  /** Variables whose values are wanted at communication points besides those of the recordings. */
  readonly observed?: readonly Port[];
  /** Connected inputs, and outputs, whose values may be overridden or biased while it runs. */
  readonly patched?: readonly Port[];
  /** Whether steps may be undone. */
  readonly mayGoBack?: boolean;
}

/** Rows that a recorder holds before they have to be taken: some 256 KiB. */
const ROW_BYTES = 256 * 1024;

export interface CompiledPlan {
  readonly spec: PlanSpec;
  readonly layout: Layout;
  readonly order: StepOrder;
  /** By component: FMI 3.0, whose events the plan handles. */
  readonly eventMode: readonly boolean[];
  /** Cells in a row of each recorder, without the time. */
  readonly columns: readonly number[];
  /** Instructions that read all outputs: before the first step, and after going elsewhere in time. */
  readonly refresh: readonly [begin: number, end: number];
  /** Number of a patch by port. */
  patchOf(port: Port): number | undefined;
}

export function compilePlan(system: System, options: CompileOptions = {}): CompiledPlan {
  return new Compiler(system, options).compile();
}

class Compiler {
  readonly #system: System;
  readonly #options: CompileOptions;
  readonly #order: StepOrder;
  readonly #eventMode: readonly boolean[];
  readonly #layout: Layout;
  readonly #patches = new Map<string, { readonly port: Port; readonly patch: number }>();
  /** Connections by what they end at. */
  readonly #feeds: readonly Connection[][];
  readonly #feedsFunction: readonly Connection[][];
  /** Those whose values are moved when a step begins: what they begin at changes before they are due. */
  readonly #early = new Set<Connection>();
  readonly #code: PlanInstruction[] = [];
  readonly #pool: number[] = [];
  readonly #vrPlaces = new Map<string, number>();

  constructor(system: System, options: CompileOptions) {
    this.#system = system;
    this.#options = options;
    this.#order = stepOrder(system);
    this.#eventMode = system.components.map(
      ({ model, isolate }) =>
        model.capabilities.eventMode && !isolate && model.variables.some(({ type }) => type === 'Clock'),
    );
    for (const port of options.patched ?? []) this.#patches.set(key(port), { port, patch: this.#patches.size });
    this.#feeds = system.components.map(() => []);
    this.#feedsFunction = system.functions.map(() => []);
    for (const connection of system.connections) {
      const { to } = connection;
      if (isFunctionPort(to)) this.#feedsFunction[to.function]!.push(connection);
      else if (!this.#isOfStart(to)) this.#feeds[to.component]!.push(connection);
    }
    const given = [
      ...system.connections.flatMap(({ from }) => (isFunctionPort(from) ? [] : [from])),
      ...system.recordings.flatMap(({ variables }) => variables),
      ...(options.observed ?? []),
      ...this.#outputClocks(),
    ];
    // Those that come from neighbours lie as neighbours: then one move, or none, is enough.
    const taken = this.#feeds.flatMap((feeds) =>
      feeds.toSorted((a, b) => compareTerminals(a.from, b.from)).map(({ to }) => to as Port),
    );
    this.#layout = new Layout(system, given.toSorted(compareTerminals), [...taken, ...this.#timers()], this.#eventMode);
  }

  compile(): CompiledPlan {
    const { components, recordings, threads } = this.#system;
    const parallel =
      threads > 1 && this.#system.algorithm === 'jacobi' && this.#order.blocks.every(({ loop }) => !loop);
    this.#serialSteps();
    const codeEnd = this.#code.length;
    const stages = parallel ? this.#parallelSteps() : [];
    const events = this.#section(() => this.#exchangeEvents());
    const afterEvents = this.#section(() => this.#readAll((index) => this.#eventMode[index] === true));
    const refresh = this.#section(() => this.#readAll(() => true));
    const stagesPlace = this.#pool.length;
    for (const groups of stages) this.#pool.push(groups.length, ...groups.flat());
    const recordersPlace = this.#pool.length;
    // What goes nowhere makes no rows; its values are read all the same.
    const columns = recordings.map(({ variables, every, file, captured }) =>
      this.#recorder(variables, file === undefined && captured !== true ? 0 : every),
    );
    const eventComponents = this.#pool.length;
    const handling = [...components.keys()].filter((index) => this.#eventMode[index]);
    this.#pool.push(handling.length, ...handling.flatMap((index) => [index, components[index]!.every]));
    const timersPlace = this.#pool.length;
    const timers = this.#timers();
    this.#pool.push(timers.length);
    for (const port of timers) {
      const { valueReference, intervalVariability, interval = 0, shift = 0 } = variableAt(this.#system, port);
      const kind = (TIMER_KINDS as readonly (string | undefined)[]).indexOf(intervalVariability);
      this.#pool.push(port.component, valueReference, this.#layout.taken(port)!.offset, kind);
      this.#pool.push(...poolDouble(interval), ...poolDouble(shift));
    }
    const clocksPlace = this.#pool.length;
    const clocks = this.#outputClocks().map((port) => this.#layout.given(port)!.offset);
    this.#pool.push(clocks.length, ...clocks);
    const hasLoops = this.#order.blocks.some(({ loop }) => loop !== undefined);
    const spec: PlanSpec = {
      arenaSize: this.#layout.arenaSize,
      // One more than there are patches of texts: where their values are kept.
      texts: this.#layout.texts + this.#patches.size,
      components: components.length,
      patches: this.#patches.size,
      stages: [stages.length, stagesPlace],
      recorders: [recordings.length, recordersPlace],
      threads: parallel ? threads : 1,
      mayGoBack: this.#options.mayGoBack === true || hasLoops,
      codeEnd,
      events,
      afterEvents,
      eventComponents,
      timers: timersPlace,
      clocks: clocksPlace,
      alwaysEvents: this.#layout.components.some(({ takes }) =>
        takes.some(({ inEvents, clock, storage }) => inEvents && clock === undefined && storage !== 'clock'),
      ),
      code: this.#code,
      pool: this.#pool,
    };
    return {
      spec,
      layout: this.#layout,
      order: this.#order,
      eventMode: this.#eventMode,
      columns,
      refresh,
      patchOf: (port) => this.#patches.get(key(port))?.patch,
    };
  }

  // -- Steps ----------------------------------------------------------------------------------------------------------

  /** Steps of isolated components are begun here and awaited as late as can be: meanwhile the others make theirs. */
  #serialSteps(): void {
    const jacobi = this.#system.algorithm === 'jacobi';
    const blocks = jacobi ? this.#isolatedFirst(this.#order.blocks) : this.#order.blocks;
    const underWay = new Set<number>();
    if (jacobi) {
      for (const index of this.#functionOrder()) this.#computeFunction(index);
      this.#moveEarly();
    }
    const pending = this.#pendingReads(blocks);
    for (const block of blocks) {
      if (!jacobi) this.#finish(underWay, this.#feedersOf(block));
      if (block.loop !== undefined) this.#loop(block, block.loop);
      else {
        const [component] = block.components;
        if (!jacobi) this.#computeFunctionsBefore(component!);
        this.#take(component!);
        if (this.#isBegun(block)) {
          this.#begin(component!);
          underWay.add(component!);
        } else this.#step(component!);
      }
      for (const component of pending.after(block)) if (!underWay.has(component)) this.#read(component);
    }
    this.#finish(underWay, underWay);
  }

  /** Whether its step goes on by itself; those of a loop are made one after the other. */
  #isBegun({ components, loop }: Block): boolean {
    return loop === undefined && this.#system.components[components[0]!]!.isolate;
  }

  /** With Jacobi the order only says who still finds old values where others are read at once; these are read at the end. */
  #isolatedFirst(blocks: readonly Block[]): Block[] {
    return [...blocks.filter((block) => this.#isBegun(block)), ...blocks.filter((block) => !this.#isBegun(block))];
  }

  /** Awaits the steps of some components, and reads what they give. */
  #finish(underWay: Set<number>, wanted: ReadonlySet<number>): void {
    for (const component of [...underWay]) {
      if (!wanted.has(component)) continue;
      underWay.delete(component);
      this.#await(component);
      this.#read(component);
    }
  }

  /** The components that a block gets values from, through functions too. */
  #feedersOf({ components }: Block): Set<number> {
    const feeds = components.flatMap((component) => [
      ...this.#feeds[component]!,
      ...this.#functionsBehind(component).flatMap((index) => this.#feedsFunction[index]!),
    ]);
    return new Set(feeds.flatMap(({ from }) => (isFunctionPort(from) ? [] : [from.component])));
  }

  /**
   * Jacobi with loops that are iterated: the outputs of a loop change while it is, and all but the loop itself want the
   * old ones; and each of its rounds wants the same values from outside.
   */
  #moveEarly(): void {
    for (const { components, loop } of this.#order.blocks) {
      if (loop === undefined) continue;
      const within = this.#functionsWithin(components);
      for (const [component, feeds] of this.#feeds.entries()) {
        const isInside = components.includes(component);
        for (const feed of feeds) if (isOf(feed.from, components, within) !== isInside) this.#early.add(feed);
      }
    }
    for (const [component, feeds] of this.#feeds.entries()) {
      const early = feeds.filter((feed) => this.#early.has(feed));
      const { every } = this.#system.components[component]!;
      if (early.length > 0) this.#guarded(every, 0, () => this.#moveFeeds(early));
    }
  }

  /** Functions by which these components feed each other. */
  #functionsWithin(components: readonly number[]): Set<number> {
    const fed = new Set<number>();
    for (const index of this.#functionOrder()) {
      if (this.#feedsFunction[index]!.some(({ from }) => isOf(from, components, fed))) fed.add(index);
    }
    const feeding = new Set<number>();
    for (const component of components) {
      for (const index of this.#functionsBehind(component)) if (fed.has(index)) feeding.add(index);
    }
    return feeding;
  }

  /**
   * When the outputs of a component may be read: after its step, and with Jacobi after the steps of all that take them,
   * which want the old ones.
   */
  #pendingReads(blocks: readonly Block[]): { after(block: Block): number[] } {
    const jacobi = this.#system.algorithm === 'jacobi';
    const blockOf = new Map(
      blocks.flatMap((block) => block.components.map((component) => [component, block] as const)),
    );
    const takers = new Map<number, Set<Block>>();
    for (const { from, to } of this.#system.connections) {
      if (isFunctionPort(from) || isFunctionPort(to)) continue;
      const taker = blockOf.get(to.component)!;
      if (taker.components.includes(from.component)) continue;
      const set = takers.get(from.component) ?? new Set();
      takers.set(from.component, set.add(taker));
    }
    const waiting = new Map<number, Set<Block>>();
    const readers = new Map<Block, number[]>();
    for (const block of blocks) {
      // The outputs of a loop are read inside it.
      if (block.loop !== undefined) continue;
      for (const component of block.components) {
        const waits = new Set([block, ...(jacobi ? (takers.get(component) ?? []) : [])]);
        waiting.set(component, waits);
        for (const waited of waits) readers.set(waited, [...(readers.get(waited) ?? []), component]);
      }
    }
    return {
      after: (block) =>
        (readers.get(block) ?? []).filter((component) => {
          const waits = waiting.get(component)!;
          waits.delete(block);
          return waits.size === 0;
        }),
    };
  }

  /**
   * The same step for several threads: first all steps, then all reads, so that nobody reads while others take. Those of
   * isolated components need no thread.
   */
  #parallelSteps(): [number, number][][] {
    const group = (fill: () => void): [number, number] => [...this.#section(fill)];
    const components = [...this.#system.components.keys()];
    const isIsolated = (component: number) => this.#system.components[component]!.isolate;
    const first = group(() => {
      for (const index of this.#functionOrder()) this.#computeFunction(index);
      for (const component of components.filter(isIsolated)) {
        this.#take(component);
        this.#begin(component);
      }
    });
    const steps = components
      .filter((component) => !isIsolated(component))
      .map((component) =>
        group(() => {
          this.#take(component);
          this.#step(component);
        }),
      );
    const reads = components
      .map((component) =>
        group(() => {
          if (isIsolated(component)) this.#await(component);
          this.#read(component);
        }),
      )
      .filter(([begin, end]) => end > begin);
    return [first[1] > first[0] ? [first] : [], steps, reads].filter((groups) => groups.length > 0);
  }

  #loop({ components }: Block, loop: AlgebraicLoop): void {
    const at = this.#code.length;
    const within = this.#functionsWithin(components);
    const jacobi = this.#system.algorithm === 'jacobi';
    this.#emit({ op: 'loop' });
    for (const component of components) {
      if (!jacobi) this.#computeFunctionsBefore(component);
      else {
        for (const index of this.#functionsBehind(component)) {
          if (within.has(index)) this.#computeFunction(index, ({ from }) => isOf(from, components, within));
        }
      }
      this.#take(component);
      this.#step(component);
      this.#read(component);
    }
    const list = this.#pool.length;
    this.#pool.push(...components);
    const watchedAt = this.#pool.length;
    const watched = this.#takenBeforeGiven(components);
    for (const { offset, count, storage } of watched) this.#pool.push(offset, count, storageNumber(storage));
    const { iterations, tolerance } = this.#system.loops;
    this.#code[at] = {
      op: 'loop',
      component: loop.components[0]!,
      a: this.#code.length - at - 1,
      b: list,
      c: components.length,
      d: watchedAt,
      e: watched.length,
      f: iterations,
      scale: { factor: tolerance, offset: 0 },
    };
  }

  /** Of the values that these components give each other, in their order, those that come round from the last round. */
  #takenBeforeGiven(components: readonly number[]): Slot[] {
    const slots = new Map<string, Slot>();
    for (const [place, component] of components.entries()) {
      const behind = this.#functionsBehind(component).flatMap((index) => this.#feedsFunction[index]!);
      for (const { from } of [...this.#feeds[component]!, ...behind]) {
        if (isFunctionPort(from) || components.indexOf(from.component) < place) continue;
        const slot = this.#layout.given(from)!;
        if (!isText(slot.storage)) slots.set(`${slot.offset} ${slot.count}`, slot);
      }
    }
    return [...slots.values()];
  }

  /** Moves and sets what a component takes at steps. */
  #take(component: number): void {
    const { every } = this.#system.components[component]!;
    this.#guarded(every, 0, () => {
      for (const window of this.#layout.components[component]!.takes) {
        if (!window.inEvents) this.#setWindow(component, window);
      }
    });
  }

  #step(component: number): void {
    const { every } = this.#system.components[component]!;
    this.#guarded(every, 0, () => this.#emit({ op: 'step', component, a: every }));
  }

  #begin(component: number): void {
    const { every } = this.#system.components[component]!;
    this.#guarded(every, 0, () => this.#emit({ op: 'begin', component, a: every }));
  }

  #await(component: number): void {
    const { every } = this.#system.components[component]!;
    this.#guarded(every, 0, () => this.#emit({ op: 'await', component, a: every }));
  }

  /** A component that makes one long step while others make several has its outputs read at the end of it. */
  #read(component: number): void {
    const { every } = this.#system.components[component]!;
    this.#guarded(every, every - 1, () => {
      for (const window of this.#layout.components[component]!.gives) {
        if (!window.inEvents) this.#getWindow(component, window);
      }
    });
  }

  /** Of components that are at the end of their step. */
  #readAll(isWanted: (component: number) => boolean): void {
    for (const [component, { every }] of this.#system.components.entries()) {
      if (!isWanted(component)) continue;
      this.#guarded(every, 0, () => {
        for (const window of this.#layout.components[component]!.gives) {
          if (!window.inEvents) this.#getWindow(component, window);
        }
      });
    }
  }

  #guarded(period: number, phase: number, fill: () => void): void {
    const at = this.#code.length;
    if (period > 1) this.#emit({ op: 'every' });
    fill();
    if (period > 1) this.#code[at] = { op: 'every', a: period, b: phase, c: this.#code.length - at - 1 };
    if (period > 1 && this.#code.length === at + 1) this.#code.pop();
  }

  // -- Values ---------------------------------------------------------------------------------------------------------

  #setWindow(component: number, window: Window): void {
    const source = this.#lyingElsewhere(component, window);
    if (source === undefined) {
      this.#moveFeeds(this.#feeding(component, window).filter((feed) => !this.#early.has(feed)));
    }
    this.#access('set', component, window, source ?? window.offset);
  }

  #getWindow(component: number, window: Window): void {
    this.#access('get', component, window, window.offset);
    for (const { port, patch } of this.#patches.values()) {
      if (port.component !== component || !window.variables.includes(port.variable)) continue;
      this.#patch(patch, this.#layout.given(port));
    }
  }

  /** To inputs of components, which may be patched on the way. */
  #moveFeeds(feeds: readonly Connection[]): void {
    this.#moveAll(feeds);
    for (const { port, patch } of this.#patches.values()) {
      const isFed = feeds.some(({ to }) => !isFunctionPort(to) && covers(to, port));
      if (isFed) this.#patch(patch, this.#layout.taken(port));
    }
  }

  #patch(patch: number, slot: Slot | undefined): void {
    if (slot !== undefined) this.#emit({ op: 'patch', a: slot.offset, b: storageNumber(slot.storage), c: patch });
  }

  #access(op: 'set' | 'get', component: number, window: Window, offset: number): void {
    const { variables, count, storage } = window;
    this.#emit({
      op,
      component,
      a: this.#vrs(component, variables),
      b: variables.length,
      c: offset,
      d: count,
      e: storageNumber(storage),
    });
  }

  #feeding(component: number, window: Window): Connection[] {
    return this.#feeds[component]!.filter(({ to }) => window.variables.includes((to as Port).variable));
  }

  /** Where all values of the window lie side by side already, as they are; undefined: nowhere. */
  #lyingElsewhere(component: number, window: Window): number | undefined {
    const { variables } = window;
    const feeds = this.#feeding(component, window);
    if (feeds.length !== variables.length) return undefined;
    const byVariable = new Map(feeds.map((connection) => [(connection.to as Port).variable, connection]));
    let begin: number | undefined;
    let next: number | undefined;
    for (const variable of variables) {
      const connection = byVariable.get(variable);
      if (connection === undefined || isScaled(connection) || connection.table !== undefined) return undefined;
      const to = connection.to as Port;
      if (to.element !== undefined || this.#early.has(connection) || this.#isPatched(to)) return undefined;
      const slot = this.#layout.given(connection.from)!;
      if (slot.storage !== window.storage || (next !== undefined && slot.offset !== next)) return undefined;
      begin ??= slot.offset;
      next = slot.offset + slot.count * STORAGE_SIZE[slot.storage];
    }
    return begin;
  }

  #isPatched(variable: Port): boolean {
    return [...this.#patches.values()].some(({ port }) => covers(variable, port));
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
    this.#emit({
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
    const place = this.#pool.length;
    this.#pool.push(table.length, ...table.flat().flatMap(poolDouble));
    const [d, e] = [storageNumber(from.storage), storageNumber(to.storage)];
    this.#emit({ op: 'table', a: from.offset, b: to.offset, c: from.count, d, e, f: place });
  }

  // -- Functions --------------------------------------------------------------------------------------------------------

  /** `isWanted`: which of its inputs are taken anew. */
  #computeFunction(index: number, isWanted: (feed: Connection) => boolean = () => true): void {
    const { inputs: count, dimension, factor, offset } = this.#system.functions[index]!;
    const { inputs, output } = this.#layout.functions[index]!;
    this.#moveAll(this.#feedsFunction[index]!.filter(isWanted));
    this.#emit({ op: 'sum', a: inputs.offset, b: count, c: dimension, d: output.offset, scale: { factor, offset } });
  }

  /** Those that feed others first. */
  #functionOrder(from: Iterable<number> = this.#system.functions.keys()): number[] {
    const order: number[] = [];
    const seen = new Set<number>();
    const visit = (index: number) => {
      if (seen.has(index)) return;
      seen.add(index);
      for (const { from: source } of this.#feedsFunction[index]!) if (isFunctionPort(source)) visit(source.function);
      order.push(index);
    };
    for (const index of from) visit(index);
    return order;
  }

  /** Those that its inputs come from, directly or by others, in the order in which they are computed. */
  #functionsBehind(component: number): number[] {
    return this.#functionOrder(
      this.#feeds[component]!.flatMap(({ from }) => (isFunctionPort(from) ? [from.function] : [])),
    );
  }

  #computeFunctionsBefore(component: number): void {
    for (const index of this.#functionsBehind(component)) this.#computeFunction(index);
  }

  // -- Events -----------------------------------------------------------------------------------------------------------

  /** Input clocks that tick by themselves, at intervals that the FMU tells. */
  #timers(): Port[] {
    const fed = new Set(this.#system.connections.flatMap(({ to }) => (isFunctionPort(to) ? [] : [key(to)])));
    return this.#system.components.flatMap(({ model }, component) =>
      this.#eventMode[component] !== true
        ? []
        : model.variables.flatMap(({ type, causality, intervalVariability }, variable) => {
            const isPeriodic = type === 'Clock' && causality === 'input' && intervalVariability !== 'triggered';
            return isPeriodic && !fed.has(key({ component, variable })) ? [{ component, variable }] : [];
          }),
    );
  }

  /** Of components whose clocked outputs are read: the clocks have to be asked. */
  #outputClocks(): Port[] {
    return this.#system.components.flatMap(({ model }, component) =>
      this.#eventMode[component] !== true
        ? []
        : model.variables.flatMap(({ type, causality }, variable) =>
            type === 'Clock' && causality === 'output' ? [{ component, variable }] : [],
          ),
    );
  }

  /** Those that give before those that take, whatever the algorithm: an event takes no time. */
  #exchangeEvents(): void {
    const { blocks } = this.#order;
    const producersFirst = this.#system.algorithm === 'jacobi' ? blocks.toReversed() : blocks;
    for (const component of producersFirst.flatMap(({ components }) => components)) {
      if (this.#eventMode[component] !== true) continue;
      const { takes, gives } = this.#layout.components[component]!;
      const clocksFirst = (windows: readonly Window[]) =>
        windows
          .filter(({ inEvents }) => inEvents)
          .toSorted((a, b) => Number(b.storage === 'clock') - Number(a.storage === 'clock'));
      // One that is in the middle of a longer step takes no part.
      this.#guarded(this.#system.components[component]!.every, 0, () => {
        for (const window of clocksFirst(takes)) {
          this.#whenTicking(component, window, () => this.#setWindow(component, window));
        }
        for (const window of clocksFirst(gives)) {
          this.#whenTicking(component, window, () => this.#getWindow(component, window));
        }
        for (const window of gives) if (!window.inEvents) this.#getWindow(component, window);
      });
    }
  }

  #whenTicking(component: number, { clock }: Window, fill: () => void): void {
    const port = clock === undefined ? undefined : { component, variable: clock };
    const slot = port === undefined ? undefined : (this.#layout.taken(port) ?? this.#layout.given(port));
    if (port !== undefined && slot === undefined) return; // a clock that never ticks
    const at = this.#code.length;
    if (slot !== undefined) this.#emit({ op: 'when' });
    fill();
    if (slot !== undefined) this.#code[at] = { op: 'when', a: slot.offset, c: this.#code.length - at - 1 };
  }

  // -- Bits -------------------------------------------------------------------------------------------------------------

  #recorder(variables: readonly Port[], every: number): number {
    const cells = variables.flatMap((port): [number, number][] => {
      const { offset, count, storage } = this.#layout.given(port)!;
      const size = STORAGE_SIZE[storage];
      return Array.from({ length: count }, (_, element) => [offset + element * size, storageNumber(storage)]);
    });
    const rows = Math.max(1, Math.floor(ROW_BYTES / (8 * (cells.length + 1))));
    this.#pool.push(every, rows, cells.length, ...cells.flat());
    return cells.length;
  }

  /** A parameter that is fixed is set at the start and never again. */
  #isOfStart(port: Port): boolean {
    const { causality, variability } = variableAt(this.#system, port);
    return causality === 'parameter' && variability === 'fixed';
  }

  /** Where in the pool the value references lie; the same lists of one FMU only once. */
  #vrs(component: number, variables: readonly number[]): number {
    const { model, fmu } = this.#system.components[component]!;
    const name = `${fmu} ${variables.join(' ')}`;
    const known = this.#vrPlaces.get(name);
    if (known !== undefined) return known;
    const place = this.#pool.length;
    this.#pool.push(...variables.map((variable) => model.variables[variable]!.valueReference));
    this.#vrPlaces.set(name, place);
    return place;
  }

  #section(fill: () => void): readonly [number, number] {
    const begin = this.#code.length;
    fill();
    return [begin, this.#code.length];
  }

  #emit(instruction: PlanInstruction): void {
    this.#code.push(instruction);
  }
}

/** Whether a connection begins at one of these components or functions. */
function isOf(from: Terminal, components: readonly number[], functions: ReadonlySet<number>): boolean {
  return isFunctionPort(from) ? functions.has(from.function) : components.includes(from.component);
}

/** Whether `port` is `whole`, or an element of it. */
function covers(whole: Port, port: Port): boolean {
  if (whole.component !== port.component || whole.variable !== port.variable) return false;
  return whole.element === undefined || whole.element === port.element;
}

function isScaled({ factor, offset }: Connection): boolean {
  return factor !== 1 || offset !== 0;
}

function compareTerminals(a: Connection['from'], b: Connection['from']): number {
  if (isFunctionPort(a) || isFunctionPort(b)) {
    return Number(isFunctionPort(a)) - Number(isFunctionPort(b)) || (a.element ?? 0) - (b.element ?? 0);
  }
  return a.component - b.component || a.variable - b.variable || (a.element ?? 0) - (b.element ?? 0);
}

function key({ component, variable, element }: Port): string {
  return `${component} ${variable} ${element ?? ''}`;
}
