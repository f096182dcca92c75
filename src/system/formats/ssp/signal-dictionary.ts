/** Signal dictionaries: the signals of a bus (SSP 2.0, section 8). */
import type { UnitDefinition } from '../../../fmi/index.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import { expectOnly, type Findings, SSB, SSC } from './document.js';
import { readSignal, SSP_TYPES } from './types.js';
import { findUnit, readUnits } from './units.js';

export interface DictionaryEntry {
  readonly name: string;
  readonly unit?: UnitDefinition;
}

/** By name. `root` is a `SignalDictionary`. */
export function readSignalDictionary(root: XmlElement, findings: Findings): ReadonlyMap<string, DictionaryEntry> {
  const { problems } = findings;
  expectOnly(root, { isRoot: true, children: { [SSB]: ['DictionaryEntry', 'Enumerations', 'Units'] } }, findings);
  const units = readUnits(root, SSB, findings);
  const entries = new Map<string, DictionaryEntry>();
  for (const element of childrenIn(root, SSB, 'DictionaryEntry')) {
    expectOnly(element, { attributes: ['name'], children: { [SSC]: [...SSP_TYPES, 'Dimension'] } }, findings);
    const name = new AttributeReader(element, problems).required('name');
    const unit = findUnit(readSignal(element, findings).unit, units, element, findings);
    if (name === undefined) continue;
    if (entries.has(name)) problems.push({ message: `a second signal '${name}'`, location: element.location });
    entries.set(name, { name, ...(unit === undefined ? {} : { unit }) });
  }
  return entries;
}
