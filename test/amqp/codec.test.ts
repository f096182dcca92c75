/** The wire codec: what is encoded is decoded, whatever the pieces it arrives in, and what is no AMQP is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#tb/amqp/embedded/protocol-error.js';
import { type Field, type FieldTable, readTable, writeTable } from '#tb/amqp/embedded/wire/field-table.js';
import { FRAME_END, FrameParser, FrameType, PROTOCOL_HEADER } from '#tb/amqp/embedded/wire/frames.js';
import {
  METHODS,
  type MethodArgs,
  type MethodName,
  methodId,
  readMethod,
  writeMethod,
} from '#tb/amqp/embedded/wire/methods.js';
import { OctetReader, OctetWriter } from '#tb/amqp/embedded/wire/octets.js';
import { type BasicProperties, readProperties, writeProperties } from '#tb/amqp/embedded/wire/properties.js';
import { bodyFrame, headerFrame, methodFrame } from '../support/raw-amqp.js';

const bytes = (options: fc.IntArrayConstraints = {}) => fc.uint8Array(options).map((array) => Buffer.from(array));
const shortstr = fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => Buffer.byteLength(text) <= 255);
const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const int = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });

const { table } = fc.letrec<{ field: Field; table: FieldTable }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small' },
    fc.record({ type: fc.constant('t' as const), value: fc.boolean() }),
    fc.record({ type: fc.constant('b' as const), value: int(8) }),
    fc.record({ type: fc.constant('B' as const), value: uint(8) }),
    fc.record({ type: fc.constant('s' as const), value: int(16) }),
    fc.record({ type: fc.constant('u' as const), value: uint(16) }),
    fc.record({ type: fc.constant('I' as const), value: int(32) }),
    fc.record({ type: fc.constant('i' as const), value: uint(32) }),
    fc.record({ type: fc.constant('f' as const), value: fc.float({ noNaN: true }) }),
    fc.record({ type: fc.constant('d' as const), value: fc.double({ noNaN: true }) }),
    fc.record({ type: fc.constant('l' as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    fc.record({ type: fc.constant('T' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    fc.record({ type: fc.constant('D' as const), scale: uint(8), unscaled: int(32) }),
    fc.record({ type: fc.constantFrom('S' as const, 'x' as const), value: bytes({ maxLength: 40 }) }),
    fc.record({ type: fc.constant('A' as const), value: fc.array(tie('field'), { maxLength: 4 }) }),
    fc.record({ type: fc.constant('F' as const), value: tie('table') }),
    fc.constant({ type: 'V' as const }),
  ),
  table: fc.array(fc.tuple(shortstr, tie('field')), { maxLength: 5 }).map((entries) => new Map(entries)),
}));

const domains: Record<string, fc.Arbitrary<unknown>> = {
  bit: fc.boolean(),
  octet: uint(8),
  short: uint(16),
  long: uint(32),
  longlong: fc.maxSafeNat(),
  shortstr,
  longstr: bytes({ maxLength: 300 }),
  table,
};
const anyMethod = fc
  .constantFrom(...(Object.keys(METHODS) as MethodName[]))
  .chain((name) =>
    fc
      .record(Object.fromEntries(Object.entries(METHODS[name].args).map(([arg, domain]) => [arg, domains[domain]!])))
      .map((args) => ({ name, args: args as unknown as MethodArgs<MethodName> })),
  );

describe('encode, then decode, gives back', () => {
  it('any method', () => {
    fc.assert(
      fc.property(anyMethod, ({ name, args }) => {
        const writer = new OctetWriter(1);
        writeMethod(writer, name, args);
        const reader = new OctetReader(writer.written());
        expect(readMethod(reader.long(), reader)).toEqual({ name, args });
        expect(reader.at).toBe(writer.at);
      }),
      { numRuns: 500 },
    );
  });

  it('any field table', () => {
    fc.assert(
      fc.property(table, (value) => {
        const writer = new OctetWriter(1);
        writeTable(writer, value);
        expect(readTable(new OctetReader(writer.written()))).toEqual(value);
      }),
    );
  });

  it('any message properties', () => {
    const properties = fc.record(
      {
        contentType: shortstr,
        contentEncoding: shortstr,
        headers: table,
        deliveryMode: uint(8),
        priority: uint(8),
        correlationId: shortstr,
        replyTo: shortstr,
        expiration: shortstr,
        messageId: shortstr,
        timestamp: fc.maxSafeNat(),
        type: shortstr,
        userId: shortstr,
        appId: shortstr,
        clusterId: shortstr,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(properties, (value) => {
        const writer = new OctetWriter(1);
        writeProperties(writer, value as BasicProperties);
        expect(readProperties(new OctetReader(writer.written()))).toEqual(value);
      }),
    );
  });
});

describe('the bytes on the wire', () => {
  it('basic.ack of tag 7, multiple', () => {
    expect(methodFrame(3, 'basic.ack', { deliveryTag: 7, multiple: true })).toEqual(
      Buffer.from([
        1, // method frame
        ...[0, 3], // channel
        ...[0, 0, 0, 13], // payload size
        ...[0, 60, 0, 80], // class basic, method ack
        ...[0, 0, 0, 0, 0, 0, 0, 7], // delivery tag
        1, // multiple
        0xce,
      ]),
    );
  });

  it('queue.declare packs its five bits into one octet, the first lowest', () => {
    const frame = methodFrame(1, 'queue.declare', {
      ticket: 0,
      queue: 'q',
      passive: false,
      durable: true,
      exclusive: false,
      autoDelete: true,
      noWait: false,
      arguments: new Map([['x-max-length', { type: 'I', value: 2 }]]),
    });
    expect(frame.subarray(7)).toEqual(
      Buffer.from([
        ...[0, 50, 0, 10], // queue.declare
        ...[0, 0], // ticket
        ...[1, 0x71], // 'q'
        0b01010, // durable, auto-delete
        ...[0, 0, 0, 18], // octets of the table
        ...[12, ...Buffer.from('x-max-length'), 0x49, 0, 0, 0, 2], // 'I' 2
        0xce,
      ]),
    );
  });

  it('a short string of more than 255 octets cannot be written', () => {
    const writer = new OctetWriter();
    expect(() => writer.shortstr('ü'.repeat(128))).toThrow(/255 octets, not 256/);
  });
});

describe('frames', () => {
  const stream = Buffer.concat([
    PROTOCOL_HEADER,
    methodFrame(1, 'basic.publish', { ticket: 0, exchange: 'e', routingKey: 'k', mandatory: true, immediate: false }),
    headerFrame(1, 5),
    bodyFrame(1, Buffer.from('hello')),
    Buffer.from([FrameType.heartbeat, 0, 0, 0, 0, 0, 0, FRAME_END]),
    methodFrame(2, 'channel.close', { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 }),
  ]);

  function parse(pieces: readonly Buffer[], frameMax = 4096): string[] {
    const seen: string[] = [];
    const parser = new FrameParser(
      {
        protocolHeader: (matches) => seen.push(`header ${matches}`),
        frame: (type, channel, buffer, start, end) => {
          // The whole frame is where it is promised to be.
          expect(buffer[start - 7]).toBe(type);
          expect(buffer[end]).toBe(FRAME_END);
          seen.push(`${type} ${channel} ${buffer.toString('hex', start, end)}`);
        },
      },
      frameMax,
    );
    for (const piece of pieces) {
      parser.push(Buffer.from(piece));
      // The socket may reuse nothing, but the parser must not look back: poison what was handed over.
      piece.fill(0xee);
    }
    return seen;
  }

  it('come out the same at every single cut', () => {
    const whole = parse([Buffer.from(stream)]);
    expect(whole).toHaveLength(6);
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(parse([Buffer.from(stream.subarray(0, cut)), Buffer.from(stream.subarray(cut))])).toEqual(whole);
    }
  });

  it('come out the same in any pieces, empty ones included', () => {
    const whole = parse([Buffer.from(stream)]);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const pieces = at.slice(1).map((end, i) => Buffer.from(stream.subarray(at[i]!, end)));
        expect(parse(pieces)).toEqual(whole);
      }),
    );
  });

  it('of another protocol version are reported', () => {
    expect(parse([Buffer.from('AMQP\x00\x01\x00\x00', 'latin1')])).toEqual(['header false']);
  });

  it.each([
    ['an unknown type', Buffer.from([4, 0, 0, 0, 0, 0, 0, FRAME_END]), /unknown frame type 4/],
    //                                     v not 0xce
    ['a wrong end', Buffer.from([1, 0, 0, 0, 0, 0, 0, 0xcd]), /ends in 205, not 206/],
    //                                   v 4097
    ['over the limit', Buffer.from([3, 0, 1, 0, 0, 0x10, 0x01]), /4097 octets exceeds frame-max 4096/],
  ])('with %s are refused with 501', (_, frame, message) => {
    const attempt = () => parse([PROTOCOL_HEADER, frame].map((piece) => Buffer.from(piece)));
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ replyCode: 501 }));
  });

  it('that lie about the length of their arguments are refused with 502', () => {
    fc.assert(
      fc.property(anyMethod, fc.nat(), ({ name, args }, cut) => {
        const writer = new OctetWriter();
        writeMethod(writer, name, args);
        const length = 4 + (cut % Math.max(1, writer.at - 4));
        fc.pre(length < writer.at);
        const reader = new OctetReader(writer.written(), 4, length);
        expect(() => readMethod(methodId(name), reader)).toThrow(ProtocolError);
      }),
    );
  });

  it('of random bytes never do worse than a ProtocolError', () => {
    fc.assert(
      fc.property(fc.array(bytes({ maxLength: 40 }), { maxLength: 10 }), (pieces) => {
        try {
          parse([Buffer.from(PROTOCOL_HEADER), ...pieces]);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
