/**
 * A co-simulation as plain, checked data: components, functions, the wires between them, and how to run it. It can be
 * sent to another thread as it is.
 */
import type { Fmi3StartValue, FmuModel, ModelVariable } from '../fmi/index.js';
import type { RemoteSource } from '../remote/index.js';
import type { Problem } from '../support/errors.js';
import { indexOfName, indicesByName } from './names.js';

/** A variable of a component, or one element of an array variable. */
export interface Port {
  /** Index into `System.components`. */
  readonly component: number;
  /** Index into `model.variables`. */
  readonly variable: number;
  /** Of an array, row-major from 0; left out: all of it. */
  readonly element?: number;
}

/** What goes into a function (`input` is its number from 0), or comes out of it. */
export interface FunctionPort {
  /** Index into `System.functions`. */
  readonly function: number;
  /** Left out: the output. */
  readonly input?: number;
  /** Of a vector sum: which element, from 0; left out: all of them. */
  readonly element?: number;
}

export type Terminal = Port | FunctionPort;

export interface StartAssignment {
  readonly variable: number;
  /** One for each element, of the variable's type; an Enumeration's as its number, a Binary's in hexadecimal. */
  readonly values: readonly Fmi3StartValue[];
}

/** An FMU instance in the system. */
export interface Component {
  /** Unique in the system; may have dots where systems are nested. */
  readonly name: string;
  /** Path of the archive on this machine; of a remote FMU that is not here its URI. */
  readonly fmu: string;
  /** Where its FMU runs, if a server runs it. */
  readonly remote?: RemoteSource;
  readonly model: FmuModel;
  readonly start: readonly StartAssignment[];
  /** Number of elements of the variables that are arrays, by index; structural parameters have their say in it. */
  readonly sizes: ReadonlyMap<number, number>;
  /** It makes one step where the system makes this many. */
  readonly every: number;
  /** In a process of its own, which may crash or hang without harm to the others. */
  readonly isolate: boolean;
  /** How long an isolated or remote step may take, s; left out: as long as it likes. */
  readonly deadline?: number;
  /** Debug categories to switch on; `'all'`: all that the FMU has; left out: none. */
  readonly logging?: readonly string[] | 'all';
}

/**
 * Computed by the master between steps, on Float64, element by element: output = factor * (sum of the inputs) + offset.
 * A linear transformation has one input, a sum has factor 1 and offset 0, a vector sum has a dimension.
 */
export interface SystemFunction {
  readonly name: string;
  readonly kind: 'linear' | 'sum' | 'vector-sum';
  readonly inputs: number;
  readonly dimension: number;
  readonly factor: number;
  readonly offset: number;
}

/** A wire. Its value is converted to the type of its end, and scaled: to = factor * from + offset. */
export interface Connection {
  readonly from: Terminal;
  readonly to: Terminal;
  /** 1 and 0 where values pass as they are; units that differ are converted here. */
  readonly factor: number;
  readonly offset: number;
  /** Numbers (of a Boolean 0 and 1) that are replaced by others, with factor 1 and offset 0; the rest pass as they are. */
  readonly table?: readonly (readonly [given: number, taken: number])[];
}

/** `fast`: no waiting; a number: simulated seconds per second of wall clock, 1 for real time. */
export type Pace = 'fast' | number;

/**
 * What a paced run does when a step ends after its due time. `catch-up`: goes on without waiting until it is on time
 * again; `slip`: all later due times move by the delay; `skip`: makes one longer step to the next communication point
 * that is not yet due; `fail`: ends.
 */
export type LatePolicy = 'catch-up' | 'slip' | 'skip' | 'fail';

/** `jacobi`: all components see the values of the last communication point; `gauss-seidel`: those behind see the new. */
export type Algorithm = 'jacobi' | 'gauss-seidel';

/** How often and how closely an algebraic loop is iterated, at each step and at the start. */
export interface LoopSettings {
  /** Largest relative (above 1) or absolute change of a value between two rounds that counts as settled. */
  readonly tolerance: number;
  readonly iterations: number;
  /** Whether loops are iterated at each step; at the start they always are. */
  readonly atSteps: boolean;
}

/** How the communication step size is chosen; s. */
export type StepControl =
  | { readonly kind: 'fixed'; readonly size: number }
  | {
      readonly kind: 'variable';
      readonly minimum: number;
      readonly maximum: number;
      readonly initial: number;
      /** Bound on the estimated error of the connected values (step doubling); left out: no estimate. */
      readonly tolerance?: { readonly relative: number; readonly absolute: number };
      readonly constraints: readonly StepConstraint[];
    }
  | {
      readonly kind: 'data';
      /** The bridge whose next sample is the next communication point. */
      readonly component: number;
      readonly minimum: number;
      readonly maximum: number;
    };

/** As in Maestro's variable-step algorithm. */
export type StepConstraint =
  | {
      readonly kind: 'zero-crossing';
      readonly name: string;
      /** Of one the zeros, of two the points where they are equal. */
      readonly ports: readonly Port[];
      /** Of the extrapolation: 1 or 2. */
      readonly order: 1 | 2;
      readonly tolerance?: number;
      readonly safety: number;
    }
  | {
      readonly kind: 'bounded-difference';
      readonly name: string;
      readonly ports: readonly Port[];
      readonly absolute?: number;
      readonly relative?: number;
      readonly safety: number;
      readonly skipDiscrete: boolean;
    }
  | {
      readonly kind: 'sampling-rate';
      readonly name: string;
      /** Samples are due at (start + k * rate) * base, s. */
      readonly base: number;
      readonly rate: number;
      readonly start: number;
    }
  | { readonly kind: 'fmu-max-step-size'; readonly name: string };

export const RECORD_FORMATS = ['csv', 'parquet', 'mcap'] as const;
export type RecordFormat = (typeof RECORD_FORMATS)[number];

/** What goes into the results, and into which file. */
export interface Recording {
  /** Absolute; left out: kept for the report only. */
  readonly file?: string;
  readonly format: RecordFormat;
  readonly variables: readonly Port[];
  /** One row every so many communication points; 1: all. */
  readonly every: number;
  /** Kept in memory, for whoever asked for the columns. */
  readonly captured?: boolean;
  /** When the next file is begun; left out: never. */
  readonly roll?: RollSettings;
}

/** The first limit that is reached counts. */
export interface RollSettings {
  readonly rows?: number;
  readonly bytes?: number;
  /** Simulated. */
  readonly seconds?: number;
  /** Files kept, the newest; left out: all. */
  readonly keep?: number;
}

/** What is changed at run time, as in the scenarios of the Open Simulation Platform. */
export interface Scenario {
  /** In order of time. */
  readonly events: readonly ScenarioEvent[];
  /** When everything is given back its own values, s after the start. */
  readonly end?: number;
}

export interface ScenarioEvent {
  /** s after the start; shows in the step that begins then. */
  readonly time: number;
  readonly port: Port;
  /** `bias`: the value is added to the variable's own; `reset`: it gets back its own. */
  readonly action: 'override' | 'bias' | 'reset';
  readonly value?: number | boolean | string;
}

export interface System {
  /** The file it was read from. */
  readonly file: string;
  readonly components: readonly Component[];
  readonly functions: readonly SystemFunction[];
  readonly connections: readonly Connection[];
  readonly algorithm: Algorithm;
  readonly loops: LoopSettings;
  readonly stepping: StepControl;
  /** Threads that make steps; 1: that of the run alone. */
  readonly threads: number;
  /** s */
  readonly start: number;
  /** s; left out: until stopped. */
  readonly stop?: number;
  readonly pace: Pace;
  readonly late: LatePolicy;
  /** The first holds what is reported of the last communication point. */
  readonly recordings: readonly Recording[];
  readonly scenario?: Scenario;
  /** What is odd but does not keep the system from running. */
  readonly warnings: readonly Problem[];
}

type WithComponents = Pick<System, 'components'>;

/** Whether its FMU runs in another process: its steps go on by themselves once they are begun. */
export function isElsewhere({ isolate, remote }: Pick<Component, 'isolate' | 'remote'>): boolean {
  return isolate || remote !== undefined;
}

/** Whether the archive of its FMU is on this machine, wherever it runs. */
export function isArchiveHere({ remote }: Pick<Component, 'remote'>): boolean {
  return remote === undefined || 'file' in remote;
}

export function isFunctionPort(terminal: Terminal): terminal is FunctionPort {
  return 'function' in terminal;
}

export function variableAt(system: WithComponents, { component, variable }: Port): ModelVariable {
  return system.components[component]!.model.variables[variable]!;
}

/** Number of scalars in the port. */
export function sizeOf(system: WithComponents, { component, variable, element }: Port): number {
  return element === undefined ? (system.components[component]!.sizes.get(variable) ?? 1) : 1;
}

/** How many elements each dimension of the variable has, in this component. */
export function lengthsOf({ model, start }: Pick<Component, 'model' | 'start'>, variable: ModelVariable): number[] {
  return variable.dimensions.map((dimension) => {
    if ('start' in dimension) return Number(dimension.start);
    const index = model.variables.findIndex(({ valueReference }) => valueReference === dimension.valueReference);
    const given = start.find((assignment) => assignment.variable === index)?.values ?? model.variables[index]?.start;
    return Number(given?.[0] ?? 0);
  });
}

/** `component.variable`, or `component.variable[element]`. */
export function portName(system: WithComponents, port: Port): string {
  const suffix = port.element === undefined ? '' : `[${port.element}]`;
  return `${system.components[port.component]!.name}.${variableAt(system, port).name}${suffix}`;
}

/** {@link portName} of any end of a connection: `function.in`, `function.in[1]`, `function.out`. */
export function terminalName(system: Pick<System, 'components' | 'functions'>, terminal: Terminal): string {
  if (!isFunctionPort(terminal)) return portName(system, terminal);
  const { name, kind } = system.functions[terminal.function]!;
  const port = terminal.input === undefined ? 'out' : kind === 'linear' ? 'in' : `in[${terminal.input}]`;
  return `${name}.${port}${terminal.element === undefined ? '' : `[${terminal.element}]`}`;
}

/** The port of that name; undefined if there is none. */
export function findPort(system: WithComponents, name: string): Port | undefined {
  const split = splitPortName(name, indicesByName(system.components));
  const component = indexOfName(system.components, split.owner);
  if (component < 0) return undefined;
  const { model, sizes } = system.components[component]!;
  const variable = indexOfName(model.variables, split.variable);
  if (variable >= 0) return { component, variable };
  // No variable has this name with its index: it may be an element of an array.
  const [, array, index] = /^(.*)\[(\d+)\]$/s.exec(split.variable) ?? [];
  const owner = indexOfName(model.variables, array);
  const element = Number(index);
  return owner >= 0 && element < (sizes.get(owner) ?? 0) ? { component, variable: owner, element } : undefined;
}

export type NameSet = Pick<ReadonlySet<string>, 'has'>;

/** At the dot behind the longest of the `owners` that the name begins with, else at the first dot. */
export function splitPortName(name: string, owners: NameSet = new Set()): { owner: string; variable: string } {
  let end = name.lastIndexOf('.');
  while (end > 0 && !owners.has(name.slice(0, end))) end = name.lastIndexOf('.', end - 1);
  if (end <= 0) end = name.indexOf('.');
  return end < 0 ? { owner: name, variable: '' } : { owner: name.slice(0, end), variable: name.slice(end + 1) };
}

/**
 * All ports whose name the pattern matches; `*` stands for any characters. A pattern with `*` leaves parameters out: they
 * do not change, and one of them may be a password.
 */
export function matchPorts(system: WithComponents, pattern: string): Port[] {
  if (!pattern.includes('*')) {
    const port = findPort(system, pattern);
    return port === undefined ? [] : [port];
  }
  const expression = new RegExp(`^${pattern.split('*').map(escapeExpression).join('.*')}$`, 's');
  return allPorts(system).filter(
    (port) => !/parameter$/i.test(variableAt(system, port).causality) && expression.test(portName(system, port)),
  );
}

export function outputPorts(system: WithComponents): Port[] {
  return allPorts(system).filter((port) => variableAt(system, port).causality === 'output');
}

function allPorts({ components }: WithComponents): Port[] {
  return components.flatMap(({ model }, component) => model.variables.map((_, variable) => ({ component, variable })));
}

function escapeExpression(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
