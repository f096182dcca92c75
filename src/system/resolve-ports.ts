/** Names of ports in a draft, looked up in the components and functions of the system. */
import { type FmuModel, INTEGER_RANGE, type ModelVariable, typeName, type UnitDefinition } from '../fmi/index.js';
import type { Problem } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import { composeSteps } from './conversion.js';
import type { DraftConnection, DraftNumberStep, DraftPort } from './draft.js';
import { indexOfName } from './names.js';
import {
  type Component,
  type Connection,
  type FunctionPort,
  isFunctionPort,
  lengthsOf,
  type Port,
  type SystemFunction,
  sizeOf,
  type Terminal,
  terminalName,
  variableAt,
} from './system.js';
import { toTable } from './table.js';
import type { UnitConversion } from './units.js';

/** Stands for the model of an FMU that cannot be used, so that the other checks go on. */
export const UNREADABLE: FmuModel = {
  fmi: '2.0',
  modelName: '',
  token: '',
  capabilities: {
    variableStepSize: true,
    oncePerProcess: false,
    getAndSetState: true,
    serializeState: false,
    directionalDerivatives: false,
    maxOutputDerivativeOrder: 0,
    eventMode: false,
    mightReturnEarly: false,
  },
  units: [],
  enumerations: [],
  logCategories: [],
  variables: [],
  outputs: [],
  initialUnknowns: [],
};

/** What an end of a connection may be. */
type Role = 'source' | 'target';

const SOURCES: readonly string[] = ['output', 'calculatedParameter', 'local'];
const TARGETS: readonly string[] = ['input', 'parameter'];

export class PortResolver {
  readonly components: readonly Component[];
  readonly functions: readonly SystemFunction[];
  readonly #problems: Problem[];
  readonly #warnings: Problem[];

  constructor(
    components: readonly Component[],
    functions: readonly SystemFunction[],
    problems: Problem[],
    warnings: Problem[],
  ) {
    this.components = components;
    this.functions = functions;
    this.#problems = problems;
    this.#warnings = warnings;
  }

  /** The connections, those that are faulty left out and reported. */
  connections(drafts: readonly DraftConnection[]): Connection[] {
    const fedBy = new Map<string, string>();
    const ends: { readonly to: Terminal; readonly place: DraftPort }[] = [];
    const connections = drafts.flatMap((draft): Connection[] => {
      const directed = this.#directed(draft);
      const from = this.#end(directed.from, 'source');
      const to = this.#end(directed.to, 'target');
      if (to !== undefined) {
        const name = terminalName(this, to);
        const source = `${directed.from.owner}.${directed.from.variable}`;
        const earlier = fedBy.get(name);
        if (earlier !== undefined) {
          this.#report(directed.to, `input '${name}' is fed twice: by '${earlier}' and by '${source}'`);
        } else {
          fedBy.set(name, source);
          ends.push({ to, place: directed.to });
        }
      }
      if (from === undefined || to === undefined) return [];
      if (!this.#typesMatch(from, to, directed.to)) return [];
      const { factor = 1, offset = 0, convertUnits } = draft;
      const { steps = stepsOf(factor, offset, convertUnits) } = draft;
      const scales = steps.some((step) => step.kind === 'linear' && (step.factor !== 1 || step.offset !== 0));
      if (scales && !this.#isNumber(to)) {
        this.#report(directed.to, `'${terminalName(this, to)}' is no number: there is nothing to scale`);
        return [];
      }
      const conversion = this.#conversion(from, to, draft, steps, directed.to);
      return [{ from, to, ...conversion, ...this.#table(from, to, draft) }];
    });
    this.#checkOverlaps(ends);
    return connections;
  }

  /** A variable of a component, whatever its causality; undefined, and reported, if there is none. */
  port(draft: DraftPort): Port | undefined {
    const { owner } = draft;
    const component = indexOfName(this.components, owner);
    if (component < 0) {
      const names = [...this.components, ...this.functions].map(({ name }) => name);
      this.#report(draft, `unknown component '${owner}'${didYouMean(owner, names)}`);
      return undefined;
    }
    if (this.components[component]!.model === UNREADABLE) return undefined;
    const port = this.#variable(component, draft);
    if (port === undefined) this.#reportUnknownVariable(draft, component, undefined);
    return port;
  }

  #variable(component: number, { variable: wanted, indices }: DraftPort): Port | undefined {
    const { model, sizes } = this.components[component]!;
    const variable = indexOfName(model.variables, wanted);
    if (variable >= 0 && indices === undefined) return { component, variable };
    if (indices !== undefined) {
      const element = variable < 0 ? undefined : this.#element(component, variable, indices);
      return element === undefined ? undefined : { component, variable, element };
    }
    const [, array, index] = /^(.*)\[(\d+)\]$/s.exec(wanted) ?? [];
    const owner = indexOfName(model.variables, array);
    const element = Number(index);
    return owner >= 0 && element < (sizes.get(owner) ?? 0) ? { component, variable: owner, element } : undefined;
  }

  /** Its number in row-major order. */
  #element(component: number, variable: number, indices: readonly number[]): number | undefined {
    const owner = this.components[component]!;
    const lengths = lengthsOf(owner, owner.model.variables[variable]!);
    const isWithin = indices.length === lengths.length && indices.every((index, n) => index < lengths[n]!);
    return isWithin ? indices.reduce((element, index, n) => element * lengths[n]! + index, 0) : undefined;
  }

  #reportUnknownVariable(draft: DraftPort, component: number, role: Role | undefined): void {
    const { model } = this.components[component]!;
    const causality = role === 'target' ? 'input' : 'output';
    const fitting = model.variables.filter((one) => role === undefined || one.causality === causality);
    const names = fitting.map(({ name }) => name);
    const what = role === undefined ? 'variable' : causality;
    const listed = names.length === 0 ? `it has no ${what}s` : `its ${what}s: ${shorten(names)}`;
    const { owner, variable, indices } = draft;
    const whole = indices && model.variables.find((one) => one.name === variable);
    if (whole !== undefined) {
      const lengths = lengthsOf(this.components[component]!, whole);
      const size = lengths.length === 0 ? 'is no array' : `has ${lengths.join(' x ')} elements`;
      const place = indices!.map((index) => index + 1).join(' ');
      this.#report(draft, `'${owner}.${variable}' ${size}: it has none at ${place} (counted from 1)`);
      return;
    }
    this.#report(draft, `'${owner}' has no variable '${variable}'${didYouMean(variable, names)}`, listed);
  }

  /** The file may not say which end gives: the one that can, and whose other end can take. */
  #directed({ from, to, undirected }: DraftConnection): { from: DraftPort; to: DraftPort } {
    if (undirected !== true) return { from, to };
    const gives = this.#causality(from);
    const takes = this.#causality(to);
    if (gives === undefined || takes === undefined) return { from, to };
    const isReversed = !SOURCES.slice(0, 2).includes(gives) && SOURCES.includes(takes);
    return isReversed ? { from: to, to: from } : { from, to };
  }

  #causality(draft: DraftPort): string | undefined {
    const { owner, variable } = draft;
    if (indexOfName(this.functions, owner) >= 0) return variable.startsWith('out') ? 'output' : 'input';
    const component = indexOfName(this.components, owner);
    const port = component < 0 ? undefined : this.#variable(component, draft);
    return port === undefined ? undefined : variableAt(this, port).causality;
  }

  #end(draft: DraftPort, role: Role): Terminal | undefined {
    const index = indexOfName(this.functions, draft.owner);
    if (index >= 0) return this.#functionPort(draft, index, role);
    const component = indexOfName(this.components, draft.owner);
    if (component >= 0 && this.components[component]!.model !== UNREADABLE) {
      const port = this.#variable(component, draft);
      if (port === undefined) {
        this.#reportUnknownVariable(draft, component, role);
        return undefined;
      }
      return this.#hasRole(draft, variableAt(this, port), role) ? port : undefined;
    }
    return this.port(draft);
  }

  #hasRole(draft: DraftPort, variable: ModelVariable, role: Role): boolean {
    const { causality, variability } = variable;
    const allowed = role === 'source' ? SOURCES : TARGETS;
    const name = `${draft.owner}.${draft.variable}`;
    if (!allowed.includes(causality)) {
      const rule = role === 'source' ? 'starts at an output' : 'ends at an input';
      this.#report(draft, `a connection ${rule}, '${name}' is ${describeRole(variable)}`);
      return false;
    }
    if (causality === 'parameter' && variability !== 'tunable' && variability !== 'fixed') {
      this.#report(draft, `a connection ends at an input, '${name}' is ${describeRole(variable)}`);
      return false;
    }
    return true;
  }

  #functionPort(draft: DraftPort, index: number, role: Role): FunctionPort | undefined {
    const { name, inputs, dimension, kind } = this.functions[index]!;
    const [, direction, rest = ''] = /^(in|out)((?:\[\d+\])*)$/.exec(draft.variable) ?? [];
    const numbers = [...rest.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    const takesIndex = direction === 'in' && kind !== 'linear';
    const input = direction === 'in' ? (takesIndex ? numbers.shift() : 0) : undefined;
    const element = numbers.shift();
    const isKnown =
      direction !== undefined &&
      numbers.length === 0 &&
      (direction === 'out' || (input !== undefined && input < inputs)) &&
      (element === undefined || (kind === 'vector-sum' && element < dimension));
    if (!isKnown) {
      const last = inputs - 1;
      const ports = kind === 'linear' ? 'in and out' : last === 0 ? 'in[0] and out' : `in[0] to in[${last}] and out`;
      const vectors = kind === 'vector-sum' ? `, each of ${dimension} elements` : '';
      this.#report(draft, `function '${name}' has no port '${draft.variable}'`, `it has ${ports}${vectors}`);
      return undefined;
    }
    if ((direction === 'out') !== (role === 'source')) {
      const rule = role === 'source' ? 'starts at an output' : 'ends at an input';
      this.#report(draft, `a connection ${rule}, '${name}.${draft.variable}' is an ${direction}put of a function`);
      return undefined;
    }
    return {
      function: index,
      ...(input === undefined ? {} : { input }),
      ...(element === undefined ? {} : { element }),
    };
  }

  #typesMatch(from: Terminal, to: Terminal, place: DraftPort): boolean {
    const [source, target] = [this.#shape(from), this.#shape(to)];
    const wire = `'${terminalName(this, from)}' (${source.label}) to '${terminalName(this, to)}' (${target.label})`;
    if (!isConvertible(source.type, target.type)) {
      this.#report(place, `types do not match: ${wire}`);
      return false;
    }
    if (source.size !== target.size) {
      this.#report(place, `sizes do not match: ${wire}`, 'name single elements, from 0: component.variable[0]');
      return false;
    }
    if (losesValues(source.type, target.type)) {
      this.#warnings.push({ message: `values are rounded or cut off: ${wire}`, location: place.location });
    }
    return true;
  }

  #shape(terminal: Terminal): { type: ModelVariable['type']; size: number; label: string } {
    if (isFunctionPort(terminal)) {
      const { dimension } = this.functions[terminal.function]!;
      const size = terminal.element === undefined ? dimension : 1;
      return { type: 'Float64', size, label: size === 1 ? 'Real' : `Real, ${size} elements` };
    }
    const { type, dimensions } = variableAt(this, terminal);
    const size = sizeOf(this, terminal);
    const name = typeName(this.components[terminal.component]!.model, type);
    const isWhole = dimensions.length > 0 && terminal.element === undefined;
    return { type, size, label: isWhole ? `${name}, ${size} elements` : name };
  }

  #conversion(
    from: Terminal,
    to: Terminal,
    draft: DraftConnection,
    steps: readonly DraftNumberStep[],
    place: DraftPort,
  ): UnitConversion {
    const source = this.#unit(from, draft.units?.from);
    const target = this.#unit(to, draft.units?.to);
    const { faults, ...conversion } = composeSteps(steps, source, target);
    const ends = [`'${terminalName(this, from)}'`, `'${terminalName(this, to)}'`] as const;
    for (const { from: given, to: taken, fault } of faults) {
      const isWhole = given === source && taken === target;
      const names = isWhole
        ? `${ends[0]} is in ${given.name}, ${ends[1]} in ${taken.name}`
        : `${given.name} and ${taken.name}, on the way from ${ends[0]} to ${ends[1]}`;
      if (fault === 'incompatible') this.#report(place, `units do not go together: ${names}`);
      else {
        const message = `units differ, and values are passed on as they are: ${names}`;
        this.#warnings.push({ message, location: place.location });
      }
    }
    return conversion;
  }

  #table(from: Terminal, to: Terminal, { table }: DraftConnection): Pick<Connection, 'table'> {
    if (table === undefined) return {};
    const end = (terminal: Terminal) => ({
      name: terminalName(this, terminal),
      type: this.#shape(terminal).type,
      enumeration: this.#enumeration(terminal),
    });
    return { table: toTable(table, end(from), end(to), this.#problems) };
  }

  #enumeration(terminal: Terminal) {
    if (isFunctionPort(terminal)) return undefined;
    const { declaredType } = variableAt(this, terminal);
    return this.components[terminal.component]!.model.enumerations.find(({ name }) => name === declaredType);
  }

  #unit(terminal: Terminal, given: string | UnitDefinition | undefined): UnitDefinition | undefined {
    if (typeof given === 'object' && given.baseUnit !== undefined) return given;
    const own = isFunctionPort(terminal) ? undefined : variableAt(this, terminal).unit;
    const name = typeof given === 'object' ? given.name : (given ?? own);
    if (name === undefined) return undefined;
    const defined = isFunctionPort(terminal)
      ? this.components.flatMap(({ model }) => model.units)
      : this.components[terminal.component]!.model.units;
    return defined.find((unit) => unit.name === name) ?? { name };
  }

  /** An array may be fed whole or by elements, not both. */
  #checkOverlaps(ends: readonly { readonly to: Terminal; readonly place: DraftPort }[]): void {
    const whole = new Set(ends.filter(({ to }) => to.element === undefined).map(({ to }) => terminalName(this, to)));
    for (const { to, place } of ends) {
      if (to.element === undefined) continue;
      const { element: _, ...rest } = to;
      const array = terminalName(this, rest as Terminal);
      if (!whole.has(array)) continue;
      this.#report(place, `'${terminalName(this, to)}' is fed twice: '${array}' is fed as a whole`);
    }
  }

  #isNumber(terminal: Terminal): boolean {
    return isFunctionPort(terminal) || kindOf(variableAt(this, terminal).type) === 'number';
  }

  #report({ location }: DraftPort, message: string, remedy?: string): void {
    this.#problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
  }
}

/** Scaled first, then converted. */
function stepsOf(factor: number, offset: number, convert: boolean): readonly DraftNumberStep[] {
  return [
    { kind: 'linear', factor, offset },
    { kind: 'unit', to: 'end', convert },
  ];
}

type Kind = 'number' | 'String' | 'Binary' | 'Clock';

function kindOf(type: ModelVariable['type']): Kind {
  return type === 'String' || type === 'Binary' || type === 'Clock' ? type : 'number';
}

/** Numbers, truth values and enumerations into each other; texts, bytes and clocks only into their own kind. */
function isConvertible(from: ModelVariable['type'], to: ModelVariable['type']): boolean {
  return kindOf(from) === kindOf(to);
}

/** The whole numbers that a type holds exactly, all between these two. */
const WHOLE_NUMBERS: Readonly<Partial<Record<ModelVariable['type'], readonly [bigint, bigint]>>> = {
  ...INTEGER_RANGE,
  Boolean: [0n, 1n],
  Enumeration: INTEGER_RANGE.Int32!,
  Float32: [-(2n ** 24n), 2n ** 24n],
  Float64: [-(2n ** 53n), 2n ** 53n],
};

function losesValues(from: ModelVariable['type'], to: ModelVariable['type']): boolean {
  const [given, taken] = [WHOLE_NUMBERS[from], WHOLE_NUMBERS[to]];
  if (given === undefined || taken === undefined) return false;
  const isFraction = (type: string) => type === 'Float32' || type === 'Float64';
  return (isFraction(from) && !isFraction(to)) || given[0] < taken[0] || given[1] > taken[1];
}

export function describeRole({ causality, variability, initial }: ModelVariable): string {
  const article = /^[aeiou]/.test(causality) ? 'an' : 'a';
  const noun = causality === 'local' ? 'a local variable' : `${article} ${causality}`;
  return variability === 'constant' ? `${noun}, constant` : initial === 'calculated' ? `${noun}, calculated` : noun;
}

function shorten(names: readonly string[]): string {
  return names.length <= 12 ? names.join(', ') : `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`;
}
