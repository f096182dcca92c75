/**
 * Ways of signals: from what an SSD file connects, system by system, to connections from one FMU to another.
 *
 * Which end of a connection gives follows from the kinds of its connectors (SSP 2.0, section 5.3.2), not from start and end.
 */
import type { UnitDefinition } from '../../../fmi/index.js';
import type { SourceLocation } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import type { DraftConnection, DraftNumberStep } from '../../draft.js';
import type { ConnectorKind, SsdConnection, SsdEnd } from './description.js';
import type { Findings } from './document.js';
import { type Instance, type Station, type SystemInstance, stationOf, systemsOf } from './instances.js';
import type { Transformation } from './transformation.js';

/** A stretch of a way. */
export interface Link {
  readonly from: Station;
  readonly to: Station;
  readonly fromIndices?: readonly number[];
  readonly toIndices?: readonly number[];
  readonly convertUnits: boolean;
  readonly transformation?: Transformation;
  /** The system that the connection stands in; undefined: between a dictionary and what refers to it. */
  readonly system: SystemInstance | undefined;
  /** Neither end says whether it gives or takes. */
  readonly undirected: boolean;
  readonly location: SourceLocation;
}

/** From one station to another, perhaps of elements of arrays only. */
export interface Way {
  readonly links: readonly Link[];
  readonly fromIndices?: readonly number[];
  readonly toIndices?: readonly number[];
}

/** Connects the stations of the whole tree; answers all links into components, in the order of the files. */
export function link(
  root: SystemInstance,
  isLeftOut: (connection: SsdConnection) => boolean,
  findings: Findings,
): readonly Link[] {
  const links: Link[] = [];
  const systems = [...systemsOf(root)];
  for (const system of systems) {
    for (const connection of system.element.connections) {
      if (isLeftOut(connection)) continue;
      const made = toLink(system, connection, findings);
      if (made === undefined) continue;
      made.from.outgoing.push(made);
      made.to.incoming.push(made);
      links.push(made);
    }
  }
  for (const system of systems) for (const child of system.children.values()) linkDictionary(child, findings);
  return links.filter(({ to }) => to.owner?.kind === 'component');
}

function toLink(system: SystemInstance, connection: SsdConnection, findings: Findings): Link | undefined {
  const { location, convertUnits, transformation } = connection;
  const start = findStation(system, connection.start, location, findings);
  const end = findStation(system, connection.end, location, findings);
  if (start === undefined || end === undefined) return undefined;
  const [first, second] = [flowOf(start, system), flowOf(end, system)];
  if (first === second && first !== 'either') {
    const what = first === 'source' ? 'give' : 'take';
    const message = `both ends of this connection ${what} values: ${describe(start, system)}, ${describe(end, system)}`;
    findings.problems.push({ message, location });
    return undefined;
  }
  const isReversed = first === 'sink' || second === 'source';
  const [from, to] = isReversed ? [end, start] : [start, end];
  const [given, taken] = isReversed ? [connection.end, connection.start] : [connection.start, connection.end];
  return {
    from,
    to,
    ...(given.indices === undefined ? {} : { fromIndices: given.indices }),
    ...(taken.indices === undefined ? {} : { toIndices: taken.indices }),
    convertUnits,
    ...(transformation === undefined ? {} : { transformation }),
    system,
    undirected: first === 'either' && second === 'either',
    location,
  };
}

function findStation(
  system: SystemInstance,
  { element, connector }: SsdEnd,
  location: SourceLocation,
  { problems }: Findings,
): Station | undefined {
  const owner: Instance | undefined = element === undefined ? system : system.children.get(element);
  if (owner === undefined) {
    const message = `there is no element '${element}' in this system${didYouMean(element ?? '', system.children.keys())}`;
    problems.push({ message, location });
    return undefined;
  }
  const { connectors } = owner.element;
  const others = owner.kind === 'reference' ? owner.dictionary : undefined;
  const isKnown = connectors === undefined || connectors.has(connector) || others?.has(connector) === true;
  if (!isKnown) {
    const whose = element === undefined ? 'this system' : `'${element}'`;
    const names = [...connectors.keys()];
    const listed = names.length === 0 ? '' : `: it has ${shorten(names)}`;
    problems.push({
      message: `${whose} has no connector '${connector}'${didYouMean(connector, names)}${listed}`,
      location,
    });
    return undefined;
  }
  return stationOf(owner, connector);
}

type Flow = 'source' | 'sink' | 'either';

const GIVES: readonly ConnectorKind[] = ['output', 'calculatedParameter', 'constant', 'local'];
const TAKES: readonly ConnectorKind[] = ['input', 'parameter', 'structuralParameter'];

/** What a system takes from outside, it gives to what is in it. */
function flowOf({ declared, owner }: Station, system: SystemInstance): Flow {
  const kind = declared?.kind ?? 'unspecified';
  const isInside = owner === system;
  if (GIVES.includes(kind)) return isInside ? 'sink' : 'source';
  if (TAKES.includes(kind)) return isInside ? 'source' : 'sink';
  return 'either';
}

function describe({ name, declared, owner }: Station, system: SystemInstance): string {
  return `'${name}' is of kind ${declared?.kind}${owner === system ? ' of the system around' : ''}`;
}

/** A signal comes into the dictionary where something feeds it, and out of it everywhere else. */
function linkDictionary(child: Instance, { problems }: Findings): void {
  if (child.kind !== 'reference' || child.dictionary === undefined) return;
  const declared = [...(child.element.connectors?.values() ?? [])];
  for (const { name, location } of declared) {
    if (child.dictionary.has(name)) continue;
    const message = `the signal dictionary '${child.element.dictionary}' has no signal '${name}'${didYouMean(name, child.dictionary.keys())}`;
    problems.push({ message, location });
  }
  for (const station of child.stations.values()) {
    const signal = child.dictionary.get(station.connector);
    if (signal === undefined) continue;
    const isFed = station.incoming.length > 0;
    const [from, to] = isFed ? [station, signal] : [signal, station];
    const { location } = isFed ? station.incoming[0]! : child.element;
    const made = { from, to, convertUnits: true, system: undefined, undirected: false, location };
    from.outgoing.push(made);
    to.incoming.push(made);
  }
}

/** Follows signals against their direction. */
export class Tracer {
  readonly #findings: Findings;
  readonly #reported = new Set<Station>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** All ways that end with this link: one, or one for each element of an array, or none if nothing feeds them. */
  waysInto(last: Link): Way[] {
    return this.#extend(last, undefined, []);
  }

  /** `wanted`: the element of the link's end that is asked for. */
  #extend(last: Link, wanted: readonly number[] | undefined, behind: readonly Station[]): Way[] {
    const { from, fromIndices, toIndices } = last;
    if (toIndices !== undefined && wanted !== undefined && String(toIndices) !== String(wanted)) return [];
    const ofSource = fromIndices ?? (toIndices === undefined ? wanted : undefined);
    const ending = wanted === undefined && toIndices !== undefined ? { toIndices } : {};
    if (from.owner?.kind === 'component') {
      return [{ links: [last], ...(ofSource === undefined ? {} : { fromIndices: ofSource }), ...ending }];
    }
    if (behind.includes(from)) {
      this.#once(from, `signals go in a circle through '${from.name}', and no FMU feeds them`, last.location);
      return [];
    }
    if (from.incoming.length === 0 && from.owner?.kind === 'system' && from.owner !== last.system) {
      const message = `'${from.name}' is connected here, but nothing in its system feeds it`;
      this.#findings.warnings.push({ message, location: last.location });
    }
    return this.#fedOnce(from).flatMap((link) =>
      this.#extend(link, ofSource, [...behind, from]).map(({ links, ...elements }) => ({
        ...elements,
        ...ending,
        links: [...links, last],
      })),
    );
  }

  /** What feeds a station, of several the first. (Of components the resolver sees to it.) */
  #fedOnce(station: Station): Link[] {
    const seen = new Set<string>();
    return station.incoming.filter(({ toIndices, location }) => {
      const key = String(toIndices ?? '');
      const isTwice = seen.has(key) || (seen.size > 0 && (key === '' || seen.has('')));
      seen.add(key);
      if (isTwice) this.#once(station, `'${station.name}' is fed twice`, location);
      return !isTwice;
    });
  }

  #once(station: Station, message: string, location: SourceLocation): void {
    if (this.#reported.has(station)) return;
    this.#reported.add(station);
    this.#findings.problems.push({ message, location });
  }
}

/** A way from a component to a component as a connection; undefined, and reported, if it is more than one can do. */
export function toConnection(way: Way, { problems }: Findings): DraftConnection | undefined {
  const { links } = way;
  const [first, last] = [links[0]!, links.at(-1)!];
  const tables = links.flatMap(({ transformation }) => (transformation?.kind === 'table' ? [transformation] : []));
  const linear = links.flatMap(({ transformation }) => (transformation?.kind === 'linear' ? [transformation] : []));
  const [table, extra] = tables;
  if (table !== undefined && (extra !== undefined || linear.length > 0)) {
    const { location } = extra ?? linear[0]!;
    const message = `two transformations on the way from '${first.from.name}' to '${last.to.name}' do not make one`;
    problems.push({ message, location, remedy: 'map values at one connection only' });
    return undefined;
  }
  const end = ({ owner, connector }: Station, indices: readonly number[] | undefined, location: SourceLocation) => ({
    owner: owner!.name,
    variable: connector,
    ...(indices === undefined ? {} : { indices }),
    location,
  });
  const [from, to] = [first.from.unit, last.to.unit];
  const isPlain = links.length === 1 && first.convertUnits && linear.length === 0;
  return {
    from: end(first.from, way.fromIndices, first.location),
    to: end(last.to, way.toIndices, last.location),
    ...(links.length === 1 && first.undirected ? { undirected: true } : {}),
    convertUnits: true,
    ...(from === undefined && to === undefined
      ? {}
      : { units: { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) } }),
    ...(isPlain ? {} : { steps: stepsAlong(links) }),
    ...(table === undefined ? {} : { table: table.table }),
  };
}

/**
 * What is done to a number along the links, in order: at each the unit is converted first, and then the value transformed
 * (SSP 2.0, section 4.5.2).
 */
export function stepsAlong(links: readonly Link[]): DraftNumberStep[] {
  const units = unitsAlong(links);
  return links.flatMap((link, index): DraftNumberStep[] => {
    const to = units[index + 1];
    const isSame = to === undefined || to === units[index];
    const { transformation } = link;
    return [
      ...(isSame ? [] : [{ kind: 'unit', to, convert: link.convertUnits } as const]),
      ...(transformation?.kind === 'linear'
        ? [{ kind: 'linear', factor: transformation.factor, offset: transformation.offset } as const]
        : []),
    ];
  });
}

type StationUnit = UnitDefinition | 'end' | undefined;

/**
 * The units at the stations, the first included; undefined: still that of the beginning. A connector of a system without a
 * unit has that of what it is connected to inside.
 */
export function unitsAlong(links: readonly Link[]): StationUnit[] {
  const stations = [links[0]!.from, ...links.map(({ to }) => to)];
  const isInward = (index: number) => {
    const owner = stations[index]!.owner;
    return owner?.kind === 'system' && links[index]?.system === owner;
  };
  const units: StationUnit[] = [];
  const open = new Set<number>();
  for (const [index, { unit }] of stations.entries()) {
    const isLast = index === links.length;
    if (isLast) units.push('end');
    else if (unit !== undefined) units.push(unit);
    else {
      if (isInward(index) || open.has(index - 1)) open.add(index);
      units.push(index === 0 ? undefined : units[index - 1]);
    }
  }
  for (let index = stations.length - 2; index >= 0; index--) if (open.has(index)) units[index] = units[index + 1];
  return units;
}

function shorten(names: readonly string[]): string {
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}
