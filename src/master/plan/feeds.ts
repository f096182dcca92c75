/** What feeds what: connections by the components and functions at their ends, functions in the order of their values. */
import {
  type Connection,
  isFunctionPort,
  type Port,
  type System,
  type Terminal,
  variableAt,
} from '../../system/index.js';

export class Feeds {
  /** Connections that end at a component and have to be looked at in steps. */
  readonly ofComponent: readonly (readonly Connection[])[];
  readonly ofFunction: readonly (readonly Connection[])[];

  constructor(system: System) {
    const ofComponent: Connection[][] = system.components.map(() => []);
    const ofFunction: Connection[][] = system.functions.map(() => []);
    for (const connection of system.connections) {
      const { to } = connection;
      if (isFunctionPort(to)) ofFunction[to.function]!.push(connection);
      else if (!isOfStart(system, to)) ofComponent[to.component]!.push(connection);
    }
    this.ofComponent = ofComponent;
    this.ofFunction = ofFunction;
  }

  /** Those that feed others first. */
  functionOrder(from: Iterable<number> = this.ofFunction.keys()): number[] {
    const order: number[] = [];
    const seen = new Set<number>();
    const visit = (index: number) => {
      if (seen.has(index)) return;
      seen.add(index);
      for (const { from: source } of this.ofFunction[index]!) if (isFunctionPort(source)) visit(source.function);
      order.push(index);
    };
    for (const index of from) visit(index);
    return order;
  }

  /** Those that its inputs come from, directly or by others, in the order in which they are computed. */
  functionsBehind(component: number): number[] {
    return this.functionOrder(
      this.ofComponent[component]!.flatMap(({ from }) => (isFunctionPort(from) ? [from.function] : [])),
    );
  }

  /** Functions by which these components feed each other. */
  functionsWithin(components: readonly number[]): Set<number> {
    const fed = new Set<number>();
    for (const index of this.functionOrder()) {
      if (this.ofFunction[index]!.some(({ from }) => isOf(from, components, fed))) fed.add(index);
    }
    const feeding = new Set<number>();
    for (const component of components) {
      for (const index of this.functionsBehind(component)) if (fed.has(index)) feeding.add(index);
    }
    return feeding;
  }

  /** The components that these get values from, through functions too. */
  feedersOf(components: readonly number[]): Set<number> {
    const feeds = components.flatMap((component) => [
      ...this.ofComponent[component]!,
      ...this.functionsBehind(component).flatMap((index) => this.ofFunction[index]!),
    ]);
    return new Set(feeds.flatMap(({ from }) => (isFunctionPort(from) ? [] : [from.component])));
  }
}

/** A parameter that is fixed is set at the start and never again. */
function isOfStart(system: System, port: Port): boolean {
  const { causality, variability } = variableAt(system, port);
  return causality === 'parameter' && variability === 'fixed';
}

/** Whether a connection begins at one of these components or functions. */
export function isOf(from: Terminal, components: readonly number[], functions: ReadonlySet<number>): boolean {
  return isFunctionPort(from) ? functions.has(from.function) : components.includes(from.component);
}
