/** The connections of OspSystemStructure.xml: single variables, signals of functions, and groups of either. */
import type { Problem } from '../../../support/errors.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import type { DraftConnection, DraftPort } from '../../draft.js';
import type { SignalEnd, Signals } from './functions.js';
import type { FoundGroup, VariableGroups } from './variable-groups.js';

export class ConnectionReader {
  readonly #signals: Signals;
  readonly #groups: VariableGroups;
  readonly #problems: Problem[];
  readonly #warnings: Problem[];
  /** By name, the element of the first connection and how many there are. */
  readonly #bonds = new Map<string, { readonly first: XmlElement; connections: number }>();

  constructor(signals: Signals, groups: VariableGroups, problems: Problem[], warnings: Problem[]) {
    this.#signals = signals;
    this.#groups = groups;
    this.#problems = problems;
    this.#warnings = warnings;
  }

  async read(structure: XmlElement): Promise<DraftConnection[]> {
    const connections: DraftConnection[] = [];
    for (const list of childrenIn(structure, structure.namespace, 'Connections')) {
      for (const element of list.children) connections.push(...(await this.#connection(element)));
    }
    this.#signals.checkAll();
    this.#checkBonds();
    return connections;
  }

  async #connection(element: XmlElement): Promise<DraftConnection[]> {
    switch (element.localName) {
      case 'VariableConnection':
        return this.#variables(element);
      case 'SignalConnection':
        return this.#signal(element);
      case 'VariableGroupConnection':
        return this.#variableGroups(element);
      case 'SignalGroupConnection':
        return this.#signalGroup(element);
      default:
        return [];
    }
  }

  #variables(element: XmlElement): DraftConnection[] {
    const ends = childrenIn(element, element.namespace, 'Variable');
    this.#checkBond(element, ends, 1);
    const [a, b] = ends.map((end) => this.#variable(end));
    return a === undefined || b === undefined ? [] : [undirected(a, b)];
  }

  #signal(element: XmlElement): DraftConnection[] {
    const signal = this.#signalEnd(element, 'Signal');
    const variable = childrenIn(element, element.namespace, 'Variable').map((end) => this.#variable(end))[0];
    const connected = signal === undefined ? undefined : this.#signals.connect(signal, 'SignalConnection');
    if (connected === undefined || signal === undefined || variable === undefined) return [];
    return [toSignal({ owner: signal.function, variable: signal.name, location: signal.location }, variable)];
  }

  async #variableGroups(element: XmlElement): Promise<DraftConnection[]> {
    const ends = childrenIn(element, element.namespace, 'VariableGroup');
    const groups: (FoundGroup | undefined)[] = [];
    for (const end of ends) groups.push(await this.#group(end));
    const [a, b] = groups;
    if (a === undefined || b === undefined) return [];
    const connections = this.#pairs(a, b);
    this.#checkBond(element, ends, connections.length);
    return connections;
  }

  /** Variables by their place, then the groups inside by theirs. */
  #pairs(a: FoundGroup, b: FoundGroup): DraftConnection[] {
    for (const [what, here, there] of [
      ['variable', a.ports.length, b.ports.length],
      ['inner group', a.groups.length, b.groups.length],
    ] as const) {
      if (here === there) continue;
      const message = `groups of different sizes: ${describe(a)} has ${count(here, what)}, ${describe(b)} ${count(there, what)}`;
      this.#problems.push({ message, location: b.end.location });
      return [];
    }
    return [
      ...a.ports.map((port, index) => undirected(port, b.ports[index]!)),
      ...a.groups.flatMap((group, index) => this.#pairs(group, b.groups[index]!)),
    ];
  }

  async #signalGroup(element: XmlElement): Promise<DraftConnection[]> {
    const signal = this.#signalEnd(element, 'SignalGroup');
    const [end] = childrenIn(element, element.namespace, 'VariableGroup');
    const group = end === undefined ? undefined : await this.#group(end);
    const connected = signal === undefined ? undefined : this.#signals.connect(signal, 'SignalGroupConnection');
    if (connected === undefined || signal === undefined || group === undefined) return [];
    const { function: owner, name, location } = signal;
    const { dimension } = connected;
    if (group.ports.length !== dimension) {
      const message = `groups of different sizes: '${owner}:${name}' has ${count(dimension, 'element')}, ${describe(group)} ${count(group.ports.length, 'variable')}`;
      const isTooSmall = group.ports.length < dimension;
      const place = group.end.location;
      if (isTooSmall) this.#problems.push({ message, location: place });
      else this.#warnings.push({ message: `${message}, of which the first ${dimension} count`, location: place });
      if (isTooSmall) return [];
    }
    return group.ports
      .slice(0, dimension)
      .map((port, index) => toSignal({ owner, variable: `${name}[${index}]`, location }, port));
  }

  #variable(element: XmlElement): DraftPort | undefined {
    const attributes = new AttributeReader(element, this.#problems);
    const [owner, variable] = [attributes.required('simulator'), attributes.required('name')];
    if (owner === undefined || variable === undefined) return undefined;
    return { owner, variable, location: element.location };
  }

  async #group(element: XmlElement): Promise<FoundGroup | undefined> {
    const attributes = new AttributeReader(element, this.#problems);
    const [simulator, name] = [attributes.required('simulator'), attributes.required('name')];
    if (simulator === undefined || name === undefined) return undefined;
    return this.#groups.find({ simulator, name, location: element.location });
  }

  #signalEnd(element: XmlElement, kind: 'Signal' | 'SignalGroup'): SignalEnd | undefined {
    const [end] = childrenIn(element, element.namespace, kind);
    if (end === undefined) return undefined;
    const attributes = new AttributeReader(end, this.#problems);
    const [owner, name] = [attributes.required('function'), attributes.required('name')];
    return owner === undefined || name === undefined ? undefined : { function: owner, name, location: end.location };
  }

  // -- Power bonds ----------------------------------------------------------------------------------------------------
  // They matter to the energy-conserving algorithm only: checked, and otherwise connections like any others.

  #checkBond(element: XmlElement, ends: readonly XmlElement[], connections: number): void {
    const name = element.attributes.get('powerBond');
    if (name === undefined) return;
    const bond = this.#bonds.get(name) ?? { first: element, connections: 0 };
    this.#bonds.set(name, bond);
    bond.connections += connections;
    for (const end of ends) {
      const attributes = new AttributeReader(end, this.#problems, `<${end.name}> of power bond '${name}'`);
      if (attributes.required('causality') !== undefined) attributes.oneOf('causality', ['input', 'output']);
    }
  }

  #checkBonds(): void {
    for (const [name, { first, connections }] of this.#bonds) {
      if (connections === 2) continue;
      const message = `power bond '${name}' has ${count(connections, 'connection')}, expected 2: one for each of its variables`;
      this.#problems.push({ message, location: first.location });
    }
  }
}

/** libcosim finds the direction from the causalities, and passes values on as they are, whatever their units. */
function undirected(from: DraftPort, to: DraftPort): DraftConnection {
  return { from, to, undirected: true, convertUnits: false };
}

function toSignal(signal: DraftPort, variable: DraftPort): DraftConnection {
  const isOutput = signal.variable.startsWith('out');
  return { from: isOutput ? signal : variable, to: isOutput ? variable : signal, convertUnits: false };
}

function describe({ end }: FoundGroup): string {
  return `'${end.simulator}:${end.name}'`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
