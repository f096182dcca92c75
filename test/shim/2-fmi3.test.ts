/** The bridge FMU through the functions of FMI 3.0, on a real broker: every type, arrays, bytes, events, any order of calls. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Peer, stamp, temporaryFolder, until } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';
import { Feeder } from '../support/feeder.js';
import { DISCARD, ERROR, Fmi3Bridge, Fmi3Fmu, type Fmi3Value, OK } from '../support/fmi3.js';

const folder = temporaryFolder();
const SETTINGS = `
send: { announce: true }
selection: { maxage: 1 s, lookahead: 10, timeout: 2 s }
diagnostics: true
`;
/** Each as output and, with an `_in` behind its name, as input. */
const SIGNALS: Readonly<Record<string, string>> = {
  f64: 'Float64',
  f32: 'Float32',
  i8: 'Int8',
  u8: 'UInt8',
  i16: 'Int16',
  u16: 'UInt16',
  i32: 'Int32',
  u32: 'UInt32',
  i64: 'Int64',
  u64: 'UInt64',
  b: 'Boolean',
  s: '{ type: String, maxLength: 20 }',
  mode: '{ type: Enumeration, values: { idle: 0, drive: 7 } }',
  q: '{ type: Real, size: 3, path: /joints/position }',
  f: '{ type: Float32, size: 2 }',
  flags: '{ type: Boolean, size: 2 }',
  big: '{ type: UInt64, size: 2 }',
  names: '{ type: String, size: 2, maxLength: 8 }',
  bytes: '{ type: Binary, maxLength: 16 }',
};
const signals = (suffix: string) =>
  Object.entries(SIGNALS).map(([name, type]) => `  ${name}${suffix}: ${type.replace('/joints', `/joints${suffix}`)}\n`);
const ALL_TYPES = `${SETTINGS}outputs:\n${signals('').join('')}inputs:\n${signals('_in').join('')}`;

/** How JSON spells the values, and what they are. */
const SAMPLES: readonly { json: string; values: Record<string, Fmi3Value[]> }[] = [
  {
    json: `"f64": 0.30000000000000004, "f32": 0.1, "i8": -128, "u8": 255, "i16": -32768, "u16": 65535, "i32": -2147483648,
      "u32": 4294967295, "i64": -9223372036854775808, "u64": 18446744073709551615, "b": true, "s": "h\\u00e9 \\"\\n",
      "mode": "drive", "joints": { "position": [1.5, -0.0, 5e-324] }, "f": [3.4028234663852886e38, 0.1],
      "flags": [true, false], "big": [9007199254740993, 0], "names": ["", "12345678"], "bytes": "AP8Q"`,
    values: {
      f64: [0.1 + 0.2],
      f32: [Math.fround(0.1)],
      i8: [-128],
      u8: [255],
      i16: [-32768],
      u16: [65535],
      i32: [-(2 ** 31)],
      u32: [2 ** 32 - 1],
      i64: [-(2n ** 63n)],
      u64: [2n ** 64n - 1n],
      b: [true],
      s: ['hé "\n'],
      mode: [7n],
      q: [1.5, -0, 5e-324],
      f: [3.4028234663852886e38, Math.fround(0.1)],
      flags: [true, false],
      big: [9007199254740993n, 0n],
      names: ['', '12345678'],
      bytes: [Buffer.from([0, 255, 16])],
    },
  },
  {
    json: `"f64": -1.7976931348623157e308, "f32": -1, "i8": 127, "u8": 0, "i16": 32767, "u16": 0, "i32": 2147483647,
      "u32": 0, "i64": 9223372036854775807, "u64": 0, "b": false, "s": "", "mode": 0,
      "joints": { "position": [0, 1, 2] }, "f": [0, -0.5], "flags": [false, true], "big": [1, 18446744073709551615],
      "names": ["\\ud834\\udd1e", "b"], "bytes": ""`,
    values: {
      f64: [-Number.MAX_VALUE],
      f32: [-1],
      i8: [127],
      u8: [0],
      i16: [32767],
      u16: [0],
      i32: [2 ** 31 - 1],
      u32: [0],
      i64: [2n ** 63n - 1n],
      u64: [0n],
      b: [false],
      s: [''],
      mode: [0n],
      q: [0, 1, 2],
      f: [0, -0.5],
      flags: [false, true],
      big: [1n, 2n ** 64n - 1n],
      names: ['𝄞', 'b'],
      bytes: [Buffer.alloc(0)],
    },
  },
];
const message = (k: number, ms = 100 * k) => `{ ${SAMPLES[k % 2]!.json}, "time": "${stamp(ms)}" }`;

describeOnBrokers('the bridge of FMI 3.0', (broker) => {
  let feeder: Feeder;
  let peer: Peer;
  let fmu: Fmi3Fmu;
  let bridge: Fmi3Bridge;

  beforeAll(async () => {
    feeder = await Feeder.start(broker.url);
    peer = await Peer.connect(broker.url);
    fmu = await Fmi3Fmu.build(ALL_TYPES, folder);
  });
  afterEach(() => {
    bridge?.free();
    peer.received.length = 0;
  });
  afterAll(async () => {
    await feeder?.stop();
    await peer?.close();
    await fmu?.close();
  });

  const values = () => Object.fromEntries(Object.keys(SIGNALS).map((name) => [name, bridge.get(name)]));
  const count = (name: string) => Number(bridge.get(name)[0]);

  async function start(options: { events?: boolean; early?: boolean } = {}): Promise<void> {
    await feeder.onReady(message(0));
    bridge = new Fmi3Bridge(fmu, options);
    bridge.initialise();
  }

  /** A message is counted when it arrives and lies in the ring, or is used, a moment later. */
  const isAccountedFor = () =>
    count('received') > 0 &&
    count('received') === count('used') + count('skipped') + count('late') + count('duplicate') + count('queue_depth');

  /** Sends, and waits until the messages are in the ring. */
  async function deliver(...messages: string[]): Promise<void> {
    await until(isAccountedFor);
    const before = count('received');
    await feeder.send(...messages);
    await until(() => count('received') === before + messages.length && isAccountedFor());
  }

  describe('1 values', () => {
    it('1.1 every type, to the last bit, and what a later message brings', async () => {
      await start();
      expect(values()).toEqual(SAMPLES[0]!.values);
      await deliver(message(1));
      expect(bridge.step(0, 0.1)).toEqual({ status: OK, event: false, early: false, reached: 0.1 });
      expect(values()).toEqual(SAMPLES[1]!.values);
      expect(bridge.get('time')).toEqual([0.1]);
    });

    it('1.2 inputs are published as they were set, arrays as a whole', async () => {
      await start();
      for (const [name, given] of Object.entries(SAMPLES[0]!.values)) {
        expect(bridge.set(`${name}_in`, ...given), name).toBe(OK);
        expect(bridge.get(`${name}_in`), name).toEqual(given);
      }
      bridge.step(0, 0.1);
      expect(bridge.set('q_in', 1.5, -0, 7)).toBe(OK);
      bridge.step(0.1, 0.1);
      await peer.receive(2);
      // Numbers of 64 bits are exact in the text, not in a number of JavaScript.
      expect(peer.received[0]?.text).toContain('"i64_in":-9223372036854775808,');
      expect(peer.received[0]?.text).toContain('"u64_in":18446744073709551615,');
      expect(peer.received[0]?.text).toContain('"big_in":[9007199254740993,0]');
      expect(peer.received[0]?.body).toMatchObject({
        f64_in: 0.1 + 0.2,
        f32_in: expect.closeTo(0.1, 7),
        i8_in: -128,
        u8_in: 255,
        i16_in: -32768,
        u16_in: 65535,
        i32_in: -(2 ** 31),
        u32_in: 2 ** 32 - 1,
        b_in: true,
        s_in: 'hé "\n',
        mode_in: 'drive',
        joints_in: { position: [1.5, -0, 5e-324] },
        flags_in: [true, false],
        names_in: ['', '12345678'],
        bytes_in: 'AP8Q',
      });
      expect(peer.received[1]?.body).toEqual({
        joints_in: { position: [1.5, -0, 7] },
        time: expect.any(String),
        simstep: '200.000000',
      });
    });

    it('1.3 a getter and a setter of another type, and a wrong number of values, are refused', async () => {
      await start();
      const types = ['Float32', 'Float64', 'Int8', 'UInt8', 'Int16', 'UInt16', 'Int32', 'UInt32', 'Int64', 'UInt64', 'Boolean', 'String']; // biome-ignore format: a list
      const room = new BigUint64Array(4);
      for (const { name, valueReference, type, dimensions } of fmu.description.variables) {
        const own = type === 'Enumeration' ? 'Int64' : type;
        const vrs = Uint32Array.of(valueReference);
        for (const other of types) {
          if (other === own) continue;
          expect(bridge.call(`Get${other}`, vrs, 1, room, 1), `Get${other} of ${name}`).toBe(ERROR);
          expect(bridge.call(`Set${other}`, vrs, 1, room, 1), `Set${other} of ${name}`).toBe(ERROR);
        }
        if (type === 'Clock' || type === 'Binary') continue;
        const wrong = dimensions.length === 0 ? 2 : 1;
        expect(bridge.call(`Get${own}`, vrs, 1, room, wrong), `${wrong} values of ${name}`).toBe(ERROR);
      }
      expect(bridge.set('q_in', 1, 2)).toBe(ERROR);
      expect(bridge.said('fmi3SetFloat64: nValues is 2, the variables have 3 elements')).toBe(true);
      expect(bridge.set('s_in', 'x'.repeat(21))).toBe(ERROR);
      expect(bridge.set('bytes_in', Buffer.alloc(17))).toBe(ERROR);
      expect(bridge.set('names_in', 'fits', 'does not fit')).toBe(ERROR);
      expect(values()).toEqual(SAMPLES[0]!.values);
    });

    it('1.4 missing arrays are refused', async () => {
      await start();
      const vrs = Uint32Array.of(bridge.variable('f64').valueReference);
      expect(bridge.call('GetFloat64', null, 1, new Float64Array(1), 1)).toBe(ERROR);
      expect(bridge.call('GetFloat64', vrs, 1, null, 1)).toBe(ERROR);
      expect(bridge.call('SetFloat64', null, 1, null, 1)).toBe(ERROR);
      expect(bridge.call('GetBinary', vrs, 1, null, null, 1)).toBe(ERROR);
      expect(bridge.call('GetClock', null, 1, null)).toBe(ERROR);
      expect(bridge.call('DoStep', 0, 0.1, true, null, null, null, null)).toBe(ERROR);
      expect(bridge.call('GetFMUState', null)).toBe(ERROR);
      expect(bridge.call('GetFloat64', null, 0, null, 0)).toBe(OK);
    });

    it('1.5 a Boolean is true for any byte but 0', async () => {
      await start();
      const vrs = Uint32Array.of(bridge.variable('flags_in').valueReference);
      expect(bridge.call('SetBoolean', vrs, 1, Uint8Array.of(2, 0), 2)).toBe(OK);
      expect(bridge.get('flags_in')).toEqual([true, false]);
    });

    it('1.6 several variables at once, scalars and arrays, in any order', async () => {
      await start();
      const vrs = Uint32Array.from(['q', 'f64', 'q', 'data_age'].map((name) => bridge.variable(name).valueReference));
      const found = new Float64Array(8);
      expect(bridge.call('GetFloat64', vrs.subarray(0, 3), 3, found, 7)).toBe(OK);
      expect([...found.subarray(0, 7)]).toEqual([1.5, -0, 5e-324, 0.1 + 0.2, 1.5, -0, 5e-324]);
      expect(bridge.call('GetFloat64', vrs, 4, found, 8)).toBe(OK);
      expect(found[7]).toBe(0);
      expect(bridge.call('GetFloat64', vrs, 4, found, 7)).toBe(ERROR);
    });

    it('1.7 a state, also as bytes of another instance, brings inputs, outputs and time back', async () => {
      await start();
      for (const [name, given] of Object.entries(SAMPLES[1]!.values)) bridge.set(`${name}_in`, ...given);
      await deliver(message(1));
      const { state } = bridge;
      const size = new BigUint64Array(1);
      expect(bridge.call('SerializedFMUStateSize', state, size)).toBe(OK);
      const bytes = new Uint8Array(Number(size[0]));
      expect(bridge.call('SerializeFMUState', state, bytes, bytes.length - 1)).toBe(ERROR);
      expect(bridge.call('SerializeFMUState', state, bytes, bytes.length)).toBe(OK);
      bridge.step(0, 0.1);
      bridge.set('names_in', 'changed', '');
      expect(bridge.call('SetFMUState', state)).toBe(OK);
      expect([values(), bridge.get('names_in'), bridge.get('time')]).toEqual([SAMPLES[0]!.values, ['𝄞', 'b'], [0]]);
      bridge.step(0, 0.1);
      expect(values()).toEqual(SAMPLES[1]!.values);
      bridge.free();

      await feeder.onReady(message(1, 0));
      bridge = new Fmi3Bridge(fmu);
      bridge.initialise();
      const restored = new BigUint64Array(1);
      expect(bridge.call('DeserializeFMUState', bytes, bytes.length, restored)).toBe(OK);
      expect(bridge.call('SetFMUState', restored[0])).toBe(OK);
      expect([values(), bridge.get('bytes_in'), bridge.get('big_in')]).toEqual([
        SAMPLES[0]!.values,
        SAMPLES[1]!.values.bytes,
        SAMPLES[1]!.values.big,
      ]);
      expect(bridge.call('FreeFMUState', restored)).toBe(OK);
      for (const at of [0, 8, 16, 20, 24, 100, bytes.length - 1]) {
        bytes[at]! ^= 1;
        expect(bridge.call('DeserializeFMUState', bytes, bytes.length, restored), `byte ${at} damaged`).toBe(ERROR);
        bytes[at]! ^= 1;
      }
      expect(bridge.call('DeserializeFMUState', bytes, bytes.length - 8, restored)).toBe(ERROR);
    });

    it('1.8 raw payloads: the bytes of a message as they are', async () => {
      const raw = await Fmi3Fmu.build(
        `${SETTINGS}receive: { payload: raw }\noutputs: { image: { type: Binary, maxLength: 70000 } }`,
        folder,
      );
      const images = [Buffer.from([0, 1, 0, 255]), Buffer.from(Uint8Array.from({ length: 70_000 }, (_, k) => k % 251))];
      await feeder.onReady(images[0]!);
      bridge = new Fmi3Bridge(raw);
      bridge.initialise();
      expect(bridge.get('image')).toEqual([images[0]]);
      await feeder.send(images[1]!);
      await until(() => count('received') === 2);
      await until(
        () => bridge.step(count('time'), 0.05).status === OK && (bridge.get('image')[0] as Buffer).length > 4,
      );
      expect(bridge.get('image')).toEqual([images[1]]);
      bridge.free();
      await raw.close();
    });
  });

  describe('2 life', () => {
    it('2.1 another token, and another kind of simulation, get no instance and the reason', async () => {
      expect(() => new Fmi3Bridge(fmu, { token: '{other}' })).toThrow(/the importer passed the GUID \{other\}/);
      await start();
      expect(fmu.functions.get('GetVersion')!()).toBe('3.0');
      expect(fmu.functions.get('InstantiateModelExchange')!('x', 'y', null, false, true, null, null)).toBeNull();
      expect(bridge.call('GetNumberOfContinuousStates', new BigUint64Array(1))).toBe(ERROR);
      expect(bridge.said('this FMU is for co-simulation, not for model exchange')).toBe(true);
    });

    it('2.2 parameters can be set until the outputs are there', async () => {
      await feeder.onReady(message(0));
      bridge = new Fmi3Bridge(fmu);
      expect(bridge.set('config.routingkey', 'data.to_cosim')).toBe(OK);
      expect(bridge.enterInitialization()).toBe(OK);
      expect(bridge.set('config.lookahead', 3)).toBe(OK);
      expect(bridge.call('ExitInitializationMode')).toBe(OK);
      expect(bridge.set('config.routingkey', 'other')).toBe(ERROR);
      expect(bridge.set('config.maxage', 500)).toBe(OK);
      expect(bridge.get('config.maxage')).toEqual([500]);
    });

    it('2.3 a step without data is discarded, reset begins anew', async () => {
      await start();
      expect(bridge.step(0, 5)).toEqual({ status: DISCARD, event: false, early: false, reached: 0 });
      expect(bridge.call('Terminate')).toBe(OK);
      expect(bridge.step(0, 0.1).status).toBe(ERROR);
      expect(bridge.call('Reset')).toBe(OK);
      await feeder.onReady(message(1, 0));
      bridge.initialise();
      expect(values()).toEqual(SAMPLES[1]!.values);
    });

    it('2.4 debug logging by category', async () => {
      await start();
      expect(bridge.call('SetDebugLogging', true, 1, ['logEvents'])).toBe(OK);
      expect(bridge.call('SetDebugLogging', true, 1, ['logNothing'])).toBe(ERROR);
      expect(bridge.said("there is no log category 'logNothing'")).toBe(true);
    });
  });

  describe('3 events', () => {
    const clock = () => bridge.get('arrival')[0];

    it('3.1 a step ends with the next sample, whose clock ticks once', async () => {
      await start({ events: true, early: true });
      expect(clock()).toBe(true); // for the first values
      expect(bridge.call('EnterStepMode')).toBe(OK);
      await deliver(message(1, 30), message(0, 50));
      expect(bridge.step(0, 0.1)).toEqual({ status: OK, event: true, early: true, reached: 0.03 });
      expect(clock()).toBe(false); // before Event Mode
      expect(bridge.call('EnterEventMode')).toBe(OK);
      expect(clock()).toBe(true);
      expect(values()).toEqual(SAMPLES[1]!.values);
      const flags = new Uint8Array(5);
      const next = new Float64Array(1);
      const parts = [0, 1, 2, 3, 4].map((k) => flags.subarray(k, k + 1));
      expect(bridge.call('UpdateDiscreteStates', ...parts, next)).toBe(OK);
      expect([[...flags], next[0]]).toEqual([[0, 0, 0, 0, 1], 0.05]);
      expect(clock()).toBe(false);
      expect(bridge.call('EnterStepMode')).toBe(OK);
      expect(bridge.step(0.03, 0.02)).toEqual({ status: OK, event: true, early: false, reached: 0.05 });
    });

    it('3.2 a saved state has the clock, too', async () => {
      await start({ events: true, early: true });
      bridge.call('EnterStepMode');
      await deliver(message(1, 30));
      bridge.step(0, 0.1);
      bridge.call('EnterEventMode');
      const { state } = bridge;
      bridge.call('EnterStepMode');
      expect(bridge.call('SetFMUState', state)).toBe(OK);
      expect(clock()).toBe(true);
    });

    it('3.3 a clock that is an output cannot be set, and has no interval', async () => {
      await start({ events: true });
      expect(bridge.set('arrival', true)).toBe(ERROR);
      const vrs = Uint32Array.of(bridge.variable('arrival').valueReference);
      expect(bridge.call('GetIntervalDecimal', vrs, 1, new Float64Array(1), new Int32Array(1))).toBe(ERROR);
      expect(bridge.said('is triggered, it has no interval')).toBe(true);
    });

    it('3.4 a step that has to wait for data ends where they are due', async () => {
      await start({ events: true, early: true });
      bridge.call('EnterStepMode');
      void feeder.sendAfter(150, message(1, 3000));
      expect(bridge.step(0, 3.5)).toEqual({ status: OK, event: true, early: true, reached: 3 });
      expect(values()).toEqual(SAMPLES[1]!.values);
    });
  });

  it('4 calls in any order, with any of these arguments, answer and harm nothing', async () => {
    const lasting = await Fmi3Fmu.build(ALL_TYPES.replace('maxage: 1 s', 'maxage: 1 h'), folder);
    await feeder.onReady(message(0));
    bridge = new Fmi3Bridge(lasting, { events: true, early: true });
    bridge.initialise();
    await deliver(...Array.from({ length: 20 }, (_, k) => message(k, 40 * k + 40)));
    const states: bigint[] = [bridge.state];
    const flags = Array.from({ length: 5 }, () => new Uint8Array(1));
    const room = new Float64Array(8);
    const references = fmu.description.variables.map(({ valueReference }) => valueReference);
    const call = fc.oneof(
      fc
        .constantFrom('EnterEventMode', 'EnterStepMode', 'ExitInitializationMode', 'EnterConfigurationMode')
        .map((name) => () => bridge.call(name)),
      // On from where it is, so that no step has to wait, and what is no step.
      fc.double({ min: 0, max: 0.1, noNaN: true }).map((size) => () => bridge.step(count('time'), size).status),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1).map((size) => () => bridge.step(0, size).status),
      fc.constant(() => bridge.call('UpdateDiscreteStates', ...flags, new Float64Array(1))),
      fc.constant(() => bridge.enterInitialization()),
      fc.constant(() => {
        const state = new BigUint64Array(1);
        const status = bridge.call('GetFMUState', state);
        if (status === OK) states.push(state[0]!);
        return status;
      }),
      fc.nat().map((k) => () => bridge.call('SetFMUState', states[k % states.length])),
      fc
        .tuple(
          fc.constantFrom(...references, 4711),
          fc.constantFrom('Float64', 'Int32', 'UInt64', 'String', 'Boolean'),
          fc.boolean(),
          fc.nat(8),
        )
        .map(
          ([vr, type, get, n]) => () => bridge.call(`${get || type === 'String' ? 'Get' : 'Set'}${type}`, Uint32Array.of(vr), 1, room, n), // biome-ignore format: a call
        ),
    );
    fc.assert(
      fc.property(fc.array(call, { minLength: 20, maxLength: 40, size: 'max' }), (calls) => {
        for (const one of calls) expect([OK, DISCARD, ERROR]).toContain(one());
      }),
      { numRuns: 30 },
    );
    for (const state of states) expect(bridge.call('FreeFMUState', BigUint64Array.of(state))).toBe(OK);
    expect(Object.keys(values())).toEqual(Object.keys(SIGNALS));
    expect(bridge.call('Terminate')).toBe(OK);
    bridge.free();
    await lasting.close();
  }, 60_000);
});
