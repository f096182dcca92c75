/** What a message must look like to be a sample, and what is said of one that is none. */
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  createDecoder,
  type Decoded,
  type DecodedSample,
  type DecoderOptions,
  FIELD_REASONS,
  type FieldReason,
  MAX_PROBLEMS,
  REJECTION_REASONS,
  type RejectedMessage,
  type RejectionReason,
} from '#tb/bridge/decoder.js';
import type { Signal } from '#tb/bridge/signals.js';
import { parseRfc3339 } from '#tb/support/time.js';
import { SIGNALS as GENERATED_SIGNALS, messageText, mutatedMessage } from './support.js';

const SIGNALS: readonly Signal[] = [
  { name: 'x', type: 'Real', slot: 0, source: 0 },
  { name: 'y', type: 'Real', slot: 1, source: 0 },
  { name: 'seqno', type: 'Integer', slot: 2, source: 0 },
  { name: 'stop', type: 'Boolean', slot: 3, source: 0 },
  { name: 'mode', type: 'String', slot: 4, source: 0, maxLength: 8 },
];
const OPTIONS: DecoderOptions = {
  time: { key: 'time', format: 'rfc3339', assumeUtc: false },
  unknownFields: 'warn',
  maxMessageBytes: 1000,
};
const NOON = '2019-01-04T12:00:00Z';
const NOON_NS = parseRfc3339(NOON) as bigint;

const withTime = (format: DecoderOptions['time']['format'], assumeUtc = false): DecoderOptions => ({
  ...OPTIONS,
  time: { key: 'time', format, assumeUtc },
});

function decode(body: string | Buffer, options = OPTIONS): Decoded {
  return createDecoder(SIGNALS, options).decode(Buffer.from(body as string));
}

function sample(body: string | Buffer, options = OPTIONS): DecodedSample {
  const decoded = decode(body, options);
  if (decoded.kind !== 'sample')
    throw new Error(`no sample: ${decoded.kind === 'rejected' ? decoded.message : decoded.timeNs}`);
  return decoded;
}

/** Members after the time. */
const timed = (members: string): string => `{"time":"${NOON}",${members}}`;
/** The value of a field alone in its message beside `x`, and what was said about it. */
function field(name: string, json: string): { value: unknown; problems: string[] } {
  const decoded = sample(timed(`"x":1,"${name}":${json}`));
  const slot = SIGNALS.findIndex((signal) => signal.name === name);
  return { value: decoded.values[slot], problems: decoded.problems.map((problem) => problem.reason) };
}

describe('a sample', () => {
  it('has the time and the values of all signals, whatever their order', () => {
    const decoded = sample(`{"seqno":7,"mode":"auto","x":1.5,"time":"${NOON}","stop":true,"y":-2e3}`);
    expect(decoded.timeNs).toBe(NOON_NS);
    expect(decoded.values).toEqual([1.5, -2000, 7, true, 'auto']);
    expect(decoded.complete).toBe(true);
    expect(decoded.problems).toEqual([]);
  });

  it('may lack signals', () => {
    const decoded = sample(timed('"y":2'));
    expect(decoded.values).toEqual([undefined, 2, undefined, undefined, undefined]);
    expect(decoded.complete).toBe(false);
    expect(createDecoder(SIGNALS, OPTIONS).missingFrom(Buffer.from(timed('"y":2')))).toEqual([
      'x',
      'seqno',
      'stop',
      'mode',
    ]);
  });

  it('may be written with space, escapes and characters beyond ASCII', () => {
    const decoded = sample(` {\n\t"time" : "${NOON}" ,\r\n "\\u0078" : 3 , "mode":"\\u00e9\\n\ud83d\ude00" } `);
    expect(decoded.values[0]).toBe(3);
    expect(decoded.values[4]).toBe('é\n😀');
  });

  it('is also a row of the ring', () => {
    const { row } = sample(timed('"y":0.5,"seqno":-3,"stop":true,"mode":"é"'));
    const view = new DataView(row.values.buffer);
    expect(row.mask).toEqual(new BigUint64Array([0b11110n]));
    expect(view.getFloat64(8, true)).toBe(0.5);
    expect(view.getBigInt64(16, true)).toBe(-3n);
    expect(view.getBigInt64(24, true)).toBe(1n);
    expect(view.getBigInt64(32, true)).toBe(2n);
    expect(row.strings.toString('hex', 0, 3)).toBe('c3a900');
  });

  it('does not keep values of the message before', () => {
    const decoder = createDecoder(SIGNALS, OPTIONS);
    decoder.decode(Buffer.from(timed('"x":1,"y":2')));
    const second = decoder.decode(Buffer.from(timed('"y":3'))) as DecodedSample;
    expect(second.values[0]).toBeUndefined();
    expect(second.row.mask).toEqual(new BigUint64Array([0b10n]));
  });

  it('has signals beyond the first 64 in the next word of the mask', () => {
    const signals = Array.from(
      { length: 70 },
      (_, slot): Signal => ({ name: `s${slot}`, type: 'Real', slot, source: 0 }),
    );
    const decoded = createDecoder(signals, OPTIONS).decode(Buffer.from(timed('"s31":1,"s63":2,"s69":3')));
    expect((decoded as DecodedSample).row.mask).toEqual(new BigUint64Array([(1n << 31n) | (1n << 63n), 1n << 5n]));
  });
});

describe('time', () => {
  const timeOf = (json: string, options = OPTIONS) => sample(`{"time":${json},"x":1}`, options).timeNs;

  it('is RFC 3339 with an offset that is obeyed and digits down to nanoseconds', () => {
    expect(timeOf('"2019-01-04T12:00:00.123456789Z"')).toBe(NOON_NS + 123456789n);
    expect(timeOf('"2019-01-04T14:00:00+02:00"')).toBe(NOON_NS);
    expect(timeOf('"2019-01-04 06:30:00,5-0530"')).toBe(NOON_NS + 500_000_000n);
  });

  it('is a number since 1970, exact to the nanosecond, where so configured', () => {
    expect(timeOf('1546603200.123456789', withTime('epoch-s'))).toBe(NOON_NS + 123456789n);
    expect(timeOf('1546603200123.456789', withTime('epoch-ms'))).toBe(NOON_NS + 123456789n);
    expect(timeOf('1546603200123456.789', withTime('epoch-us'))).toBe(NOON_NS + 123456789n);
    expect(timeOf('1546603200123456789', withTime('epoch-ns'))).toBe(NOON_NS + 123456789n);
    expect(timeOf('1.5466032e9', withTime('epoch-s'))).toBe(NOON_NS);
    expect(timeOf('-0.25', withTime('epoch-s'))).toBe(-250_000_000n);
  });

  it('counts as UTC without a zone only where so configured', () => {
    expect(timeOf('"2019-01-04T12:00:00.5"', withTime('rfc3339', true))).toBe(NOON_NS + 500_000_000n);
  });
});

/** Every reason is provoked somewhere below: checked at the end. */
const provoked = new Set<RejectionReason | FieldReason>();

describe('a message is rejected', () => {
  const rejection = (body: string | Buffer, options = OPTIONS): RejectedMessage => {
    const decoded = decode(body, options);
    if (decoded.kind !== 'rejected') throw new Error('it was accepted');
    provoked.add(decoded.reason);
    expect(REJECTION_REASONS).toContain(decoded.reason);
    return decoded;
  };
  const reasonFor = (body: string | Buffer, options = OPTIONS): RejectionReason => rejection(body, options).reason;

  it('when it is empty or too large', () => {
    expect(reasonFor('')).toBe('empty_body');
    const large = rejection(timed(`"x":1,"mode":"${'a'.repeat(1000)}"`));
    expect(large.reason).toBe('too_large');
    expect(large.message).toContain('the limit is 1000');
  });

  it('when 10 MB come at once, without being read', () => {
    const started = performance.now();
    expect(reasonFor(Buffer.alloc(10 << 20, '['))).toBe('too_large');
    expect(performance.now() - started).toBeLessThan(500);
  });

  it.each([
    // A caret of the position under each: the byte where something else was expected.
    ['{"x":1', 6],
    ['{"x":1}}', 7],
    ['{"x":1,}', 7],
    ['{"x" 1}', 5],
    ['{x:1}', 1],
    ["{'x':1}", 1],
    ['{"x":01}', 6],
    ['{"x":1.}', 6],
    ['{"x":.5}', 5],
    ['{"x":+1}', 5],
    ['{"x":-}', 6],
    ['{"x":1e}', 6],
    ['{"x":NaN}', 5],
    ['{"x":Infinity}', 5],
    ['{"x":tru}', 5],
    ['{"x":[1,2}', 9],
    ['{"x":{"y":1]}', 11],
    ['{"x":{"y"}}', 9],
    ['{"x":"\\x"}', 6],
    ['{"x":"\\u12"}', 6],
    ['{"x":"a\nb"}', 7],
    ['{"x":"abc}', 10],
    ['{"x":1} // comment', 8],
    ['{"é":1,}', 8],
    ['\ufeff{"x":1}', 0],
    ['{"x":1}\0', 7],
    ['   ', 3],
    ['x', 0],
    ['[1', 2],
  ])('when it is not JSON: %j at byte %i', (body, position) => {
    const decoded = rejection(body);
    expect(decoded.reason).toBe('malformed_json');
    expect(decoded.position).toBe(position);
    expect(() => JSON.parse(body)).toThrow();
  });

  it('when it is not UTF-8, at the first byte that is not', () => {
    const body = Buffer.concat([Buffer.from('{"mode":"\ufffdé'), Buffer.from([0xe9]), Buffer.from('"}')]);
    expect(rejection(body)).toMatchObject({ reason: 'malformed_json', position: 14 });
    expect(rejection(Buffer.from([0x1f, 0x8b, 0x08]))).toMatchObject({ reason: 'malformed_json', position: 1 });
  });

  it.each(['null', 'true', '3.5', '"text"', '[]', '[{"x":1}]', ' 17 '])('when it is %s', (body) => {
    expect(reasonFor(body)).toBe('not_an_object');
  });

  it('when it is nested too deeply, and nothing breaks', () => {
    const options = { ...OPTIONS, maxMessageBytes: 1 << 20 };
    const deep = rejection(`{"x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, options);
    expect(deep).toMatchObject({ reason: 'nesting_too_deep', position: 5 + 64 });
    expect(reasonFor('['.repeat(200_000), options)).toBe('nesting_too_deep');
    expect(reasonFor('{"a":'.repeat(200_000), options)).toBe('nesting_too_deep');
  });

  it('when its time is missing, of another type or no time', () => {
    expect(reasonFor('{"x":1}')).toBe('time_missing');
    expect(reasonFor('{}')).toBe('time_missing');
    expect(reasonFor('{"time":1546603200,"x":1}')).toBe('time_not_a_string');
    expect(reasonFor('{"time":null,"x":1}')).toBe('time_not_a_string');
    expect(reasonFor(timed('"x":1'), withTime('epoch-s'))).toBe('time_not_a_number');
    expect(reasonFor('{"time":"2019-01-04T12:00:00","x":1}')).toBe('time_without_zone');
    expect(reasonFor('{"time":"2019-02-30T12:00:00Z","x":1}')).toBe('time_malformed');
    expect(reasonFor('{"time":"24:00","x":1}')).toBe('time_malformed');
    expect(reasonFor('{"time":"3019-01-04T12:00:00Z","x":1}')).toBe('time_out_of_range');
    expect(reasonFor('{"time":1e300,"x":1}', withTime('epoch-s'))).toBe('time_out_of_range');
  });

  it('when it has nothing to use', () => {
    expect(reasonFor(timed('"z":1'))).toBe('no_known_signal');
    expect(reasonFor(`{"time":"${NOON}"}`)).toBe('no_known_signal');
    const nothing = rejection(timed('"x":null'));
    expect(nothing).toMatchObject({ reason: 'no_usable_value', message: "'x' is null" });
  });

  it('when it has unknown fields, where so configured', () => {
    const strict = { ...OPTIONS, unknownFields: 'reject' } as const;
    const decoded = rejection(timed('"x":1,"mdoe":"auto"'), strict);
    expect(decoded.reason).toBe('unknown_fields');
    expect(decoded.message).toBe("'mdoe' is no signal (did you mean 'mode'?)");
  });

  it('does not put a long value into the message', () => {
    const decoded = rejection(`{"time":"${'9'.repeat(500)}","x":1}`);
    expect(decoded.message.length).toBeLessThan(200);
  });
});

describe('a value is refused, and the others are used', () => {
  const refused = (name: string, json: string): string => {
    const { value, problems } = field(name, json);
    expect(value).toBeUndefined();
    expect(problems).toHaveLength(1);
    provoked.add(problems[0] as FieldReason);
    return problems[0]!;
  };

  it('when it is of another type', () => {
    expect(refused('y', '"1"')).toBe('wrong_type');
    expect(refused('y', 'true')).toBe('wrong_type');
    expect(refused('y', '[1]')).toBe('wrong_type');
    expect(refused('y', '{"x":5}')).toBe('wrong_type');
    expect(refused('seqno', 'false')).toBe('wrong_type');
    expect(refused('stop', '1')).toBe('wrong_type');
    expect(refused('stop', '"true"')).toBe('wrong_type');
    expect(refused('mode', '3')).toBe('wrong_type');
    expect(refused('mode', 'null')).toBe('null');
  });

  it('when an Integer has a fraction or more than 32 bits', () => {
    expect(refused('seqno', '2.9')).toBe('not_an_integer');
    expect(refused('seqno', '2147483648')).toBe('integer_out_of_range');
    expect(refused('seqno', '-2147483649')).toBe('integer_out_of_range');
    expect(refused('seqno', '1e400')).toBe('integer_out_of_range');
    expect(field('seqno', '2147483647').value).toBe(2147483647);
    expect(field('seqno', '-2147483648').value).toBe(-2147483648);
    expect(field('seqno', '3.0').value).toBe(3);
    expect(field('seqno', '-0').value).toBe(0);
  });

  it('when a Real is more than a double holds; large integers are not', () => {
    expect(refused('y', '1e400')).toBe('number_out_of_range');
    expect(field('y', '9007199254740993').value).toBe(9007199254740992);
    expect(field('y', '2147483648').value).toBe(2147483648);
    expect(Object.is(field('y', '-0.0').value, -0)).toBe(true);
    expect(field('y', '5e-324').value).toBe(5e-324);
  });

  it('when a String is too long in UTF-8 or has a NUL', () => {
    expect(field('mode', '"12345678"').value).toBe('12345678');
    expect(refused('mode', '"123456789"')).toBe('string_too_long');
    expect(refused('mode', '"ééééé"')).toBe('string_too_long');
    expect(refused('mode', '"a\\u0000b"')).toBe('string_with_nul');
  });

  it('when its key was there before: the first value counts, also of the time', () => {
    const decoded = sample(`{"time":"${NOON}","y":1,"y":2,"time":"2020-01-01T00:00:00Z"}`);
    expect(decoded.values[1]).toBe(1);
    expect(decoded.timeNs).toBe(NOON_NS);
    expect(decoded.problems.map((problem) => [problem.field, problem.reason])).toEqual([
      ['y', 'duplicate_key'],
      ['time', 'duplicate_key'],
    ]);
    provoked.add('duplicate_key');
  });

  it('reports unknown fields with the name they resemble, where so configured', () => {
    const body = timed('"x":1,"seqnr":2,"nested":{"x":[{}]}');
    const decoded = sample(body);
    expect(decoded.unknownFields).toBe(2);
    expect(decoded.problems.map((problem) => problem.message)).toEqual([
      "'seqnr' is no signal (did you mean 'seqno'?)",
      "'nested' is no signal",
    ]);
    provoked.add(decoded.problems[0]!.reason);
    const ignoring = sample(body, { ...OPTIONS, unknownFields: 'ignore' });
    expect(ignoring.unknownFields).toBe(2);
    expect(ignoring.problems).toEqual([]);
  });

  it('names at most so many problems of one message', () => {
    const fields = Array.from({ length: 1000 }, (_, i) => `"f${i}":1`).join();
    const decoded = sample(timed(`"x":1,${fields}`), { ...OPTIONS, maxMessageBytes: 1 << 20 });
    expect(decoded.problems).toHaveLength(MAX_PROBLEMS);
    expect(decoded.unknownFields).toBe(1000);
  });
});

describe("messages of RMQFMU's peers", () => {
  const RMQFMU: DecoderOptions = { ...OPTIONS, compat: 'rmqfmu' };
  const STRICT: DecoderOptions = { ...OPTIONS, compat: 'strict' };
  const timeOf = (text: string, options: DecoderOptions) => sample(`{"time":"${text}","x":1}`, options).timeNs;

  it.each([
    '2019-01-04T12:00:00.0Z',
    '2019-1-4T12:00:00Z',
    '2019-01-04T12:00:00z',
    '2019-01-04T12:00:00UTC',
    '2019-01-04T12:00:00 UTC',
    '2019-01-04T14:00:00+02:00',
    '2019-01-04T14:00:00+0200',
    '2019-01-04T06:30:00-05:30',
  ])('%s is a time', (text) => {
    expect(timeOf(text, RMQFMU)).toBe(NOON_NS);
  });

  it.each(['2019-01-04T12:00:00', '2019-01-04T12:00:00.000000', '2019-01-04 12:00:00'])(
    '%s, without a zone, is taken as UTC, and that is told',
    (text) => {
      const decoded = sample(`{"time":"${text}","x":1}`, RMQFMU);
      expect(decoded.timeNs).toBe(NOON_NS);
      expect(decoded.problems.map(({ message }) => message)).toEqual([
        `'time' is "${text}": it has no zone and is taken as UTC`,
      ]);
      provoked.add(decoded.problems[0]!.reason);
      expect(decode(`{"time":"${text}","x":1}`).kind).toBe('rejected');
    },
  );

  it('strict: an offset counts for nothing', () => {
    expect(timeOf('2019-01-04T12:00:00+02:00', STRICT)).toBe(NOON_NS);
    expect(timeOf('2019-01-04T12:00:00-0530', STRICT)).toBe(NOON_NS);
    expect(timeOf('2019-01-04T12:00:00Z', STRICT)).toBe(NOON_NS);
  });

  it.each([
    '12:00:00',
    '2019-01-04T12:00Z',
    '20190104T120000Z',
    '2019-01-04T24:00:00Z',
    '2019-02-30T12:00:00Z',
    '2019-01-04T12:00:00Zjunk',
    '1546603200',
    '',
  ])('%s is still no time', (text) => {
    expect(decode(`{"time":"${text}","x":1}`, RMQFMU)).toMatchObject({ kind: 'rejected', reason: 'time_malformed' });
  });

  it('an Integer is cut, as far as it holds the number', () => {
    const integer = (text: string) => sample(timed(`"x":1,"seqno":${text}`), RMQFMU).values[2];
    expect(['2.9', '-2.9', '-0.5', '2147483647.5', '7'].map(integer)).toEqual([2, -2, 0, 2147483647, 7]);
    expect(['2147483648', '1e300'].map(integer)).toEqual([undefined, undefined]);
  });

  it('a Boolean may be 0 or 1, which is what RMQFMU sent', () => {
    const boolean = (text: string) => sample(timed(`"x":1,"stop":${text}`), RMQFMU).values[3];
    expect(['0', '1', '1.0', 'true', 'false'].map(boolean)).toEqual([false, true, true, true, false]);
    expect(['2', '-1', '"1"'].map(boolean)).toEqual([undefined, undefined, undefined]);
  });

  it('their marks beside the values are no unknown fields', () => {
    const body = timed('"x":1,"simAtTime":"2019-01-04T12:00:00Z","simAtTimeReal":1,"internal_status":"ready"');
    expect(sample(body, RMQFMU)).toMatchObject({ unknownFields: 0, problems: [] });
    expect(sample(body).unknownFields).toBe(3);
  });
});

describe('JSON', () => {
  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  };

  it('is what JSON.parse takes: 20,000 generated messages, half of them with bytes changed', () => {
    const options = { ...OPTIONS, maxMessageBytes: 1 << 20 };
    const decoder = createDecoder(GENERATED_SIGNALS, options);
    let valid = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          messageText.map((text) => Buffer.from(text)),
          mutatedMessage,
        ),
        (content) => {
          const decoded = decoder.decode(content);
          const parsed = isUtf8(content) ? parse(content.toString()) : undefined;
          const isMalformed = decoded.kind === 'rejected' && /^(malformed_json|empty_body)$/.test(decoded.reason);
          expect(isMalformed, content.toString()).toBe(parsed === undefined);
          if (decoded.kind !== 'sample' || decoded.problems.some((problem) => problem.reason === 'duplicate_key'))
            return;
          valid += 1;
          for (const { name, slot, type } of GENERATED_SIGNALS) {
            const value = decoded.values[slot];
            if (value === undefined) continue;
            const expected = (parsed as Record<string, unknown>)[name];
            expect(value).toBe(type === 'Integer' ? (expected as number) + 0 : expected);
          }
        },
      ),
      { numRuns: 20_000 },
    );
    expect(valid).toBeGreaterThan(2000);
  }, 120_000);
});

describe('how far the stream is', () => {
  it('a watermark has its time and no signal, and no time is needed to end the stream', () => {
    expect(decode(timed('"internal_watermark":true'))).toEqual({ kind: 'watermark', timeNs: NOON_NS });
    for (const body of [timed('"internal_end_of_stream":true'), '{"internal_end_of_stream":true}']) {
      expect(decode(body)).toEqual({ kind: 'watermark', timeNs: 2n ** 63n - 1n });
    }
  });

  it('anything but true in it, or a signal beside it, makes it an unknown field', () => {
    for (const value of ['false', '1', '"true"', 'null']) {
      expect(decode(timed(`"internal_watermark":${value}`))).toMatchObject({ reason: 'no_known_signal' });
    }
    expect(decode('{"internal_watermark":true}')).toMatchObject({ reason: 'time_missing' });
    const both = sample(timed('"x":1,"internal_watermark":true'));
    expect([both.values[0], both.unknownFields]).toEqual([1, 1]);
  });
});

describe('where values stand', () => {
  const signals = (...list: Partial<Signal>[]): Signal[] => {
    let slot = 0;
    return list.map((one) => {
      const signal = { name: 'v', type: 'Real', source: 0, slot, ...one } as Signal;
      slot += signal.size ?? 1;
      return signal;
    });
  };
  const read = (list: Partial<Signal>[], body: string, options = OPTIONS) => {
    const decoded = createDecoder(signals(...list), options).decode(Buffer.from(body));
    if (decoded.kind === 'rejected') provoked.add(decoded.reason);
    else if (decoded.kind === 'sample') for (const { reason } of decoded.problems) provoked.add(reason);
    return decoded;
  };
  const values = (list: Partial<Signal>[], body: string, options = OPTIONS) => {
    const decoded = read(list, body, options);
    if (decoded.kind === 'watermark') throw new Error('a watermark');
    return decoded.kind === 'sample' ? decoded.values : decoded.reason;
  };
  const said = (list: Partial<Signal>[], body: string) => {
    const decoded = read(list, body);
    return decoded.kind === 'sample'
      ? decoded.problems.map(({ message }) => message)
      : decoded.kind === 'rejected' && [decoded.message];
  };

  const POSE: Partial<Signal>[] = [
    { name: 'x', path: ['pose', 'x'] },
    { name: 'y', path: ['pose', 'y'] },
    { name: 'wheel', path: ['wheels', '1', 'speed'] },
    { name: 'q', path: ['joints', 'position'], size: 3 },
    { name: 'q2', path: ['joints', 'position', '2'] },
    { name: 'odd', path: ['a/b', 'c~d'] },
  ];

  it('is told by JSON pointers: members of members, elements by index, arrays', () => {
    const body = timed(
      '"pose":{"y":2,"x":1},"wheels":[{"speed":7},{"speed":8,"load":1},3],"joints":{"position":[0.1,0.2,0.3]},"a/b":{"c~d":9}',
    );
    const decoded = read(POSE, body) as DecodedSample;
    expect(decoded.values).toEqual([1, 2, 8, 0.1, 0.2, 0.3, 0.3, 9]);
    expect(decoded.complete).toBe(true);
    expect(decoded.problems.map(({ field: name }) => name)).toEqual(['/wheels/1/load']);
  });

  it('may be missing in part', () => {
    expect(values(POSE, timed('"pose":{"x":1},"joints":{}'))).toEqual([1, ...new Array(7).fill(undefined)]);
    expect(values(POSE, timed('"pose":{},"joints":{}'))).toBe('no_known_signal');
  });

  it('is refused with all below it where it is no object', () => {
    expect(said(POSE, timed('"pose":3,"a/b":{"c~d":9}'))).toEqual([
      "'pose' is the number 3, the signals in it need an object",
    ]);
    expect(said(POSE, timed('"pose":null,"a/b":{"c~d":9}'))).toEqual(["'pose' is null"]);
    expect(said(POSE, timed('"pose":{"x":{}},"a/b":{"c~d":9}'))).toEqual([
      "'/pose/x' is an object, the signal is a Real",
    ]);
  });

  it('counts once where it is there twice, at any depth', () => {
    const body = timed('"pose":{"x":1,"x":2,"y":3},"pose":{"x":4}');
    expect(values(POSE, body)).toEqual([1, 3, ...new Array(6).fill(undefined)]);
    expect(said(POSE, body)).toEqual([
      "'/pose/x' is there twice: the first value counts",
      "'pose' is there twice: the first value counts",
    ]);
  });

  it('an array is used as a whole or not at all', () => {
    const q = [{ name: 'q', size: 3 }, { name: 'x' }];
    expect(values(q, timed('"q":[1,2,3],"x":0'))).toEqual([1, 2, 3, 0]);
    expect(values(q, timed('"q":[1,"2",3],"x":0'))).toEqual([undefined, undefined, undefined, 0]);
    expect(said(q, timed('"q":[1,"2",3],"x":0'))).toEqual(['\'q\' at 1 is the string "2", the signal is a Real']);
    expect(said(q, timed('"q":[1,null,3],"x":0'))).toEqual(["'q' at 1 is null"]);
    expect(said(q, timed('"q":[1,2],"x":0'))).toEqual(["'q' has 2 elements, the signal has 3"]);
    expect(said(q, timed('"q":[1,2,3,4],"x":0'))).toEqual(["'q' has 4 elements, the signal has 3"]);
    expect(said(q, timed('"q":7,"x":0'))).toEqual(["'q' is the number 7, the signal is an array of 3"]);
    expect(said(q, timed('"q":[],"x":0'))).toEqual(["'q' has 0 elements, the signal has 3"]);
  });

  it('also holds for the time', () => {
    const options = { ...OPTIONS, time: { ...OPTIONS.time, key: '/header/stamp' } };
    const decoded = read([{ name: 'x' }], `{"header":{"seq":1,"stamp":"${NOON}"},"x":1}`, options) as DecodedSample;
    expect(decoded.timeNs).toBe(NOON_NS);
    expect(decoded.problems.map(({ field: name }) => name)).toEqual(['/header/seq']);
    expect(values([{ name: 'x' }], '{"header":{},"x":1}', options)).toBe('time_missing');
  });

  it('is nested 64 levels deep at most, those that are mapped included', () => {
    const deep = (levels: number) => `${'['.repeat(levels)}1${']'.repeat(levels)}`;
    const list = [{ name: 'x' }, { name: 'v', path: ['a', 'b'] }];
    expect(values(list, timed(`"x":1,"u":${deep(64)}`))).toEqual([1, undefined]);
    expect(values(list, timed(`"x":1,"u":${deep(65)}`))).toBe('nesting_too_deep');
    expect(values(list, timed(`"x":1,"a":{"u":${deep(63)}}`))).toEqual([1, undefined]);
    expect(values(list, timed(`"x":1,"a":{"u":${deep(64)}}`))).toBe('nesting_too_deep');
  });

  it('numbers are scaled: those of whole numbers exactly, and they stay whole', () => {
    const one = (signal: Partial<Signal>, json: string) => {
      const read = values([signal, { name: 'x' }], timed(`"v":${json},"x":0`));
      return typeof read === 'string' ? read : read[0];
    };
    expect(one({ scale: 1e-7, offset: 0 }, '571234567')).toBe(571234567 * 1e-7);
    expect(one({ scale: 0.5, offset: -40 }, '130')).toBe(25);
    expect(one({ type: 'Integer', scale: 10, offset: 0 }, '12.3')).toBe(123);
    expect(one({ type: 'Integer', scale: 0.1, offset: 0.5 }, '25')).toBe(3);
    expect(one({ type: 'Integer', scale: 0.1, offset: 0 }, '25')).toBe(undefined);
    expect(one({ type: 'UInt8', scale: 2, offset: 0 }, '128')).toBe(undefined);
    expect(one({ type: 'Int64', scale: 1000, offset: 1 }, '9007199254740993')).toBe(9007199254740993001n);
    expect(said([{ type: 'Integer', scale: 0.1, offset: 0 }, { name: 'x' }], timed('"v":25,"x":0'))).toEqual([
      "'v' is 25, times 0.1 plus 0 no whole number, the signal is an Integer",
    ]);
  });

  it.each([
    ['Int8', '-128', -128, '-129', '128'],
    ['UInt8', '255', 255, '-1', '256'],
    ['Int16', '-32768', -32768, '-32769', '32768'],
    ['UInt16', '65535', 65535, '-1', '65536'],
    ['UInt32', '4294967295', 4294967295, '-1', '4294967296'],
    ['Int64', '9223372036854775807', 2n ** 63n - 1n, '-9223372036854775809', '9223372036854775808'],
    ['UInt64', '18446744073709551615', 2n ** 64n - 1n, '-1', '18446744073709551616'],
    ['Int64', '-9007199254740993', -9007199254740993n, '1e19', '0.5'],
    ['UInt64', '1.5e1', 15n, '1e-1', '1e400'],
  ] as const)('%s takes %s as %s, not %s, not %s', (type, json, value, ...refused) => {
    const list: Partial<Signal>[] = [{ type }, { name: 'x' }];
    expect(values(list, timed(`"v":${json},"x":0`))).toEqual([value, 0]);
    for (const text of refused) expect(values(list, timed(`"v":${text},"x":0`))).toEqual([undefined, 0]);
  });

  it('long numbers take no long time', () => {
    const options = { ...OPTIONS, maxMessageBytes: 1 << 20 };
    const zeros = '0'.repeat(1 << 18);
    const before = performance.now();
    for (const text of [`1${zeros}1`, `1${zeros}`, `0.${zeros}1`, `1.${zeros}`, `1${zeros}e-${zeros.length}`]) {
      for (const signal of [{ type: 'Int64' }, { type: 'Integer', scale: 2, offset: 1 }] as const) {
        expect(values([signal, { name: 'x' }], timed(`"v":${text},"x":0`), options)).toEqual([undefined, 0]);
      }
    }
    // Quadratic time would be minutes.
    expect(performance.now() - before).toBeLessThan(20_000);
  });

  it('a Float32 is the nearest one', () => {
    expect(values([{ type: 'Float32' }], timed('"v":0.1'))).toEqual([Math.fround(0.1)]);
    expect(values([{ type: 'Float32' }, { name: 'x' }], timed('"v":1e39,"x":0'))).toEqual([undefined, 0]);
  });

  it('an Enumeration takes the name of an item or its number', () => {
    const mode: Partial<Signal> = {
      type: 'Enumeration',
      items: [
        { name: 'idle', value: 0 },
        { name: 'drive', value: 5 },
      ],
    };
    expect(values([mode], timed('"v":"drive"'))).toEqual([5]);
    expect(values([mode], timed('"v":5'))).toEqual([5]);
    expect(said([mode, { name: 'x' }], timed('"v":"drvie","x":0'))).toEqual([
      "'v' is \"drvie\", expected one of idle, drive (did you mean 'drive'?)",
    ]);
    expect(said([mode, { name: 'x' }], timed('"v":1,"x":0'))).toEqual(["'v' is 1, expected one of idle, drive"]);
    expect(said([mode, { name: 'x' }], timed('"v":true,"x":0'))).toEqual([
      "'v' is the boolean true, the signal is an Enumeration",
    ]);
  });

  it('Binary is base64 with or without its padding', () => {
    const raw: Partial<Signal> = { type: 'Binary', maxLength: 4 };
    const bytes = (json: string) => {
      const read = values([raw, { name: 'x' }], timed(`"v":${json},"x":0`));
      return typeof read === 'string' ? read : (read[0] as Buffer | undefined)?.toString('hex');
    };
    expect(bytes('"AP8="')).toBe('00ff');
    expect(bytes('"AP8"')).toBe('00ff');
    expect(bytes('""')).toBe('');
    for (const wrong of ['"A"', '"AP_="', '"AP8=AP8="', '"A P8"']) expect(bytes(wrong)).toBe(undefined);
    expect(said([raw, { name: 'x' }], timed('"v":"AAAAAAA=","x":0'))).toEqual(["'v' has 5 bytes, the limit is 4"]);
  });

  it('signals of another source are fields like any other', () => {
    const list = [{ name: 'x' }, { name: 'y', source: 1 }];
    const decoded = read(list, timed('"x":1,"y":2')) as DecodedSample;
    expect(decoded.values).toEqual([1, undefined]);
    expect(decoded.complete).toBe(true);
    expect(decoded.problems).toMatchObject([{ reason: 'unknown_field', field: 'y' }]);
  });
});

describe('a raw payload', () => {
  const signal: Signal = { name: 'image', type: 'Binary', slot: 0, source: 0, path: [], maxLength: 4 };
  const options = (key: string, format: DecoderOptions['time']['format'] = 'rfc3339'): DecoderOptions => ({
    ...OPTIONS,
    payload: 'raw',
    time: { key, format, assumeUtc: false },
  });
  const decodeRaw = (key: string, properties: object, body = Buffer.of(0, 1, 255), format?: 'epoch-ms') =>
    createDecoder([signal], options(key, format)).decode(body, { arrivedNs: 77n, ...properties });

  it('is one value, whatever its bytes are', () => {
    const decoded = decodeRaw('', {}) as DecodedSample;
    expect(decoded).toMatchObject({ kind: 'sample', values: [Buffer.of(0, 1, 255)], complete: true, timeNs: 77n });
    expect(decoded.row.strings.subarray(0, 3)).toEqual(Buffer.of(0, 1, 255));
    expect(decodeRaw('', {}, Buffer.alloc(5))).toMatchObject({ kind: 'rejected', reason: 'no_usable_value' });
  });

  it('has the time of its header, of the broker, of its publisher, or of its arrival', () => {
    const headers = { timestamp_in_ms: 1_700_000_000_123, stamp: NOON, ms: 1_546_603_200_000 };
    expect(decodeRaw('', { timestamp: 1_700_000_000 })).toMatchObject({ timeNs: 1_700_000_000_000_000_000n });
    expect(decodeRaw('', { timestamp: 5, headers })).toMatchObject({ timeNs: 1_700_000_000_123_000_000n });
    expect(decodeRaw('stamp', { headers })).toMatchObject({ timeNs: NOON_NS });
    expect(decodeRaw('ms', { headers }, Buffer.of(1), 'epoch-ms')).toMatchObject({ timeNs: NOON_NS });
    expect(decodeRaw('other', { headers })).toMatchObject({ reason: 'time_missing' });
    expect(decodeRaw('ms', { headers })).toMatchObject({ reason: 'time_malformed' });
    // Whoever publishes sets them.
    for (const stamp of [Number.NaN, Number.POSITIVE_INFINITY, 1e300, 2 ** 63, -(2n ** 80n)]) {
      expect(decodeRaw('', { headers: { timestamp_in_ms: stamp } }).kind).toBe('rejected');
      if (typeof stamp === 'number') expect(decodeRaw('', { timestamp: stamp }).kind).toBe('rejected');
      expect(decodeRaw('s', { headers: { s: stamp } }).kind).toBe('rejected');
    }
    expect(decodeRaw('', { headers: { timestamp_in_ms: 1.5 } })).toMatchObject({ timeNs: 1_500_000n });
  });
});

afterAll(() => {
  expect([...provoked].sort()).toEqual([...REJECTION_REASONS, ...FIELD_REASONS].sort());
});
