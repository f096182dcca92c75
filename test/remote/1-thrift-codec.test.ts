/** The Thrift codec: what is encoded is decoded, in both protocols, and what is no Thrift is refused by a typed error. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ApplicationErrorKind,
  binaryProtocol,
  dispatch,
  encodeAnswer,
  encodeCall,
  encodeFailure,
  FMU_PROXY,
  FMU_SERVICE,
  FrameReader,
  frameHead,
  IncomingAnswer,
  jsonProtocol,
  type Protocol,
  type ServiceShape,
  ThriftApplicationError,
  ThriftDeclaredError,
  ThriftFieldError,
  ThriftProtocolError,
  ThriftService,
  ThriftTooLargeError,
  ThriftValueError,
} from '#tb/remote/thrift/index.js';
import { thrownBy } from '../support/thrown.js';

const protocols = [binaryProtocol, jsonProtocol];

/** A type as it is written in a table, and a value of it. */
interface Typed {
  readonly type: string;
  readonly value: unknown;
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const int = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const leaf = (type: string, values: fc.Arbitrary<unknown>) => values.map((value): Typed => ({ type, value }));
const simple = fc.oneof(
  leaf('bool', fc.boolean()),
  leaf('i8', int(8)),
  leaf('i16', int(16)),
  leaf('i32', int(32)),
  leaf('i64', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  leaf('int53', fc.maxSafeInteger()),
  leaf('double', fc.double()),
  leaf('string', text),
  leaf(
    'binary',
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  ),
);
const key = fc.constantFrom(
  ['bool', fc.boolean()] as const,
  ['i16', int(16)] as const,
  ['i64', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })] as const,
  ['double', fc.double({ noNaN: true }).map((value) => value + 0)] as const,
  ['string', text] as const,
);

/** Lists whose elements have one type, of one value over and over: what types there are matters, not which values. */
const { any } = fc.letrec<{ any: Typed }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    simple,
    fc
      .tuple(tie('any'), fc.nat(4))
      .map(([{ type, value }, size]): Typed => ({ type: `list<${type}>`, value: Array(size).fill(value) })),
    fc.array(fc.string(), { maxLength: 4 }).map((list): Typed => ({ type: 'set<string>', value: new Set(list) })),
    key.chain(([type, keys]) =>
      fc.tuple(fc.array<unknown>(keys, { maxLength: 4 }), tie('any')).map(
        ([names, { type: of, value }]): Typed => ({
          type: `map<${type}, ${of}>`,
          value: new Map(names.map((name) => [name, value])),
        }),
      ),
    ),
  ),
}));

/** A structure with any fields, required and optional ones, that are there or not. */
const structure = fc.array(
  fc.record({ id: fc.integer({ min: -0x8000, max: 0x7fff }), of: any, optional: fc.boolean(), absent: fc.boolean() }),
  { maxLength: 6 },
);

function serviceOf(fields: readonly { id: number; of: Typed; optional: boolean; absent: boolean }[]) {
  const unique = [...new Map(fields.map((field) => [field.id, field])).values()];
  const structs = {
    It: Object.fromEntries(
      unique.map(({ id, of, optional }, index) => [`f${index}`, `${id}: ${optional ? 'optional ' : ''}${of.type}`]),
    ),
  };
  const value = Object.fromEntries(
    unique.flatMap(({ of, optional, absent }, index) => (optional && absent ? [] : [[`f${index}`, of.value]])),
  );
  const shape: ServiceShape = { structs, methods: { echo: { args: { it: '1: It' }, returns: 'It' } } };
  return { service: new ThriftService('Echo', shape), value };
}

const SMALL = {
  structs: { Sample: { time: '1: double', unit: '2: optional string' }, Refused: { message: '1: string' } },
  unions: { Either: { number: '1: i32', text: '2: string' } },
  methods: {
    echo: { args: { sample: '1: Sample', count: '2: int53' }, returns: 'Sample', throws: { refused: '1: Refused' } },
    pick: { args: { either: '1: Either' }, returns: 'Either' },
    nothing: { args: {}, returns: 'void' },
  },
} as const;
const small: ThriftService<typeof SMALL> = new ThriftService('Small', SMALL);
const handlers: Parameters<typeof dispatch<typeof SMALL, undefined>>[1] = {
  echo: ({ sample }) => sample,
  pick: ({ either }) => either,
  nothing: () => undefined,
};

async function answerTo(protocol: Protocol, message: Uint8Array): Promise<Uint8Array> {
  const answer = await dispatch(small, handlers, protocol, message, undefined).answer;
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

describe.each(protocols)('messages of the $name protocol', (protocol) => {
  it('arrive as they were sent, whatever their types, both ways', async () => {
    await fc.assert(
      fc.asyncProperty(structure, fc.nat(0x7fff_ffff), async (fields, sequence) => {
        const { service, value } = serviceOf(fields);
        const call = encodeCall(service, protocol, 'echo', { it: value } as never, sequence);
        let received: unknown;
        const echo = ({ it }: { it: unknown }) => {
          received = it;
          return it;
        };
        const answer = await dispatch(service, { echo } as never, protocol, call, undefined).answer;
        expect(received).toEqual(value);
        const incoming = new IncomingAnswer(protocol, answer!);
        expect(incoming.sequence).toBe(sequence);
        expect(incoming.read(service, 'echo')).toEqual(value);
      }),
    );
  });

  it('are refused by a typed error, or understood, wherever they are cut or changed', async () => {
    await fc.assert(
      fc.property(structure, fc.nat(), fc.nat(255), fc.boolean(), (fields, place, byte, cuts) => {
        const { service, value } = serviceOf(fields);
        const whole = Buffer.from(encodeCall(service, protocol, 'echo', { it: value } as never, 7));
        const at = place % whole.length;
        const broken = cuts ? whole.subarray(0, at) : Buffer.from(whole);
        if (!cuts) broken[at] = byte;
        try {
          dispatch(service, { echo: () => value } as never, protocol, broken, undefined);
          expect(cuts).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(ThriftProtocolError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are refused if they are nothing but noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(thrownBy(() => dispatch(small, handlers, protocol, noise, undefined))).toBeInstanceOf(
          ThriftProtocolError,
        );
      }),
    );
  });

  it('may have fields that nobody knows here, of all types', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(any, { maxLength: 5 }), async (unknown) => {
        const newer = {
          structs: {
            Sample: {
              time: '1: double',
              ...Object.fromEntries(unknown.map(({ type }, index) => [`n${index}`, `${index + 100}: ${type}`])),
            },
          },
          methods: { echo: { args: { more: '99: i32', sample: '1: Sample', count: '2: int53' }, returns: 'Sample' } },
        };
        const service = new ThriftService<ServiceShape>('Newer', newer);
        const added = Object.fromEntries(unknown.map(({ value }, index) => [`n${index}`, value]));
        const sample = { time: 0.5, ...added };
        const call = encodeCall(service, protocol, 'echo', { more: 1, sample, count: 2 } as never, 1);
        const answer = await answerTo(protocol, call);
        expect(new IncomingAnswer(protocol, answer).read(small, 'echo')).toEqual({ time: 0.5 });
      }),
    );
  });

  it('answer a method that is not there with UNKNOWN_METHOD', async () => {
    const other = new ThriftService('Other', {
      structs: {},
      methods: { ping: { args: {}, returns: 'void' } },
    } as const);
    const answer = new IncomingAnswer(protocol, await answerTo(protocol, encodeCall(other, protocol, 'ping', {}, 3)));
    const error = thrownBy(() => answer.read(other, 'ping'));
    expect(error).toBeInstanceOf(ThriftApplicationError);
    expect(error).toMatchObject({ kind: ApplicationErrorKind.unknownMethod, message: "Small has no method 'ping'" });
    for (const name of ['constructor', '__proto__', 'toString']) {
      const odd = new ThriftService<ServiceShape>('Odd', {
        structs: {},
        methods: { [name]: { args: {}, returns: 'void' } },
      });
      if (odd.method(name) === undefined) continue;
      const call = encodeCall(odd, protocol, name, {}, 3);
      const refused = new IncomingAnswer(protocol, await answerTo(protocol, call));
      expect(thrownBy(() => refused.read(odd, name))).toMatchObject({ kind: ApplicationErrorKind.unknownMethod });
    }
  });

  it('answer arguments that are missing with PROTOCOL_ERROR, which names them', async () => {
    const older = new ThriftService<ServiceShape>('Older', {
      structs: { Sample: { time: '1: double' } },
      methods: { echo: { args: { sample: '1: Sample' }, returns: 'void' } },
    });
    const call = encodeCall(older, protocol, 'echo', { sample: { time: 1 } } as never, 1);
    const answer = new IncomingAnswer(protocol, await answerTo(protocol, call));
    expect(thrownBy(() => answer.read(small, 'echo'))).toMatchObject({
      kind: ApplicationErrorKind.protocolError,
      message: "the arguments of echo: field 2, 'count', is missing",
    });
  });

  it('carry exceptions that are declared, and all others as their message', async () => {
    const failing = async (error: Error) => {
      const echo = () => {
        throw error;
      };
      const call = encodeCall(small, protocol, 'echo', { sample: { time: 1 }, count: 1 }, 1);
      const answer = await dispatch(small, { ...handlers, echo }, protocol, call, undefined).answer;
      return thrownBy(() => new IncomingAnswer(protocol, answer!).read(small, 'echo'));
    };
    const declared = await failing(new ThriftDeclaredError('Refused', { message: 'not today' }));
    expect(declared).toBeInstanceOf(ThriftDeclaredError);
    expect(declared).toMatchObject({ exception: 'Refused', message: 'not today' });
    const other = await failing(new Error('the broker is lost'));
    expect(other).toBeInstanceOf(ThriftApplicationError);
    expect(other).toMatchObject({ kind: ApplicationErrorKind.unknown, message: 'the broker is lost' });
    const undeclared = await failing(new ThriftDeclaredError('NoSuchFmu', { message: 'who?' }));
    expect(undeclared).toMatchObject({ kind: ApplicationErrorKind.unknown, message: 'who?' });
  });

  it('have exactly one value in a union', () => {
    const two = { either: { number: 1, text: 'a' } } as never;
    expect(thrownBy(() => encodeCall(small, protocol, 'pick', two, 1))).toBeInstanceOf(ThriftValueError);
    expect(thrownBy(() => encodeCall(small, protocol, 'pick', { either: {} } as never, 1))).toBeInstanceOf(
      ThriftValueError,
    );
  });

  it('are not made of values that do not fit', () => {
    const step = (...[currentTime, stepSize]: unknown[]) =>
      thrownBy(() => encodeCall(FMU_SERVICE, protocol, 'step', { currentTime, stepSize } as never, 1));
    expect(step('0', 0.1)).toBeInstanceOf(ThriftValueError);
    expect(step(0)).toMatchObject({ message: "the arguments of step: 'stepSize' is missing" });
    const write = (value: unknown) =>
      thrownBy(() => encodeCall(FMU_SERVICE, protocol, 'write_integer', { vr: [1], value } as never, 1));
    expect(write([2 ** 31])).toMatchObject({ message: '2147483648 is not an i32' });
    expect(write([0.5])).toBeInstanceOf(ThriftValueError);
    expect(write(7)).toBeInstanceOf(ThriftValueError);
    const read = (vr: unknown) => thrownBy(() => encodeCall(FMU_SERVICE, protocol, 'read_real', { vr } as never, 1));
    expect(read([2 ** 53])).toBeInstanceOf(ThriftValueError);
  });

  it('with a whole number that no number here can hold are refused as such', async () => {
    const shape = { structs: {}, methods: { read_real: { args: { vr: '1: list<i64>' }, returns: 'void' } } } as const;
    const wide = new ThriftService('Wide', shape);
    const call = encodeCall(wide, protocol, 'read_real', { vr: [2n ** 53n] }, 1);
    const answer = await dispatch(FMU_SERVICE, {} as never, protocol, call, undefined).answer;
    expect(thrownBy(() => new IncomingAnswer(protocol, answer!).read(wide, 'read_real'))).toMatchObject({
      kind: ApplicationErrorKind.protocolError,
      message: /more than 53 bits/,
    });
  });

  it('are not nested as deep as they like', () => {
    const deep = `${'list<'.repeat(80)}i32${'>'.repeat(80)}`;
    let value: unknown = 1;
    for (let depth = 0; depth < 80; depth++) value = [value];
    const shape: ServiceShape = { structs: {}, methods: { echo: { args: { it: `9: ${deep}` }, returns: 'void' } } };
    const call = encodeCall(new ThriftService('Deep', shape), protocol, 'echo', { it: value } as never, 1);
    expect(thrownBy(() => dispatch(small, handlers, protocol, call, undefined))).toMatchObject({
      message: /nested over 64 deep/,
    });
  });
});

describe('the types of a table', () => {
  it('are checked by the compiler, in calls and in handlers', () => {
    // @ts-expect-error a step needs its size
    const missing = () => encodeCall(FMU_SERVICE, binaryProtocol, 'step', { currentTime: 0 }, 1);
    expect(missing).toThrow(ThriftValueError);
    // @ts-expect-error no such method
    expect(() => encodeCall(FMU_SERVICE, binaryProtocol, 'stop', {}, 1)).toThrow();
    // @ts-expect-error a Real is a number
    const text = () => encodeCall(FMU_SERVICE, binaryProtocol, 'write_real', { vr: [1], value: ['1'] }, 1);
    expect(text).toThrow(ThriftValueError);
    // @ts-expect-error echo answers a Sample
    const wrong: Parameters<typeof dispatch<typeof SMALL, undefined>>[1] = { ...handlers, echo: () => ({ time: 'a' }) };
    expect(wrong.nothing({}, undefined)).toBeUndefined();
  });
});

describe('sizes', () => {
  it('of a container are held against the message before there is memory for it', () => {
    const call = Buffer.from(encodeCall(FMU_SERVICE, binaryProtocol, 'read_real', { vr: [1, 2] }, 1));
    call.writeInt32BE(0x7fff_ffff, call.length - 1 - 2 * 8 - 4);
    expect(thrownBy(() => dispatch(FMU_SERVICE, {} as never, binaryProtocol, call, undefined))).toBeInstanceOf(
      ThriftTooLargeError,
    );
    const json = Buffer.from('[1,"read_real",1,1,{"1":{"lst":["i64",2147483647,1]}}]');
    expect(thrownBy(() => dispatch(FMU_SERVICE, {} as never, jsonProtocol, json, undefined))).toBeInstanceOf(
      ThriftTooLargeError,
    );
  });

  it('of numbers in JSON are limited, as long ones take long', () => {
    const json = Buffer.from(`[1,"read_real",1,1,{"1":{"lst":["i64",1,${'9'.repeat(100_000)}]}}]`);
    expect(thrownBy(() => dispatch(FMU_SERVICE, {} as never, jsonProtocol, json, undefined))).toBeInstanceOf(
      ThriftProtocolError,
    );
  });

  it('of an FMU are no trouble', () => {
    const data = Buffer.alloc(20_000_000, 'FMU');
    for (const protocol of protocols) {
      const call = encodeCall(FMU_PROXY, protocol, 'load_from_file', { name: 'a', data }, 1);
      let received: Uint8Array | undefined;
      const load = { load_from_file: (args: { data: Uint8Array }) => (received = args.data) };
      dispatch(FMU_PROXY, load as never, protocol, call, undefined);
      expect(Buffer.compare(received!, data)).toBe(0);
    }
  });
});

describe('frames', () => {
  const framed = (messages: readonly Uint8Array[]) =>
    Buffer.concat(messages.flatMap((message) => [frameHead(message), message]));

  it('are put together again, whatever the pieces they come in', () => {
    const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
        const stream = framed(sent);
        const reader = new FrameReader();
        const received: Uint8Array[] = [];
        let at = 0;
        for (const length of [...cuts, stream.length]) {
          // As a socket hands them over: each in memory of its own.
          reader.push(Buffer.from(stream.subarray(at, at + length)));
          for (let next = reader.next(); next !== undefined; next = reader.next()) received.push(next);
          at += length;
        }
        expect(received.map((message) => [...message])).toEqual(sent.map((message) => [...message]));
        expect(reader.isBetween).toBe(true);
      }),
    );
  });

  it('larger than allowed are refused by their head', () => {
    const reader = new FrameReader(1000);
    reader.push(framed([Buffer.alloc(1000, 1)]));
    expect(reader.next()).toHaveLength(1000);
    reader.push(Buffer.from([0, 0, 3, 233]));
    const error = thrownBy(() => reader.next());
    expect(error).toBeInstanceOf(ThriftTooLargeError);
    expect(error).toMatchObject({ message: 'a frame of 1001 bytes, the limit is 1000' });
  });

  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\n', /HTTP came/],
    ['a message without a frame', '\x80\x01\x00\x01', /without a frame/],
    ['an empty one', '\0\0\0\0', /empty frame/],
  ])('that are %s are told from others', (_, bytes, message) => {
    const reader = new FrameReader();
    reader.push(Buffer.from(bytes, 'latin1'));
    const error = thrownBy(() => reader.next());
    expect(error).toBeInstanceOf(ThriftProtocolError);
    expect(error).toMatchObject({ message });
  });
});

describe('an answer', () => {
  it('without a result is an error', () => {
    const method = small.method('nothing')!;
    const bytes = encodeAnswer(
      binaryProtocol,
      { ...method, name: 'echo', writeAnswer: method.writeAnswer.bind(method) },
      { value: undefined },
      1,
    );
    expect(thrownBy(() => new IncomingAnswer(binaryProtocol, bytes).read(small, 'echo'))).toBeInstanceOf(
      ThriftFieldError,
    );
  });

  it('to another call is an error', () => {
    const bytes = encodeAnswer(binaryProtocol, small.method('nothing')!, { value: undefined }, 1);
    expect(thrownBy(() => new IncomingAnswer(binaryProtocol, bytes).read(small, 'echo'))).toBeInstanceOf(
      ThriftProtocolError,
    );
  });

  it('that says not why says so', () => {
    const failure = encodeFailure(binaryProtocol, 'echo', new ThriftApplicationError(0, ''), 1);
    expect(thrownBy(() => new IncomingAnswer(binaryProtocol, failure).read(small, 'echo'))).toMatchObject({
      message: 'echo failed, and the other side says not why',
    });
  });
});
