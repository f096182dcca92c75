/** The tree of a system as it runs: every element in every system that it is a part of, with its full name. */
import type { UnitDefinition } from '../../../fmi/index.js';
import { InvalidFileError } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import type { SsdBinding, SsdComponent, SsdConnector, SsdDictionaryReference, SsdSystem } from './description.js';
import type { Findings } from './document.js';
import type { FmuFile, LoadedBinding, LoadedSsp } from './load.js';
import type { DictionaryEntry } from './signal-dictionary.js';
import type { Link } from './signals.js';

/** A place that signals pass: a connector, or a signal of a dictionary. */
export interface Station {
  /** For messages. */
  readonly name: string;
  /** undefined: a signal of a dictionary. */
  readonly owner: Instance | undefined;
  readonly connector: string;
  readonly declared: SsdConnector | undefined;
  readonly unit: UnitDefinition | undefined;
  readonly incoming: Link[];
  readonly outgoing: Link[];
}

interface InstanceBase {
  /** With those of the systems around it, parted by dots; that of the root is empty. */
  readonly name: string;
  readonly stations: Map<string, Station>;
}

export interface ComponentInstance extends InstanceBase {
  readonly kind: 'component';
  readonly element: SsdComponent;
  /** undefined: there is none, which is reported. */
  readonly fmu: FmuFile | undefined;
  readonly bindings: readonly BoundSet[];
}

export interface ReferenceInstance extends InstanceBase {
  readonly kind: 'reference';
  readonly element: SsdDictionaryReference;
  /** The stations of its dictionary; undefined: there is none, which is reported. */
  readonly dictionary: ReadonlyMap<string, Station> | undefined;
}

export interface SystemInstance extends InstanceBase {
  readonly kind: 'system';
  readonly element: SsdSystem;
  /** In the order of the file, by their names in this system. */
  readonly children: ReadonlyMap<string, Instance>;
  readonly bindings: readonly BoundSet[];
}

export type Instance = ComponentInstance | ReferenceInstance | SystemInstance;

export interface BoundSet extends LoadedBinding {
  readonly binding: SsdBinding;
}

/** The stations of a dictionary of a system, made once for all that refer to it. */
type Dictionaries = ReadonlyMap<string, ReadonlyMap<string, Station> | undefined>;

/** What the systems around an element give to it. */
interface Surroundings {
  readonly name: string;
  readonly dictionaries: Dictionaries;
  /** A system cannot be a part of itself. */
  readonly systems: readonly SsdSystem[];
  /** Of the whole tree: systems by reference could double at every level. */
  readonly count: { elements: number };
}

/** More would not run, but take all memory before that shows. */
const MAX_ELEMENTS = 100_000;

export function instantiate(ssp: LoadedSsp, findings: Findings): SystemInstance {
  const { system } = ssp.description;
  const outermost = { name: '', dictionaries: new Map(), systems: [], count: { elements: 0 } };
  return systemInstance(system, ssp, '', boundSets(system.bindings, ssp), outermost, findings);
}

function systemInstance(
  element: SsdSystem,
  ssp: LoadedSsp,
  name: string,
  bindings: readonly BoundSet[],
  around: Surroundings,
  findings: Findings,
): SystemInstance {
  const dictionaries = new Map(around.dictionaries);
  for (const [own, reference] of element.dictionaries) {
    const entries = ssp.dictionaries.get(reference);
    dictionaries.set(own, entries && dictionaryStations(own, entries));
  }
  const inside = { ...around, name, dictionaries, systems: [...around.systems, element] };
  const children = new Map<string, Instance>();
  for (const child of element.elements) {
    if (++around.count.elements > MAX_ELEMENTS) {
      const message = `the system has more than ${MAX_ELEMENTS.toLocaleString('en')} elements, all in all`;
      throw new InvalidFileError(child.location.file, [...findings.problems, { message, location: child.location }]);
    }
    const fullName = name === '' ? child.name : `${name}.${child.name}`;
    const sets = boundSets(child.bindings, ssp);
    if (child.kind === 'system') {
      children.set(child.name, systemInstance(child, ssp, fullName, sets, inside, findings));
    } else if (child.kind === 'reference') {
      const dictionary = findDictionary(child, dictionaries, findings);
      children.set(child.name, { kind: 'reference', name: fullName, element: child, dictionary, stations: new Map() });
    } else {
      children.set(child.name, componentInstance(child, ssp, fullName, sets, inside, findings));
    }
  }
  return { kind: 'system', name, element, children, bindings, stations: new Map() };
}

/** An FMU, or a system from elsewhere in its place. */
function componentInstance(
  element: SsdComponent,
  ssp: LoadedSsp,
  name: string,
  bindings: readonly BoundSet[],
  around: Surroundings,
  findings: Findings,
): Instance {
  const inner = ssp.systems.get(element);
  if (inner === undefined) {
    return { kind: 'component', name, element, fmu: ssp.fmus.get(element), bindings, stations: new Map() };
  }
  if (around.systems.includes(inner.system)) {
    findings.problems.push({ message: `'${name}' is a system that it is a part of`, location: element.location });
    return { kind: 'component', name, element, fmu: undefined, bindings, stations: new Map() };
  }
  // Those of the component count as the last ones of the system (SSP 2.0, section 5.2.3).
  const sets = [...boundSets(inner.system.bindings, inner.ssp), ...bindings];
  return systemInstance(inner.system, inner.ssp, name, sets, around, findings);
}

function boundSets(bindings: readonly SsdBinding[], ssp: LoadedSsp): BoundSet[] {
  return bindings.flatMap((binding) => {
    const loaded = ssp.bindings.get(binding);
    return loaded === undefined ? [] : [{ ...loaded, binding }];
  });
}

function dictionaryStations(name: string, entries: ReadonlyMap<string, DictionaryEntry>) {
  return new Map(
    [...entries.values()].map((entry): [string, Station] => [
      entry.name,
      {
        name: `${name}.${entry.name}`,
        owner: undefined,
        connector: entry.name,
        declared: undefined,
        unit: entry.unit,
        incoming: [],
        outgoing: [],
      },
    ]),
  );
}

function findDictionary(
  { name, dictionary, location }: SsdDictionaryReference,
  dictionaries: Dictionaries,
  { problems }: Findings,
): ReadonlyMap<string, Station> | undefined {
  if (!dictionaries.has(dictionary)) {
    const hint = didYouMean(dictionary, dictionaries.keys());
    const message = `'${name}' refers to the signal dictionary '${dictionary}', which there is not in this system or one around it${hint}`;
    problems.push({ message, location });
  }
  return dictionaries.get(dictionary);
}

/** The connector of an instance; made when it is first asked for. */
export function stationOf(owner: Instance, connector: string): Station {
  let station = owner.stations.get(connector);
  if (station === undefined) {
    const declared = owner.element.connectors?.get(connector);
    station = {
      name: owner.name === '' ? connector : `${owner.name}.${connector}`,
      owner,
      connector,
      declared,
      unit: declared?.unit,
      incoming: [],
      outgoing: [],
    };
    owner.stations.set(connector, station);
  }
  return station;
}

export function* componentsOf(system: SystemInstance): Generator<ComponentInstance> {
  for (const child of system.children.values()) {
    if (child.kind === 'component') yield child;
    else if (child.kind === 'system') yield* componentsOf(child);
  }
}

export function* systemsOf(system: SystemInstance): Generator<SystemInstance> {
  yield system;
  for (const child of system.children.values()) if (child.kind === 'system') yield* systemsOf(child);
}
