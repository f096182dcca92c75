/**
 * In what order components make their steps.
 *
 * Jacobi: all see the values of the last communication point. A component that takes values is stepped before those that
 * give them, so that it still finds the old ones where they lie, and its new ones can be read at once.
 *
 * Gauss-Seidel: a component is stepped after those that feed it, and sees their new values. Within a cycle the inputs
 * that outputs depend on directly count first; what is left is an algebraic loop, or has to take one value of old.
 */
import { stronglyConnectedParts } from '../../support/graph.js';
import { isFunctionPort, type System } from '../../system/index.js';
import { type AlgebraicLoop, dependsOn, orderConnections } from './dependencies.js';

/** What is stepped as one: a component, or those of a loop that is iterated. */
export interface Block {
  /** In the order in which they make their steps. */
  readonly components: readonly number[];
  /** Set where the components are iterated. */
  readonly loop?: AlgebraicLoop;
}

export interface StepOrder {
  readonly blocks: readonly Block[];
  /** Loops that are there but are not iterated, and why. */
  readonly open: readonly { readonly loop: AlgebraicLoop; readonly reason: string }[];
}

export function stepOrder(system: System): StepOrder {
  const open: { loop: AlgebraicLoop; reason: string }[] = [];
  const iterated: AlgebraicLoop[] = [];
  for (const loop of mergeOverlapping(orderConnections(system, 'step').loops)) {
    const reason = whyNotIterated(system, loop);
    if (reason === undefined) iterated.push(loop);
    else open.push({ loop, reason });
  }
  const blockOf = new Map<number, Block>();
  for (const loop of iterated) {
    const block = { components: orderWithin(system, loop), loop };
    for (const component of loop.components) blockOf.set(component, block);
  }
  for (const component of system.components.keys()) {
    if (!blockOf.has(component)) blockOf.set(component, { components: [component] });
  }
  const blocks = [...new Set(blockOf.values())];
  const ordered = orderBlocks(system, blocks, blockOf);
  return { blocks: system.algorithm === 'jacobi' ? ordered.reverse() : ordered, open };
}

function whyNotIterated(system: System, { components }: AlgebraicLoop): string | undefined {
  if (!system.loops.atSteps) return 'loops are not iterated at steps (loops.atSteps)';
  for (const index of components) {
    const { name, model, every } = system.components[index]!;
    if (!model.capabilities.getAndSetState) return `'${name}' cannot go back, it does not save its state`;
    if (every > 1) return `'${name}' has a step size of its own`;
  }
  return undefined;
}

/** A component behind those whose values it takes, as far as a loop lets it: then little has to be guessed. */
function orderWithin(system: System, { components, connections }: AlgebraicLoop): number[] {
  const last = new Map(components.map((component) => [component, -1]));
  for (const [place, index] of connections.entries()) {
    const { to } = system.connections[index]!;
    if (!isFunctionPort(to)) last.set(to.component, place);
  }
  return components.toSorted((a, b) => last.get(a)! - last.get(b)!);
}

/** Two loops through one component are iterated together. */
function mergeOverlapping(loops: readonly AlgebraicLoop[]): AlgebraicLoop[] {
  const merged: AlgebraicLoop[] = [];
  for (const loop of loops) {
    let all = loop;
    for (let i = merged.length - 1; i >= 0; i--) {
      const other = merged[i]!;
      if (!other.components.some((component) => all.components.includes(component))) continue;
      merged.splice(i, 1);
      all = {
        components: [...new Set([...other.components, ...all.components])].sort((a, b) => a - b),
        connections: [...other.connections, ...all.connections],
        guessed: new Set([...other.guessed, ...all.guessed]),
        path: [...other.path, ...all.path],
      };
    }
    merged.push(all);
  }
  return merged;
}

/** Those that give before those that take. */
function orderBlocks(system: System, blocks: readonly Block[], blockOf: ReadonlyMap<number, Block>): Block[] {
  const indexOf = new Map(blocks.map((block, index) => [block, index]));
  const at = (component: number) => indexOf.get(blockOf.get(component)!)!;
  const edges = componentEdges(system);
  const followers = (isCounted: (edge: ComponentEdge) => boolean, inside?: ReadonlySet<number>) => {
    const lists: Set<number>[] = blocks.map(() => new Set());
    for (const edge of edges) {
      const [from, to] = [at(edge.from), at(edge.to)];
      if (from === to || !isCounted(edge) || (inside !== undefined && !(inside.has(from) && inside.has(to)))) continue;
      lists[from]!.add(to);
    }
    return lists.map((set) => [...set]);
  };
  const all = followers(() => true);
  return stronglyConnectedParts(all).flatMap((part) => {
    if (part.length === 1) return [blocks[part[0]!]!];
    const inside = new Set(part);
    return stronglyConnectedParts(followers(({ direct }) => direct, inside))
      .flat()
      .filter((index) => inside.has(index))
      .map((index) => blocks[index]!);
  });
}

interface ComponentEdge {
  readonly from: number;
  readonly to: number;
  /** An output depends directly on the input that is fed. */
  readonly direct: boolean;
}

/** Connections between components, those through functions included. */
function componentEdges(system: System): ComponentEdge[] {
  /** By function: the components that it gets values from. */
  const behind: Set<number>[] = system.functions.map(() => new Set());
  let grown = true;
  while (grown) {
    grown = false;
    for (const { from, to } of system.connections) {
      if (!isFunctionPort(to)) continue;
      const set = behind[to.function]!;
      const { size } = set;
      if (isFunctionPort(from)) for (const component of behind[from.function]!) set.add(component);
      else set.add(from.component);
      grown ||= set.size > size;
    }
  }
  const gives: Set<number>[] = system.components.map(() => new Set());
  for (const { from } of system.connections) if (!isFunctionPort(from)) gives[from.component]!.add(from.variable);
  return system.connections.flatMap(({ from, to }): ComponentEdge[] => {
    if (isFunctionPort(to)) return [];
    const { model } = system.components[to.component]!;
    const direct = [...gives[to.component]!].some((output) => dependsOn(model, output, to.variable, 'step'));
    const sources = isFunctionPort(from) ? [...behind[from.function]!] : [from.component];
    return sources.map((source) => ({ from: source, to: to.component, direct }));
  });
}
