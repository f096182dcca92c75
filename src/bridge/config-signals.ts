/** The signals and diagnostics of a `bridge.yaml`: what a schema cannot say of their names, types and start values. */
import { MAX_LATCHES } from '../native/index.js';
import type { Problem } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import type { LocatedFile } from '../support/yaml-file.js';
import type { SourceConfig } from './config-sources.js';
import { DIAGNOSTICS, type DiagnosticName } from './diagnostics.js';
import { DISCREPANCIES } from './rmqfmu/contract.js';
import {
  DEFAULT_MAX_STRING_BYTES,
  INTEGER_MAX,
  INTEGER_MIN,
  SIGNAL_TYPES,
  type Signal,
  type SignalType,
  type SignalValue,
} from './signals.js';

export type SignalsFile = Readonly<Record<string, string | SignalFile>>;

interface SignalFile {
  readonly type: SignalType;
  readonly start?: SignalValue;
  readonly unit?: string;
  readonly description?: string;
  readonly maxLength?: number;
  readonly source?: string;
  readonly latch?: boolean;
}

type Source = LocatedFile<{
  readonly outputs?: SignalsFile;
  readonly inputs?: SignalsFile;
  readonly diagnostics?: boolean | readonly string[];
  readonly health?: object;
  readonly rmqfmu?: object;
}>;

const KINDS = ['outputs', 'inputs'] as const;
type Kind = (typeof KINDS)[number];

export interface ConfiguredSignals {
  readonly outputs: readonly Signal[];
  readonly inputs: readonly Signal[];
  readonly diagnostics: readonly DiagnosticName[];
}

export function readSignals(source: Source, sources: readonly SourceConfig[], problems: Problem[]): ConfiguredSignals {
  const outputs = readKind(source, 'outputs', sources, problems);
  const inputs = readKind(source, 'inputs', sources, problems);
  if (outputs.length + inputs.length === 0) {
    problems.push({
      message: 'the bridge has no signals',
      location: source.locate([]),
      remedy: "name what messages carry in under 'outputs' and what is published under 'inputs'",
    });
  }
  checkNames(source, outputs, sources, problems);
  const latched = inputs.filter(({ latch }) => latch === true);
  if (latched.length > MAX_LATCHES) {
    const message = `${latched.length} inputs are latched, more than ${MAX_LATCHES}`;
    problems.push({ message, location: source.locate(['inputs', latched.at(-1)!.name, 'latch']) });
  }
  return { outputs, inputs, diagnostics: readDiagnostics(source, problems) };
}

function readKind(source: Source, kind: Kind, sources: readonly SourceConfig[], problems: Problem[]): Signal[] {
  return Object.entries(source.value[kind] ?? {}).map(([name, given], slot): Signal => {
    const path = [kind, name];
    const complain = (message: string, at: readonly string[] = []) =>
      problems.push({
        message: `'${[...path, ...at].join('.')}' ${message}`,
        location: source.locate([...path, ...at]),
      });
    const file = typeof given === 'string' ? { type: given as SignalType } : given;
    const { type, start, unit, description, maxLength } = file;
    if (!SIGNAL_TYPES.includes(type)) {
      complain(`is '${type}', expected one of ${SIGNAL_TYPES.join(', ')}${didYouMean(type, SIGNAL_TYPES)}`);
    }
    const wrongStart = start === undefined ? undefined : startProblem(type, start, maxLength);
    if (wrongStart !== undefined) complain(wrongStart, ['start']);
    if (unit !== undefined && type !== 'Real') complain('is given, but in FMI only a Real has a unit', ['unit']);
    if (maxLength !== undefined && type !== 'String')
      complain('is given, but only a String has a length', ['maxLength']);
    if (kind === 'inputs' && file.source !== undefined)
      complain('is given, but only an output has a source', ['source']);
    const wrongLatch = file.latch === true ? latchProblem(kind, type, start) : undefined;
    if (wrongLatch !== undefined) complain(wrongLatch, ['latch']);
    return {
      name,
      type,
      slot,
      source: kind === 'outputs' ? indexOfSource(file.source, sources, complain) : 0,
      ...(start === undefined ? {} : { start }),
      ...(unit === undefined ? {} : { unit }),
      ...(description === undefined ? {} : { description }),
      ...(type === 'String' ? { maxLength: maxLength ?? DEFAULT_MAX_STRING_BYTES } : {}),
      ...(file.latch === true ? { latch: true } : {}),
    };
  });
}

/** A forgotten source is no first source: the signal would wait for values that come elsewhere. */
function indexOfSource(
  name: string | undefined,
  sources: readonly SourceConfig[],
  complain: (message: string, at?: readonly string[]) => void,
): number {
  const names = sources.map((source) => source.name);
  if (name === undefined) {
    if (sources.length > 1) complain(`does not say which of the sources carries it: source: ${names.join(', ')}`);
    return 0;
  }
  const index = names.indexOf(name);
  if (index < 0) complain(`is '${name}', expected one of ${names.join(', ')}${didYouMean(name, names)}`, ['source']);
  return Math.max(0, index);
}

function latchProblem(kind: Kind, type: SignalType, start: SignalValue | undefined): string | undefined {
  if (kind !== 'inputs') return 'is given, but only an input is published';
  if (type !== 'Boolean') return 'is given, but only a Boolean can be latched';
  return start === true ? 'is given, but the input is true from the start' : undefined;
}

function startProblem(type: SignalType, start: SignalValue, maxLength = DEFAULT_MAX_STRING_BYTES): string | undefined {
  switch (type) {
    case 'Real':
      return Number.isFinite(start) ? undefined : `is '${start}', expected a number`;
    case 'Integer': {
      const isInteger = Number.isInteger(start) && Number(start) >= INTEGER_MIN && Number(start) <= INTEGER_MAX;
      return isInteger ? undefined : `is '${start}', expected a whole number of 32 bits`;
    }
    case 'Boolean':
      return typeof start === 'boolean' ? undefined : `is '${start}', expected true or false`;
    case 'String': {
      if (typeof start !== 'string') return `is ${start}, expected a text in quotes`;
      if (start.includes('\0')) return 'has a NUL character in it, where FMI ends a text';
      const bytes = Buffer.byteLength(start);
      return bytes <= maxLength ? undefined : `has ${bytes} bytes, more than maxLength ${maxLength}`;
    }
    default:
      return undefined; // the type itself is the problem
  }
}

/** Characters that neither XML nor a line of a log can hold. */
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}\ufffe\uffff]/u;

/** Names of variables are one space: outputs, inputs, diagnostics and parameters may not share one. */
function checkNames(
  { value, locateKey }: Source,
  outputs: readonly Signal[],
  sources: readonly SourceConfig[],
  problems: Problem[],
): void {
  const timeKeys = new Map(outputs.map(({ name, source }) => [name, sources[source]!.time.key]));
  for (const kind of KINDS) {
    for (const name of Object.keys(value[kind] ?? {})) {
      const shown = name.replaceAll(/\p{Cc}/gu, '?');
      const complain = (message: string) =>
        problems.push({ message: `'${kind}.${shown}' ${message}`, location: locateKey([kind, name]) });
      if (name === '') complain('has no name');
      if (UNPRINTABLE.test(name)) complain('has a character in its name that cannot be printed');
      if (kind === 'outputs' && name === timeKeys.get(name)) complain('has the name of the field that holds the time');
      // What the bridge itself writes into each message that it sends.
      if (kind === 'inputs' && name === 'simstep') complain('has the name of the field that holds the end of the step');
      if (kind === 'inputs' && name === 'time') complain('has the name of the field that holds the time');
      if (name.startsWith('config.')) complain("has a name that begins with 'config.', as the FMU's parameters do");
      if (kind === 'inputs' && Object.hasOwn(value.outputs ?? {}, name)) complain('is an output, too');
    }
  }
}

function readDiagnostics({ value, locate }: Source, problems: Problem[]): DiagnosticName[] {
  const { diagnostics = false, outputs = {}, inputs = {} } = value;
  const hasHealth = value.health !== undefined || value.rmqfmu !== undefined;
  const known = Object.keys(DIAGNOSTICS).filter((name) => hasHealth || !isDiscrepancy(name));
  if (diagnostics === false) return [];
  const asked = diagnostics === true ? known : [...new Set(diagnostics)];
  for (const name of asked) {
    const location =
      diagnostics === true ? locate(['diagnostics']) : locate(['diagnostics', diagnostics.indexOf(name)]);
    if (!known.includes(name)) {
      const message = `there is no diagnostic '${name}'${didYouMean(name, known)}`;
      const remedy = isDiscrepancy(name) ? "it needs 'health'" : `known diagnostics: ${known.join(', ')}`;
      problems.push({ message, location, remedy });
    } else if (Object.hasOwn(outputs, name) || Object.hasOwn(inputs, name)) {
      const message = `the diagnostic '${name}' has the name of a signal`;
      problems.push({ message, location, remedy: 'list the diagnostics you want without it' });
    }
  }
  return asked as DiagnosticName[];
}

/** Told by peers on the health exchange. */
function isDiscrepancy(name: string): boolean {
  return (DISCREPANCIES as readonly string[]).includes(name);
}
