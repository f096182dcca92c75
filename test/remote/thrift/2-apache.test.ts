/**
 * The Thrift codec against Apache Thrift, byte for byte: the npm runtime with generated code encodes the same, and reads what
 * ours encodes, in both protocols.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  BOOT_SERVICE,
  binaryProtocol,
  dispatch,
  encodeCall,
  FMU_PROXY,
  FMU_SERVICE,
  frameHead,
  type HandlersOf,
  IncomingAnswer,
  jsonProtocol,
  ThriftDeclaredError,
  ThriftService,
  type ValueOf,
} from '#tb/remote/thrift/index.js';
import { answerOf, callOf, type Generated, generate, missingCompiler } from '../../support/thrift-peer.js';

const ALL_TYPES = {
  structs: {
    Leaf: { number: '1: i32', text: '2: optional string' },
    Everything: {
      truth: '1: bool',
      small: '2: i8',
      middle: '3: i16',
      usual: '4: i32',
      large: '5: i64',
      whole: '6: int53',
      real: '7: double',
      text: '8: string',
      bytes: '9: binary',
      reals: '10: list<double>',
      leaves: '11: list<Leaf>',
      nested: '12: list<list<string>>',
      choice: '13: Choice',
      counts: '14: map<string, i32>',
      leavesByNumber: '15: map<i32, Leaf>',
      optional_leaf: '300: optional Leaf',
    },
    Refused: { message: '1: string', number: '7: i32' },
  },
  unions: { Choice: { number: '1: i32', text: '2: string', leaf: '3: Leaf' } },
  methods: {
    echo: { args: { it: '1: Everything' }, returns: 'Everything', throws: { refused: '1: Refused' } },
    nothing: { args: {}, returns: 'void' },
  },
} as const;
const types = new ThriftService<typeof ALL_TYPES>('Types', ALL_TYPES);

const made: Generated[] = [];
const of = (name: Parameters<typeof generate>[0]): Generated => {
  const generated = generate(name);
  made.push(generated);
  return generated;
};
afterAll(() => {
  for (const generated of made) generated.remove();
});

const framed = (message: Uint8Array): Buffer => Buffer.concat([frameHead(message), message]);
// The runtime's JSON escapes not all control characters, and writes minus zero as zero, NaN as no JSON.
const text = fc.string({ unit: fc.constantFrom(...'ab zÄ€😀"\\/\n0'), maxLength: 12 });
const real = fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-5, max: 1e20 });
const anyReal = fc.double().map((value) => (Object.is(value, -0) ? 0 : value));
const i32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
type Choice = ValueOf<typeof ALL_TYPES, 'Choice'>;
const leaf = fc.record({ number: i32, text }, { requiredKeys: ['number'] });
const whole = fc.maxSafeInteger();

/** The same value for both sides; the runtime has plain objects for maps. */
const everything = fc.record({
  truth: fc.boolean(),
  small: fc.integer({ min: -128, max: 127 }),
  middle: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  usual: i32,
  large: fc.maxSafeInteger().map(BigInt),
  whole,
  real,
  text,
  bytes: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
  reals: fc.array(real, { maxLength: 5 }),
  leaves: fc.array(leaf, { maxLength: 4 }),
  nested: fc.array(fc.array(text, { maxLength: 3 }), { maxLength: 3 }),
  choice: fc.oneof(fc.record({ number: i32 }), fc.record({ text }), fc.record({ leaf })) as fc.Arbitrary<Choice>,
  counts: fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,5}$/), i32), { maxLength: 3 }).map((pairs) => new Map(pairs)),
  leavesByNumber: fc
    .uniqueArray(fc.tuple(fc.nat(1000), leaf), { maxLength: 3, selector: ([number]) => number })
    // As objects have their numbers.
    .map((pairs) => new Map(pairs.sort(([a], [b]) => a - b))),
});

// The runtime's JSON loses texts behind empty lists in lists.
const inJson = everything.map((value) => ({ ...value, nested: [['a', 'b'], ['c']] }));

function forPeer(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([name, field]: [string, unknown]) => [
      name,
      field instanceof Map ? Object.fromEntries(field) : typeof field === 'bigint' ? Number(field) : field,
    ]),
  );
}

describe.skipIf(missingCompiler !== undefined)(
  `what Apache Thrift encodes${missingCompiler === undefined ? '' : ` (${missingCompiler})`}`,
  () => {
    it('is what is encoded here: every type, in the binary protocol', async () => {
      const generated = of('types');
      const service = generated.service('Types');
      const Everything = generated.struct('Everything');
      await fc.assert(
        fc.asyncProperty(everything, async (value) => {
          const call = encodeCall(types, binaryProtocol, 'echo', { it: value }, 1);
          expect(framed(call)).toEqual(callOf(service, 'binary', 'echo', [new Everything(forPeer(value))]));
          const echo = (it: object) => it;
          const answered = await answerOf(service, { echo }, 'binary', call);
          const ours = await dispatch(
            types,
            { echo: ({ it }) => it, nothing: () => undefined },
            binaryProtocol,
            call,
            0,
          ).answer;
          expect(Buffer.from(ours!)).toEqual(answered);
          expect(new IncomingAnswer(binaryProtocol, answered).read(types, 'echo')).toEqual(value);
        }),
      );
    });

    it('is understood here, and what is encoded here there: every type, in JSON', async () => {
      const generated = of('types');
      const service = generated.service('Types');
      const Everything = generated.struct('Everything');
      await fc.assert(
        fc.asyncProperty(inJson, async (value) => {
          let received: unknown;
          const echo = ({ it }: { it: unknown }) => {
            received = it;
            return it;
          };
          const theirs = callOf(service, 'json', 'echo', [new Everything(forPeer(value))]);
          dispatch(types, { echo, nothing: () => undefined } as never, jsonProtocol, theirs, 0);
          expect(received).toEqual(value);
          const call = encodeCall(types, jsonProtocol, 'echo', { it: value }, 1);
          const answered = await answerOf(service, { echo: (it: object) => it }, 'json', call);
          expect(new IncomingAnswer(jsonProtocol, answered).read(types, 'echo')).toEqual(value);
        }),
      );
    });

    it('is what is encoded here: failures, exceptions, and nothing', async () => {
      const generated = of('types');
      const service = generated.service('Types');
      const Refused = generated.struct('Refused');
      const call = encodeCall(types, binaryProtocol, 'nothing', {}, 1);
      expect(framed(call)).toEqual(callOf(service, 'binary', 'nothing', []));
      const handlers: HandlersOf<typeof ALL_TYPES, undefined> = {
        echo: () => {
          throw new ThriftDeclaredError('Refused', { message: 'no', number: 3 });
        },
        nothing: () => undefined,
      };
      const peer = {
        echo: (_: unknown) => Promise.reject(new Refused({ message: 'no', number: 3 })),
        nothing: () => undefined,
      };
      const it = fc.sample(everything, 1)[0]!;
      const calls = [call, encodeCall(types, binaryProtocol, 'echo', { it }, 5)];
      for (const message of calls) {
        const ours = await dispatch(types, handlers, binaryProtocol, message, undefined).answer;
        expect(Buffer.from(ours!)).toEqual(await answerOf(service, peer, 'binary', message));
      }
      const unexpected = encodeCall(types, binaryProtocol, 'echo', { it }, 6);
      const failing = { echo: (_: unknown) => Promise.reject(new Error('lost')), nothing: () => undefined };
      const theirs = await answerOf(service, failing, 'binary', unexpected);
      const failed = {
        ...handlers,
        echo: () => {
          throw new Error('lost');
        },
      };
      const ours = await dispatch(types, failed, binaryProtocol, unexpected, undefined).answer;
      // The runtime leaves out a kind of 0.
      const kind = Buffer.from([8, 0, 2, 0, 0, 0, 0]);
      expect(Buffer.from(ours!)).toEqual(Buffer.concat([theirs.subarray(0, -1), kind, Buffer.from([0])]));
    });

    const vr = fc.array(fc.nat(2 ** 32 - 1), { maxLength: 12 });
    const reads = ['read_integer', 'read_real', 'read_string', 'read_boolean'] as const;

    it('is what is encoded here: the calls of proxyfmu', () => {
      const generated = of('proxyfmu');
      const service = generated.service('FmuService');
      const boot = generated.service('BootService');
      for (const method of [
        'instantiate',
        'enter_initialization_mode',
        'exit_initialization_mode',
        'terminate',
        'freeInstance',
        'save_state',
      ] as const) {
        const call = encodeCall(FMU_SERVICE, binaryProtocol, method, {}, 1);
        expect(framed(call)).toEqual(callOf(service, 'binary', method, []));
      }
      fc.assert(
        fc.property(vr, fc.constantFrom(...reads), (references, method) => {
          const call = encodeCall(FMU_SERVICE, binaryProtocol, method, { vr: references }, 1);
          expect(framed(call)).toEqual(callOf(service, 'binary', method, [references]));
        }),
      );
      fc.assert(
        fc.property(
          vr,
          fc.array(anyReal),
          fc.array(i32),
          fc.array(fc.string()),
          fc.array(fc.boolean()),
          (v, r, i, s, b) => {
            const write = [
              [encodeCall(FMU_SERVICE, binaryProtocol, 'write_real', { vr: v, value: r }, 1), 'write_real', r],
              [encodeCall(FMU_SERVICE, binaryProtocol, 'write_integer', { vr: v, value: i }, 1), 'write_integer', i],
              [encodeCall(FMU_SERVICE, binaryProtocol, 'write_string', { vr: v, value: s }, 1), 'write_string', s],
              [encodeCall(FMU_SERVICE, binaryProtocol, 'write_boolean', { vr: v, value: b }, 1), 'write_boolean', b],
            ] as const;
            for (const [call, method, values] of write) {
              expect(framed(call)).toEqual(callOf(service, 'binary', method, [v, values]));
            }
          },
        ),
      );
      fc.assert(
        fc.property(anyReal, anyReal, anyReal, fc.uint8Array(), fc.nat(100), (a, b, c, bytes, index) => {
          const setup = encodeCall(
            FMU_SERVICE,
            binaryProtocol,
            'setup_experiment',
            { start: a, stop: b, tolerance: c },
            1,
          );
          expect(framed(setup)).toEqual(callOf(service, 'binary', 'setup_experiment', [a, b, c]));
          const step = encodeCall(FMU_SERVICE, binaryProtocol, 'step', { currentTime: a, stepSize: b }, 1);
          expect(framed(step)).toEqual(callOf(service, 'binary', 'step', [a, b]));
          const fmuState = Buffer.from(bytes);
          const state = { schemeVersion: 0, uuid: '{1}', fmuState, setupComplete: true, simStarted: false };
          const imported = encodeCall(FMU_SERVICE, binaryProtocol, 'import_state', { exported_state: state }, 1);
          const ExportedState = generated.struct('ExportedState');
          expect(framed(imported)).toEqual(callOf(service, 'binary', 'import_state', [new ExportedState(state)]));
          for (const method of ['save_state_by_index', 'restore_state', 'release_state', 'export_state'] as const) {
            const call = encodeCall(FMU_SERVICE, binaryProtocol, method, { state_index: index }, 1);
            expect(framed(call)).toEqual(callOf(service, 'binary', method, [index]));
          }
          const upload = { fmuName: 'a', instanceName: 'b c', data: fmuState };
          expect(framed(encodeCall(BOOT_SERVICE, binaryProtocol, 'loadFromBinaryData', upload, 1))).toEqual(
            callOf(boot, 'binary', 'loadFromBinaryData', ['a', 'b c', fmuState]),
          );
        }),
      );
    });

    it('is what is encoded here: the calls of FMU-proxy', () => {
      const service = of('fmuproxy').service('FmuService');
      const instanceId = '7f';
      fc.assert(
        fc.property(vr, fc.array(anyReal), anyReal, fc.constantFrom(...reads), (references, values, h, method) => {
          const calls = [
            [encodeCall(FMU_PROXY, binaryProtocol, method, { instanceId, vr: references }, 1), method, [references]],
            [
              encodeCall(FMU_PROXY, binaryProtocol, 'write_real', { instanceId, vr: references, value: values }, 1),
              'write_real',
              [references, values],
            ],
            [encodeCall(FMU_PROXY, binaryProtocol, 'step', { instanceId, stepSize: h }, 1), 'step', [h]],
            [
              encodeCall(
                FMU_PROXY,
                binaryProtocol,
                'get_directional_derivative',
                { instanceId, vUnknownRef: references, vKnownRef: references, dvKnownRef: values },
                1,
              ),
              'get_directional_derivative',
              [references, references, values],
            ],
            [
              encodeCall(
                FMU_PROXY,
                binaryProtocol,
                'setup_experiment',
                { instanceId, start: h, stop: 1, tolerance: 2 },
                1,
              ),
              'setup_experiment',
              [h, 1, 2],
            ],
          ] as const;
          for (const [call, name, args] of calls) {
            expect(framed(call)).toEqual(callOf(service, 'binary', name, [instanceId, ...args]));
          }
        }),
      );
      for (const method of [
        'enter_initialization_mode',
        'exit_initialization_mode',
        'reset',
        'terminate',
        'freeInstance',
      ] as const) {
        const call = encodeCall(FMU_PROXY, binaryProtocol, method, { instanceId }, 1);
        expect(framed(call)).toEqual(callOf(service, 'binary', method, [instanceId]));
      }
      for (const method of ['create_instance', 'get_model_description'] as const) {
        const call = encodeCall(FMU_PROXY, binaryProtocol, method, { fmuId: '{a}' }, 1);
        expect(framed(call)).toEqual(callOf(service, 'binary', method, ['{a}']));
      }
      const data = Buffer.from('PK');
      expect(framed(encodeCall(FMU_PROXY, binaryProtocol, 'load_from_file', { name: 'n', data }, 1))).toEqual(
        callOf(service, 'binary', 'load_from_file', ['n', data]),
      );
      expect(framed(encodeCall(FMU_PROXY, binaryProtocol, 'load_from_url', { url: 'http://a/b' }, 1))).toEqual(
        callOf(service, 'binary', 'load_from_url', ['http://a/b']),
      );
    });

    it('lacks nothing that the real services have', () => {
      const real = (name: 'proxyfmu' | 'fmuproxy', ...services: string[]) =>
        services
          .flatMap((service) => Object.getOwnPropertyNames(of(name).service(service).Client.prototype))
          .filter((method) => method.startsWith('send_'))
          .map((method) => method.slice('send_'.length))
          .sort();
      const ours = (service: { methods(): readonly string[] }) =>
        service
          .methods()
          .filter((method) => !method.startsWith('tb_'))
          .sort();
      expect(ours(FMU_SERVICE)).toEqual(real('proxyfmu', 'StatelessFmuService', 'FmuService'));
      expect(ours(BOOT_SERVICE)).toEqual(real('proxyfmu', 'BootService'));
      expect(ours(FMU_PROXY)).toEqual(real('fmuproxy', 'FmuService'));
    });
  },
);
