/** The signals and diagnostics of a `bridge.yaml`: what a schema cannot say of their names, types and start values. */
import { MAX_LATCHES } from '../native/index.js';
import type { Problem } from '../support/errors.js';
import type { LocatedFile } from '../support/located-file.js';
import { didYouMean } from '../support/nearest.js';
import { readSignal, SIGNAL_KINDS, type SignalContext, type SignalFile, type SignalKind } from './config-signal.js';
import type { SourceConfig } from './config-sources.js';
import { DIAGNOSTICS, type DiagnosticName } from './diagnostics.js';
import { compileMapping, IS_TIME, timePath } from './mapping.js';
import { DISCREPANCIES } from './rmqfmu/contract.js';
import { elementsOf, pathOf, type Signal } from './signals.js';

export type SignalsFile = Readonly<Record<string, string | SignalFile>>;

type Source = LocatedFile<{
  readonly outputs?: SignalsFile;
  readonly inputs?: SignalsFile;
  readonly diagnostics?: boolean | readonly string[];
  readonly health?: object;
  readonly rmqfmu?: object;
  readonly compat?: string;
}>;

export interface ConfiguredSignals {
  readonly outputs: readonly Signal[];
  readonly inputs: readonly Signal[];
  readonly diagnostics: readonly DiagnosticName[];
}

export function readSignals(source: Source, context: SignalContext, problems: Problem[]): ConfiguredSignals {
  const outputs = readKind(source, 'outputs', context, problems);
  const inputs = readKind(source, 'inputs', context, problems);
  if (outputs.length + inputs.length === 0) {
    problems.push({
      message: 'the bridge has no signals',
      location: source.locate([]),
      remedy: "name what messages carry in under 'outputs' and what is published under 'inputs'",
    });
  }
  checkNames(source, [...outputs, ...inputs], problems);
  for (const [index, from] of context.sources.entries()) {
    const own = outputs.filter((signal) => signal.source === index);
    if (from.payload === 'raw') checkRaw(source, from, own, problems);
    else checkPaths(source, 'outputs', own, timePath(from.time), problems);
  }
  checkSent(source, inputs, problems);
  const latched = inputs.filter(({ latch }) => latch === true);
  if (latched.length > MAX_LATCHES) {
    const message = `${latched.length} inputs are latched, more than ${MAX_LATCHES}`;
    problems.push({ message, location: source.locate(['inputs', latched.at(-1)!.name, 'latch']) });
  }
  return { outputs, inputs, diagnostics: readDiagnostics(source, problems) };
}

function readKind(source: Source, kind: SignalKind, context: SignalContext, problems: Problem[]): Signal[] {
  let slot = 0;
  return Object.entries(source.value[kind] ?? {}).map(([name, given]) => {
    const file = typeof given === 'string' ? { type: given } : given;
    const signal = readSignal(source, kind, name, file, slot, context, problems);
    slot += elementsOf(signal);
    return signal;
  });
}

function checkPaths(
  { value, locate, locateKey }: Source,
  kind: SignalKind,
  signals: readonly Signal[],
  time: readonly string[] | undefined,
  problems: Problem[],
): void {
  for (const { signal, problem } of compileMapping(signals, time).conflicts) {
    const { name } = signal;
    const given = value[kind]?.[name];
    const hasPath = typeof given === 'object' && given.path !== undefined;
    problems.push(
      hasPath
        ? { message: `'${kind}.${name}.path' ${problem}`, location: locate([kind, name, 'path']) }
        : {
            message:
              problem === IS_TIME
                ? `'${kind}.${name}' has the name of the field that holds the time`
                : `the place of '${kind}.${name}' ${problem}`,
            location: locateKey([kind, name]),
          },
    );
  }
}

/** What the bridge itself writes into each message that it sends. */
const SENT: readonly string[] = ['time', 'simstep'];

function checkSent(source: Source, inputs: readonly Signal[], problems: Problem[]): void {
  const beyond = source.value.compat === 'strict' ? inputs.filter((signal) => !isOfRmqfmu(signal)) : [];
  for (const { name } of beyond) {
    problems.push({
      message: `'inputs.${name}' is more than RMQFMU could send, and compat: strict sends what that did`,
      location: source.locate(['inputs', name]),
      remedy: 'publish a Real, Integer, Boolean or String under its name, or leave compat out',
    });
  }
  for (const signal of inputs) {
    const [first = ''] = pathOf(signal);
    if (!SENT.includes(first)) continue;
    const what = first === 'time' ? 'the time' : 'the end of the step';
    problems.push({
      message: `'inputs.${signal.name}' ${signal.path === undefined ? 'has the name of' : 'lies in'} the field that holds ${what}`,
      location: source.locateKey(['inputs', signal.name]),
    });
  }
  checkPaths(
    source,
    'inputs',
    inputs.filter((signal) => !SENT.includes(pathOf(signal)[0]!)),
    undefined,
    problems,
  );
}

function isOfRmqfmu({ type, path, size, scale }: Signal): boolean {
  const isBasic = type === 'Real' || type === 'Integer' || type === 'Boolean' || type === 'String';
  return isBasic && path === undefined && size === undefined && scale === undefined;
}

function checkRaw(source: Source, { name }: SourceConfig, own: readonly Signal[], problems: Problem[]): void {
  for (const [index, signal] of own.entries()) {
    const complain = (message: string, remedy: string) =>
      problems.push({
        message: `'outputs.${signal.name}' ${message}`,
        location: source.locate(['outputs', signal.name]),
        remedy,
      });
    if (signal.size !== undefined) complain('is an array, but a raw payload is a single value', 'leave size out');
    if (index > 0) {
      complain(
        `and '${own[0]!.name}' are both of source '${name}', whose payload is one value`,
        'give each a source of its own',
      );
    }
  }
}

/** Characters that neither XML nor a line of a log can hold. */
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}\ufffe\uffff]/u;

/** Names of variables are one space: outputs, inputs, diagnostics and parameters may not share one. */
function checkNames({ value, locateKey }: Source, signals: readonly Signal[], problems: Problem[]): void {
  const elements = new Map<string, string>(
    signals.flatMap(({ name, size = 0 }) => Array.from({ length: size }, (_, k) => [`${name}[${k}]`, name] as const)),
  );
  for (const kind of SIGNAL_KINDS) {
    for (const name of Object.keys(value[kind] ?? {})) {
      const shown = name.replaceAll(/\p{Cc}/gu, '?');
      const complain = (message: string) =>
        problems.push({ message: `'${kind}.${shown}' ${message}`, location: locateKey([kind, name]) });
      if (name === '') complain('has no name');
      if (UNPRINTABLE.test(name)) complain('has a character in its name that cannot be printed');
      if (name.startsWith('config.')) complain("has a name that begins with 'config.', as the FMU's parameters do");
      if (kind === 'inputs' && Object.hasOwn(value.outputs ?? {}, name)) complain('is an output, too');
      const array = elements.get(name);
      if (array !== undefined) complain(`has the name of an element of '${array}'`);
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
