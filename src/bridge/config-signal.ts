/** One signal of a `bridge.yaml`: what a schema cannot say of its type, path, size, scale, items and start value. */
import type { Problem } from '../support/errors.js';
import type { LocatedFile } from '../support/located-file.js';
import { didYouMean } from '../support/nearest.js';
import type { SourceConfig } from './config-sources.js';
import { exactInteger } from './decimal.js';
import { arrayIndex, parsePointer } from './pointer.js';
import {
  DEFAULT_MAX_BINARY_BYTES,
  DEFAULT_MAX_STRING_BYTES,
  type EnumerationItem,
  INTEGER_RANGES,
  is64Bit,
  isFloat,
  isNumber,
  isText,
  SIGNAL_TYPES,
  type Signal,
  type SignalType,
  type SignalValue,
  TYPE_ALIASES,
} from './signals.js';

export interface SignalFile {
  readonly type: string;
  readonly start?: SignalValue | readonly SignalValue[];
  readonly unit?: string;
  readonly description?: string;
  readonly maxLength?: number;
  readonly source?: string;
  readonly path?: string;
  readonly size?: number;
  readonly scale?: number;
  readonly offset?: number;
  readonly values?: Readonly<Record<string, number>>;
  readonly latch?: boolean;
}

export const SIGNAL_KINDS = ['outputs', 'inputs'] as const;
export type SignalKind = (typeof SIGNAL_KINDS)[number];

export interface SignalContext {
  /** Version of FMI that the FMU speaks. */
  readonly fmi: 2 | 3;
  readonly sources: readonly SourceConfig[];
}

/** Types that the variables of FMI 2.0 cannot hold. */
const FMI3_ONLY: readonly SignalType[] = ['Binary', 'UInt32', 'Int64', 'UInt64'];
const KNOWN_TYPES = [...SIGNAL_TYPES, ...Object.keys(TYPE_ALIASES)];

type Complain = (message: string, at?: readonly string[], remedy?: string) => void;

export function readSignal(
  { locate }: LocatedFile<unknown>,
  kind: SignalKind,
  name: string,
  file: SignalFile,
  slot: number,
  { fmi, sources }: SignalContext,
  problems: Problem[],
): Signal {
  const place = [kind, name];
  const complain: Complain = (message, at = [], remedy) =>
    problems.push({
      message: `'${[...place, ...at].join('.')}' ${message}`,
      location: locate([...place, ...at]),
      ...(remedy === undefined ? {} : { remedy }),
    });
  const { start, unit, description, maxLength, size, scale = 1, offset = 0 } = file;
  const type = TYPE_ALIASES[file.type] ?? (file.type as SignalType);
  if (!SIGNAL_TYPES.includes(type)) {
    complain(`is '${file.type}', expected one of ${KNOWN_TYPES.join(', ')}${didYouMean(file.type, KNOWN_TYPES)}`);
  }
  if (fmi === 2 && FMI3_ONLY.includes(type)) {
    complain(`is ${type}, which FMI 2.0 does not have`, [], 'say fmi: 3, or take another type');
  }
  if (kind === 'inputs' && file.source !== undefined) complain('is given, but only an output has a source', ['source']);
  const source = kind === 'outputs' ? indexOfSource(file.source, sources, complain) : 0;
  const path = readPath(kind, file, sources[source], complain);
  if (unit !== undefined && !isFloat(type)) complain('is given, but in FMI only a Real has a unit', ['unit']);
  if (maxLength !== undefined && !isText(type)) complain('is given, but only a String has a length', ['maxLength']);
  for (const key of ['scale', 'offset'] as const) {
    if (file[key] === undefined) continue;
    if (!isNumber(type)) complain(`is given, but a ${type} is no number`, [key]);
    if (!Number.isFinite(file[key])) complain(`is ${file[key]}, expected a number`, [key]);
    if (key === 'scale' && scale === 0) complain('is 0: every value would be the offset', [key]);
  }
  const wrongLatch = file.latch === true ? latchProblem(kind, type, size, start) : undefined;
  if (wrongLatch !== undefined) complain(wrongLatch, ['latch']);
  const items = readItems(type, file.values, complain);
  const limit = maxLength ?? (type === 'Binary' ? DEFAULT_MAX_BINARY_BYTES : DEFAULT_MAX_STRING_BYTES);
  const signal: Signal = {
    name,
    type,
    slot,
    source,
    ...(path === undefined ? {} : { path }),
    ...(size === undefined ? {} : { size }),
    ...(scale === 1 && offset === 0 ? {} : { scale, offset }),
    ...(items === undefined ? {} : { items }),
    ...(unit === undefined ? {} : { unit }),
    ...(description === undefined ? {} : { description }),
    ...(isText(type) ? { maxLength: limit } : {}),
    ...(file.latch === true ? { latch: true } : {}),
  };
  const starts = start === undefined ? undefined : readStart(signal, start, complain);
  return { ...signal, ...(starts === undefined ? {} : { start: starts }) };
}

/** A forgotten source is no first source: the signal would wait for values that come elsewhere. */
function indexOfSource(name: string | undefined, sources: readonly SourceConfig[], complain: Complain): number {
  const names = sources.map((source) => source.name);
  if (name === undefined) {
    if (sources.length > 1) complain(`does not say which of the sources carries it: source: ${names.join(', ')}`);
    return 0;
  }
  const index = names.indexOf(name);
  if (index < 0) complain(`is '${name}', expected one of ${names.join(', ')}${didYouMean(name, names)}`, ['source']);
  return Math.max(0, index);
}

/** Undefined: under the signal's name, at the top of the message. */
function readPath(
  kind: SignalKind,
  { path, type }: SignalFile,
  source: SourceConfig | undefined,
  complain: Complain,
): readonly string[] | undefined {
  if (kind === 'outputs' && source?.payload === 'raw') {
    if (type !== 'Binary') {
      complain(`is ${type}, but source '${source.name}' has raw payloads, which are Binary`, [], 'say type: Binary');
    }
    if (path !== undefined) complain('is given, but a raw payload is one value as a whole', ['path']);
    return [];
  }
  if (path === undefined) return undefined;
  const tokens = parsePointer(path);
  if ('problem' in tokens) {
    complain(tokens.problem, ['path'], 'a path is a JSON pointer, such as /pose/x or /joints/3');
    return undefined;
  }
  // Which elements an array had besides would be made up.
  const index = kind === 'inputs' ? tokens.find((token) => arrayIndex(token) !== undefined) : undefined;
  if (index !== undefined) {
    complain(
      `has the index ${index}, but what is published is built of objects`,
      ['path'],
      'publish the array as one signal, with size',
    );
  }
  return tokens;
}

function latchProblem(
  kind: SignalKind,
  type: SignalType,
  size: number | undefined,
  start: SignalFile['start'],
): string | undefined {
  if (kind !== 'inputs') return 'is given, but only an input is published';
  if (type !== 'Boolean' || size !== undefined) return 'is given, but only a Boolean can be latched';
  return start === true ? 'is given, but the input is true from the start' : undefined;
}

function readItems(
  type: SignalType,
  values: Readonly<Record<string, number>> | undefined,
  complain: Complain,
): EnumerationItem[] | undefined {
  if (type !== 'Enumeration') {
    if (values !== undefined) complain('is given, but only an Enumeration has items', ['values']);
    return undefined;
  }
  if (values === undefined) {
    complain("lacks 'values'", [], 'name the items with their numbers: values: { idle: 0, drive: 1 }');
    return [];
  }
  const items = Object.entries(values).map(([name, value]) => ({ name, value }));
  for (const [index, { name, value }] of items.entries()) {
    const before = items.slice(0, index).find((item) => item.value === value);
    if (before !== undefined) complain(`is ${value}, as '${before.name}' is`, ['values', name]);
    if (name === '' || /[\p{Cc}\p{Surrogate}\ufffe\uffff]/u.test(name)) {
      complain('has an item whose name cannot be printed', ['values']);
    }
  }
  return items;
}

function readStart(
  signal: Signal,
  start: SignalValue | readonly SignalValue[],
  complain: Complain,
): SignalValue | readonly SignalValue[] | undefined {
  const { type, size } = signal;
  if (type === 'Binary') {
    complain('is given, but a Binary starts empty', ['start']);
    return undefined;
  }
  if (size === undefined || (isText(type) && !Array.isArray(start))) {
    if (Array.isArray(start)) complain('is a list, but the signal is a single value', ['start']);
    else return startValue(signal, start as SignalValue, (message) => complain(message, ['start']));
    return undefined;
  }
  if (isText(type)) {
    complain('is a list, but all texts of an array start alike', ['start'], 'give one text');
    return undefined;
  }
  const list = Array.isArray(start)
    ? (start as readonly SignalValue[])
    : new Array<SignalValue>(size).fill(start as SignalValue);
  if (list.length !== size) complain(`has ${list.length} values, the signal has ${size}`, ['start']);
  return list.map((value, index) =>
    startValue(signal, value, (message) =>
      complain(message, Array.isArray(start) ? ['start', String(index)] : ['start']),
    ),
  );
}

function startValue(
  { type, items = [], maxLength = 0 }: Signal,
  start: SignalValue,
  complain: (message: string) => void,
): SignalValue {
  const refuse = (message: string): SignalValue => {
    complain(message);
    return start;
  };
  switch (type) {
    case 'Real':
    case 'Float32':
      return typeof start === 'number' && Number.isFinite(start) ? start : refuse(`is '${start}', expected a number`);
    case 'Boolean':
      return typeof start === 'boolean' ? start : refuse(`is '${start}', expected true or false`);
    case 'String': {
      if (typeof start !== 'string') return refuse(`is ${start}, expected a text in quotes`);
      if (start.includes('\0')) return refuse('has a NUL character in it, where FMI ends a text');
      const bytes = Buffer.byteLength(start);
      return bytes <= maxLength ? start : refuse(`has ${bytes} bytes, more than maxLength ${maxLength}`);
    }
    case 'Enumeration': {
      const item = items.find(({ name, value }) => name === start || value === start);
      const names = items.map(({ name }) => name);
      return (
        item?.value ?? refuse(`is '${start}', expected one of ${names.join(', ')}${didYouMean(String(start), names)}`)
      );
    }
    default: {
      const range = INTEGER_RANGES[type];
      if (range === undefined) return start; // the type itself is the problem
      const { bits, min, max } = range;
      // A text, since a number of the file may have been rounded.
      const isWritten =
        typeof start === 'number' ? Number.isSafeInteger(start) : is64Bit(type) && typeof start === 'string';
      const whole = isWritten ? exactInteger(String(start)) : undefined;
      if (typeof whole === 'bigint' && whole >= min && whole <= max)
        return is64Bit(type) ? String(whole) : Number(whole);
      const remedy = is64Bit(type) && typeof start === 'number' ? ' (beyond 2^53 in quotes)' : '';
      return refuse(
        `is '${start}', expected a whole number of ${bits} bits${min < 0n ? '' : ', not negative'}${remedy}`,
      );
    }
  }
}
