/** Tables of values that are replaced by others on their way, from what a file says to numbers. */

import { type Fmi3Type, INTEGER_RANGE, type ModelEnumeration } from '../fmi/index.js';
import type { Problem } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import type { DraftTable } from './draft.js';
import type { Connection } from './system.js';

/** What stands at one end of the connection. */
export interface TableEnd {
  /** For messages. */
  readonly name: string;
  readonly type: Fmi3Type;
  readonly enumeration: ModelEnumeration | undefined;
}

type Table = NonNullable<Connection['table']>;
type Entry = DraftTable['entries'][number];

/** Entries that are faulty are left out, and reported. */
export function toTable(draft: DraftTable, from: TableEnd, to: TableEnd, problems: Problem[]): Table {
  for (const end of [from, to]) {
    if (suits(draft.of, end.type)) continue;
    const message = `a mapping of ${draft.of} values does not go with '${end.name}', which is of type ${end.type}`;
    const location = draft.entries[0]?.location;
    if (location !== undefined) problems.push({ message, location });
    return [];
  }
  const seen = new Set<number>();
  return draft.entries.flatMap((entry): Table => {
    const { location } = entry;
    const given = toNumber(entry.source, from, true);
    const taken = toNumber(entry.target, to, false);
    for (const one of [given, taken]) if (typeof one === 'string') problems.push({ message: one, location });
    // A value that the source cannot have never comes.
    if (typeof given !== 'number' || typeof taken !== 'number') return [];
    if (seen.has(given)) problems.push({ message: `the value ${show(entry)} is mapped twice`, location });
    seen.add(given);
    return [[given, taken]];
  });
}

function suits(of: DraftTable['of'], type: Fmi3Type): boolean {
  if (of === 'Integer') return type === 'Enumeration' || type in INTEGER_RANGE;
  return type === of;
}

/** undefined: outside of what the end can be, which is no fault of a source; a text: what is wrong. */
function toNumber(value: Entry['source'], end: TableEnd, isSource: boolean): number | string | undefined {
  const { name, type, enumeration } = end;
  const items = enumeration?.items ?? [];
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'string') {
    const item = items.find((one) => one.name === value);
    if (item !== undefined) return item.value;
    const names = items.map((one) => one.name);
    return `'${name}' has no item '${value}'${didYouMean(value, names)}, it has ${names.join(', ')}`;
  }
  const [low, high] = INTEGER_RANGE[type === 'Enumeration' ? 'Int32' : type]!;
  const isWithin = value >= low && value <= high && (type !== 'Enumeration' || isItem(items, value));
  if (!isWithin) return isSource && type !== 'Enumeration' ? undefined : `'${name}' (${type}) cannot be ${value}`;
  if (!Number.isSafeInteger(Number(value))) return `the value ${value} is too large for a mapping`;
  return Number(value);
}

function isItem(items: ModelEnumeration['items'], value: bigint): boolean {
  return items.length === 0 || items.some((item) => BigInt(item.value) === value);
}

function show({ source }: Entry): string {
  return typeof source === 'string' ? `'${source}'` : String(source);
}
