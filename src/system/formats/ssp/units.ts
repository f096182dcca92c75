/** Units of a file of SSP, by their base units (SSP 2.0, section 4.4.2; as in FMI). */
import type { BaseUnitExponent, UnitDefinition } from '../../../fmi/index.js';
import { didYouMean } from '../../../support/nearest.js';
import { AttributeReader, defined } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import { expectOnly, type Findings, SSC, type SspNamespace } from './document.js';

export type Units = Map<string, UnitDefinition>;

export const BASE_UNITS: readonly BaseUnitExponent[] = ['kg', 'm', 's', 'A', 'K', 'mol', 'cd', 'rad'];

/** The units that the file with this root defines; other files know nothing of them. */
export function readUnits(root: XmlElement, namespace: SspNamespace, findings: Findings): Units {
  const { problems } = findings;
  const units = new Map<string, UnitDefinition>();
  for (const list of childrenIn(root, namespace, 'Units')) {
    expectOnly(list, { children: { [SSC]: ['Unit'] } }, findings);
    for (const unit of childrenIn(list, SSC, 'Unit')) {
      expectOnly(unit, { attributes: ['name'], children: { [SSC]: ['BaseUnit', 'Annotations'] } }, findings);
      const name = new AttributeReader(unit, problems).required('name');
      if (name === undefined) continue;
      if (units.has(name)) problems.push({ message: `a second unit '${name}'`, location: unit.location });
      const [base] = childrenIn(unit, SSC, 'BaseUnit');
      if (base === undefined) {
        problems.push({ message: `unit '${name}' lacks its <BaseUnit>`, location: unit.location });
      } else expectOnly(base, { attributes: [...BASE_UNITS, 'factor', 'offset'] }, findings);
      const baseUnit = base && readBaseUnit(base, findings);
      if (!units.has(name)) units.set(name, { name, ...(baseUnit === undefined ? {} : { baseUnit }) });
    }
  }
  return units;
}

function readBaseUnit(base: XmlElement, { problems }: Findings): NonNullable<UnitDefinition['baseUnit']> {
  const attributes = new AttributeReader(base, problems);
  const exponents = BASE_UNITS.map((unit) => [unit, attributes.integer(unit)] as const);
  return defined({
    ...Object.fromEntries(exponents),
    factor: attributes.real('factor'),
    offset: attributes.real('offset'),
  });
}

/** The unit of that name; one without base units, and a warning for all that use it, if the file does not define it. */
export function findUnit(
  name: string | undefined,
  units: Units,
  place: XmlElement,
  { warnings }: Findings,
): UnitDefinition | undefined {
  if (name === undefined) return undefined;
  const unit = units.get(name);
  if (unit !== undefined) return unit;
  const message = `unit '${name}' is not defined in this file${didYouMean(name, units.keys())}`;
  warnings.push({ message, location: place.location });
  units.set(name, { name });
  return { name };
}
