/**
 * Where messages come from: `sources`, a mapping of named ones, or `receive`, which is short for a single one.
 *
 * What a configuration holds afterwards is always a list; signals name their source by its place there.
 */
import type { Problem } from '../support/errors.js';
import type { LocatedFile } from '../support/located-file.js';
import type { DeclareMode, ExchangeType, TimeConfig } from './config.js';
import { type QueueConfig, type QueueFile, readQueue, type StreamFile } from './config-queue.js';
import { type DurationFile, parseDuration } from './duration.js';

/** One stream of messages. The run-time parameters of an FMU (`config.routingkey` …) are those of the first source. */
export interface SourceConfig {
  /** `default` where the file says `receive`. */
  readonly name: string;
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
  /** `raw`: the whole body is one Binary value, not JSON. */
  readonly payload: PayloadKind;
  readonly unknownFields: 'ignore' | 'warn' | 'reject';
  readonly maxMessageBytes: number;
  /** How old a value of this source may be at the communication point, ms. */
  readonly maxageMs: number;
}

export const PAYLOAD_KINDS = ['json', 'raw'] as const;
export type PayloadKind = (typeof PAYLOAD_KINDS)[number];

export const DEFAULT_SOURCE = 'default';

export type SourceFile = Partial<
  Pick<
    SourceConfig,
    'exchange' | 'type' | 'durable' | 'declare' | 'key' | 'prefetch' | 'payload' | 'unknownFields' | 'maxMessageBytes'
  >
> & {
  queue?: QueueFile;
  stream?: string | StreamFile;
  time?: Partial<TimeConfig>;
  maxage?: DurationFile;
};

export interface SourcesFile {
  receive?: SourceFile;
  sources?: Readonly<Record<string, SourceFile>>;
}

/** What `ring` and `selection` say, where a source says nothing. */
export interface SourceDefaults {
  readonly capacity: number;
  readonly maxageMs: number;
}

/** Never empty: a bridge that only sends has the source that `receive: {}` is, too. */
export function readSources(
  source: LocatedFile<SourcesFile>,
  defaults: SourceDefaults,
  problems: Problem[],
): SourceConfig[] {
  const { receive, sources } = source.value;
  if (receive !== undefined && sources !== undefined) {
    problems.push({
      message: "'receive' and 'sources' are both given: 'receive' is short for a single source",
      location: source.locateKey(['sources']),
      remedy: "move what 'receive' says to a source of its own",
    });
  }
  if (sources === undefined)
    return [readSource(source, ['receive'], DEFAULT_SOURCE, receive ?? {}, defaults, problems)];
  return Object.entries(sources).map(([name, given]) =>
    readSource(source, ['sources', name], name, given, defaults, problems),
  );
}

function readSource(
  { locate, locateKey }: LocatedFile<SourcesFile>,
  path: readonly string[],
  name: string,
  given: SourceFile,
  defaults: SourceDefaults,
  problems: Problem[],
): SourceConfig {
  const place = path.join('.');
  if (UNPRINTABLE.test(name) || name === '') {
    problems.push({ message: 'a source has a name that cannot be printed', location: locateKey(path) });
  }
  const maxage = given.maxage === undefined ? defaults.maxageMs : parseDuration(given.maxage);
  if (typeof maxage !== 'number') {
    problems.push({ message: `'${place}.maxage' ${maxage.problem}`, location: locate([...path, 'maxage']) });
  }
  const { time = {} } = given;
  return {
    name,
    exchange: given.exchange ?? 'fmi_digital_twin',
    type: given.type ?? 'direct',
    durable: given.durable ?? false,
    declare: given.declare ?? 'active',
    key: given.key ?? 'data.to_cosim',
    queue: readQueue({ value: given, place, locate: (at) => locate([...path, ...at]) }, problems),
    prefetch: given.prefetch ?? Math.min(Math.max(defaults.capacity, 1), 2000),
    time: {
      key: time.key ?? (given.payload === 'raw' ? '' : 'time'),
      format: time.format ?? 'rfc3339',
      assumeUtc: time.assumeUtc ?? false,
    },
    payload: given.payload ?? 'json',
    unknownFields: given.unknownFields ?? 'warn',
    maxMessageBytes: given.maxMessageBytes ?? 1 << 20,
    maxageMs: typeof maxage === 'number' ? maxage : defaults.maxageMs,
  };
}

const UNPRINTABLE = /[\p{Cc}\p{Surrogate}\ufffe\uffff]/u;
