/** `--sample`: recorded messages run through the mapping of a bridge, and what they give signal by signal. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type BridgeConfig, createExplainer, type MessageReport, type SignalReport } from '../bridge/index.js';
import { InvalidInputError } from '../support/errors.js';

export interface SampleOption {
  /** Default: the first. */
  readonly source?: string;
  readonly file: string;
}

export interface SampleReport {
  readonly file: string;
  readonly source: string;
  readonly messages: number;
  /** Those that would be no samples, the first {@link MOST_SHOWN} with their reason. */
  readonly rejected: number;
  readonly rejections: readonly { readonly line: number; readonly message: string }[];
  readonly signals: readonly SignalSummary[];
  readonly unknownFields: readonly string[];
  /** No message is rejected, no value refused, and each signal has a value in one message at least. */
  readonly right: boolean;
}

export interface SignalSummary extends Pick<SignalReport, 'name' | 'type' | 'place' | 'unit' | 'raw' | 'value'> {
  /** Messages that have a usable value, one that is not, none. */
  readonly values: number;
  readonly refused: number;
  readonly missing: number;
  /** Of the first without a value. */
  readonly message?: string;
}

const MOST_SHOWN = 10;

export const SAMPLE_OPTION = '--sample <file>';
export const SAMPLE_HELP =
  "recorded messages to try: a JSON message, .jsonl with one a line, or a raw body; 'gps=file' for source gps; may be repeated";

/** For commander: collects them. */
export function collectSample(value: string, before: readonly SampleOption[] = []): readonly SampleOption[] {
  const match = /^([^=/\\]+)=(.+)$/.exec(value);
  return [...before, match === null ? { file: value } : { source: match[1]!, file: match[2]! }];
}

export async function trySamples(config: BridgeConfig, samples: readonly SampleOption[]): Promise<SampleReport[]> {
  const reports: SampleReport[] = [];
  for (const sample of samples) reports.push(await trySample(config, sample));
  return reports;
}

async function trySample(config: BridgeConfig, { source, file }: SampleOption): Promise<SampleReport> {
  const explain = createExplainer(config, source ?? 0);
  const summaries = new Map<string, SignalSummary>();
  const rejections: { line: number; message: string }[] = [];
  const unknown = new Set<string>();
  let messages = 0;
  let rejected = 0;
  let name = '';
  for await (const { body, line } of readMessages(file)) {
    const report = explain(body);
    messages += 1;
    name = report.source;
    if (!report.accepted) {
      rejected += 1;
      if (rejections.length < MOST_SHOWN) rejections.push({ line, message: `${report.reason}: ${report.message}` });
    }
    for (const signal of report.signals) summaries.set(signal.name, add(summaries.get(signal.name), signal, report));
    for (const text of report.unknownFields) if (unknown.size < MOST_SHOWN) unknown.add(text);
  }
  if (messages === 0) {
    throw new InvalidInputError(`${file} holds no message`, {
      location: { file },
      remedy: 'give a recording with one',
    });
  }
  const signals = [...summaries.values()];
  const right = rejected === 0 && signals.every(({ values, refused }) => values > 0 && refused === 0);
  return { file, source: name, messages, rejected, rejections, signals, unknownFields: [...unknown], right };
}

function add(before: SignalSummary | undefined, signal: SignalReport, { accepted }: MessageReport): SignalSummary {
  const { name, type, place, unit, raw, value, message, outcome } = signal;
  const { values = 0, refused = 0, missing = 0 } = before ?? {};
  const said = before?.message ?? (accepted ? message : undefined);
  const shown = before?.value === undefined ? { raw, value } : { raw: before.raw, value: before.value };
  return {
    name,
    type,
    place,
    values: values + (outcome === 'value' ? 1 : 0),
    refused: refused + (outcome === 'refused' ? 1 : 0),
    missing: missing + (outcome === 'missing' && accepted ? 1 : 0),
    ...(unit === undefined ? {} : { unit }),
    ...(shown.raw === undefined ? {} : { raw: shown.raw }),
    ...(shown.value === undefined ? {} : { value: shown.value }),
    ...(said === undefined ? {} : { message: said }),
  };
}

async function* readMessages(file: string): AsyncIterable<{ body: Buffer; line: number }> {
  try {
    if (!/\.(jsonl|ndjson)$/i.test(file)) {
      yield { body: await readFile(file), line: 1 };
      return;
    }
    let line = 0;
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (text.trim() !== '') yield { body: Buffer.from(text), line };
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    throw new InvalidInputError(`cannot read ${file}: ${code === 'ENOENT' ? 'no such file' : message}`, {
      cause,
      location: { file },
      remedy: 'check the path',
    });
  }
}

/** Lines for people. */
export function formatSampleReport(report: SampleReport): string {
  const { file, source, messages, rejected, rejections, signals, unknownFields } = report;
  const width = (of: (signal: SignalSummary) => string) => Math.max(...signals.map((signal) => of(signal).length), 0);
  const names = width(({ name }) => name);
  const places = width(({ place }) => place);
  const head = `${file}: ${messages} ${messages === 1 ? 'message' : 'messages'} of source '${source}'${rejected === 0 ? '' : `, ${rejected} rejected`}`;
  return [
    head,
    ...rejections.map(({ line, message }) => `  line ${line}: ${message}`),
    ...signals.map((signal) => {
      const { name, place, values, refused } = signal;
      const verdict = refused > 0 ? 'refused' : values > 0 ? 'ok' : 'missing';
      return `  ${verdict.padEnd(7)}  ${name.padEnd(names)}  ${place.padEnd(places)}  ${describe(signal, messages)}`.trimEnd();
    }),
    ...unknownFields.map((text) => `  note: ${text}`),
    '',
  ].join('\n');
}

function describe({ values, refused, value, raw, unit, message, type }: SignalSummary, messages: number): string {
  const shown =
    value === undefined ? '' : cut(type === 'Binary' ? `${base64Bytes(String(value))} bytes` : JSON.stringify(value));
  const parts = [
    shown === '' ? '' : `${shown}${unit === undefined ? '' : ` ${unit}`}`,
    shown === '' || raw === undefined || raw === shown || type === 'Binary' ? '' : `from ${cut(raw)}`,
    values < messages && messages > 1 ? `in ${values} of ${messages} messages` : '',
    refused > 0 || values === 0 ? (message ?? '') : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function base64Bytes(text: string): number {
  return Buffer.from(text, 'base64').length;
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
