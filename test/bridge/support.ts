/** The fast path of the decoder, called as the ring's producer calls it; generated messages for it. */

import fc from 'fast-check';
import type { DecoderOptions } from '#tb/bridge/decoder.js';
import { createNativeDecoder } from '#tb/bridge/native-decoder.js';
import { type Signal, slotCount } from '#tb/bridge/signals.js';
import { type Address, loadKoffi, nativeLibraryPath } from '#tb/native/index.js';

export const SIGNALS: readonly Signal[] = [
  { name: 'x', type: 'Real', slot: 0, source: 0 },
  { name: 'actual_q_0', type: 'Real', slot: 1, source: 0 },
  { name: 'actual_q_1', type: 'Real', slot: 2, source: 0 },
  { name: 'größe', type: 'Real', slot: 3, source: 0 },
  { name: 'seqno', type: 'Integer', slot: 4, source: 0 },
  { name: 'stop', type: 'Boolean', slot: 5, source: 0 },
  { name: 'mode', type: 'String', slot: 6, source: 0, maxLength: 8 },
  { name: 'text', type: 'String', slot: 7, source: 0, maxLength: 20 },
];

/** What the native decoder made of a message; `undefined`: it left it to the slow path. */
export interface NativeResult {
  readonly timeNs: bigint;
  readonly mask: BigUint64Array;
  readonly values: BigUint64Array;
  readonly strings: Buffer;
  readonly unknownKeys: boolean;
  readonly partial: boolean;
}

type NativeDecode = (
  decoder: Address,
  json: Uint8Array,
  length: number,
  time: BigInt64Array,
  mask: BigUint64Array,
  values: BigUint64Array,
  strings: Uint8Array,
  flags: Uint32Array,
) => number;

let native: NativeDecode | undefined;

export function nativeDecoder(
  signals: readonly Signal[],
  receive: DecoderOptions,
): (content: Uint8Array) => NativeResult | undefined {
  native ??= loadKoffi()
    .load(nativeLibraryPath())
    .func(
      'int tb_decode(uintptr_t decoder, const uint8_t *json, size_t length, int64_t *time, uint64_t *mask, uint64_t *values, uint8_t *strings, uint32_t *flags)',
    ) as unknown as NativeDecode;
  const decoder = createNativeDecoder(signals, receive) ?? 0;
  return (content) => {
    const time = new BigInt64Array(1);
    const slots = Math.max(1, slotCount(signals));
    const mask = new BigUint64Array(Math.ceil(slots / 64));
    const values = new BigUint64Array(slots);
    const strings = Buffer.alloc(4096);
    const flags = new Uint32Array(1);
    // koffi passes an empty Buffer as a null pointer.
    const bytes = content.length === 0 ? new Uint8Array(1) : content;
    if (native!(decoder, bytes, content.length, time, mask, values, strings, flags) !== 0) return undefined;
    return {
      timeNs: time[0]!,
      mask,
      values,
      strings,
      unknownKeys: (flags[0]! & 1) !== 0,
      partial: (flags[0]! & 2) !== 0,
    };
  };
}

const digits = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength, maxLength });

/** Numbers as senders write them. */
const plainNumber = fc.oneof(
  fc.tuple(fc.integer(), fc.integer({ min: -30, max: 3 })).map(([digits, power]) => String(digits * 10 ** power)),
  fc.integer().map((digits) => (digits / 1e6).toPrecision(6)),
  fc.integer().map(String),
);

/** Numbers as JSON and near-JSON write them. */
export const numberText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
  { weight: 3, arbitrary: fc.double({ noNaN: true, min: -10, max: 10 }).map((value) => value.toPrecision(6)) },
  { weight: 2, arbitrary: fc.integer().map(String) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom('', '-', '-', '+'),
        digits(0, 22),
        fc.option(digits(0, 25), { nil: undefined }),
        fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), fc.oneof(digits(0, 2), digits(1, 5))), {
          nil: undefined,
        }),
      )
      .map(
        ([sign, whole, fraction, exponent]) =>
          `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${exponent?.join('') ?? ''}`,
      ),
  },
);

const timeText = fc.oneof(
  fc
    .tuple(
      fc.date({ min: new Date('1690-01-01Z'), max: new Date('2210-01-01Z'), noInvalidDate: true }),
      fc.oneof(digits(0, 12), digits(3, 3)),
      fc.constantFrom('Z', 'Z', 'z', '', '+00:00', '-05:30', '+0200', '+24:00', ' UTC', '+2'),
      fc.constantFrom('T', 'T', 'T', ' ', 't', '_'),
    )
    .map(([date, fraction, zone, separator]) => {
      const [day, time] = date.toISOString().slice(0, 19).split('T');
      return `${day}${separator}${time}${fraction === '' ? '' : `.${fraction}`}${zone}`;
    }),
  fc.constantFrom(
    '2019-02-29T00:00:00Z',
    '2020-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2000-02-29T23:59:59.999999999Z',
    '2019-01-04T24:00:00Z',
    '2016-12-31T23:59:60Z',
    '2019-04-31T00:00:00Z',
    '2019-01-04T12:00:00.Z',
    '2019-1-4T12:00:00Z',
    '',
  ),
);

const stringText = fc.oneof(
  fc.string({ maxLength: 10 }).map((text) => JSON.stringify(text)),
  fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"a\\n\\"b\\\\c\\/"', '"\\u0041"', '"\\ud800"', '"\\x"', '"\u0001"', '"exactly8"', '"exactly_9"'),
);

const valueText = fc.oneof(
  { weight: 6, arbitrary: numberText },
  { weight: 2, arbitrary: stringText },
  { weight: 2, arbitrary: fc.json({ maxDepth: 4, stringUnit: 'grapheme-ascii' }) },
  { weight: 2, arbitrary: fc.constantFrom('true', 'false', 'null', 'True', 'tru', 'NaN', '[1]', '{"x":2}', '[]', '') },
);

const VALUE_OF: Readonly<Partial<Record<Signal['type'], fc.Arbitrary<string>>>> = {
  Real: plainNumber,
  Integer: fc.integer().map(String),
  Boolean: fc.constantFrom('true', 'false'),
  String: fc.string({ unit: fc.constantFrom(...'abc_-/ 12'), maxLength: 8 }).map((text) => JSON.stringify(text)),
};

/** Mostly what a sender would send; now and then another type, a key twice, an unknown key. */
const member = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .constantFrom(...SIGNALS)
      .chain((signal) => VALUE_OF[signal.type]!.map((value) => `${JSON.stringify(signal.name)}:${value}`)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...SIGNALS), valueText)
      .map(([signal, value]) => `${JSON.stringify(signal.name)}:${value}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('X', 'actual_q_', 'unknown', 'internal_status', '', 'é', '\\u0078', 'a\\"b'), valueText)
      .map(([name, value]) => `"${name}":${value}`),
  },
);

const space = fc.constantFrom('', '', '', ' ', '\n', '\t\r ');

export const messageText: fc.Arbitrary<string> = fc
  .tuple(
    fc.uniqueArray(member, { minLength: 1, maxLength: 9, selector: (text) => text.slice(0, text.indexOf(':')) }),
    fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: member }),
    fc.oneof(
      { weight: 8, arbitrary: fc.constant('"2019-01-04T12:00:00.250Z"') },
      { weight: 3, arbitrary: timeText.map((text) => JSON.stringify(text)) },
      {
        weight: 6,
        arbitrary: fc.tuple(digits(1, 3), digits(0, 15)).map(([a, b]) => (b === '' ? `1${a}` : `1${a}.${b}`)),
      },
      { weight: 2, arbitrary: numberText },
      { weight: 1, arbitrary: valueText },
    ),
    fc.nat(),
    space,
    space,
  )
  .map(([members, again, time, place, before, after]) => {
    const all = again === undefined ? [...members] : [...members, again];
    all.splice(place % (all.length + 1), 0, `"time"${before}:${after}${time}`);
    return `${before}{${after}${all.join(`${before},${after}`)}${before}}${after}`;
  });

/** A message with a few bytes changed, removed, doubled, or cut off. */
export const mutatedMessage: fc.Arbitrary<Buffer> = fc
  .tuple(
    messageText,
    fc.array(
      fc.record({
        at: fc.nat(),
        what: fc.constantFrom('replace', 'remove', 'insert', 'cut'),
        byte: fc.oneof(
          fc.constantFrom(...Buffer.from('{}[]":,\\.-+eE0123456789tfn \n')),
          fc.integer({ min: 0, max: 255 }),
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([text, mutations]) => {
    let bytes = Buffer.from(text);
    for (const { at, what, byte } of mutations) {
      const place = at % (bytes.length + 1);
      const rest = what === 'cut' ? [] : bytes.subarray(place + (what === 'insert' ? 0 : 1));
      bytes = Buffer.concat([
        bytes.subarray(0, place),
        Buffer.from(what === 'replace' || what === 'insert' ? [byte] : []),
        Buffer.from(rest),
      ]);
    }
    return bytes;
  });

/** Everything that the fast path can read, and the time, in objects. */
export const NESTED: readonly Signal[] = (
  [
    { name: 'x', type: 'Real' },
    { name: 'scaled', type: 'Real', path: ['pose', 'x'], scale: 0.1, offset: -2.5 },
    { name: 'single', type: 'Float32', path: ['pose', 'y'] },
    { name: 'halved', type: 'Float32', path: ['pose', 'z'], scale: 0.5, offset: 0 },
    { name: 'i8', type: 'Int8', path: ['ids', 'i8'] },
    { name: 'u8', type: 'UInt8', path: ['ids', 'u8'] },
    { name: 'i16', type: 'Int16', path: ['ids', 'i16'] },
    { name: 'u16', type: 'UInt16', path: ['ids', 'u16'] },
    { name: 'u32', type: 'UInt32', path: ['ids', 'u32'] },
    { name: 'i64', type: 'Int64', path: ['ids', 'deep', 'i64'] },
    { name: 'u64', type: 'UInt64', path: ['ids', 'deep', 'u64'] },
    { name: 'q', type: 'Real', path: ['joints', 'position'], size: 3 },
    { name: 'on', type: 'Boolean', path: ['joints', 'on'], size: 2 },
    { name: 'names', type: 'String', path: ['joints', 'names'], size: 2, maxLength: 5 },
    { name: 'y', type: 'Integer' },
    {
      name: 'gear',
      type: 'Enumeration',
      path: ['pose', 'gear'],
      items: [
        { name: 'low', value: -1 },
        { name: 'höchster "Gang"', value: 7 },
        { name: 'süd', value: 2 },
      ],
    },
  ] as const
).map((signal, index, all): Signal => {
  const slot = slotCount(all.slice(0, index).map((one) => ({ ...one, slot: 0, source: 0 })));
  return { ...signal, slot, source: 0 };
});

const edges = [
  '0',
  '-0',
  '127',
  '128',
  '-128',
  '-129',
  '255',
  '256',
  '32767',
  '-32768',
  '65535',
  '65536',
  '4294967295',
];
const integerText = fc.oneof(
  fc.constantFrom(
    ...edges,
    '4294967296',
    '-1',
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '-9223372036854775809',
    '9999999999999999999',
    '18446744073709551615',
    '18446744073709551616',
    '12.0',
    '1e2',
    '007',
  ),
  fc.integer({ min: 0, max: 100 }).map(String),
);
/** What fits, most of the time. */
const integers = (min: number, max: number) =>
  fc.oneof({ weight: 20, arbitrary: fc.integer({ min, max }).map(String) }, { weight: 1, arbitrary: integerText });
const oddText = fc.oneof(
  { weight: 1, arbitrary: valueText },
  { weight: 1, arbitrary: fc.constantFrom('{}', '[]', '{"x":1}', '[1,2,3]', 'null', '{"x":{"x":1}}') },
);
const mostly = (usual: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 80, arbitrary: usual }, { weight: 1, arbitrary: oddText });
const arrayText = (element: fc.Arbitrary<string>, size: number) =>
  fc
    .tuple(
      fc.oneof(
        { weight: 30, arbitrary: fc.array(mostly(element), { minLength: size, maxLength: size }) },
        { weight: 1, arbitrary: fc.array(element, { maxLength: size + 2 }) },
      ),
      space,
    )
    .map(([elements, gap]) => `[${gap}${elements.join(`${gap},${gap}`)}${gap}]`);
/** In any order, now and then one twice, one unknown, or none. */
const objectText = (members: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> => {
  const of = (name: string) => members[name]!.map((value) => `${JSON.stringify(name)}:${value}`);
  const names = Object.keys(members);
  return fc
    .tuple(
      fc.oneof(
        { weight: 6, arbitrary: fc.constant(names) },
        { weight: 2, arbitrary: fc.shuffledSubarray(names) },
        { weight: 1, arbitrary: fc.array(fc.constantFrom(...names), { maxLength: 6 }) },
      ),
      fc.oneof(
        { weight: 12, arbitrary: fc.constant('') },
        { weight: 1, arbitrary: fc.constantFrom('"other":[{}]', '"z":1', '"X":') },
      ),
      space,
    )
    .chain(([chosen, extra, gap]) =>
      fc
        .tuple(...chosen.map(of))
        .map((texts) => `{${gap}${[...texts, ...(extra === '' ? [] : [extra])].join(`${gap},`)}${gap}}`),
    );
};

const gearText = fc.constantFrom(
  '"low"',
  '-1',
  '7',
  '2',
  '"süd"',
  '"low"',
  '"lo"',
  '"low "',
  '"h\u00f6chster \\"Gang\\""',
  '7.0',
  '3',
);

/** A message with the places of {@link NESTED}, and its time under `/header/stamp`. */
export const nestedMessage: fc.Arbitrary<string> = objectText({
  header: objectText({ seq: fc.constant('1'), stamp: mostly(fc.constant('"2026-11-21T03:34:58.5Z"')) }),
  x: mostly(plainNumber),
  pose: mostly(
    objectText({
      x: mostly(fc.oneof(plainNumber, plainNumber, numberText)),
      y: mostly(plainNumber),
      z: mostly(plainNumber),
      gear: mostly(gearText),
    }),
  ),
  ids: mostly(
    objectText({
      i8: mostly(integers(-128, 127)),
      u8: mostly(integers(0, 255)),
      i16: mostly(integers(-32768, 32767)),
      u16: mostly(integers(0, 65535)),
      u32: mostly(fc.nat().map(String)),
      deep: mostly(
        objectText({
          i64: mostly(integers(-(2 ** 31), 2 ** 31)),
          u64: mostly(fc.bigInt({ min: 0n, max: 10n ** 19n - 1n }).map(String)),
        }),
      ),
    }),
  ),
  joints: mostly(
    objectText({
      position: mostly(arrayText(plainNumber, 3)),
      on: mostly(arrayText(fc.constantFrom('true', 'false'), 2)),
      names: mostly(arrayText(fc.constantFrom('""', '"ab"', '"a\\n"', '"abcd"', '"abcde"'), 2)),
    }),
  ),
  y: mostly(fc.integer().map(String)),
});
