/** The first `bridge.yaml`, with the reason for each choice beside it. */
import { basename, extname } from 'node:path';
import { stringify } from 'yaml';
import { formatPointer } from '../pointer.js';
import { DEFAULT_MAX_STRING_BYTES } from '../signals.js';
import type { InferOptions, InferredBridge, InferredSignal, Spacing } from './infer.js';

/** For which `lookahead` is proposed; the step size is the importer's choice and not known here. */
const ASSUMED_STEP_MS = 100;
const DEFAULT_RING_CAPACITY = 1024;

export function formatBridgeYaml(inferred: InferredBridge, options: InferOptions): string {
  const { file, samples, isCut, signals, leftOut, spacing } = inferred;
  const messages = `${isCut ? 'the first ' : ''}${samples === 1 ? 'one message' : `${samples} messages`}`;
  const lines = [
    `# Inferred from ${messages} of ${oneLine(basename(file))}: a first version, to be looked through.`,
    "# Check it with 'twinbridge validate', build the FMU with 'twinbridge build'.",
    'twinbridge: bridge',
    pair('name', basename(file, extname(file))),
    '',
    'broker:',
    '  # User and password stand nowhere in here. They come at run time from AMQP_URL, from a secret file or from the',
    "  # FMU's parameters config.username and config.password.",
    '  host: localhost',
    '',
    'receive:',
    '  exchange: fmi_digital_twin',
    '  type: direct',
    '  key: data.to_cosim',
    ...timeLines(inferred, options),
    ...(leftOut.length === 0 ? [] : ['  unknownFields: ignore  # those left out below']),
    '',
    ...selectionLines(spacing),
    '# What messages carry in.',
    ...(signals.some(({ type }) => type === 'Integer')
      ? ['# Integer where all values seen are whole numbers: make it Real if fractions may come.']
      : []),
    'outputs:',
    ...signals.map(signalLine),
    ...leftOut.map(({ name, why }) => `  # left out: ${oneLine(name)} (${why})`),
    '',
    '# What is published, to routing key data.from_cosim, when it has changed.',
    '# inputs:',
    '#   emergency_stop: {type: Boolean, start: false}',
    '',
    '# Outputs that tell how the bridge is doing, such as data_age, queue_depth and link_up.',
    '# diagnostics: true',
  ];
  return `${lines.join('\n')}\n`;
}

function timeLines({ time }: InferredBridge, { replayedTimeKey }: InferOptions): string[] {
  if (replayedTimeKey !== undefined) {
    return [...tableTimeComment(time), '  time:', `    ${pair('key', replayedTimeKey)}`, '    format: rfc3339'];
  }
  if (time === undefined) {
    return [
      '  # No field that looks like a time was found: say which one it is and how it is written.',
      '  time:',
      '    key: time',
      '    format: rfc3339',
    ];
  }
  return [
    ...(time.key === 'time' && time.format === 'rfc3339'
      ? []
      : [
          "  # As in the messages; 'twinbridge replay' would send them with RFC 3339 under 'time' (see its --time-key).",
        ]),
    '  time:',
    `    ${pair('key', time.key)}`,
    `    format: ${time.format}  # the first is ${oneLine(time.example)}`,
    ...(time.assumeUtc ? ['    assumeUtc: true  # the times have no zone: without this they would be refused'] : []),
  ];
}

/** What `twinbridge replay` will make of the table's times. */
function tableTimeComment(time: InferredBridge['time']): string[] {
  if (time === undefined) {
    return ["  # No column of times was found: name one to 'twinbridge replay' with --time-column, or an --interval."];
  }
  const isFound = time.key === 'timestamp' || time.key === 'time';
  return [
    `  # Times stand in column ${oneLine(time.key)} (${time.format}). 'twinbridge replay'${isFound ? '' : ` --time-column ${oneLine(time.key)}`} sends them like this:`,
  ];
}

function selectionLines(spacing: Spacing | undefined): string[] {
  if (spacing === undefined) return [];
  const { median, usual, longest } = spacing;
  const maxage = roundUp(Math.max(3 * median, 1.5 * usual));
  const perStep = Math.max(1, Math.ceil(ASSUMED_STEP_MS / median));
  const lookahead = 2 * perStep;
  return [
    'selection:',
    `  # Messages are ${shown(median)} apart (median), 99 of 100 at most ${shown(usual)}. An output lives through such a gap`,
    '  # with room to spare:',
    `  maxage: ${shown(maxage)}`,
    ...(longest > maxage
      ? [
          `  # The longest gap is ${shown(longest)}: a step in it waits for the next message. Raise maxage to bridge it, at the price`,
          '  # of older data.',
        ]
      : []),
    `  # A step of ${shown(ASSUMED_STEP_MS)} spans ${perStep === 1 ? 'one message' : `${perStep} messages`}; twice as many let it catch up after a delay. Longer steps need more.`,
    `  lookahead: ${lookahead}`,
    '',
    ...(2 * lookahead > DEFAULT_RING_CAPACITY
      ? ['# Room for what a step may take, twice.', 'ring:', `  capacity: ${powerOfTwo(2 * lookahead)}`, '']
      : []),
  ];
}

function signalLine({ name, type, path, size, longest, note }: InferredSignal): string {
  const maxLength = longest > DEFAULT_MAX_STRING_BYTES ? powerOfTwo(2 * longest) : undefined;
  const more = {
    ...(path === undefined ? {} : { path: formatPointer(path) }),
    ...(size === undefined ? {} : { size }),
    ...(maxLength === undefined ? {} : { maxLength }),
  };
  const key = stringify({ [name]: 0 }, { lineWidth: 0 })
    .trimEnd()
    .slice(0, -1);
  const signal = Object.keys(more).length === 0 ? type : { type, ...more };
  const value = stringify(signal, { lineWidth: 0, collectionStyle: 'flow' }).trimEnd();
  return `  ${key}${value}${note === undefined ? '' : `  # ${note}`}`;
}

function pair(key: string, value: string): string {
  return stringify({ [key]: value }, { lineWidth: 0 }).trimEnd();
}

/** A text from the file must not end the comment that it stands in. */
function oneLine(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /^[^\0-\x1f\x7f\x85\u2028\u2029]+$/.test(short) ? short : JSON.stringify(short);
}

/** To 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

function powerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

/** Milliseconds, as a duration that `bridge.yaml` takes. */
function shown(milliseconds: number): string {
  if (milliseconds >= 1000) return `${Number((milliseconds / 1000).toPrecision(3))} s`;
  return milliseconds >= 1
    ? `${Number(milliseconds.toPrecision(3))} ms`
    : `${Number((milliseconds * 1000).toPrecision(3))} us`;
}
