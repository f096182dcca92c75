/**
 * `bridge.yaml`: what a bridge FMU carries, where its messages come from and go to, and how it selects.
 *
 * The same shape, normalised and with every default filled in, lies in the FMU as `resources/bridge.json`. Neither holds
 * a credential: a password in the file is an error that names the alternatives.
 */
import type { TlsOptions } from '../amqp/index.js';
import { InvalidFileError, type Problem } from '../support/errors.js';
import type { TimeFormat } from '../support/time.js';
import { compileSchema, type LocatedFile, parseYaml, readYamlFile } from '../support/yaml-file.js';
import { type BrokerFile, readBroker } from './config-broker.js';
import { type QueueConfig, type QueueFile, readQueue, type StreamFile } from './config-queue.js';
import { bridgeSchema } from './config-schema.js';
import { readSignals, type SignalsFile } from './config-signals.js';
import type { DiagnosticName } from './diagnostics.js';
import { type DurationFile, parseDuration } from './duration.js';
import { type Compat, type HealthConfig, RMQFMU_HEALTH, type RmqfmuConfig } from './rmqfmu/contract.js';
import { type RmqfmuFile, standingIn } from './rmqfmu/stand-in.js';
import type { Signal } from './signals.js';

export type { QueueConfig } from './config-queue.js';

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
  /** Messages of RMQFMU's peers are understood, or also sent as it sent them. */
  readonly compat?: Compat;
  /** Where peers say how far they are in time. */
  readonly health?: HealthConfig;
  /** The FMU stands in for an RMQFMU. */
  readonly rmqfmu?: RmqfmuConfig;
}

/* ---- Reading ------------------------------------------------------------------------------------------------------ */

/** The file as the schema knows it: everything but the signals may be left out. */
interface BridgeFile {
  twinbridge: 'bridge';
  name: string;
  description?: string;
  guid?: string;
  broker?: string | BrokerFile;
  receive?: Partial<Omit<ReceiveConfig, 'queue' | 'time' | 'maxMessageBytes' | 'prefetch'>> & {
    queue?: QueueFile;
    stream?: string | StreamFile;
    time?: Partial<TimeConfig>;
    prefetch?: number;
    maxMessageBytes?: number;
  };
  send?: Partial<Omit<SendConfig, 'expirationMs'>> & { expiration?: DurationFile };
  selection?: {
    behaviour?: 0 | 1 | 2;
    maxage?: DurationFile;
    lookahead?: number;
    timeout?: DurationFile;
    onTimeout?: 'fail' | 'hold';
    startTime?: 'ignored' | 'origin';
  };
  ring?: Partial<RingConfig>;
  outputs?: SignalsFile;
  inputs?: SignalsFile;
  diagnostics?: boolean | readonly string[];
  compat?: Compat;
  health?: Partial<HealthConfig>;
  rmqfmu?: RmqfmuFile;
}

const validate = compileSchema<BridgeFile>(bridgeSchema);

export interface BridgeConfigOptions {
  /** The FMU is to stand in for an RMQFMU, also if the file does not say so. */
  readonly rmqfmu?: boolean;
  /** Over what the file says. */
  readonly compat?: Compat;
}

/** Reads and checks a `bridge.yaml`. Throws {@link InvalidFileError} with every problem and its place. */
export async function readBridgeConfig(file: string, options: BridgeConfigOptions = {}): Promise<BridgeConfig> {
  return normalise(await readYamlFile(file, validate), options);
}

/** {@link readBridgeConfig} for text at hand; `file` names it in messages. */
export function parseBridgeConfig(text: string, file: string, options: BridgeConfigOptions = {}): BridgeConfig {
  return normalise(parseYaml(file, text, validate), options);
}

/* ---- Defaults and checks that a schema cannot say ------------------------------------------------------------------ */

function normalise(source: LocatedFile<BridgeFile>, options: BridgeConfigOptions): BridgeConfig {
  const file = source.value;
  if (options.rmqfmu === true) file.rmqfmu ??= {};
  if (options.compat !== undefined) file.compat = options.compat;
  const problems: Problem[] = [];
  const duration = (part: 'selection' | 'send', key: string, fallback: number): number => {
    const given = (file[part] as Readonly<Record<string, DurationFile | undefined>> | undefined)?.[key];
    const parsed = given === undefined ? fallback : parseDuration(given);
    if (typeof parsed === 'number') return parsed;
    problems.push({ message: `'${part}.${key}' ${parsed.problem}`, location: source.locate([part, key]) });
    return fallback;
  };
  const { receive = {}, send = {}, selection = {}, ring = {} } = file;
  const capacity = ring.capacity ?? 1024;
  const config: BridgeConfig = {
    name: file.name,
    ...(file.description === undefined ? {} : { description: file.description }),
    ...(file.guid === undefined ? {} : { guid: file.guid }),
    broker: readBroker(source, problems),
    receive: {
      exchange: receive.exchange ?? 'fmi_digital_twin',
      type: receive.type ?? 'direct',
      durable: receive.durable ?? false,
      declare: receive.declare ?? 'active',
      key: receive.key ?? 'data.to_cosim',
      queue: readQueue({ value: receive, locate: (path) => source.locate(['receive', ...path]) }, problems),
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
      when: send.when ?? (file.rmqfmu === undefined ? 'changed' : 'always'),
      persistent: send.persistent ?? true,
      mandatory: send.mandatory ?? false,
      announce: send.announce ?? file.rmqfmu !== undefined,
      ...(send.expiration === undefined ? {} : { expirationMs: duration('send', 'expiration', 0) }),
    },
    selection: {
      behaviour: selection.behaviour ?? 2,
      maxageMs: duration('selection', 'maxage', 1000),
      lookahead: selection.lookahead ?? 1,
      timeoutMs: duration('selection', 'timeout', 60_000),
      onTimeout: selection.onTimeout ?? 'fail',
      startTime: selection.startTime ?? 'ignored',
    },
    ring: { capacity, whenFull: ring.whenFull ?? 'block' },
    ...readSignals(source, problems),
    ...(file.compat === undefined ? {} : { compat: file.compat }),
    ...(file.health === undefined ? {} : { health: { ...RMQFMU_HEALTH, ...file.health } }),
  };
  if (problems.length > 0) throw new InvalidFileError(source.file, problems);
  return file.rmqfmu === undefined ? config : standingIn(config, file.rmqfmu);
}
