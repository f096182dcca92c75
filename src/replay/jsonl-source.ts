/**
 * One JSON object a line (JSON Lines) as a {@link ReplaySource}: recorded message bodies, for instance.
 *
 * Members go out with the text they have in the file, so that no digit is lost; only the one that holds the time is
 * taken out.
 */
import { didYouMean } from '../support/nearest.js';
import { readFileBytes } from './byte-stream.js';
import { type ColumnChoice, DEFAULT_TIME_COLUMNS } from './columns.js';
import type { RowRejection } from './errors.js';
import { type JsonMember, readMembers } from './json-members.js';
import { LineSplitter, type TextLine } from './line-splitter.js';
import { RowTimes, type RowTimesOptions } from './row-times.js';
import { encodeBatch, type RecordedRow, type ReplaySource, type SourceLog } from './source.js';
import { describeTimeRejection } from './time-cell.js';

export interface JsonLinesSourceOptions extends RowTimesOptions {
  /** Path; with `bytes`, only the name in messages. */
  readonly file: string;
  /** Where the bytes come from if not from the file, e.g. a pipe; such a source can be read once. */
  readonly bytes?: AsyncIterable<Uint8Array>;
  /** Key of the time; default: `timestamp`, or else `time`, whichever the first object has. */
  readonly timeColumn?: string;
  /** Default: all keys but that of the time. A key that an object lacks is absent from its message. */
  readonly columns?: readonly ColumnChoice[];
  /** Key under which the player adds the time; a member of the same key is left out. Default `time`. */
  readonly timeKey?: string;
}

export function jsonLinesSource(options: JsonLinesSourceOptions): ReplaySource {
  const { file, bytes } = options;
  return {
    name: file,
    ...(bytes === undefined ? {} : { onlyOnce: 'it is a pipe' }),
    read: (log) => readJsonLines(options, bytes ?? readFileBytes(file), log),
  };
}

async function* readJsonLines(
  options: JsonLinesSourceOptions,
  bytes: AsyncIterable<Uint8Array>,
  log: SourceLog,
): AsyncIterable<readonly RecordedRow[]> {
  const splitter = new LineSplitter(options.file);
  const rows = new JsonRows(options, log);
  const encode = (line: TextLine) => rows.encode(line);
  for await (const chunk of bytes) {
    yield* encodeBatch(splitter.push(chunk), encode);
    if (splitter.fault !== undefined) throw splitter.fault;
  }
  yield* encodeBatch(splitter.end(), encode);
  if (splitter.fault !== undefined) throw splitter.fault;
}

class JsonRows {
  readonly #options: JsonLinesSourceOptions;
  readonly #log: SourceLog;
  readonly #times: RowTimes;
  /** Key of the message by key of the object; undefined for all keys as they are. */
  readonly #keys: ReadonlyMap<string, string> | undefined;
  #timeKey: string | undefined;

  constructor(options: JsonLinesSourceOptions, log: SourceLog) {
    this.#options = options;
    this.#log = log;
    this.#times = new RowTimes(options, log);
    this.#timeKey = options.timeColumn;
    this.#keys = options.columns && new Map(options.columns.map(({ column, key = column }) => [column, key]));
  }

  /** The row, or undefined where the line is blank or was rejected and such rows are skipped. */
  encode({ text, line }: TextLine): RecordedRow | undefined {
    if (text.trim() === '') return undefined;
    this.#log.rowsRead += 1;
    const members = parseObject(text);
    if (typeof members === 'string') {
      const what = members === 'not_json' ? 'the line is not JSON' : 'the line is JSON, but no object';
      return this.#reject(members, line, what, 'write one JSON object a line');
    }
    this.#timeKey ??= DEFAULT_TIME_COLUMNS.find((name) => members.some(({ key }) => key === name));
    const timeKey = this.#timeKey ?? DEFAULT_TIME_COLUMNS[0]!;
    const stamp = members.find(({ key }) => key === timeKey)?.value;
    if (stamp === undefined && this.#options.interval === undefined) {
      const names = members.map(({ key }) => key);
      const message = `no key '${timeKey}' for the time${didYouMean(timeKey, names)}`;
      return this.#reject('time_missing', line, message, `name it with --time-column, one of ${names.join(', ')}`);
    }
    const stampText = stamp?.startsWith('"') ? (JSON.parse(stamp) as string) : stamp;
    const time = this.#times.next(stampText);
    if (typeof time !== 'bigint') {
      return this.#reject(time, line, describeTimeRejection(time, stampText ?? '', this.#times.format));
    }
    return { time, members: this.#join(members, timeKey) };
  }

  #join(members: readonly JsonMember[], timeKey: string): string {
    const { timeKey: addedKey = 'time' } = this.#options;
    const kept: string[] = [];
    for (const { key, value } of members) {
      const name = this.#keys === undefined ? key : this.#keys.get(key);
      if (name === undefined || name === addedKey || (this.#keys === undefined && key === timeKey)) continue;
      kept.push(`${JSON.stringify(name)}:${value}`);
    }
    return kept.join(',');
  }

  #reject(reason: RowRejection, line: number, message: string, remedy?: string): undefined {
    const location = { file: this.#options.file, line, column: 1 };
    this.#log.rejectRow(reason, { message, location, ...(remedy === undefined ? {} : { remedy }) });
    return undefined;
  }
}

function parseObject(text: string): JsonMember[] | RowRejection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not_json';
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? readMembers(text) : 'not_an_object';
}
