/** From recorded messages to what a first configuration says: signals and their types, the time, the rhythm. */
import { formatPointer } from '../pointer.js';
import type { BasicType } from '../signals.js';
import { FieldSummary } from './field-summary.js';
import { empty, type Sample, SampleError, type SampleField } from './sample.js';
import { findTimeField, readTime, type TimeFormatFound, timeFormatOf } from './time-field.js';

export interface InferredSignal {
  readonly name: string;
  readonly type: BasicType;
  /** Where it stands, if that is not at the top under its name. */
  readonly path?: readonly string[];
  /** Elements of an array. */
  readonly size?: number;
  /** Strings: bytes of UTF-8 of the longest one. */
  readonly longest: number;
  /** What a reader should know. */
  readonly note?: string;
}

/** How far apart messages are, in milliseconds. */
export interface Spacing {
  readonly median: number;
  /** 99 of 100 are not further apart. */
  readonly usual: number;
  readonly longest: number;
}

export interface InferredBridge {
  readonly file: string;
  /** Samples that were looked at. */
  readonly samples: number;
  /** The file has more. */
  readonly isCut: boolean;
  readonly signals: readonly InferredSignal[];
  /** Fields that cannot be signals. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
  readonly time?: TimeFormatFound & { readonly key: string; readonly example: string };
  readonly spacing?: Spacing;
}

export interface InferOptions {
  readonly file: string;
  /** The samples are rows of a table: `twinbridge replay` will send them, with the time under this key. */
  readonly replayedTimeKey?: string;
}

/** `key`: as a configuration names it. */
type TimeField = TimeFormatFound & { readonly key: string; readonly place: string; readonly example: string };

/** More tell nothing new, and a recording can have any size. */
export const MAX_SAMPLES = 100_000;

/** Throws {@link SampleError} if there are no samples, or none with a signal. */
export async function inferBridge(samples: AsyncIterable<Sample>, options: InferOptions): Promise<InferredBridge> {
  const summaries = new Map<string, FieldSummary>();
  const times: bigint[] = [];
  let timeField: TimeField | undefined;
  let count = 0;
  let isCut = false;
  let first: Sample | undefined;
  for await (const sample of samples) {
    if (count === MAX_SAMPLES) {
      isCut = true;
      break;
    }
    count += 1;
    first ??= sample;
    const { fields } = sample;
    timeField ??= toTime(findTimeField(fields, options.replayedTimeKey !== undefined));
    for (const field of fields) {
      const place = placeOf(field);
      if (place === timeField?.place) {
        const time = readTime(field, timeField);
        if (time !== undefined) times.push(time);
      }
      const summary = summaries.get(place) ?? new FieldSummary(field);
      summaries.set(place, summary);
      summary.add(field);
    }
  }
  if (first === undefined) throw empty(options.file);

  if (timeField !== undefined) summaries.delete(timeField.place);
  const { signals, leftOut } = sort(
    [...summaries.values()],
    count,
    options.replayedTimeKey ?? timeField?.key ?? 'time',
  );
  if (signals.length === 0) {
    throw new SampleError('the messages have no field that can be a signal', {
      location: first.location,
      remedy:
        leftOut.length === 0 ? 'they hold a time only' : leftOut.map(({ name, why }) => `'${name}': ${why}`).join('; '),
    });
  }
  const spacing = spacingOf(times);
  return {
    file: options.file,
    samples: count,
    isCut,
    signals,
    leftOut,
    ...(timeField === undefined ? {} : { time: timeField }),
    ...(spacing === undefined ? {} : { spacing }),
  };
}

/** Two fields may have one name: `a.b` at the top, and `b` in `a`. */
function placeOf({ name, path }: SampleField): string {
  return JSON.stringify(path ?? [name]);
}

function toTime(field: SampleField | undefined): TimeField | undefined {
  const found = field && timeFormatOf(field);
  if (field === undefined || found === undefined) return undefined;
  const { name, path, text } = field;
  // With a slash in front a key counts as a pointer, also at the top.
  const key = path !== undefined || name.startsWith('/') ? formatPointer(path ?? [name]) : name;
  return { ...found, key, place: placeOf(field), example: text };
}

function sort(
  summaries: readonly FieldSummary[],
  samples: number,
  timeKey: string,
): Pick<InferredBridge, 'signals' | 'leftOut'> {
  const signals: InferredSignal[] = [];
  const leftOut: { name: string; why: string }[] = [];
  for (const { name, path, verdict, longest, count } of summaries) {
    const isTaken = signals.some((signal) => signal.name === name);
    const why = isTaken
      ? 'another field has this name'
      : verdict.type === undefined
        ? verdict.note
        : nameFault(name, path === undefined ? timeKey : undefined);
    if (verdict.type === undefined || why !== undefined) {
      leftOut.push({ name, why: why ?? verdict.note ?? '' });
      continue;
    }
    const notes = [verdict.note, count < samples ? `in ${count} of ${samples} messages` : undefined];
    const note = notes.filter((part) => part !== undefined).join('; ');
    signals.push({
      name,
      type: verdict.type,
      longest,
      ...(path === undefined ? {} : { path }),
      ...(verdict.size === undefined ? {} : { size: verdict.size }),
      ...(note === '' ? {} : { note }),
    });
  }
  return { signals, leftOut };
}

/** As `readBridgeConfig` has it. */
function nameFault(name: string, timeKey: string | undefined): string | undefined {
  if (name.trim() === '') return 'it has no name';
  if (name === timeKey) return 'messages have their time under this key';
  if (/[\p{Cc}\p{Surrogate}\ufffe\uffff]/u.test(name)) return 'a character in its name cannot be printed';
  return name.startsWith('config.') ? "names that begin with 'config.' belong to the parameters of the FMU" : undefined;
}

/** Undefined for fewer than three different times: two tell no rhythm. */
function spacingOf(times: bigint[]): Spacing | undefined {
  times.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const gaps = times
    .slice(1)
    .map((time, index) => Number(time - times[index]!) / 1e6)
    .filter((gap) => gap > 0)
    .sort((a, b) => a - b);
  if (gaps.length < 2) return undefined;
  const at = (share: number) => gaps[Math.ceil(share * gaps.length) - 1]!;
  return { median: at(0.5), usual: at(0.99), longest: gaps.at(-1)! };
}
