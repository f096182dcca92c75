/**
 * What depends on what without a delay: connections, functions, and inputs on which outputs depend directly
 * (`ModelStructure`). Its cycles are the algebraic loops.
 */
import type { FmuModel, ModelUnknown } from '../../fmi/index.js';
import { breakCycles, shortestCycle, stronglyConnectedParts } from '../../support/graph.js';
import {
  type Connection,
  isFunctionPort,
  type Port,
  portName,
  type System,
  type Terminal,
} from '../../system/index.js';

/** At the start other dependencies count (`InitialUnknowns`) than at a step (`Outputs`). */
export type Phase = 'start' | 'step';

export interface AlgebraicLoop {
  readonly components: readonly number[];
  /** Connections that go round in it, by index, in an order in which values can be passed on once some are guessed. */
  readonly connections: readonly number[];
  /** Of these connections those whose values are to be guessed: they depend on others that come later. */
  readonly guessed: ReadonlySet<number>;
  /** `a.y -> b.u`, one after the other, for people. */
  readonly path: readonly string[];
}

type Graph = Pick<System, 'components' | 'functions' | 'connections'>;

/** The connections as nodes: one depends on another that feeds what its source depends on. */
export interface ConnectionOrder {
  /** All connections, by index, in an order in which values can be passed on; those of a loop stand together. */
  readonly parts: readonly (readonly number[])[];
  readonly loops: readonly AlgebraicLoop[];
}

export function orderConnections(system: Graph, phase: Phase): ConnectionOrder {
  const followers = followersOf(system, phase);
  const parts = stronglyConnectedParts(followers);
  const isLoop = (part: readonly number[]) => part.length > 1 || followers[part[0]!]!.includes(part[0]!);
  const loops = parts.filter(isLoop).map((part): AlgebraicLoop => {
    const components = new Set<number>();
    for (const index of part) {
      const { from, to } = system.connections[index]!;
      for (const end of [from, to]) if (!isFunctionPort(end)) components.add(end.component);
    }
    const { order, guessed } = breakCycles(followers, part);
    return {
      components: [...components].sort((a, b) => a - b),
      connections: order,
      guessed,
      path: shortestCycle(followers, part).map((index) => describe(system, system.connections[index]!)),
    };
  });
  return { parts, loops };
}

function followersOf(system: Graph, phase: Phase): number[][] {
  /** By component: the connections that start at its variables, and those that end there. */
  const outgoing: Map<number, number[]>[] = system.components.map(() => new Map());
  const fromFunction: number[][] = system.functions.map(() => []);
  for (const [index, { from }] of system.connections.entries()) {
    if (isFunctionPort(from)) fromFunction[from.function]!.push(index);
    else push(outgoing[from.component]!, from.variable, index);
  }
  return system.connections.map(({ to }) => {
    if (isFunctionPort(to)) return fromFunction[to.function]!;
    const { model } = system.components[to.component]!;
    return [...outgoing[to.component]!].flatMap(([output, indices]) =>
      dependsOn(model, output, to.variable, phase) ? indices : [],
    );
  });
}

/** Whether a value given by the FMU depends on one that it takes, without a step between. */
export function dependsOn(model: FmuModel, output: number, input: number, phase: Phase): boolean {
  const { causality, variability, initial } = model.variables[output]!;
  const { causality: role, variability: kind } = model.variables[input]!;
  // A parameter that is fixed counts at the start only.
  if (phase === 'step' && role === 'parameter' && kind === 'fixed') return false;
  if (phase === 'start' && initial === 'exact') return false;
  if (variability === 'constant' || causality === 'parameter') return false;
  const { outputs, initialUnknowns } = dependenciesOf(model);
  const known = (phase === 'start' ? initialUnknowns.get(output) : undefined) ?? outputs.get(output);
  return known === undefined || known === 'all' || known.has(input);
}

type Dependencies = ReadonlyMap<number, ReadonlySet<number> | 'all'>;

/** By output: looked up for each pair of an output and an input, of which a model may have millions. */
const dependencies = new WeakMap<
  FmuModel,
  { readonly outputs: Dependencies; readonly initialUnknowns: Dependencies }
>();

function dependenciesOf(model: FmuModel): { readonly outputs: Dependencies; readonly initialUnknowns: Dependencies } {
  const byOutput = (unknowns: readonly ModelUnknown[]): Dependencies =>
    new Map(unknowns.map(({ index, dependencies: on }) => [index, on === undefined ? 'all' : new Set(on)]));
  let known = dependencies.get(model);
  if (known === undefined) {
    known = { outputs: byOutput(model.outputs), initialUnknowns: byOutput(model.initialUnknowns) };
    dependencies.set(model, known);
  }
  return known;
}

/** `a.y -> b.u` */
export function describe(system: Pick<System, 'components' | 'functions'>, { from, to }: Connection): string {
  const name = (end: Terminal) =>
    isFunctionPort(end) ? system.functions[end.function]!.name : portName(system, end as Port);
  return `${name(from)} -> ${name(to)}`;
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
