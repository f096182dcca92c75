/** What a file says of a component's variables, held against the FMU: it may have been written for another version. */
import type { Fmi3Type, FmuModel } from '../fmi/index.js';
import type { Problem } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import type { DraftComponent } from './draft.js';

/** What tools write for one another without harm: an Integer for an Enumeration, a Real for any Float. */
const FAMILIES: readonly (readonly Fmi3Type[])[] = [
  ['Float64', 'Float32'],
  ['Int8', 'UInt8', 'Int16', 'UInt16', 'Int32', 'UInt32', 'Int64', 'UInt64', 'Enumeration'],
];

export function checkConnectors(
  { name: owner, connectors = [] }: DraftComponent,
  { variables }: FmuModel,
  sizes: ReadonlyMap<number, number>,
): Problem[] {
  if (connectors.length === 0) return [];
  const indices = new Map(variables.map(({ name }, index) => [name, index]));
  return connectors.flatMap(({ name, kind, type, size, location }): Problem[] => {
    const warn = (message: string) => [{ message, location }];
    const index = indices.get(name);
    if (index === undefined) {
      return warn(`'${owner}' has no variable '${name}' for this connector${didYouMean(name, indices.keys())}`);
    }
    const variable = variables[index]!;
    const differ = (what: string, here: unknown, there: unknown) =>
      warn(`'${owner}.${name}' is ${what} ${here} here, but ${there} in the FMU`);
    const actual = sizes.get(index) ?? 1;
    return [
      ...(kind === undefined || kind === variable.causality ? [] : differ('of kind', kind, variable.causality)),
      ...(type === undefined || familyOf(type) === familyOf(variable.type)
        ? []
        : differ('of type', type, variable.type)),
      ...(size === undefined || size === actual ? [] : differ('of size', size, actual)),
    ];
  });
}

function familyOf(type: Fmi3Type): Fmi3Type {
  return FAMILIES.find((family) => family.includes(type))?.[0] ?? type;
}
