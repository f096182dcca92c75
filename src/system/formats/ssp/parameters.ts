/**
 * Parameter bindings become start values of the components that they reach (SSP 2.0, section 5.2.3).
 *
 * Of several values for one variable that of the outermost system counts, and of those of one element the last.
 */
import type { UnitDefinition } from '../../../fmi/index.js';
import type { SourceLocation } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import type { DraftNumberStep, DraftStart, DraftTable } from '../../draft.js';
import type { Findings } from './document.js';
import type { BoundSet, ComponentInstance, Station, SystemInstance } from './instances.js';
import type { MappingEntry } from './parameter-mapping.js';
import type { Parameter, ParameterValue } from './parameter-set.js';
import { type Link, stepsAlong, unitsAlong } from './signals.js';
import type { Transformation } from './transformation.js';

/** A value on its way to whatever has the name. */
interface Given {
  readonly parameter: Parameter;
  readonly convertUnits: boolean;
  readonly transformation?: Transformation;
}

type StartsOf = ReadonlyMap<ComponentInstance, readonly DraftStart[]>;

export function startValues(root: SystemInstance, findings: Findings): StartsOf {
  const assigner = new Assigner(findings);
  assigner.system(root);
  return new Map([...assigner.starts].map(([component, starts]) => [component, [...starts.values()]]));
}

class Assigner {
  /** By variable: what comes later replaces what was there. */
  readonly starts = new Map<ComponentInstance, Map<string, DraftStart>>();
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** From inside out, so that outer ones replace inner ones. */
  system(system: SystemInstance): void {
    for (const child of system.children.values()) {
      if (child.kind === 'system') this.system(child);
      else if (child.kind === 'component') {
        for (const set of child.bindings) {
          this.#bind(set, (name, given) => {
            this.#toVariable(child, name, given);
            return true;
          });
        }
      }
    }
    const names = () => [...(system.element.connectors?.keys() ?? []), ...system.children.keys()];
    for (const set of system.bindings) this.#bind(set, (name, given) => this.#toSystem(system, name, given), names);
  }

  /** `assign` answers whether anything has the name. */
  #bind(
    { set, mapping, binding: { prefix } }: BoundSet,
    assign: (name: string, given: Given) => boolean,
    names: () => readonly string[] = () => [],
  ): void {
    const unused: { readonly name: string; readonly location: SourceLocation }[] = [];
    if (mapping === undefined) {
      for (const parameter of set.parameters) {
        const name = prefix + parameter.name;
        const isUsed = assign(name, { parameter, convertUnits: true });
        if (!isUsed) unused.push({ name, location: parameter.nameLocation });
      }
    } else {
      for (const entry of mapping) {
        const parameter = this.#mapped(entry, prefix, set.parameters);
        if (parameter === undefined) continue;
        const { target, convertUnits, transformation, location } = entry;
        const given = { parameter, convertUnits, ...(transformation === undefined ? {} : { transformation }) };
        if (!assign(target, given)) unused.push({ name: target, location });
      }
    }
    const [first] = unused;
    if (first === undefined) return;
    const shown = unused.slice(0, 3).map(({ name }) => `'${name}'${didYouMean(name.split('.')[0] ?? '', names())}`);
    const more = unused.length > shown.length ? ` and ${unused.length - shown.length} more` : '';
    const message = `nothing in this system is named ${shown.join(', ')}${more}: parameters of '${set.name}' are ignored`;
    this.#findings.warnings.push({ message, location: first.location });
  }

  #mapped({ source, location }: MappingEntry, prefix: string, parameters: readonly Parameter[]): Parameter | undefined {
    const found = parameters.find(({ name }) => prefix + name === source);
    if (found !== undefined) return found;
    const names = parameters.map(({ name }) => prefix + name);
    const message = `there is no parameter '${source}' to be mapped${didYouMean(source, names)}`;
    this.#findings.warnings.push({ message, location });
    return undefined;
  }

  /** To the connector of that name, and to what is named so inside: a name may fit several. */
  #toSystem(system: SystemInstance, name: string, given: Given): boolean {
    let isKnown = false;
    if (system.element.connectors?.has(name) === true || system.stations.has(name)) {
      isKnown = true;
      this.#toConnector(system, name, given);
    }
    for (const [own, child] of system.children) {
      if (!name.startsWith(`${own}.`)) continue;
      const rest = name.slice(own.length + 1);
      if (child.kind === 'system') isKnown = this.#toSystem(child, rest, given) || isKnown;
      else if (child.kind === 'component') {
        isKnown = true;
        this.#toVariable(child, rest, given);
      }
    }
    return isKnown;
  }

  #toVariable(component: ComponentInstance, variable: string, given: Given): void {
    const { parameter, convertUnits, transformation } = given;
    const value = this.#transformed(parameter.value, transformation, parameter);
    if (value === undefined) return;
    const unit = component.element.connectors?.get(variable)?.unit;
    const isPlain = unit === undefined && convertUnits && transformation === undefined;
    const steps: DraftNumberStep[] = [
      { kind: 'unit', to: unit ?? 'end', convert: convertUnits },
      ...linearStep(transformation),
    ];
    this.#set(component, variable, parameter, value, isPlain ? undefined : steps);
  }

  /** Through the connections inside, to the variables at their ends. */
  #toConnector(system: SystemInstance, name: string, given: Given): void {
    const station = system.stations.get(name);
    if (station === undefined) return; // connected to nothing
    const inward = station.outgoing.filter((link) => link.system === system);
    if (inward.length === 0 && station.incoming.some((link) => link.system === system)) {
      const message = `'${station.name}' is an output of its system: a value for it changes nothing`;
      this.#findings.warnings.push({ message, location: given.parameter.nameLocation });
    }
    for (const links of waysFrom(inward, [station])) this.#along(links, given);
  }

  #along(links: readonly Link[], { parameter, convertUnits, transformation }: Given): void {
    const last = links.at(-1)!.to;
    if (last.owner?.kind !== 'component') return;
    if (links.some(({ fromIndices, toIndices }) => fromIndices !== undefined || toIndices !== undefined)) {
      const message = `the value of '${parameter.name}' does not reach '${last.name}', of which only elements are connected`;
      this.#findings.warnings.push({ message, location: parameter.nameLocation });
      return;
    }
    let value = this.#transformed(parameter.value, transformation, parameter);
    for (const link of links) {
      value = value === undefined ? undefined : this.#transformed(value, link.transformation, parameter);
    }
    if (value === undefined) return;
    const end = (unit: UnitDefinition | 'end') => (unit === 'end' ? (last.unit ?? unit) : unit);
    const [first] = unitsAlong(links);
    // A value without a unit is in that of the connector.
    const isConverted = convertUnits && parameter.unit !== undefined;
    const steps: DraftNumberStep[] = [
      ...(first === undefined ? [] : [{ kind: 'unit', to: end(first), convert: isConverted } as const]),
      ...linearStep(transformation),
      ...stepsAlong(links).map((step) => (step.kind === 'unit' ? { ...step, to: end(step.to) } : step)),
    ];
    this.#set(last.owner, last.connector, parameter, value, steps);
  }

  #set(
    component: ComponentInstance,
    variable: string,
    { unit, nameLocation, valueLocation }: Parameter,
    value: Parameter['value'],
    steps: readonly DraftNumberStep[] | undefined,
  ): void {
    const starts = this.starts.get(component) ?? new Map<string, DraftStart>();
    this.starts.set(component, starts);
    starts.set(variable, {
      variable,
      value,
      ...(unit === undefined ? {} : { unit }),
      ...(steps === undefined ? {} : { steps }),
      nameLocation,
      valueLocation,
      ifUnknown: 'warn',
    });
  }

  /** Tables are applied here, scales where the units are known. */
  #transformed(
    value: Parameter['value'],
    transformation: Transformation | undefined,
    { name }: Parameter,
  ): Parameter['value'] | undefined {
    if (transformation === undefined) return value;
    const values = Array.isArray(value) ? (value as readonly ParameterValue[]) : [value as ParameterValue];
    const results: ParameterValue[] = [];
    for (const one of values) {
      const result =
        transformation.kind === 'table' ? lookUp(transformation.table, one) : isNumber(one) ? one : undefined;
      if (result === undefined) {
        const what = transformation.kind === 'table' ? `mapping of ${transformation.table.of} values` : 'scale';
        const message = `a ${what} does not go with the value of '${name}', ${JSON.stringify(String(one))}`;
        this.#findings.problems.push({ message, location: transformation.location });
        return undefined;
      }
      results.push(result);
    }
    return Array.isArray(value) ? results : results[0];
  }
}

function linearStep(transformation: Transformation | undefined): DraftNumberStep[] {
  if (transformation?.kind !== 'linear') return [];
  return [{ kind: 'linear', factor: transformation.factor, offset: transformation.offset }];
}

/** All ways that begin with one of the links and lead to components. */
function waysFrom(links: readonly Link[], behind: readonly Station[]): Link[][] {
  return links.flatMap((link) => {
    const { to } = link;
    if (to.owner?.kind !== 'system') return [[link]];
    if (behind.includes(to)) return [];
    const inward = to.outgoing.filter((next) => next.system === to.owner);
    return waysFrom(inward, [...behind, to]).map((rest) => [link, ...rest]);
  });
}

function isNumber(value: ParameterValue): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** undefined: the value is of another type. */
function lookUp({ of, entries }: DraftTable, value: ParameterValue): ParameterValue | undefined {
  const key = of === 'Integer' && typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
  const type = typeof key === 'boolean' ? 'Boolean' : typeof key === 'bigint' ? 'Integer' : 'Enumeration';
  if (typeof key === 'number' || type !== of) return undefined;
  return entries.find(({ source }) => source === key)?.target ?? value;
}
