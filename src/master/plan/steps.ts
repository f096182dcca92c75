/**
 * The order of what is done in a step: when a component takes its inputs, makes its step, and when its outputs are read.
 */
import { storageNumber } from '../../native/index.js';
import { isElsewhere, isFunctionPort, type System } from '../../system/index.js';
import type { PlanCode } from './code.js';
import type { AlgebraicLoop } from './dependencies.js';
import { type Feeds, isOf } from './feeds.js';
import { isText, type Layout, type Slot } from './layout.js';
import type { Block, StepOrder } from './order.js';
import type { ValueCode } from './values.js';

export class StepCode {
  readonly #system: System;
  readonly #code: PlanCode;
  readonly #layout: Layout;
  readonly #feeds: Feeds;
  readonly #values: ValueCode;
  readonly #order: StepOrder;

  constructor(system: System, code: PlanCode, layout: Layout, feeds: Feeds, values: ValueCode, order: StepOrder) {
    this.#system = system;
    this.#code = code;
    this.#layout = layout;
    this.#feeds = feeds;
    this.#values = values;
    this.#order = order;
  }

  /** Steps of isolated and remote components are begun here and awaited as late as can be: meanwhile the others make theirs. */
  serial(): void {
    const jacobi = this.#system.algorithm === 'jacobi';
    const blocks = jacobi ? this.#begunFirst(this.#order.blocks) : this.#order.blocks;
    const underWay = new Set<number>();
    if (jacobi) {
      for (const index of this.#feeds.functionOrder()) this.#values.computeFunction(index);
      this.#moveEarly();
    }
    const pending = this.#pendingReads(blocks);
    for (const block of blocks) {
      if (!jacobi) this.#finish(underWay, this.#feeds.feedersOf(block.components));
      if (block.loop !== undefined) this.#loop(block, block.loop);
      else {
        const [component] = block.components;
        if (!jacobi) this.#computeFunctionsBefore(component!);
        this.#take(component!);
        if (this.#isBegun(block)) {
          this.#step(component!, 'begin');
          underWay.add(component!);
        } else this.#step(component!);
      }
      for (const component of pending.after(block)) if (!underWay.has(component)) this.#read(component);
    }
    this.#finish(underWay, underWay);
  }

  /** Whether its step goes on by itself; those of a loop are made one after the other. */
  #isBegun({ components, loop }: Block): boolean {
    return loop === undefined && isElsewhere(this.#system.components[components[0]!]!);
  }

  /** With Jacobi the order only says who still finds old values where others are read at once; these are read at the end. */
  #begunFirst(blocks: readonly Block[]): Block[] {
    return [...blocks.filter((block) => this.#isBegun(block)), ...blocks.filter((block) => !this.#isBegun(block))];
  }

  /** Awaits the steps of some components, and reads what they give. */
  #finish(underWay: Set<number>, wanted: ReadonlySet<number>): void {
    for (const component of [...underWay]) {
      if (!wanted.has(component)) continue;
      underWay.delete(component);
      this.#step(component, 'await');
      this.#read(component);
    }
  }

  /**
   * Jacobi with loops that are iterated: the outputs of a loop change while it is, and all but the loop itself want the
   * old ones; and each of its rounds wants the same values from outside.
   */
  #moveEarly(): void {
    for (const { components, loop } of this.#order.blocks) {
      if (loop === undefined) continue;
      const within = this.#feeds.functionsWithin(components);
      for (const [component, feeds] of this.#feeds.ofComponent.entries()) {
        const isInside = components.includes(component);
        for (const feed of feeds) if (isOf(feed.from, components, within) !== isInside) this.#values.early.add(feed);
      }
    }
    for (const [component, feeds] of this.#feeds.ofComponent.entries()) {
      const early = feeds.filter((feed) => this.#values.early.has(feed));
      const { every } = this.#system.components[component]!;
      if (early.length > 0) this.#code.every(every, 0, () => this.#values.moveFeeds(early));
    }
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
   * isolated and remote components need no thread.
   */
  parallel(): [number, number][][] {
    const group = (fill: () => void): [number, number] => [...this.#code.section(fill)];
    const components = [...this.#system.components.keys()];
    const isFar = (component: number) => isElsewhere(this.#system.components[component]!);
    const first = group(() => {
      for (const index of this.#feeds.functionOrder()) this.#values.computeFunction(index);
      for (const component of components.filter(isFar)) {
        this.#take(component);
        this.#step(component, 'begin');
      }
    });
    const steps = components
      .filter((component) => !isFar(component))
      .map((component) =>
        group(() => {
          this.#take(component);
          this.#step(component);
        }),
      );
    const reads = components
      .map((component) =>
        group(() => {
          if (isFar(component)) this.#step(component, 'await');
          this.#read(component);
        }),
      )
      .filter(([begin, end]) => end > begin);
    return [first[1] > first[0] ? [first] : [], steps, reads].filter((groups) => groups.length > 0);
  }

  #loop({ components }: Block, loop: AlgebraicLoop): void {
    const within = this.#feeds.functionsWithin(components);
    const jacobi = this.#system.algorithm === 'jacobi';
    const list = this.#code.place(...components);
    const watched = this.#takenBeforeGiven(components);
    const watchedAt = this.#code.place(
      ...watched.flatMap(({ offset, count, storage }) => [offset, count, storageNumber(storage)]),
    );
    const { iterations, tolerance } = this.#system.loops;
    const round = () => {
      for (const component of components) {
        if (!jacobi) this.#computeFunctionsBefore(component);
        else {
          for (const index of this.#feeds.functionsBehind(component)) {
            if (within.has(index)) this.#values.computeFunction(index, ({ from }) => isOf(from, components, within));
          }
        }
        this.#take(component);
        this.#step(component);
        this.#read(component);
      }
    };
    this.#code.loop(round, (inside) => ({
      op: 'loop',
      component: loop.components[0]!,
      a: inside,
      b: list,
      c: components.length,
      d: watchedAt,
      e: watched.length,
      f: iterations,
      scale: { factor: tolerance, offset: 0 },
    }));
  }

  /** Of the values that these components give each other, in their order, those that come round from the last round. */
  #takenBeforeGiven(components: readonly number[]): Slot[] {
    const slots = new Map<string, Slot>();
    for (const [place, component] of components.entries()) {
      const behind = this.#feeds.functionsBehind(component).flatMap((index) => this.#feeds.ofFunction[index]!);
      for (const { from } of [...this.#feeds.ofComponent[component]!, ...behind]) {
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
    this.#code.every(every, 0, () => {
      for (const window of this.#layout.components[component]!.takes) {
        if (!window.inEvents) this.#values.setWindow(component, window);
      }
    });
  }

  /** The whole step, or of one that goes on by itself its beginning or its end. */
  #step(component: number, op: 'step' | 'begin' | 'await' = 'step'): void {
    const { every } = this.#system.components[component]!;
    this.#code.every(every, 0, () => this.#code.emit({ op, component, a: every }));
  }

  /** A component that makes one long step while others make several has its outputs read at the end of it. */
  #read(component: number): void {
    this.#readAt(component, this.#system.components[component]!.every - 1);
  }

  /** Of components that are at the end of their step. */
  readAll(isWanted: (component: number) => boolean): void {
    for (const component of this.#system.components.keys()) if (isWanted(component)) this.#readAt(component, 0);
  }

  #readAt(component: number, phase: number): void {
    this.#code.every(this.#system.components[component]!.every, phase, () => {
      for (const window of this.#layout.components[component]!.gives) {
        if (!window.inEvents) this.#values.getWindow(component, window);
      }
    });
  }

  #computeFunctionsBefore(component: number): void {
    for (const index of this.#feeds.functionsBehind(component)) this.#values.computeFunction(index);
  }
}
