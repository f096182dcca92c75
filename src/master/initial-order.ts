// @ts-nocheck
/**
 * In what order values are passed on during initialization.
 *
 * An output may depend on inputs of its component without a delay (`InitialUnknowns`, FMI 2.0.4, section 2.2.8), so a
 * connection comes after those that feed what its output depends on. Connections that wait for each other are a loop,
 * or lie behind one, and have to be repeated until their values settle.
 */
import { effectiveInitial, type ModelDescription } from '../fmi/index.js';
import type { Connection, System } from '../system/index.js';

export interface InitialOrder {
  readonly ordered: readonly Connection[];
  readonly looped: readonly Connection[];
}

export function initialOrder({ components, connections }: Pick<System, 'components' | 'connections'>): InitialOrder {
  const feeding = new Map<string, Connection>();
  for (const connection of connections) feeding.set(key(connection.to.component, connection.to.variable), connection);

  const waitsFor = new Map<Connection, number>();
  const followers = new Map<Connection, Connection[]>();
  for (const connection of connections) {
    const { component, variable } = connection.from;
    const before = inputsOf(components[component]!.description, variable)
      .map((input) => feeding.get(key(component, input)))
      .filter((fed) => fed !== undefined);
    waitsFor.set(connection, before.length);
    for (const fed of before) followers.set(fed, [...(followers.get(fed) ?? []), connection]);
  }
  const ordered = connections.filter((connection) => waitsFor.get(connection) === 0);
  for (let i = 0; i < ordered.length; i++) {
    for (const follower of followers.get(ordered[i]!) ?? []) {
      const left = waitsFor.get(follower)! - 1;
      waitsFor.set(follower, left);
      if (left === 0) ordered.push(follower);
    }
  }
  return { ordered, looped: connections.filter((connection) => waitsFor.get(connection)! > 0) };
}

/** The inputs that an output depends on at the start, by index; all of them where the FMU does not say. */
function inputsOf(description: ModelDescription, output: number): number[] {
  const { variables, initialUnknowns, outputs } = description;
  if (effectiveInitial(variables[output]!) === 'exact') return [];
  const matches = ({ index }: { index: number }) => index === output;
  const unknown = initialUnknowns.find(matches) ?? outputs.find(matches);
  const candidates = unknown?.dependencies ?? variables.keys();
  return [...candidates].filter((index) => variables[index]!.causality === 'input');
}

function key(component: number, variable: number): string {
  return `${component}.${variable}`;
}
