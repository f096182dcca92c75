/** The signals and diagnostics of a `bridge.yaml`: what a schema cannot say of their names, types and start values. */
import type { Problem } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import type { LocatedFile } from '../support/yaml-file.js';
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
}

type Source = LocatedFile<{
  readonly outputs?: SignalsFile;
  readonly inputs?: SignalsFile;
  readonly diagnostics?: boolean | readonly string[];
  readonly health?: object;
  readonly rmqfmu?: object;
  readonly receive?: { readonly time?: { readonly key?: string } };
}>;

const KINDS = ['outputs', 'inputs'] as const;
type Kind = (typeof KINDS)[number];

export interface ConfiguredSignals {
  readonly outputs: readonly Signal[];
  readonly inputs: readonly Signal[];
  readonly diagnostics: readonly DiagnosticName[];
}

export function readSignals(source: Source, problems: Problem[]): ConfiguredSignals {
  const outputs = readKind(source, 'outputs', problems);
  const inputs = readKind(source, 'inputs', problems);
  if (outputs.length + inputs.length === 0) {
    problems.push({
      message: 'the bridge has no signals',
      location: source.locate([]),
      remedy: "name what messages carry in under 'outputs' and what is published under 'inputs'",
    });
  }
  checkNames(source, problems);
  return { outputs, inputs, diagnostics: readDiagnostics(source, problems) };
}

function readKind(source: Source, kind: Kind, problems: Problem[]): Signal[] {
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
    return {
      name,
      type,
      slot,
      ...(start === undefined ? {} : { start }),
      ...(unit === undefined ? {} : { unit }),
      ...(description === undefined ? {} : { description }),
      ...(type === 'String' ? { maxLength: maxLength ?? DEFAULT_MAX_STRING_BYTES } : {}),
    };
  });
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
function checkNames({ value, locateKey }: Source, problems: Problem[]): void {
  const timeKey = value.receive?.time?.key ?? 'time';
  for (const kind of KINDS) {
    for (const name of Object.keys(value[kind] ?? {})) {
      const shown = name.replaceAll(/\p{Cc}/gu, '?');
      const complain = (message: string) =>
        problems.push({ message: `'${kind}.${shown}' ${message}`, location: locateKey([kind, name]) });
      if (name === '') complain('has no name');
      if (UNPRINTABLE.test(name)) complain('has a character in its name that cannot be printed');
      if (name === timeKey) complain('has the name of the field that holds the time');
      // What the bridge itself writes into each message that it sends.
      if (kind === 'inputs' && name === 'simstep') complain('has the name of the field that holds the end of the step');
      if (kind === 'inputs' && name === 'time' && name !== timeKey)
        complain('has the name of the field that holds the time');
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
