/** Parameter mappings: which value of a set goes where, and what is done to it before (SSP 2.0, section 7). */
import type { SourceLocation } from '../../../support/errors.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import { expectOnly, type Findings, SSC, SSM } from './document.js';
import { readTransformation, TRANSFORMATIONS, type Transformation } from './transformation.js';

export interface MappingEntry {
  readonly source: string;
  readonly target: string;
  readonly convertUnits: boolean;
  readonly transformation?: Transformation;
  readonly location: SourceLocation;
}

/** `root` is a `ParameterMapping`. */
export function readParameterMapping(root: XmlElement, findings: Findings): readonly MappingEntry[] {
  const { problems } = findings;
  expectOnly(root, { isRoot: true, children: { [SSM]: ['MappingEntry'] } }, findings);
  const targets = new Set<string>();
  return childrenIn(root, SSM, 'MappingEntry').flatMap((element): MappingEntry[] => {
    const attributes = ['source', 'target', 'suppressUnitConversion'];
    expectOnly(element, { attributes, children: { [SSC]: TRANSFORMATIONS } }, findings);
    const reader = new AttributeReader(element, problems);
    const [source, target] = [reader.required('source'), reader.required('target')];
    const suppress = reader.boolean('suppressUnitConversion') ?? false;
    const transformation = readTransformation(element, findings);
    if (source === undefined || target === undefined) return [];
    const { location } = element;
    if (targets.has(target)) problems.push({ message: `a second value is mapped to '${target}'`, location });
    targets.add(target);
    return [
      {
        source,
        target,
        convertUnits: !suppress,
        ...(transformation === undefined ? {} : { transformation }),
        location,
      },
    ];
  });
}
