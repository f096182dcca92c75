// @ts-nocheck
/**
 * A system compiled for stepping: flat arrays of value references and values, and which value goes where.
 *
 * All values of a kind lie in one arena, those that components give and those that they take apart; each component
 * holds windows into them, which the FMU reads and writes in place. Passing values on is then a loop over two arrays of
 * indices, and a step allocates nothing (but strings).
 */
import type { VariableType } from '../fmi/index.js';
import { type Port, type System, variableAt } from '../system/index.js';

/** Enumerations are carried as Integer, Booleans as 0 and 1 among the integers. */
export type Carrier = 'Real' | 'Integer' | 'Boolean' | 'String';

/** Variables of one type of one component, in the order of their values. */
export interface Window<Values> {
  readonly vrs: Uint32Array;
  readonly values: Values;
}

/** What one component gives, or takes; types it has no variables of are absent. */
export interface Windows {
  readonly real?: Window<Float64Array>;
  readonly integer?: Window<Int32Array>;
  readonly boolean?: Window<Int32Array>;
  readonly string?: StringWindow;
}

/** Strings have no shared memory: the window's values begin at `offset` of the arena. */
export interface StringWindow extends Window<string[]> {
  readonly offset: number;
}

/** All values that components give, or take. */
export interface Arena {
  readonly reals: Float64Array;
  readonly integers: Int32Array;
  readonly strings: string[];
}

/** Pairs of places: `to[i]` of the taken receives `from[i]` of the given. */
export interface Copies {
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** Where a port's value lies in its arena. */
export interface Slot {
  readonly type: VariableType;
  readonly index: number;
}

export interface StepPlan {
  readonly given: Arena;
  readonly taken: Arena;
  /** By component. */
  readonly outputs: readonly Windows[];
  readonly inputs: readonly Windows[];
  readonly realToReal: Copies;
  readonly integerToReal: Copies;
  readonly integerToInteger: Copies;
  readonly stringToString: Copies;
  /** Of a port that is connected or observed; undefined for others. */
  slotOf(port: Port): Slot | undefined;
}

/** `observed`: ports whose values are wanted at each communication point besides those that are connected. */
export function compileStepPlan(system: System, observed: readonly Port[]): StepPlan {
  const sources = layOut(system, [...system.connections.map(({ from }) => from), ...observed]);
  const targets = layOut(
    system,
    system.connections.map(({ to }) => to),
  );
  const copies = (from: readonly Carrier[], to: Carrier): Copies => {
    const wires = system.connections
      .map((connection) => ({
        source: sources.slots.get(key(connection.from))!,
        target: targets.slots.get(key(connection.to))!,
      }))
      .filter(({ source, target }) => from.includes(carrierOf(source.type)) && carrierOf(target.type) === to);
    return {
      from: Int32Array.from(wires, ({ source }) => source.index),
      to: Int32Array.from(wires, ({ target }) => target.index),
    };
  };
  const booleans = copies(['Boolean'], 'Boolean');
  const integers = copies(['Integer'], 'Integer');
  return {
    given: sources.arena,
    taken: targets.arena,
    outputs: sources.windows,
    inputs: targets.windows,
    realToReal: copies(['Real'], 'Real'),
    integerToReal: copies(['Integer'], 'Real'),
    integerToInteger: {
      from: Int32Array.of(...integers.from, ...booleans.from),
      to: Int32Array.of(...integers.to, ...booleans.to),
    },
    stringToString: copies(['String'], 'String'),
    slotOf: (port) => sources.slots.get(key(port)),
  };
}

export function carrierOf(type: VariableType): Carrier {
  return type === 'Enumeration' ? 'Integer' : type;
}

interface Layout {
  readonly arena: Arena;
  readonly windows: Windows[];
  readonly slots: Map<string, Slot>;
}

/** Gives every port a place, grouped by component and type. */
function layOut(system: System, ports: readonly Port[]): Layout {
  const distinct = [...new Map(ports.map((port) => [key(port), port])).values()];
  const ofType = (component: number, carrier: Carrier) =>
    distinct.filter((port) => port.component === component && carrierOf(variableAt(system, port).type) === carrier);
  const count = (...carriers: Carrier[]) =>
    distinct.filter((port) => carriers.includes(carrierOf(variableAt(system, port).type))).length;

  const arena: Arena = {
    reals: new Float64Array(count('Real')),
    integers: new Int32Array(count('Integer', 'Boolean')),
    strings: new Array<string>(count('String')).fill(''),
  };
  const slots = new Map<string, Slot>();
  const used = { reals: 0, integers: 0, strings: 0 };
  const reserve = (area: keyof typeof used, members: readonly Port[]): number => {
    const offset = used[area];
    for (const [place, port] of members.entries()) {
      slots.set(key(port), { type: variableAt(system, port).type, index: offset + place });
    }
    used[area] += members.length;
    return offset;
  };
  const vrsOf = (members: readonly Port[]) =>
    Uint32Array.from(members, (port) => variableAt(system, port).valueReference);

  const windows = system.components.map((_, component): Windows => {
    const reals = ofType(component, 'Real');
    const integers = ofType(component, 'Integer');
    const booleans = ofType(component, 'Boolean');
    const strings = ofType(component, 'String');
    const integerWindow = (members: readonly Port[]): Window<Int32Array> => {
      const offset = reserve('integers', members);
      return { vrs: vrsOf(members), values: arena.integers.subarray(offset, offset + members.length) };
    };
    const realOffset = reserve('reals', reals);
    return {
      ...(reals.length > 0 && {
        real: { vrs: vrsOf(reals), values: arena.reals.subarray(realOffset, realOffset + reals.length) },
      }),
      ...(integers.length > 0 && { integer: integerWindow(integers) }),
      ...(booleans.length > 0 && { boolean: integerWindow(booleans) }),
      ...(strings.length > 0 && {
        string: { vrs: vrsOf(strings), values: strings.map(() => ''), offset: reserve('strings', strings) },
      }),
    };
  });
  return { arena, windows, slots };
}

function key({ component, variable }: Port): string {
  return `${component}.${variable}`;
}
