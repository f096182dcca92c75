/** A step plan in words: in what order what is done, loops, conversions, and each instruction. */
import { type PlanInstruction, STORAGES } from '../../native/index.js';
import { type Connection, isElsewhere, isFunctionPort, type System, terminalName } from '../../system/index.js';
import type { CompiledPlan } from './compile.js';

export interface PlanDescription {
  readonly algorithm: string;
  readonly stepping: string;
  readonly threads: number;
  readonly components: number;
  readonly connections: number;
  readonly instructions: number;
  /** Bytes of values between components. */
  readonly arenaBytes: number;
  /** Components that other processes or machines run. */
  readonly elsewhere: readonly { readonly component: string; readonly place: string }[];
  /** Components in the order in which they make their steps; those of a loop together. */
  readonly order: readonly (readonly string[])[];
  readonly loops: readonly {
    readonly path: readonly string[];
    readonly components: readonly string[];
    readonly iterated: boolean;
    /** Why it is not. */
    readonly reason?: string;
  }[];
  /** Connections on which values change: scaled, replaced, of another type. */
  readonly conversions: readonly string[];
  /** What a step does, one line an instruction. */
  readonly code: readonly string[];
}

export function describePlan(system: System, plan: CompiledPlan): PlanDescription {
  const name = (index: number) => system.components[index]!.name;
  const { spec, order } = plan;
  return {
    algorithm: system.algorithm,
    stepping: describeStepping(system),
    threads: spec.threads,
    components: system.components.length,
    connections: system.connections.length,
    instructions: spec.codeEnd,
    arenaBytes: spec.arenaSize,
    elsewhere: system.components.filter(isElsewhere).map(({ name: component, remote }) => ({
      component,
      place: remote?.uri ?? 'a process of its own',
    })),
    order: order.blocks.map(({ components }) => components.map(name)),
    loops: [
      ...order.blocks.flatMap(({ loop }) =>
        loop === undefined ? [] : [{ path: loop.path, components: loop.components.map(name), iterated: true as const }],
      ),
      ...order.open.map(({ loop, reason }) => ({
        path: loop.path,
        components: loop.components.map(name),
        iterated: false as const,
        reason,
      })),
    ],
    conversions: system.connections.flatMap((connection) => describeConversion(system, plan, connection)),
    code: describeCode(system, plan),
  };
}

function describeStepping({ stepping }: System): string {
  if (stepping.kind === 'fixed') return `fixed, ${stepping.size} s`;
  const bounds = `${stepping.minimum} to ${stepping.maximum} s`;
  if (stepping.kind === 'data') return `by data, ${bounds}`;
  const constraints = stepping.constraints.map(({ kind, name }) => `${kind} '${name}'`);
  const { tolerance } = stepping;
  const bound = tolerance === undefined ? [] : [`error ${tolerance.relative} relative, ${tolerance.absolute} absolute`];
  return [`variable, ${bounds}`, ...bound, ...constraints].join('; ');
}

function describeConversion(system: System, { layout }: CompiledPlan, connection: Connection): string[] {
  const { from, to, factor, offset, table } = connection;
  const [source, target] = [layout.given(from), layout.taken(to)];
  const changes = [
    ...(source !== undefined && target !== undefined && source.storage !== target.storage
      ? [`${source.storage} to ${target.storage}`]
      : []),
    ...(factor === 1 ? [] : [`times ${factor}`]),
    ...(offset === 0 ? [] : [`plus ${offset}`]),
    ...(table === undefined ? [] : [`${table.length} values replaced`]),
  ];
  if (changes.length === 0) return [];
  return [`${terminalName(system, from)} -> ${terminalName(system, to)}: ${changes.join(', ')}`];
}

function describeCode(system: System, plan: CompiledPlan): string[] {
  const { spec } = plan;
  const places = new Places(system, plan);
  const lines: string[] = [];
  const depths: number[] = [];
  for (const [index, instruction] of spec.code.slice(0, spec.codeEnd).entries()) {
    while (depths.length > 0 && depths.at(-1)! <= index) depths.pop();
    lines.push(`${'  '.repeat(depths.length)}${describeInstruction(system, plan, places, instruction)}`);
    const inside = { every: instruction.c, when: instruction.c, loop: instruction.a }[instruction.op as string];
    if (inside !== undefined) depths.push(index + 1 + inside);
  }
  return lines;
}

/** Variables of one call that are listed. */
const MAX_NAMES = 6;

function describeInstruction(system: System, plan: CompiledPlan, places: Places, one: PlanInstruction): string {
  const { op, component = 0, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, scale } = one;
  const owner = system.components[component]?.name ?? '';
  switch (op) {
    case 'set':
    case 'get': {
      const { model } = system.components[component]!;
      const names = plan.spec.pool.slice(a, a + Math.min(b, MAX_NAMES)).map((reference) => {
        const isRight = (variable: (typeof model.variables)[number]) => variable.valueReference === reference;
        return model.variables.find(isRight)?.name ?? `#${reference}`;
      });
      const source = op === 'set' ? places.nameOf(c) : undefined;
      const more = b > names.length ? ` and ${b - names.length} more` : '';
      return `${op} ${owner}: ${names.join(', ')}${more}${source === undefined ? '' : ` from ${source}`}`;
    }
    case 'step':
      return `step ${owner}${a > 1 ? `, ${a} steps in one` : ''}`;
    case 'begin':
    case 'await':
      return `${op} the step of ${owner}${a > 1 ? `, ${a} steps in one` : ''}`;
    case 'move':
    case 'table': {
      const types = d === e ? '' : ` (${STORAGES[d]} to ${STORAGES[e]})`;
      const scaled = scale === undefined ? '' : `, times ${scale.factor} plus ${scale.offset}`;
      const replaced = op === 'table' ? ', some values replaced' : '';
      return `move ${places.nameOf(a) ?? a} to ${places.nameOf(b) ?? b}${c > 1 ? `, ${c} values` : ''}${types}${scaled}${replaced}`;
    }
    case 'sum':
      return `sum of ${b} inputs to ${places.nameOf(d) ?? d}${c > 1 ? `, ${c} elements` : ''}`;
    case 'every':
      return `at steps ${b} of ${a}:`;
    case 'loop':
      return `until settled within ${scale?.factor}, ${f} times at most:`;
    case 'patch':
      return `override or bias ${places.nameOf(a) ?? a}`;
    case 'when':
      return `when ${places.nameOf(a) ?? a} ticks:`;
  }
}

/** What lies where in the arena. */
class Places {
  readonly #names = new Map<number, string>();

  constructor(system: System, { layout }: CompiledPlan) {
    const note = (slot: { offset: number } | undefined, name: string) => {
      if (slot !== undefined && !this.#names.has(slot.offset)) this.#names.set(slot.offset, name);
    };
    for (const { from, to } of system.connections) {
      note(layout.given(from), terminalName(system, from));
      note(layout.taken(to), `its place for ${terminalName(system, to)}`);
      if (isFunctionPort(from)) note(layout.functions[from.function]?.output, terminalName(system, from));
    }
  }

  nameOf(offset: number): string | undefined {
    return this.#names.get(offset);
  }
}
