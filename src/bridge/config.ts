/**
 * `bridge.yaml`: what a bridge FMU carries, where its messages come from and go to, and how it selects.
 *
 * The same shape, normalised and with every default filled in, lies in the FMU as `resources/bridge.json`. Neither holds
 * a credential: a password in the file is an error that names the alternatives.
 */
import type { TlsOptions } from '../amqp/index.js';
import { InvalidFileError, type Problem } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import { TIME_FORMATS, type TimeFormat } from '../support/time.js';
import { compileSchema, type LocatedFile, parseYaml, readYamlFile } from '../support/yaml-file.js';
import { bridgeSchema } from './config-schema.js';
import { DIAGNOSTICS, type DiagnosticName } from './diagnostics.js';
import {
  DEFAULT_MAX_STRING_BYTES,
  INTEGER_MAX,
  INTEGER_MIN,
  type Signal,
  type SignalType,
  type SignalValue,
} from './signals.js';

export type ExchangeType = 'direct' | 'fanout' | 'topic' | 'headers';
/** How an exchange is declared: created if missing, only checked, or taken for granted. */
export type DeclareMode = 'active' | 'passive' | 'none';

export interface BrokerConfig {
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly tls?: TlsOptions;
  /** File with credentials on the machine that runs the FMU. */
  readonly secretFile?: string;
}

export interface TimeConfig {
  /** Name of the field that holds a message's time. */
  readonly key: string;
  readonly format: TimeFormat;
  /** RFC 3339 times without a zone are UTC; else they are refused. */
  readonly assumeUtc: boolean;
}

export interface QueueConfig {
  /** Empty: named by the broker. */
  readonly name: string;
  readonly exclusive: boolean;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

export interface ReceiveConfig {
  readonly exchange: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  readonly declare: DeclareMode;
  /** Binding key. */
  readonly key: string;
  readonly queue: QueueConfig;
  /** Messages that may be on their way unacknowledged. */
  readonly prefetch: number;
  readonly time: TimeConfig;
  readonly unknownFields: 'ignore' | 'warn' | 'reject';
  readonly maxMessageBytes: number;
}

export interface SendConfig {
  readonly exchange: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  readonly declare: DeclareMode;
  readonly key: string;
  /** `changed`: inputs that changed since the last message, and no message when none did. */
  readonly when: 'changed' | 'always';
  readonly persistent: boolean;
  readonly mandatory: boolean;
  /** Say "ready" with the send key once messages are received, so that a source can wait with its first one. */
  readonly announce: boolean;
  /** Time after which the broker drops an unconsumed message, ms. */
  readonly expirationMs?: number;
}

export interface SelectionConfig {
  /** RMQFMU 0, 1 or 2. */
  readonly behaviour: 0 | 1 | 2;
  /** How old a value may be at the communication point, ms. */
  readonly maxageMs: number;
  /** Samples that each signal may move on by in a round. */
  readonly lookahead: number;
  /** How long initialisation and a step wait for valid data, ms. */
  readonly timeoutMs: number;
  readonly onTimeout: 'fail' | 'hold';
  /** `origin`: the first sample belongs to the experiment's start time; `ignored`: to communication point 0. */
  readonly startTime: 'ignored' | 'origin';
}

export interface RingConfig {
  /** Samples. */
  readonly capacity: number;
  readonly whenFull: 'block' | 'drop-oldest';
}

export interface BridgeConfig {
  readonly name: string;
  readonly description?: string;
  /** Set in the configuration inside an FMU: the GUID of its modelDescription.xml. */
  readonly guid?: string;
  readonly broker: BrokerConfig;
  readonly receive: ReceiveConfig;
  readonly send: SendConfig;
  readonly selection: SelectionConfig;
  readonly ring: RingConfig;
  /** Signals carried by messages in. */
  readonly outputs: readonly Signal[];
  /** Signals published. */
  readonly inputs: readonly Signal[];
  readonly diagnostics: readonly DiagnosticName[];
}

/* ---- Reading ------------------------------------------------------------------------------------------------------ */

interface SignalFile {
  type: SignalType;
  start?: SignalValue;
  unit?: string;
  description?: string;
  maxLength?: number;
}

/** The file as the schema knows it: everything but the signals may be left out. */
interface BridgeFile {
  twinbridge: 'bridge';
  name: string;
  description?: string;
  guid?: string;
  broker?: { host?: string; port?: number; vhost?: string; tls?: boolean | TlsFile; secretFile?: string };
  receive?: Partial<Omit<ReceiveConfig, 'queue' | 'time' | 'maxMessageBytes' | 'prefetch'>> & {
    queue?: Partial<QueueConfig>;
    time?: Partial<TimeConfig>;
    prefetch?: number;
    maxMessageBytes?: number;
  };
  send?: Partial<Omit<SendConfig, 'expirationMs'>> & { expiration?: string | number };
  selection?: {
    behaviour?: 0 | 1 | 2;
    maxage?: string | number;
    lookahead?: number;
    timeout?: string | number;
    onTimeout?: 'fail' | 'hold';
    startTime?: 'ignored' | 'origin';
  };
  ring?: Partial<RingConfig>;
  outputs?: Record<string, SignalType | SignalFile>;
  inputs?: Record<string, SignalType | SignalFile>;
  diagnostics?: boolean | DiagnosticName[];
}

interface TlsFile {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  verify?: boolean;
}

const validate = compileSchema<BridgeFile>(bridgeSchema);

/** Reads and checks a `bridge.yaml`. Throws {@link InvalidFileError} with every problem and its place. */
export async function readBridgeConfig(file: string): Promise<BridgeConfig> {
  return normalise(await readYamlFile(file, validate));
}

/** {@link readBridgeConfig} for text at hand; `file` names it in messages. */
export function parseBridgeConfig(text: string, file: string): BridgeConfig {
  return normalise(parseYaml(file, text, validate));
}

/* ---- Defaults and checks that a schema cannot say ------------------------------------------------------------------ */

/** A duration: milliseconds, or a text with a unit (`300 ms`, `1.5 s`, `2 min`). */
const DURATION = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h)\s*$/;
const UNIT_MS = { us: 1e-3, ms: 1, s: 1e3, min: 6e4, h: 3.6e6 } as const;

function durationMs(value: string | number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number') return value;
  const match = DURATION.exec(value);
  // The schema has checked the form.
  return match === null ? fallback : Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}

function normalise(source: LocatedFile<BridgeFile>): BridgeConfig {
  const file = source.value;
  const problems: Problem[] = [];
  const outputs = toSignals(source, 'outputs', problems);
  const inputs = toSignals(source, 'inputs', problems);
  const diagnostics =
    file.diagnostics === true ? Object.keys(DIAGNOSTICS) : file.diagnostics === false ? [] : (file.diagnostics ?? []);
  checkNames(source, outputs, inputs, diagnostics, problems);
  if (outputs.length + inputs.length === 0) {
    problems.push({
      message: 'the bridge has no signals',
      location: source.locate([]),
      remedy: "name what messages carry in under 'outputs' and what is published under 'inputs'",
    });
  }
  if (problems.length > 0) throw new InvalidFileError(source.file, problems);

  const { broker = {}, receive = {}, send = {}, selection = {}, ring = {} } = file;
  const tls = toTls(broker.tls);
  const capacity = ring.capacity ?? 1024;
  return {
    name: file.name,
    ...(file.description === undefined ? {} : { description: file.description }),
    ...(file.guid === undefined ? {} : { guid: file.guid }),
    broker: {
      host: broker.host ?? 'localhost',
      port: broker.port ?? (tls === undefined ? 5672 : 5671),
      vhost: broker.vhost ?? '/',
      ...(tls === undefined ? {} : { tls }),
      ...(broker.secretFile === undefined ? {} : { secretFile: broker.secretFile }),
    },
    receive: {
      exchange: receive.exchange ?? 'fmi_digital_twin',
      type: receive.type ?? 'direct',
      durable: receive.durable ?? false,
      declare: receive.declare ?? 'active',
      key: receive.key ?? 'data.to_cosim',
      queue: {
        name: receive.queue?.name ?? '',
        // Current brokers refuse queues that are neither exclusive nor durable.
        exclusive: receive.queue?.exclusive ?? receive.queue?.durable !== true,
        durable: receive.queue?.durable ?? false,
        autoDelete: receive.queue?.autoDelete ?? receive.queue?.durable !== true,
        arguments: receive.queue?.arguments ?? {},
      },
      prefetch: receive.prefetch ?? Math.min(Math.max(capacity, 1), 2000),
      time: {
        key: receive.time?.key ?? 'time',
        format: receive.time?.format ?? 'rfc3339',
        assumeUtc: receive.time?.assumeUtc ?? false,
      },
      unknownFields: receive.unknownFields ?? 'warn',
      maxMessageBytes: receive.maxMessageBytes ?? 1 << 20,
    },
    send: {
      exchange: send.exchange ?? receive.exchange ?? 'fmi_digital_twin',
      type: send.type ?? receive.type ?? 'direct',
      durable: send.durable ?? receive.durable ?? false,
      declare: send.declare ?? receive.declare ?? 'active',
      key: send.key ?? 'data.from_cosim',
      when: send.when ?? 'changed',
      persistent: send.persistent ?? true,
      mandatory: send.mandatory ?? false,
      announce: send.announce ?? false,
      ...(send.expiration === undefined ? {} : { expirationMs: durationMs(send.expiration, 0) }),
    },
    selection: {
      behaviour: selection.behaviour ?? 2,
      maxageMs: durationMs(selection.maxage, 1000),
      lookahead: selection.lookahead ?? 1,
      timeoutMs: durationMs(selection.timeout, 60_000),
      onTimeout: selection.onTimeout ?? 'fail',
      startTime: selection.startTime ?? 'ignored',
    },
    ring: { capacity, whenFull: ring.whenFull ?? 'block' },
    outputs,
    inputs,
    diagnostics: diagnostics as DiagnosticName[],
  };
}

function toTls(tls: boolean | TlsFile | undefined): TlsOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return {};
  const { verify, ...rest } = tls;
  return { ...rest, ...(verify === undefined ? {} : { rejectUnauthorized: verify }) };
}

function toSignals(source: LocatedFile<BridgeFile>, kind: 'outputs' | 'inputs', problems: Problem[]): Signal[] {
  return Object.entries(source.value[kind] ?? {}).map(([name, given], slot): Signal => {
    const { type, start, unit, description, maxLength } =
      typeof given === 'string' ? { type: given } : (given as SignalFile);
    const problem = start === undefined ? undefined : startProblem(type, start, maxLength);
    if (problem !== undefined) {
      problems.push({ message: `'${kind}.${name}.start' ${problem}`, location: source.locate([kind, name, 'start']) });
    }
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
      return typeof start === 'number' ? undefined : `is '${start}', expected a number`;
    case 'Integer':
      return Number.isInteger(start) && Number(start) >= INTEGER_MIN && Number(start) <= INTEGER_MAX
        ? undefined
        : `is '${start}', expected a whole number of 32 bits`;
    case 'Boolean':
      return typeof start === 'boolean' ? undefined : `is '${start}', expected true or false`;
    case 'String':
      if (typeof start !== 'string') return `is ${start}, expected a text in quotes`;
      return Buffer.byteLength(start) <= maxLength
        ? undefined
        : `has ${Buffer.byteLength(start)} bytes, more than maxLength ${maxLength}`;
  }
}

function checkNames(
  source: LocatedFile<BridgeFile>,
  outputs: readonly Signal[],
  inputs: readonly Signal[],
  diagnostics: readonly string[],
  problems: Problem[],
): void {
  const names = new Set(outputs.map((signal) => signal.name));
  const timeKey = source.value.receive?.time?.key ?? 'time';
  for (const { name } of inputs) {
    if (names.has(name)) {
      problems.push({ message: `'${name}' is an output and an input`, location: source.locateKey(['inputs', name]) });
    }
    names.add(name);
  }
  for (const kind of ['outputs', 'inputs'] as const) {
    for (const name of Object.keys(source.value[kind] ?? {})) {
      if (name === timeKey || (kind === 'inputs' && name === 'simstep')) {
        problems.push({
          message: `'${kind}.${name}' has the name of the field that holds ${name === timeKey ? 'the time' : 'the end of the step'}`,
          location: source.locateKey([kind, name]),
        });
      } else if (name.startsWith('config.')) {
        problems.push({
          message: `'${kind}.${name}': names that begin with 'config.' belong to the parameters of the FMU`,
          location: source.locateKey([kind, name]),
        });
      }
    }
  }
  for (const [index, name] of diagnostics.entries()) {
    if (!(name in DIAGNOSTICS)) {
      problems.push({
        message: `there is no diagnostic '${name}'${didYouMean(name, Object.keys(DIAGNOSTICS))}`,
        location: source.locate(['diagnostics', index]),
      });
    } else if (names.has(name)) {
      problems.push({
        message: `the diagnostic '${name}' has the name of a signal`,
        location: source.locate(['diagnostics']),
        remedy: 'list the diagnostics you want without it',
      });
    }
  }
}

export { TIME_FORMATS };
