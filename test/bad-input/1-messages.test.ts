/**
 * Messages that are wrong, on a real broker: each is counted, logged by its routing key, position and reason, and costs
 * nothing but itself.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, stamp, temporaryFolder, until } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { type Body, Feeder } from '../support/feeder.js';

const folder = temporaryFolder();
const COMMON = `
send: { announce: true }
selection: { maxage: 60 s, lookahead: 5000, timeout: 2 s }
diagnostics: true
`;
const LARGE_RING = 'ring: { capacity: 4096 }\n';
const SIGNALS = 'outputs: { x: Real, n: Integer, b: Boolean, s: { type: String, maxLength: 20 } }';

describeOnBrokers('a bridge', (broker) => {
  let feeder: Feeder;
  let fmu: UnpackedFmu;
  let bridge: Bridge;
  const built: UnpackedFmu[] = [];

  beforeAll(async () => {
    feeder = await Feeder.start(broker.url);
    fmu = await build(LARGE_RING + SIGNALS);
  });
  afterEach(() => bridge?.instance.free());
  afterAll(async () => {
    await feeder?.stop();
    for (const each of built) await each.close();
  });

  async function build(yaml: string): Promise<UnpackedFmu> {
    const made = await bridgeFmu(`${COMMON}${yaml}\n`, folder);
    built.push(made);
    return made;
  }

  const sample = (ms: number, over: Record<string, unknown> = {}) => ({
    x: 0,
    n: 0,
    b: false,
    s: '',
    time: stamp(ms),
    ...over,
  });

  async function start(of: UnpackedFmu = fmu, first: Body = sample(0)): Promise<void> {
    await feeder.onReady(first);
    bridge = new Bridge(of);
    bridge.initialise();
  }

  /** Sends these; returns when all have been dealt with and what is said about them is in the log. */
  async function deliver(...bodies: Body[]): Promise<void> {
    const before = bridge.integer('received');
    await feeder.send(...bodies);
    await until(() => bridge.integer('received') >= before + bodies.length);
  }

  /** Steps so that the communication point is `ms`, and what the backend has said reaches the log. */
  let now = 0;
  function stepTo(ms: number): void {
    bridge.instance.doStep(now / 1000, (ms - now) / 1000);
    now = ms;
  }
  afterEach(() => {
    now = 0;
  });

  /** Frees the instance, so that nothing is left to be said: the lines about messages, and the one with the totals. */
  function end(): { lines: string[]; totals: string } {
    bridge.instance.free();
    const all = bridge.log.map(({ message }) => message);
    return {
      lines: all.filter((message) => message.startsWith('message ')),
      totals: all.find((message) => message.startsWith('totals: ')) ?? '',
    };
  }

  const time = `"time":"${stamp(1)}"`;

  describe('1 a message that is no sample', () => {
    const CASES: readonly (readonly [what: string, body: Body, said: string])[] = [
      ['text', 'hello', 'malformed_json: byte 0: expected a JSON value'],
      ['JSON that is cut off', `{${time},"x":`, 'malformed_json: byte 39: expected a JSON value'],
      ['NaN', `{${time},"x":NaN}`, 'malformed_json: byte 39: expected a JSON value'],
      ['bytes', Buffer.from(Array.from({ length: 256 }, (_, k) => k)), 'malformed_json: byte 128: expected UTF-8'],
      ['a byte order mark', `\ufeff{${time},"x":1}`, 'malformed_json: byte 0: a byte order mark'],
      ['nothing', '', 'empty_body: the body is empty'],
      ['a number', '42', 'not_an_object: the body is no JSON object'],
      ['a text in quotes', '"x"', 'not_an_object: the body is no JSON object'],
      ['null', 'null', 'not_an_object: the body is no JSON object'],
      ['an array', '[{"x":1}]', 'not_an_object: the body is no JSON object'],
      [
        '200,000 levels',
        `{${time},"x":${'['.repeat(200_000)}`,
        'nesting_too_deep: byte 103: expected at most 64 levels',
      ],
      ['no time', '{"x":1}', "time_missing: the message has no 'time'"],
      [
        'a time without zone',
        '{"x":1,"time":"2026-01-01T00:00:00"}',
        'time_without_zone: \'time\' is "2026-01-01T00:00:00"',
      ],
      ['a time that is a number', '{"x":1,"time":17}', "time_not_a_string: 'time' is 17, expected an RFC 3339 time"],
      ['a month 13', '{"x":1,"time":"2026-13-01T00:00:00Z"}', 'time_malformed: \'time\' is "2026-13-01T00:00:00Z"'],
      ['the year 9999', '{"x":1,"time":"9999-01-01T00:00:00Z"}', "time_out_of_range: 'time' is \"9999-01-01"],
      ['no signal', `{${time},"y":1}`, 'no_known_signal: the message has none of the signals'],
      ['no usable value', `{${time},"x":"1"}`, 'no_usable_value: \'x\' is the string "1", the signal is a Real'],
      ['more than a MiB', `{${time},"s":"${'a'.repeat(1 << 20)}"}`, 'too_large: the body has 1048'],
      ['10 MB', Buffer.alloc(10_000_000, '{'), 'too_large: the body has 10000000 bytes, the limit is 1048576'],
    ];
    const said: string[] = [];
    const values: number[] = [];
    let counted: Record<string, number>;
    let total: string;

    beforeAll(async () => {
      await start();
      for (const [k, [, body]] of CASES.entries()) await deliver(body, sample(100 * (k + 1), { x: k + 1 }));
      for (const k of CASES.keys()) {
        stepTo(100 * (k + 1));
        values.push(bridge.real('x'));
      }
      counted = Object.fromEntries(
        ['received', 'rejected', 'used', 'late', 'duplicate', 'out_of_order'].map((name) => [
          name,
          bridge.integer(name),
        ]),
      );
      const { lines, totals } = end();
      said.push(...lines);
      total = totals;
    });

    it.each(CASES)('%s: its routing key, position and reason are logged', (what, _, expected) => {
      const position = 2 + 2 * CASES.findIndex(([name]) => name === what);
      const place = `message ${position} (routing key 'data.to_cosim'): `;
      expect(said.find((line) => line.startsWith(place))).toContain(`${place}${expected}`);
    });

    it('is said in one line, without its body', () => {
      expect(said).toHaveLength(CASES.length);
      for (const line of said) expect(line.length).toBeLessThan(300);
    });

    it('costs nothing but itself: every message before and after it is used', () => {
      expect(values).toEqual(CASES.map((_, k) => k + 1));
    });

    it('is counted, in the diagnostics and in the totals at the end', () => {
      const all = 1 + 2 * CASES.length;
      expect(counted).toEqual({
        received: all,
        rejected: CASES.length,
        used: CASES.length + 1,
        late: 0,
        duplicate: 0,
        out_of_order: 0,
      });
      expect(total).toBe(
        `totals: steps ${CASES.length}, messages received ${all}, rejected ${CASES.length}, samples used ${CASES.length + 1}`,
      );
    });
  });

  describe('2 a value that cannot be used', () => {
    const CASES: readonly (readonly [json: string, said: string])[] = [
      ['"x":"1.5"', 'wrong_type: \'x\' is the string "1.5", the signal is a Real'],
      ['"x":null', "null: 'x' is null"],
      ['"x":1e400', "number_out_of_range: 'x' is 1e400, more than a double holds"],
      ['"x":-1e400', "number_out_of_range: 'x' is -1e400, more than a double holds"],
      ['"x":[1]', "wrong_type: 'x' is an array, the signal is a Real"],
      ['"n":2.9', "not_an_integer: 'n' is 2.9, the signal is an Integer"],
      ['"n":2147483648', "integer_out_of_range: 'n' is 2147483648, more than an FMI Integer"],
      ['"n":true', "wrong_type: 'n' is the boolean true, the signal is an Integer"],
      ['"b":1', "wrong_type: 'b' is the number 1, the signal is a Boolean"],
      ['"b":"true"', 'wrong_type: \'b\' is the string "true", the signal is a Boolean'],
      ['"s":5', "wrong_type: 's' is the number 5, the signal is a String"],
      [`"s":"${'a'.repeat(21)}"`, "string_too_long: 's' has 21 bytes, the limit is 20"],
      ['"s":"a\\u0000b"', "string_with_nul: 's' has a NUL character in it"],
      ['"k":1,"k":2', "duplicate_key: 'k' is there twice: the first value counts"],
    ];

    it('costs its signal only: the others of the same message are used', async () => {
      const counting = await build(SIGNALS.replace('x: Real', 'x: Real, k: Integer'));
      await start(counting, sample(0, { x: 1.5, n: 7, b: true, s: 'seven', k: 0 }));
      const ks: number[] = [];
      for (const [index, [json]] of CASES.entries()) {
        const k = json.includes('"k"') ? '' : `,"k":${index + 1}`;
        await deliver(`{"time":"${stamp(index + 1)}",${json}${k}}`);
      }
      for (const index of CASES.keys()) {
        stepTo(index + 1);
        ks.push(bridge.integer('k'));
      }
      expect(ks).toEqual([...CASES.slice(0, -1).map((_, index) => index + 1), 1]);
      expect([bridge.real('x'), bridge.integer('n'), bridge.boolean('b'), bridge.string('s')]).toEqual([
        1.5,
        7,
        true,
        'seven',
      ]);
      expect([bridge.integer('refused_values'), bridge.integer('rejected')]).toEqual([CASES.length, 0]);
      const { lines, totals } = end();
      expect(lines.filter((line) => !line.includes('missing_field'))).toEqual(
        CASES.map(([, said], index) =>
          expect.stringContaining(`message ${index + 2} (routing key 'data.to_cosim'): ${said}`),
        ),
      );
      expect(totals).toContain(`values refused ${CASES.length}`);
    });

    it('is counted also when there are more of them than a log line holds', async () => {
      const names = Array.from({ length: 100 }, (_, k) => `signal_${k}`);
      const wide = await build(`outputs: { ${names.map((name) => `${name}: Real`).join(', ')} }`);
      const all = (value: unknown) => Object.fromEntries(names.map((name) => [name, value]));
      await start(wide, { ...all(1), time: stamp(0) });
      await deliver({ ...all('text'), signal_99: 2, time: stamp(100) });
      stepTo(100);
      expect([bridge.real('signal_0'), bridge.real('signal_99')]).toEqual([1, 2]);
      expect(bridge.integer('refused_values')).toBe(99);
    });
  });

  describe('3 fields', () => {
    const misspelt = { pos_x: 1, time: stamp(0), temperatur: 20, xyz: 3 };

    it('unknown ones are named with the nearest right name, and the others are used', async () => {
      const named = await build('outputs: { pos_x: Real, temperature: Real }');
      await start(named, { pos_x: 0, temperature: 15, time: stamp(0) });
      await deliver({ ...misspelt, time: stamp(100) });
      stepTo(100);
      expect([bridge.real('pos_x'), bridge.real('temperature')]).toEqual([1, 15]);
      expect(bridge.integer('unknown_fields')).toBe(1);
      const { lines, totals } = end();
      expect(lines).toContain(
        "message 2 (routing key 'data.to_cosim'): unknown_field: 'temperatur' is no signal (did you mean 'temperature'?); 'xyz' is no signal",
      );
      expect(totals).toContain('with unknown fields 1');
    });

    it('unknown ones are only counted if they are to be ignored', async () => {
      const ignoring = await build('outputs: { pos_x: Real }\nreceive: { unknownFields: ignore }');
      await start(ignoring, misspelt);
      expect(bridge.real('pos_x')).toBe(1);
      expect(bridge.integer('unknown_fields')).toBe(1);
      expect(end().lines).toEqual([]);
    });

    it('unknown ones make it no sample if so configured', async () => {
      const rejecting = await build('outputs: { pos_x: Real, temperature: Real }\nreceive: { unknownFields: reject }');
      await start(rejecting, { pos_x: 0, temperature: 15, time: stamp(0) });
      await deliver({ ...misspelt, time: stamp(100) }, { pos_x: 2, time: stamp(200) });
      stepTo(200);
      expect(bridge.real('pos_x')).toBe(2);
      expect(bridge.integer('rejected')).toBe(1);
      expect(end().lines[0]).toBe(
        "message 2 (routing key 'data.to_cosim'): unknown_fields: 'temperatur' is no signal (did you mean 'temperature'?)",
      );
    });

    it('missing ones are named and counted; their signals keep their values', async () => {
      await start(fmu, sample(0, { x: 1, n: 5 }));
      await deliver({ x: 2, b: true, time: stamp(100) });
      stepTo(100);
      expect([bridge.real('x'), bridge.integer('n'), bridge.boolean('b')]).toEqual([2, 5, true]);
      expect(bridge.integer('partial')).toBe(1);
      const { lines, totals } = end();
      expect(lines).toEqual(["message 2 (routing key 'data.to_cosim'): missing_field: no usable n, s"]);
      expect(bridge.log.find(({ message }) => message === lines[0])).toMatchObject({
        category: 'logSamples',
        status: 0,
      });
      expect(totals).toContain('partial 1');
    });

    it('cannot forge or break lines of the log, whatever their names are', async () => {
      await start();
      const forged = 'evil\n[error] message 7 (routing key): all is lost\u001b[31m\u009b31m';
      await deliver(sample(100, { [forged]: 1, [`${'€'.repeat(100)}`]: 1 }));
      stepTo(100);
      const line = end().lines[0] ?? '';
      expect(line).toContain("'evil\\u000a[error] message 7");
      expect(line).not.toMatch(/[\p{Cc}\ufffd]/u);
    });
  });

  describe('4 times', () => {
    it('a time without zone is accepted as UTC where so configured', async () => {
      const assuming = await build('outputs: { x: Real }\nreceive: { time: { assumeUtc: true } }');
      await start(assuming, { x: 1, time: '2026-01-01T00:00:00' });
      await deliver({ x: 2, time: '2026-01-01T00:00:00.1' }, { x: 3, time: '2026-01-01T01:00:00.2+01:00' });
      stepTo(100);
      expect(bridge.real('x')).toBe(2);
      stepTo(200);
      expect(bridge.real('x')).toBe(3);
    });

    it.each([
      ['epoch-s', '1767225600', '1767225600.1', '"1767225600"'],
      ['epoch-ms', '1767225600000', '1767225600100.0', 'true'],
      ['epoch-us', '1767225600000000', '1767225600100000', 'null'],
      ['epoch-ns', '1767225600000000000', '1767225600100000000', '"2026-01-01T00:00:00Z"'],
    ])('%s is a number; anything else is named as what it is', async (format, first, second, wrong) => {
      const epoch = await build(`outputs: { x: Real }\nreceive: { time: { key: t, format: ${format} } }`);
      await start(epoch, `{"x":1,"t":${first}}`);
      await deliver(`{"x":9,"t":${wrong}}`, `{"x":2,"t":${second}}`);
      stepTo(100);
      expect(bridge.real('x')).toBe(2);
      expect(end().lines).toEqual([
        `message 2 (routing key 'data.to_cosim'): time_not_a_number: 't' is ${wrong}, expected a number (${format})`,
      ]);
    });

    it('out of order: named, counted, and used as far as its time has not passed', async () => {
      await start();
      await deliver(sample(300, { x: 3 }), sample(200, { x: 2 }), sample(100, { x: 1 }));
      stepTo(100);
      expect(bridge.real('x')).toBe(1);
      stepTo(200);
      expect(bridge.real('x')).toBe(2);
      stepTo(300);
      expect(bridge.real('x')).toBe(3);
      await deliver(sample(250, { x: 99 }));
      stepTo(400);
      expect(bridge.real('x')).toBe(3);
      expect([bridge.integer('out_of_order'), bridge.integer('late'), bridge.integer('rejected')]).toEqual([3, 1, 0]);
      const { lines, totals } = end();
      expect(lines).toEqual([
        "message 3 (routing key 'data.to_cosim'): out_of_order: its time 2026-01-01T00:00:00.200Z is 0.1 s before the newest so far",
        "message 4 (routing key 'data.to_cosim'): out_of_order: its time 2026-01-01T00:00:00.100Z is 0.2 s before the newest so far",
        "message 5 (routing key 'data.to_cosim'): out_of_order: its time 2026-01-01T00:00:00.250Z is 0.05 s before the newest so far",
      ]);
      expect(totals).toContain('out of order 3, samples used 4, late 1');
    });

    it('the same message twice: named, counted, used once; parts of one sample are no repetition', async () => {
      await start();
      await deliver(sample(100, { x: 1 }));
      stepTo(100);
      await deliver(sample(100, { x: 2 }));
      stepTo(150);
      expect(bridge.real('x')).toBe(1);
      await deliver({ x: 3, time: stamp(200) }, { n: 3, time: stamp(200) }, { n: 4, time: stamp(200) });
      stepTo(200);
      expect([bridge.real('x'), bridge.integer('n')]).toEqual([3, 3]);
      expect([bridge.integer('repeated'), bridge.integer('duplicate')]).toEqual([2, 1]);
      const { lines, totals } = end();
      expect(lines.filter((line) => !line.includes('missing_field'))).toEqual([
        "message 3 (routing key 'data.to_cosim'): repeated: its time 2026-01-01T00:00:00.100Z is that of the newest message, with values for the same signals",
        "message 6 (routing key 'data.to_cosim'): repeated: its time 2026-01-01T00:00:00.200Z is that of the newest message, with values for the same signals",
      ]);
      expect(totals).toContain('repeated 2');
    });
  });

  describe('5 size', () => {
    it('10 MB are read where they are allowed, and in a second', async () => {
      const generous = await build(`${SIGNALS}\nreceive: { maxMessageBytes: 16777216, unknownFields: ignore }`);
      await start(generous);
      const filler = 'a'.repeat(10_000_000);
      const before = performance.now();
      await deliver(sample(100, { x: 1, filler }), sample(200, { x: 2, filler: 'ä"\n'.repeat(2_000_000) }));
      expect(performance.now() - before).toBeLessThan(3000);
      stepTo(100);
      expect(bridge.real('x')).toBe(1);
      stepTo(200);
      expect(bridge.real('x')).toBe(2);
    });
  });

  describe('6 a full ring', () => {
    const FULL = (whenFull: string) =>
      build(`${SIGNALS}\n`.replace('outputs', `ring: { capacity: 4, whenFull: ${whenFull} }\noutputs`));

    it('that drops the oldest drops none for a message that is no sample', async () => {
      await start(await FULL('drop-oldest'));
      const full = Array.from({ length: 10 }, (_, k) => sample(100 * (k + 1), { x: k + 1 }));
      await deliver(...full);
      const dropped = bridge.integer('dropped');
      expect(dropped).toBeGreaterThan(0);
      await deliver('no JSON', '', '{}');
      expect(bridge.integer('dropped')).toBe(dropped);
      await deliver(sample(1100, { x: 11 }));
      expect(bridge.integer('dropped')).toBe(dropped + 1);
      stepTo(1100);
      expect(bridge.real('x')).toBe(11);
      const { totals } = end();
      expect(bridge.said('the oldest sample was dropped')).toBe(true);
      expect(totals).toContain(`dropped ${dropped + 1}`);
    });

    it('that blocks keeps everything, good and bad, with the broker until steps make room', async () => {
      await start(await FULL('block'));
      const bodies = Array.from({ length: 20 }, (_, k) => ['no JSON', sample(100 * (k + 1), { x: k + 1 })]).flat();
      await feeder.send(...bodies);
      await until(() => {
        stepTo(0);
        return bridge.said('the ring is full: the broker keeps further messages');
      });
      for (let k = 1; k <= 20; k++) {
        await until(() => bridge.integer('queue_depth') > 0);
        stepTo(100 * k);
        expect(bridge.real('x')).toBe(k);
      }
      expect([bridge.integer('rejected'), bridge.integer('dropped')]).toEqual([20, 0]);
      expect(end().totals).toContain('times the ring was full');
    });
  });

  describe('7 a flood', () => {
    const FLOOD = 20_000;

    it('of bad messages is counted exactly and logged sparsely, and what is good is used', async () => {
      await start();
      const bad = Array.from({ length: FLOOD }, (_, k) => `{"broken_${k}":`);
      await deliver(...bad.slice(0, FLOOD / 2), sample(100, { x: 1 }), ...bad.slice(FLOOD / 2), sample(200, { x: 2 }));
      stepTo(100);
      expect(bridge.real('x')).toBe(1);
      stepTo(200);
      expect(bridge.real('x')).toBe(2);
      expect(bridge.integer('rejected')).toBe(FLOOD);
      const { lines, totals } = end();
      expect(lines.length).toBeGreaterThanOrEqual(5);
      expect(lines.length).toBeLessThan(15);
      expect(totals).toContain(`rejected ${FLOOD}`);
    });

    it('of lines that are held back leaves their number in the log', async () => {
      await start();
      await deliver(...Array.from({ length: 100 }, () => 'no JSON'), sample(100));
      stepTo(100);
      expect(end().lines).toHaveLength(5);
      expect(bridge.said('malformed_json: 95 more of this kind')).toBe(true);
    });

    it('of fields with ever new names does not fill the log either', async () => {
      await start();
      await deliver(
        ...Array.from({ length: 4000 }, (_, k) => sample(k + 1, { x: k + 1, [`field_${k}`]: 1, [`n${k}`]: 2 })),
      );
      stepTo(4000);
      expect(bridge.real('x')).toBe(4000);
      expect(bridge.integer('unknown_fields')).toBe(4000);
      expect(end().lines.length).toBeLessThan(15);
    });
  });
});
