/** Types, units and enumerations of what is written: those of the FMUs, under names that mean one thing in the file. */
import {
  type FmuModel,
  type ModelEnumeration,
  type ModelVariable,
  typeName,
  type UnitDefinition,
} from '../../../fmi/index.js';
import { element, list } from '../../../support/xml/writer.js';

export type SspVersion = '1.0' | '2.0';

/** What SSP 1.0 has. */
const TYPES_1_0: readonly ModelVariable['type'][] = ['Float64', 'Int32', 'Boolean', 'String', 'Enumeration', 'Binary'];

export function isOfSsp1({ type, dimensions }: ModelVariable): boolean {
  return TYPES_1_0.includes(type) && dimensions.length === 0;
}

/** As an element: `Real`, or `Float64` for an FMU of FMI 3.0 in SSP 2.0. */
export function sspTypeName(model: FmuModel, { type }: ModelVariable, version: SspVersion): string {
  return version === '1.0' ? typeName({ fmi: '2.0' }, type) : typeName(model, type);
}

export class TypeRegister {
  readonly #units = new Map<string, UnitDefinition>();
  readonly #enumerations = new Map<string, ModelEnumeration>();

  /** Name of the variable's unit; undefined if SSP cannot define it, or the name stands for another one in this file. */
  unit(model: FmuModel, { unit: name }: ModelVariable): string | undefined {
    const unit = model.units.find((definition) => definition.name === name);
    if (unit?.baseUnit === undefined) return undefined;
    const known = this.#units.get(unit.name);
    if (known !== undefined && !isSameUnit(known, unit)) return undefined;
    this.#units.set(unit.name, unit);
    return unit.name;
  }

  /** Name of the variable's enumeration; `owner` is put before it where another component has one of the same name. */
  enumeration(model: FmuModel, { declaredType }: ModelVariable, owner: string): string | undefined {
    const found = model.enumerations.find(({ name }) => name === declaredType);
    if (found === undefined || found.items.some(({ value }) => !Number.isInteger(value) || value !== (value | 0))) {
      return undefined;
    }
    for (const name of [found.name, `${owner}.${found.name}`]) {
      const known = this.#enumerations.get(name);
      if (known !== undefined && JSON.stringify(known.items) !== JSON.stringify(found.items)) continue;
      this.#enumerations.set(name, found);
      return name;
    }
    return undefined;
  }

  unitsXml(): string[] {
    const units = [...this.#units.values()].map(({ name, baseUnit }) =>
      element('ssc:Unit', { name }, [element('ssc:BaseUnit', { ...baseUnit })]),
    );
    return list('ssd:Units', units);
  }

  enumerationsXml(): string[] {
    const enumerations = [...this.#enumerations].map(([name, { items }]) =>
      element(
        'ssc:Enumeration',
        { name },
        items.map((item) => element('ssc:Item', { name: item.name, value: item.value })),
      ),
    );
    return list('ssd:Enumerations', enumerations);
  }
}

export function isSameUnit(one: UnitDefinition, other: UnitDefinition): boolean {
  const sorted = ({ baseUnit = {} }: UnitDefinition) =>
    JSON.stringify(
      Object.entries(baseUnit)
        .filter(([key, value]) => value !== (key === 'factor' ? 1 : 0))
        .sort(),
    );
  return one.name === other.name && sorted(one) === sorted(other);
}
