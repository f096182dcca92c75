/** Data types of connectors, parameters and signals (SSP 2.0, section 4.5.1), in the words of FMI 3.0. */
import type { Fmi3Type } from '../../../fmi/index.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import { type Findings, SSC } from './document.js';

export const SSP_TYPES: readonly string[] = [
  'Real',
  'Float64',
  'Float32',
  'Integer',
  'Int8',
  'UInt8',
  'Int16',
  'UInt16',
  'Int32',
  'UInt32',
  'Int64',
  'UInt64',
  'Boolean',
  'String',
  'Enumeration',
  'Binary',
  'Clock',
];

/** Real and Integer are the only ones that SSP 1.0 has of numbers. */
export function toFmiType(name: string): Fmi3Type {
  return name === 'Real' ? 'Float64' : name === 'Integer' ? 'Int32' : (name as Fmi3Type);
}

/** What a connector or a signal of a dictionary says of its values. */
export interface SspSignal {
  readonly type?: Fmi3Type;
  /** Name of a unit of the same file. */
  readonly unit?: string;
  /** Number of elements of an array; undefined: a scalar, or not said. */
  readonly size?: number;
}

export function readSignal(element: XmlElement, findings: Findings): SspSignal {
  const types = element.children.filter(({ namespace, localName }) => {
    return namespace === SSC && SSP_TYPES.includes(localName);
  });
  for (const extra of types.slice(1)) {
    findings.problems.push({
      message: `<${element.name}> has a second type, <${extra.name}>`,
      location: extra.location,
    });
  }
  const [type] = types;
  const unit = type?.attributes.get('unit');
  const size = readSize(element, findings);
  return {
    ...(type === undefined ? {} : { type: toFmiType(type.localName) }),
    ...(unit === undefined || unit === '' ? {} : { unit }),
    ...(size === undefined ? {} : { size }),
  };
}

/** The number of elements by the `Dimension`s; undefined if there are none, or one of them has no fixed size. */
export function readSize(element: XmlElement, { problems }: Findings): number | undefined {
  const sizes = childrenIn(element, SSC, 'Dimension').map((dimension) => {
    const attributes = new AttributeReader(dimension, problems);
    const size = attributes.bigints('size', 0n, 2n ** 53n);
    if (size !== undefined && size.length !== 1) {
      problems.push({ message: '<Dimension> needs one size', location: dimension.location });
    }
    return size?.length === 1 ? Number(size[0]) : undefined;
  });
  if (sizes.length === 0 || sizes.some((size) => size === undefined)) return undefined;
  return sizes.reduce<number>((product, size) => product * size!, 1);
}
