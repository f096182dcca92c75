/** A system as an SSD file: SSP 1.0 where that can say it all, else 2.0. */
import { basename } from 'node:path';
import type { ModelVariable, UnitDefinition } from '../../../fmi/index.js';
import { formatRemoteSource } from '../../../remote/index.js';
import { element, list, xmlDocument } from '../../../support/xml/writer.js';
import {
  type Component,
  type Connection,
  type FunctionPort,
  isFunctionPort,
  lengthsOf,
  type Port,
  type System,
  type Terminal,
  terminalName,
  variableAt,
} from '../../system.js';
import type { UnitConversion } from '../../units.js';
import { OSP, OSP_TYPE, TWINBRIDGE, TWINBRIDGE_TYPE } from './annotations.js';
import { SSC, SSD, SSV } from './document.js';
import { settingsOf } from './settings.js';
import { parameterBindings } from './write-parameters.js';
import { isOfSsp1, isSameUnit, type SspVersion, sspTypeName, TypeRegister } from './write-types.js';

export interface WrittenDescription {
  readonly xml: string;
  /** What other tools than twinbridge do not get. */
  readonly warnings: readonly string[];
}

/** `file` is the archive it is for; `fmus` are the FMUs' paths in it, by those in the system. */
export function describeSystem(system: System, file: string, fmus: ReadonlyMap<string, string>): WrittenDescription {
  return new DescriptionWriter(system, file, fmus).write();
}

class DescriptionWriter {
  readonly #system: System;
  readonly #file: string;
  readonly #fmus: ReadonlyMap<string, string>;
  readonly #version: SspVersion;
  readonly #types = new TypeRegister();
  readonly #warnings: string[] = [];
  /** By component, indices of the variables that are connected. */
  readonly #connected: readonly ReadonlySet<number>[];

  constructor(system: System, file: string, fmus: ReadonlyMap<string, string>) {
    this.#system = system;
    this.#file = file;
    this.#fmus = fmus;
    const ends = system.connections
      .flatMap(({ from, to }) => [from, to])
      .filter((end) => !isFunctionPort(end)) as Port[];
    this.#connected = system.components.map(
      (_, component) => new Set(ends.filter((end) => end.component === component).map(({ variable }) => variable)),
    );
    this.#version = this.#needsSsp2(ends) ? '2.0' : '1.0';
  }

  #needsSsp2(ends: readonly Port[]): boolean {
    const { components } = this.#system;
    const started = components.flatMap(({ start }, component) =>
      start.map(({ variable }) => ({ component, variable })),
    );
    const used = [...ends, ...started].map((port) => variableAt(this.#system, port));
    return (
      used.some((variable) => !isOfSsp1(variable)) ||
      ends.some((end) => variableAt(this.#system, end).causality === 'local')
    );
  }

  write(): WrittenDescription {
    const name = basename(this.#file).replace(/\.ssp$/i, '');
    const settings = settingsOf(this.#system, this.#file, this.#fmus);
    const content = [
      element('ssd:System', { name }, [
        element(
          'ssd:Elements',
          {},
          this.#system.components.map((component, index) => this.#component(component, index)),
        ),
        ...list('ssd:Connections', this.#connections()),
      ]),
      ...this.#types.enumerationsXml(),
      ...this.#types.unitsXml(),
      this.#experiment(),
      ...(settings === undefined ? [] : annotations(TWINBRIDGE_TYPE, element('twinbridge:System', { settings }))),
    ];
    const root = element(
      'ssd:SystemStructureDescription',
      {
        version: this.#version,
        name,
        generationTool: 'twinbridge',
        'xmlns:ssd': SSD,
        'xmlns:ssc': SSC,
        'xmlns:ssv': SSV,
        'xmlns:osp': OSP,
        ...(settings === undefined ? {} : { 'xmlns:twinbridge': TWINBRIDGE }),
      },
      content,
    );
    this.#warn();
    return { xml: xmlDocument(root), warnings: this.#warnings };
  }

  // -- Components ---------------------------------------------------------------------------------------------------

  #component(component: Component, index: number): string {
    const { name, fmu, remote, every } = component;
    const { stepping } = this.#system;
    const hint = every === 1 || stepping.kind !== 'fixed' ? undefined : every * stepping.size;
    const packed = this.#fmus.get(fmu);
    const source = remote === undefined ? toUri(packed!) : formatRemoteSource(remote, packed);
    return element('ssd:Component', { name, source, implementation: 'CoSimulation' }, [
      ...list('ssd:Connectors', this.#connectors(component, index)),
      ...parameterBindings(component, this.#version),
      ...(hint === undefined ? [] : annotations(OSP_TYPE, element('osp:StepSizeHint', { value: hint }))),
    ]);
  }

  #connectors(component: Component, index: number): string[] {
    const connected = this.#connected[index]!;
    return component.model.variables.flatMap((variable, number) => {
      const isListed = connected.has(number) || this.#isInterface(variable);
      return isListed ? [this.#connector(component, variable)] : [];
    });
  }

  /** Listed even if it is not connected: what SSP 1.0 and libcosim can read, or, in SSP 2.0, everything. */
  #isInterface(variable: ModelVariable): boolean {
    const { causality, type } = variable;
    if (this.#version === '2.0') return causality !== 'local' && causality !== 'independent';
    const isPlain = isOfSsp1(variable) && type !== 'Enumeration' && type !== 'Binary';
    return isPlain && ['input', 'output', 'parameter', 'calculatedParameter'].includes(causality);
  }

  #connector(component: Component, variable: ModelVariable): string {
    const { model, name: owner } = component;
    const { name, causality: kind, type, dimensions, mimeType, intervalVariability, clocks = [] } = variable;
    const typeName = `ssc:${sspTypeName(model, variable, this.#version)}`;
    const enumeration = type === 'Enumeration' ? this.#types.enumeration(model, variable, owner) : undefined;
    const isTyped = type !== 'Enumeration' || enumeration !== undefined;
    const sizes = dimensions.map((dimension) => {
      if ('start' in dimension) return element('ssc:Dimension', { size: dimension.start });
      const parameter = model.variables.find(({ valueReference }) => valueReference === dimension.valueReference);
      return element('ssc:Dimension', { sizeConnector: parameter?.name });
    });
    const attributes = {
      unit: type === 'Float64' || type === 'Float32' ? this.#types.unit(model, variable) : undefined,
      name: enumeration,
      'mime-type': type === 'Binary' ? mimeType : undefined,
      intervalVariability: type === 'Clock' ? intervalVariability : undefined,
    };
    return element('ssd:Connector', { name, kind }, [
      ...(isTyped ? [element(typeName, attributes)] : []),
      ...sizes,
      ...(this.#version === '2.0'
        ? clocks.map((clock) => element('ssd:Clock', { name: model.variables[clock]!.name }))
        : []),
    ]);
  }

  // -- Connections --------------------------------------------------------------------------------------------------

  #connections(): string[] {
    return this.#system.connections.flatMap((connection) => {
      const { from, to } = connection;
      if (!isFunctionPort(from) && !isFunctionPort(to)) return [this.#connection({ ...connection, from, to })];
      if (isFunctionPort(to)) return [];
      const instead = this.#throughFunctions(from as FunctionPort, connection);
      if (instead === undefined) {
        const name = this.#system.functions[(from as FunctionPort).function]!.name;
        this.#warnings.push(
          `only twinbridge knows the function '${name}': in other tools nothing feeds '${terminalName(this.#system, to)}'`,
        );
        return [];
      }
      return [this.#connection({ ...instead, to }, this.#system.functions[(from as FunctionPort).function]!.name)];
    });
  }

  /** What comes out of functions that do nothing but scale one value, straight from where that comes from. */
  #throughFunctions(port: FunctionPort, after: UnitConversion): (UnitConversion & { readonly from: Port }) | undefined {
    const { kind, inputs, factor, offset } = this.#system.functions[port.function]!;
    if (kind === 'vector-sum' || inputs !== 1) return undefined;
    const source = this.#system.connections.find(({ to }) => isFunctionPort(to) && to.function === port.function);
    if (source === undefined) return undefined;
    // after(function(source(x)))
    const inner = { factor: factor * source.factor, offset: factor * source.offset + offset };
    const whole = { factor: after.factor * inner.factor, offset: after.factor * inner.offset + after.offset };
    const { from } = source;
    if (!isFunctionPort(from)) return { from, ...whole };
    return this.#throughFunctions(from, whole);
  }

  #connection(
    { from, to, factor, offset, table }: Omit<Connection, 'from' | 'to'> & { readonly from: Port; readonly to: Port },
    instead?: string,
  ): string {
    const isScaled = factor !== 1 || offset !== 0;
    // Units are converted by the factor here, or not at all: a tool that does it by itself must not do it again.
    const suppress = isScaled || !this.#isSameUnit(from, to);
    return element(
      'ssd:Connection',
      {
        ...this.#end('start', from),
        ...this.#end('end', to),
        ...(suppress ? { suppressUnitConversion: true } : {}),
      },
      [
        ...(isScaled ? [element('ssc:LinearTransformation', { factor, offset })] : []),
        ...(table === undefined ? [] : [this.#table(to, table)]),
        ...(instead === undefined
          ? []
          : annotations(TWINBRIDGE_TYPE, element('twinbridge:Instead', { function: instead }))),
      ],
    );
  }

  #end(which: 'start' | 'end', port: Port): Record<string, string> {
    const component = this.#system.components[port.component]!;
    const variable = variableAt(this.#system, port);
    return {
      [`${which}Element`]: component.name,
      [`${which}Connector`]: variable.name,
      ...(port.element === undefined ? {} : { [`${which}Indices`]: indicesOf(component, variable, port.element) }),
    };
  }

  #isSameUnit(from: Port, to: Port): boolean {
    const [given, taken] = [this.#unitAt(from), this.#unitAt(to)];
    return given === undefined || taken === undefined || isSameUnit(given, taken);
  }

  #unitAt(port: Port): UnitDefinition | undefined {
    const { unit } = variableAt(this.#system, port);
    const { units } = this.#system.components[port.component]!.model;
    return unit === undefined ? undefined : (units.find(({ name }) => name === unit) ?? { name: unit });
  }

  #table(to: Port, table: NonNullable<Connection['table']>): string {
    const isBoolean = variableAt(this.#system, to).type === 'Boolean';
    const text = (value: number) => (isBoolean ? value !== 0 : value);
    const name = isBoolean ? 'ssc:BooleanMappingTransformation' : 'ssc:IntegerMappingTransformation';
    const entries = table.map(([source, target]) =>
      element('ssc:MapEntry', { source: text(source), target: text(target) }),
    );
    return element(name, {}, entries);
  }

  // -- The run ------------------------------------------------------------------------------------------------------

  #experiment(): string {
    const { start, stop, threads } = this.#system;
    const fixed = element('osp:FixedStepAlgorithm', {
      baseStepSize: this.#stepSize(),
      ...(threads === 1 ? {} : { numWorkerThreads: threads }),
    });
    const attributes = { startTime: start, ...(stop === undefined ? {} : { stopTime: stop }) };
    return element('ssd:DefaultExperiment', attributes, annotations(OSP_TYPE, element('osp:Algorithm', {}, [fixed])));
  }

  #stepSize(): number {
    const { stepping } = this.#system;
    return stepping.kind === 'fixed'
      ? stepping.size
      : stepping.kind === 'variable'
        ? stepping.initial
        : stepping.maximum;
  }

  #warn(): void {
    const { stepping, scenario, components } = this.#system;
    if (stepping.kind !== 'fixed') {
      this.#warnings.push(`only twinbridge knows steps of different sizes: other tools step by ${this.#stepSize()} s`);
    }
    for (const { name, remote } of components) {
      if (remote === undefined || remote.kind === 'proxyfmu') continue;
      const known = remote.kind === 'fmu-proxy' ? 'twinbridge and libcosim up to 0.7' : 'twinbridge';
      this.#warnings.push(`only ${known} can reach '${name}' by ${remote.uri}`);
    }
    if (scenario !== undefined) this.#warnings.push('only twinbridge knows scenarios: other tools pass it over');
    const isOdd = (port: Port) => ['Enumeration', 'Binary'].includes(variableAt(this.#system, port).type);
    const odd = components.flatMap(({ start }, component) => [
      ...start.map(({ variable }) => ({ component, variable })),
      ...[...this.#connected[component]!].map((variable) => ({ component, variable })),
    ]);
    const first = odd.find(isOdd);
    if (first === undefined) return;
    const name = terminalName(this.#system, first as Terminal);
    this.#warnings.push(`libcosim reads no Enumeration and no Binary: it refuses this file because of '${name}'`);
  }
}

function annotations(type: string, content: string): string[] {
  return [element('ssd:Annotations', {}, [element('ssc:Annotation', { type }, [content])])];
}

function toUri(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** From 1, one for each dimension. */
function indicesOf(component: Component, variable: ModelVariable, element: number): string {
  let rest = element;
  const indices: number[] = [];
  for (const length of lengthsOf(component, variable).reverse()) {
    indices.unshift((rest % length) + 1);
    rest = Math.floor(rest / length);
  }
  return indices.join(' ');
}
