/**
 * A co-simulation as plain, checked data: components, the wires between them, and how to run it. It can be sent to
 * another thread as it is.
 */
import type { ModelDescription, ScalarVariable, StartValue } from '../fmi/index.js';
import type { Problem } from '../support/errors.js';

/** A variable of a component, both by index (of `System.components`, of `description.variables`). */
export interface Port {
  readonly component: number;
  readonly variable: number;
}

export interface StartAssignment {
  readonly variable: number;
  /** Of the variable's type; an Enumeration's as its number. */
  readonly value: StartValue;
}

/** An FMU instance in the system. */
export interface Component {
  readonly name: string;
  /** Path of the archive. */
  readonly fmu: string;
  readonly description: ModelDescription;
  readonly start: readonly StartAssignment[];
  /** Debug categories to switch on; `'all'`: all that the FMU has; left out: none. */
  readonly logging?: readonly string[] | 'all';
}

/** A wire from an output to an input. */
export interface Connection {
  readonly from: Port;
  readonly to: Port;
}

/** `fast`: no waiting; a number: simulated seconds per second of wall clock, 1 for real time. */
export type Pace = 'fast' | number;

export interface System {
  /** The file it was read from. */
  readonly file: string;
  readonly components: readonly Component[];
  readonly connections: readonly Connection[];
  /** Communication step size, s. */
  readonly step: number;
  /** s */
  readonly start: number;
  /** s; left out: until stopped. */
  readonly stop?: number;
  readonly pace: Pace;
  /** What goes into the results, and the file if there is to be one. */
  readonly record: { readonly file?: string; readonly variables: readonly Port[] };
  /** What is odd but does not keep the system from running. */
  readonly warnings: readonly Problem[];
}

export function variableAt(system: Pick<System, 'components'>, { component, variable }: Port): ScalarVariable {
  return system.components[component]!.description.variables[variable]!;
}

/** `component.variable` */
export function portName(system: Pick<System, 'components'>, port: Port): string {
  return `${system.components[port.component]!.name}.${variableAt(system, port).name}`;
}

/** The port of that name, split at the first dot; undefined if there is none. */
export function findPort(system: Pick<System, 'components'>, name: string): Port | undefined {
  const { component: owner, variable: wanted } = splitPortName(name);
  const component = system.components.findIndex((candidate) => candidate.name === owner);
  const variables = system.components[component]?.description.variables ?? [];
  const variable = variables.findIndex((candidate) => candidate.name === wanted);
  return variable < 0 ? undefined : { component, variable };
}

/** At the first dot: a component's name has none, a variable's may have many. */
export function splitPortName(name: string): { component: string; variable: string } {
  const dot = name.indexOf('.');
  return dot < 0 ? { component: name, variable: '' } : { component: name.slice(0, dot), variable: name.slice(dot + 1) };
}

/**
 * All ports whose name the pattern matches; `*` stands for any characters. A pattern with `*` leaves parameters out: they
 * do not change, and one of them may be a password.
 */
export function matchPorts(system: Pick<System, 'components'>, pattern: string): Port[] {
  const expression = new RegExp(`^${pattern.split('*').map(escapeExpression).join('.*')}$`, 's');
  const wild = pattern.includes('*');
  return allPorts(system).filter(
    (port) => expression.test(portName(system, port)) && !(wild && variableAt(system, port).causality === 'parameter'),
  );
}

export function outputPorts(system: Pick<System, 'components'>): Port[] {
  return allPorts(system).filter((port) => variableAt(system, port).causality === 'output');
}

function allPorts({ components }: Pick<System, 'components'>): Port[] {
  return components.flatMap(({ description }, component) =>
    description.variables.map((_, variable) => ({ component, variable })),
  );
}

function escapeExpression(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
