/**
 * `bridge.yaml`: what a bridge FMU carries, where its messages come from and go to, and how it selects.
 *
 * The same shape, normalised and with every default filled in, lies in the FMU as `resources/bridge.json`. Neither holds
 * a credential: a password in the file is an error that names the alternatives.
 */
import type { TlsOptions } from '../amqp/index.js';
import { InvalidFileError, type Problem } from '../support/errors.js';
import type { LocatedFile } from '../support/located-file.js';
import { didYouMean } from '../support/nearest.js';
import { parseRfc3339, type TimeFormat } from '../support/time.js';
import { parseYaml, readYamlFile } from '../support/yaml-file.js';
import type { Behaviour } from './behaviour.js';
import { type BrokerFile, readBroker } from './config-broker.js';
import { type FmiConfig, type FmiFile, type FmiVersion, readFmi } from './config-fmi.js';
import { readSignals, type SignalsFile } from './config-signals.js';
import { readSources, type SourceConfig, type SourcesFile } from './config-sources.js';
import { bridgeFileValidator } from './config-validator.js';
import type { DiagnosticName } from './diagnostics.js';
import { type DurationFile, parseDuration } from './duration.js';
import { type Compat, type HealthConfig, RMQFMU_HEALTH, type RmqfmuConfig } from './rmqfmu/contract.js';
import { type RmqfmuFile, standingIn } from './rmqfmu/stand-in.js';
import { elementsOf, isText, type Signal } from './signals.js';

export type { QueueConfig } from './config-queue.js';

export type ExchangeType = 'direct' | 'fanout' | 'topic' | 'headers';
/** How an exchange is declared: created if missing, only checked, or taken for granted. */
export type DeclareMode = 'active' | 'passive' | 'none';

/** What of TLS goes into an FMU: authorities and names, and paths of what must not. */
export interface TlsConfig extends Pick<TlsOptions, 'ca' | 'servername' | 'rejectUnauthorized'> {
  /** PEM files on the machine that runs the FMU: the client's certificate and its private key. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface BrokerConfig {
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly tls?: TlsConfig;
  /** `external`: the broker takes the user from the client certificate (SASL EXTERNAL); default `password`. */
  readonly auth?: 'password' | 'external';
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
  /** Time after which a latched input that the broker has not confirmed is sent again, ms. */
  readonly resendMs: number;
}

export interface SelectionConfig {
  readonly behaviour: Behaviour;
  /** How old a value may be at the communication point, ms, where its source says nothing else. */
  readonly maxageMs: number;
  /** Samples that each signal may move on by in a round. */
  readonly lookahead: number;
  /** How long initialisation and a step wait for valid data, ms. */
  readonly timeoutMs: number;
  readonly onTimeout: 'fail' | 'hold';
  /** `origin`: the first sample belongs to the experiment's start time; `ignored`: to communication point 0. */
  readonly startTime: 'ignored' | 'origin';
  /**
   * When initialisation has what it needs: `all`: a message brought every signal; `values`: the signals that none brought
   * have their start values; `latest`: as `all`, with the newest sample that is there instead of the first.
   */
  readonly start: 'all' | 'values' | 'latest';
  /** Time zero: the newest stamp of the first complete set, {@link originTime}, or the wall clock after initialisation. */
  readonly origin: 'first' | 'fixed' | 'wall-clock';
  /** Of `fixed`: RFC 3339 with a zone. */
  readonly originTime?: string;
  /** Subtracted from time zero, ms: a step to `t` outputs the data of `t - delay`. */
  readonly delayMs: number;
}

export interface RingConfig {
  /** Samples. */
  readonly capacity: number;
  readonly whenFull: 'block' | 'drop-oldest';
}

export interface BridgeConfig extends FmiConfig {
  readonly name: string;
  readonly description?: string;
  /** Set in the configuration inside an FMU: the GUID of its modelDescription.xml. */
  readonly guid?: string;
  readonly broker: BrokerConfig;
  /** Where messages come from; at least one. */
  readonly sources: readonly SourceConfig[];
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

/** A broker needs some time to confirm. */
const MIN_RESEND_MS = 10;

/* ---- Reading ------------------------------------------------------------------------------------------------------ */

/** The file as the schema knows it: everything but the signals may be left out. */
export interface BridgeFile extends SourcesFile, FmiFile {
  twinbridge: 'bridge';
  name: string;
  description?: string;
  guid?: string;
  broker?: string | BrokerFile;
  send?: Partial<Omit<SendConfig, 'expirationMs' | 'resendMs'>> & { expiration?: DurationFile; resend?: DurationFile };
  selection?: {
    behaviour?: Behaviour;
    maxage?: DurationFile;
    lookahead?: number;
    timeout?: DurationFile;
    onTimeout?: 'fail' | 'hold';
    startTime?: 'ignored' | 'origin';
    start?: 'all' | 'values' | 'latest';
    origin?: string;
    delay?: DurationFile;
  };
  ring?: Partial<RingConfig>;
  outputs?: SignalsFile;
  inputs?: SignalsFile;
  diagnostics?: boolean | readonly string[];
  compat?: Compat;
  health?: Partial<HealthConfig>;
  rmqfmu?: RmqfmuFile;
}

export interface BridgeConfigOptions {
  /** The FMU is to stand in for an RMQFMU, also if the file does not say so. */
  readonly rmqfmu?: boolean;
  /** The FMI that the FMU speaks, whatever the file says. */
  readonly fmi?: FmiVersion;
  /** Over what the file says. */
  readonly compat?: Compat;
}

/** Reads and checks a `bridge.yaml`. Throws {@link InvalidFileError} with every problem and its place. */
export async function readBridgeConfig(file: string, options: BridgeConfigOptions = {}): Promise<BridgeConfig> {
  return normalise(await readYamlFile(file, bridgeFileValidator), options);
}

/** {@link readBridgeConfig} for text at hand; `file` names it in messages. */
export function parseBridgeConfig(text: string, file: string, options: BridgeConfigOptions = {}): BridgeConfig {
  return normalise(parseYaml(file, text, bridgeFileValidator), options);
}

/* ---- Defaults and checks that a schema cannot say ------------------------------------------------------------------ */

function normalise(source: LocatedFile<BridgeFile>, options: BridgeConfigOptions): BridgeConfig {
  const file = source.value;
  if (options.rmqfmu === true) file.rmqfmu ??= {};
  if (options.compat !== undefined) file.compat = options.compat;
  if (options.fmi !== undefined) file.fmi = options.fmi;
  const problems: Problem[] = [];
  const duration = (part: 'selection' | 'send', key: string, fallback: number): number => {
    const given = (file[part] as Readonly<Record<string, DurationFile | undefined>> | undefined)?.[key];
    const parsed = given === undefined ? fallback : parseDuration(given);
    if (typeof parsed === 'number') return parsed;
    problems.push({ message: `'${part}.${key}' ${parsed.problem}`, location: source.locate([part, key]) });
    return fallback;
  };
  const { fmi = 2, send = {}, selection = {}, ring = {} } = file;
  const capacity = ring.capacity ?? 1024;
  const maxageMs = duration('selection', 'maxage', 1000);
  const sources = readSources(source, { capacity, maxageMs }, problems);
  const [first] = sources;
  const signals = readSignals(source, { fmi, sources }, problems);
  checkComplete(source, problems);
  checkRing(source, signals.outputs, capacity, problems);
  if (file.rmqfmu !== undefined && file.fmi === 3) {
    problems.push({ message: "'rmqfmu' goes with FMI 2.0 only, as RMQFMU does", location: source.locate(['fmi']) });
  }
  const config: BridgeConfig = {
    name: file.name,
    ...(file.description === undefined ? {} : { description: file.description }),
    ...(file.guid === undefined ? {} : { guid: file.guid }),
    broker: readBroker(source, problems),
    sources,
    send: {
      exchange: send.exchange ?? first!.exchange,
      type: send.type ?? first!.type,
      durable: send.durable ?? first!.durable,
      declare: send.declare ?? first!.declare,
      key: send.key ?? 'data.from_cosim',
      when: send.when ?? (file.rmqfmu === undefined ? 'changed' : 'always'),
      persistent: send.persistent ?? true,
      mandatory: send.mandatory ?? false,
      announce: send.announce ?? file.rmqfmu !== undefined,
      ...(send.expiration === undefined ? {} : { expirationMs: duration('send', 'expiration', 0) }),
      resendMs: Math.max(MIN_RESEND_MS, duration('send', 'resend', 100)),
    },
    selection: {
      behaviour: selection.behaviour ?? 2,
      maxageMs,
      lookahead: selection.lookahead ?? 1,
      timeoutMs: duration('selection', 'timeout', 60_000),
      onTimeout: selection.onTimeout ?? 'fail',
      startTime: selection.startTime ?? 'ignored',
      start: selection.start ?? 'all',
      ...readOrigin(source, problems),
      delayMs: duration('selection', 'delay', 0),
    },
    ring: { capacity, whenFull: ring.whenFull ?? 'block' },
    ...signals,
    ...readFmi(source, { sources, ...signals }, problems),
    ...(file.compat === undefined ? {} : { compat: file.compat }),
    ...(file.health === undefined ? {} : { health: { ...RMQFMU_HEALTH, ...file.health } }),
  };
  if (problems.length > 0) throw new InvalidFileError(source.file, problems);
  return file.rmqfmu === undefined ? config : standingIn(config, file.rmqfmu);
}

function readOrigin(
  { value, locate }: LocatedFile<BridgeFile>,
  problems: Problem[],
): Pick<SelectionConfig, 'origin' | 'originTime'> {
  const { origin = 'first' } = value.selection ?? {};
  if (origin === 'first' || origin === 'wall-clock') return { origin };
  const time = parseRfc3339(origin);
  if (typeof time !== 'bigint') {
    const known = ['first', 'wall-clock'];
    problems.push({
      message: `'selection.origin' is '${origin}', expected first, wall-clock or an RFC 3339 time with its zone${didYouMean(origin, known)}`,
      location: locate(['selection', 'origin']),
      ...(time === 'time_without_zone' ? { remedy: 'add the zone: Z, or an offset such as +01:00' } : {}),
    });
  }
  return { origin: 'fixed', originTime: origin };
}

/** Shared memory that a ring may take, bytes. */
const MOST_RING_BYTES = 2 ** 31;

/** A row has room for the longest texts there may be, whether they come or not. */
function checkRing(
  { locate }: LocatedFile<BridgeFile>,
  outputs: readonly Signal[],
  capacity: number,
  problems: Problem[],
): void {
  const bytes = (signal: Signal) => elementsOf(signal) * (8 + (isText(signal.type) ? (signal.maxLength ?? 0) + 1 : 0));
  const row = 64 * Math.ceil(outputs.reduce((sum, signal) => sum + bytes(signal), 16) / 64);
  if (row * capacity <= MOST_RING_BYTES) return;
  const largest = outputs.reduce((a, b) => (bytes(b) > bytes(a) ? b : a));
  problems.push({
    message: `the ring takes ${((row * capacity) / 2 ** 30).toFixed(2)} GiB: ${capacity} samples of ${row} bytes`,
    location: locate(['outputs', largest.name]),
    remedy: `lower ring.capacity (at most ${Math.max(2, Math.floor(MOST_RING_BYTES / row))}) or maxLength`,
  });
}

/** A dropped sample is one that other runs would have seen. */
function checkComplete({ value, locate }: LocatedFile<BridgeFile>, problems: Problem[]): void {
  if (value.selection?.behaviour !== 'complete' || value.ring?.whenFull !== 'drop-oldest') return;
  problems.push({
    message: "'selection.behaviour: complete' outputs the same in every run, which a ring that drops samples cannot",
    location: locate(['ring', 'whenFull']),
    remedy: 'take ring.whenFull: block, or another behaviour',
  });
}
