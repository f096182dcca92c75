/**
 * What an SSD file says, element by element (SSP 2.0, section 5): systems in systems, nothing looked up yet.
 *
 * Geometry and notes are for editors, meta data and signatures for archives: they are passed over.
 */
import type { UnitDefinition } from '../../../fmi/index.js';
import type { SourceLocation } from '../../../support/errors.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, isNamed, type XmlElement } from '../../../support/xml/tree.js';
import type { Located } from '../../draft.js';
import { readInstead } from './annotations.js';
import { expectOnly, type Findings, SSB, SSC, SSD, SSM, SSV } from './document.js';
import { readTransformation, TRANSFORMATIONS, type Transformation } from './transformation.js';
import { readSignal, SSP_TYPES, type SspSignal } from './types.js';
import { findUnit, readUnits, type Units } from './units.js';

export const CONNECTOR_KINDS = [
  'input',
  'output',
  'parameter',
  'calculatedParameter',
  'structuralParameter',
  'constant',
  'local',
  'inout',
  'unspecified',
] as const;
export type ConnectorKind = (typeof CONNECTOR_KINDS)[number];

export interface SsdConnector {
  readonly name: string;
  readonly kind: ConnectorKind;
  readonly signal: SspSignal;
  readonly unit?: UnitDefinition;
  readonly location: SourceLocation;
}

/** A file by its URI, or what stands inside in its place. */
export interface SsdReference {
  readonly uri?: string;
  /** Relative to the component's source, not to the SSD. */
  readonly inComponent: boolean;
  readonly content?: XmlElement;
  readonly location: SourceLocation;
}

export interface SsdBinding {
  readonly values: SsdReference;
  readonly mapping?: SsdReference;
  readonly prefix: string;
}

interface SsdElementBase {
  readonly name: string;
  readonly location: SourceLocation;
  readonly xml: XmlElement;
  /** Left out: the element lists none at all. */
  readonly connectors?: ReadonlyMap<string, SsdConnector>;
  readonly bindings: readonly SsdBinding[];
}

export interface SsdComponent extends SsdElementBase {
  readonly kind: 'component';
  /** MIME type. */
  readonly type: string;
  readonly source?: string;
  readonly implementation: 'any' | 'ModelExchange' | 'CoSimulation' | 'ScheduledExecution';
}

export interface SsdDictionaryReference extends SsdElementBase {
  readonly kind: 'reference';
  readonly dictionary: string;
}

export interface SsdSystem extends SsdElementBase {
  readonly kind: 'system';
  readonly elements: readonly SsdElement[];
  readonly connections: readonly SsdConnection[];
  readonly dictionaries: ReadonlyMap<string, SsdReference>;
}

export type SsdElement = SsdComponent | SsdDictionaryReference | SsdSystem;

export interface SsdEnd {
  /** Left out: the system itself. */
  readonly element?: string;
  readonly connector: string;
  /** From 0 here; the file counts from 1. */
  readonly indices?: readonly number[];
}

export interface SsdConnection {
  readonly start: SsdEnd;
  readonly end: SsdEnd;
  readonly convertUnits: boolean;
  readonly transformation?: Transformation;
  /** Name of a function of twinbridge that it stands for, where that is not known. */
  readonly instead?: string;
  readonly location: SourceLocation;
}

export interface SsdDescription {
  readonly name: string;
  readonly system: SsdSystem;
  readonly start?: number;
  readonly stop?: Located<number>;
  /** Of the default experiment, where tools say how to step; and of the description as a whole. */
  readonly experiment?: XmlElement;
  readonly xml: XmlElement;
}

/** `root` is a `SystemStructureDescription`; undefined, and reported, if it has no system. */
export function readDescription(root: XmlElement, findings: Findings): SsdDescription | undefined {
  const { problems } = findings;
  const children = { [SSD]: ['System', 'Enumerations', 'Units', 'DefaultExperiment'] };
  expectOnly(root, { isRoot: true, children }, findings);
  const units = readUnits(root, SSD, findings);
  const [system, extra] = childrenIn(root, SSD, 'System');
  if (system === undefined) {
    problems.push({ message: `<${root.name}> has no <System>`, location: root.location });
    return undefined;
  }
  if (extra !== undefined) problems.push({ message: 'a second root system', location: extra.location });
  const [experiment] = childrenIn(root, SSD, 'DefaultExperiment');
  const description = {
    name: new AttributeReader(root, problems).required('name') ?? '',
    system: new SystemReader(units, findings).system(system),
    xml: root,
  };
  if (experiment === undefined) return description;
  expectOnly(experiment, { attributes: ['startTime', 'stopTime'] }, findings);
  const times = new AttributeReader(experiment, problems);
  const [start, stop] = [times.real('startTime'), times.real('stopTime')];
  return {
    ...description,
    experiment,
    ...(start === undefined ? {} : { start }),
    ...(stop === undefined ? {} : { stop: { value: stop, location: experiment.location } }),
  };
}

const ELEMENT_CHILDREN = ['Connectors', 'ElementGeometry', 'ParameterBindings'];

class SystemReader {
  readonly #units: Units;
  readonly #findings: Findings;

  constructor(units: Units, findings: Findings) {
    this.#units = units;
    this.#findings = findings;
  }

  system(element: XmlElement): SsdSystem {
    const own = ['Elements', 'Connections', 'SignalDictionaries', 'SystemGeometry', 'GraphicalElements'];
    // SimulationInformation is of drafts of SSP 1.0, and still written.
    const children = { [SSD]: [...ELEMENT_CHILDREN, ...own, 'SimulationInformation'] };
    this.#expectOnly(element, ['name'], children);
    const elements = childrenIn(element, SSD, 'Elements').flatMap((list) => this.#elements(list));
    const seen = new Set<string>();
    for (const { name, location } of elements) {
      if (seen.has(name)) this.#report(`a second element named '${name}' in this system`, location);
      seen.add(name);
    }
    return {
      kind: 'system',
      ...this.#base(element),
      elements,
      connections: childrenIn(element, SSD, 'Connections').flatMap((list) => this.#connections(list)),
      dictionaries: this.#dictionaries(element),
    };
  }

  #elements(list: XmlElement): SsdElement[] {
    this.#expectOnly(list, [], { [SSD]: ['Component', 'SignalDictionaryReference', 'System'] });
    return list.children.flatMap((element): SsdElement[] => {
      if (isNamed(element, SSD, 'System')) return [this.system(element)];
      if (isNamed(element, SSD, 'Component')) return [this.#component(element)];
      return isNamed(element, SSD, 'SignalDictionaryReference') ? [this.#reference(element)] : [];
    });
  }

  #component(element: XmlElement): SsdComponent {
    this.#expectOnly(element, ['name', 'type', 'source', 'implementation'], { [SSD]: ELEMENT_CHILDREN });
    const attributes = new AttributeReader(element, this.#findings.problems);
    const kinds = ['any', 'ModelExchange', 'CoSimulation', 'ScheduledExecution'] as const;
    const source = attributes.string('source');
    return {
      kind: 'component',
      ...this.#base(element),
      type: attributes.string('type') ?? 'application/x-fmu-sharedlibrary',
      ...(source === undefined ? {} : { source }),
      implementation: attributes.oneOf('implementation', kinds) ?? 'any',
    };
  }

  #reference(element: XmlElement): SsdDictionaryReference {
    this.#expectOnly(element, ['name', 'dictionary'], { [SSD]: ELEMENT_CHILDREN });
    const dictionary = new AttributeReader(element, this.#findings.problems).required('dictionary') ?? '';
    return { kind: 'reference', ...this.#base(element), dictionary };
  }

  #base(element: XmlElement): SsdElementBase {
    const name = new AttributeReader(element, this.#findings.problems).required('name');
    if (name === '') this.#report(`<${element.name}> has an empty name`, element.location);
    const [connectors] = childrenIn(element, SSD, 'Connectors');
    return {
      name: name ?? '',
      location: element.location,
      xml: element,
      ...(connectors === undefined ? {} : { connectors: this.#connectors(connectors) }),
      bindings: childrenIn(element, SSD, 'ParameterBindings').flatMap((list) => this.#bindings(list)),
    };
  }

  #connectors(list: XmlElement): ReadonlyMap<string, SsdConnector> {
    this.#expectOnly(list, [], { [SSD]: ['Connector'] });
    const connectors = new Map<string, SsdConnector>();
    for (const element of childrenIn(list, SSD, 'Connector')) {
      const children = { [SSD]: ['Clock', 'ConnectorGeometry'], [SSC]: [...SSP_TYPES, 'Dimension'] };
      this.#expectOnly(element, ['name', 'kind'], children);
      const attributes = new AttributeReader(element, this.#findings.problems);
      const name = attributes.required('name');
      attributes.required('kind');
      const kind = attributes.oneOf('kind', CONNECTOR_KINDS);
      const signal = readSignal(element, this.#findings);
      const unit = findUnit(signal.unit, this.#units, element, this.#findings);
      if (name === undefined) continue;
      if (connectors.has(name)) this.#report(`a second connector named '${name}'`, element.location);
      const { location } = element;
      connectors.set(name, {
        name,
        kind: kind ?? 'unspecified',
        signal,
        ...(unit === undefined ? {} : { unit }),
        location,
      });
    }
    return connectors;
  }

  #bindings(list: XmlElement): SsdBinding[] {
    this.#expectOnly(list, [], { [SSD]: ['ParameterBinding'] });
    return childrenIn(list, SSD, 'ParameterBinding').flatMap((element): SsdBinding[] => {
      const children = { [SSD]: ['ParameterValues', 'ParameterMapping'] };
      this.#expectOnly(element, ['type', 'source', 'sourceBase', 'prefix'], children);
      const [inside] = childrenIn(element, SSD, 'ParameterValues');
      const values = this.#fileOrContent(element, inside, SSV, 'application/x-ssp-parameter-set');
      const [mapped] = childrenIn(element, SSD, 'ParameterMapping');
      if (mapped !== undefined)
        this.#expectOnly(mapped, ['type', 'source', 'sourceBase'], { [SSM]: ['ParameterMapping'] });
      const mapping = mapped && this.#fileOrContent(mapped, mapped, SSM, 'application/x-ssp-parameter-mapping');
      if (values === undefined) return [];
      const prefix = element.attributes.get('prefix') ?? '';
      return [{ values, ...(mapping === undefined ? {} : { mapping }), prefix }];
    });
  }

  #dictionaries(element: XmlElement): ReadonlyMap<string, SsdReference> {
    const dictionaries = new Map<string, SsdReference>();
    for (const list of childrenIn(element, SSD, 'SignalDictionaries')) {
      this.#expectOnly(list, [], { [SSD]: ['SignalDictionary'] });
      for (const dictionary of childrenIn(list, SSD, 'SignalDictionary')) {
        this.#expectOnly(dictionary, ['name', 'type', 'source'], { [SSB]: ['SignalDictionary'] });
        const name = new AttributeReader(dictionary, this.#findings.problems).required('name');
        const file = this.#fileOrContent(dictionary, dictionary, SSB, 'application/x-ssp-signal-dictionary');
        if (name === undefined || file === undefined) continue;
        if (dictionaries.has(name)) this.#report(`a second dictionary named '${name}'`, dictionary.location);
        dictionaries.set(name, file);
      }
    }
    return dictionaries;
  }

  /** `element` may name a file by its `source`; if not, `container` holds an element of the namespace. */
  #fileOrContent(
    element: XmlElement,
    container: XmlElement | undefined,
    namespace: string,
    expectedType: string,
  ): SsdReference | undefined {
    const { location } = element;
    const attributes = new AttributeReader(element, this.#findings.problems);
    const type = attributes.string('type') ?? expectedType;
    if (type !== expectedType) {
      this.#report(`<${element.name}> is of the type '${type}', only '${expectedType}' can be read`, location);
      return undefined;
    }
    const inComponent = attributes.oneOf('sourceBase', ['SSD', 'component'] as const) === 'component';
    const uri = attributes.string('source');
    const content = container?.children.find((child) => child.namespace === namespace);
    if (uri !== undefined && uri !== '') {
      if (content !== undefined) {
        this.#report(`<${element.name}> names the source '${uri}' and has content of its own`, content.location);
      }
      return { uri, inComponent, location };
    }
    if (content === undefined) {
      this.#report(`<${element.name}> has neither a source nor content`, location);
      return undefined;
    }
    return { content, inComponent: false, location };
  }

  #connections(list: XmlElement): SsdConnection[] {
    this.#expectOnly(list, [], { [SSD]: ['Connection'] });
    return childrenIn(list, SSD, 'Connection').flatMap((element): SsdConnection[] => {
      const ends = ['Element', 'Connector', 'Indices'].flatMap((part) => [`start${part}`, `end${part}`]);
      const children = { [SSD]: ['ConnectionGeometry'], [SSC]: TRANSFORMATIONS };
      this.#expectOnly(element, [...ends, 'suppressUnitConversion'], children);
      const attributes = new AttributeReader(element, this.#findings.problems);
      const start = this.#end(attributes, 'start');
      const end = this.#end(attributes, 'end');
      const suppress = attributes.boolean('suppressUnitConversion') ?? false;
      const transformation = readTransformation(element, this.#findings);
      if (start === undefined || end === undefined) return [];
      const instead = readInstead(element);
      return [
        {
          start,
          end,
          convertUnits: !suppress,
          ...(transformation === undefined ? {} : { transformation }),
          ...(instead === undefined ? {} : { instead }),
          location: element.location,
        },
      ];
    });
  }

  #end(attributes: AttributeReader, which: 'start' | 'end'): SsdEnd | undefined {
    const connector = attributes.required(`${which}Connector`);
    const element = attributes.string(`${which}Element`);
    const indices = attributes.unsignedList(`${which}Indices`);
    if (indices?.some((index) => index < 1) === true) {
      this.#report(`'${which}Indices' of <${attributes.element.name}> count from 1`, attributes.element.location);
      return undefined;
    }
    if (connector === undefined) return undefined;
    return {
      connector,
      ...(element === undefined || element === '' ? {} : { element }),
      ...(indices === undefined || indices.length === 0 ? {} : { indices: indices.map((index) => index - 1) }),
    };
  }

  #expectOnly(
    element: XmlElement,
    attributes: readonly string[],
    children: Readonly<Record<string, readonly string[]>>,
  ) {
    expectOnly(element, { attributes, children }, this.#findings);
  }

  #report(message: string, location: SourceLocation): void {
    this.#findings.problems.push({ message, location });
  }
}
