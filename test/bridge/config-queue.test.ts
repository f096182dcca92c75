/** The queue or stream a bridge receives from: what a file can say, and what brokers would refuse. */
import { describe, expect, it } from 'vitest';
import { parseBridgeConfig } from '#tb/bridge/index.js';
import { InvalidFileError } from '#tb/support/errors.js';

const read = (receive: string) =>
  parseBridgeConfig(`twinbridge: bridge\nname: robot\noutputs: {x: Real}\nreceive: ${receive}\n`, 'b.yaml').sources[0]!;

function problems(receive: string): string[] {
  try {
    read(receive);
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    return error.problems.map(({ location, message }) => `${location.line}:${location.column} ${message}`);
  }
  return [];
}

describe('a stream', () => {
  it('needs a name only', () => {
    const stream = {
      name: 'history',
      exclusive: false,
      durable: true,
      autoDelete: false,
      arguments: { 'x-queue-type': 'stream' },
      offset: 'next',
    };
    expect(read('{ stream: history }').queue).toEqual(stream);
    expect(read('{ queue: { name: history, type: stream } }').queue).toEqual(stream);
    expect(read('{ queue: { name: history, arguments: { x-queue-type: stream } } }').queue).toEqual(stream);
  });

  it.each([
    ['first', 'first'],
    ['last', 'last'],
    ['next', 'next'],
    ['4711', 4711],
    ['2026-01-04T16:41:24.750Z', { timestamp: 1_767_544_884 }],
    ['2026-01-04T17:41:24+01:00', { timestamp: 1_767_544_884 }],
    ['5 min', { agoMs: 300_000 }],
  ])('is read from %s', (text, offset) => {
    expect(read(`{ stream: { name: history, offset: ${text} } }`).queue.offset).toEqual(offset);
  });

  it('keeps its own arguments', () => {
    expect(read('{ stream: { name: h, arguments: { x-max-age: 7D } } }').queue.arguments).toEqual({
      'x-queue-type': 'stream',
      'x-max-age': '7D',
    });
  });
});

describe('a quorum queue', () => {
  it('is durable and shared', () => {
    expect(read('{ queue: { name: commands, type: quorum, deliveryLimit: 50 } }').queue).toEqual({
      name: 'commands',
      exclusive: false,
      durable: true,
      autoDelete: false,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 50 },
    });
  });
});

describe('a queue that is there already', () => {
  it('is neither declared nor bound', () => {
    expect(read('{ queue: { name: commands, declare: passive } }').queue).toMatchObject({
      declare: 'passive',
      exclusive: false,
      durable: true,
    });
  });
});

describe('what brokers refuse is told at once:', () => {
  it.each([
    [
      'a transient queue for everyone',
      '{ queue: { name: q, exclusive: false } }',
      'neither exclusive nor durable, which current brokers refuse',
    ],
    [
      'an exclusive quorum queue',
      '{ queue: { name: q, type: quorum, exclusive: true } }',
      'a quorum queue cannot be exclusive: brokers refuse it',
    ],
    [
      'a transient quorum queue',
      '{ queue: { name: q, type: quorum, durable: false, exclusive: false, autoDelete: false } }',
      "'receive.queue' is neither exclusive nor durable",
    ],
    [
      'a quorum queue that goes with its consumer',
      '{ queue: { name: q, type: quorum, autoDelete: true } }',
      'a quorum queue cannot be deleted automatically',
    ],
    ['a quorum queue without a name', '{ queue: { type: quorum } }', 'the quorum queue has no name'],
    [
      'priorities in a quorum queue',
      '{ queue: { name: q, type: quorum, arguments: { x-max-priority: 5 } } }',
      "quorum queues have no 'x-max-priority'",
    ],
    [
      'an exclusive stream',
      '{ queue: { name: s, type: stream, exclusive: true } }',
      'a stream queue cannot be exclusive',
    ],
    ['a stream without a name', '{ stream: { offset: first } }', 'the stream has no name'],
    [
      'a stream with a length limit',
      '{ stream: { name: s, arguments: { x-max-length: 5 } } }',
      "stream queues have no 'x-max-length'",
    ],
    [
      'an offset as an argument of the queue',
      '{ stream: { name: s, arguments: { x-stream-offset: first } } }',
      "'x-stream-offset' is no argument of a queue",
    ],
    ['an offset nobody understands', '{ stream: { name: s, offset: yesterday } }', "'stream.offset' is 'yesterday'"],
    ['a time without a zone', '{ stream: { name: s, offset: 2026-01-04T16:41:24 } }', "'stream.offset' is"],
    ['half a message', '{ stream: { name: s, offset: 1.5 } }', "'receive.stream.offset'"],
    ['no prefetch for a stream', '{ prefetch: 0, stream: s }', "'receive.prefetch'"],
    ['a queue and a stream', '{ queue: { name: q }, stream: s }', "'queue' and 'stream' are both given"],
    [
      'two types',
      '{ queue: { name: q, type: quorum, arguments: { x-queue-type: stream } } }',
      "'queue.type' is quorum and 'x-queue-type' is stream",
    ],
    [
      'a delivery limit without a quorum',
      '{ queue: { deliveryLimit: 5 } }',
      'only quorum queues have a delivery limit',
    ],
    [
      'a queue to be there without a name',
      '{ queue: { declare: passive } }',
      'a queue that must be there already has no name',
    ],
  ])('%s', (_, receive, problem) => {
    const found = problems(receive);
    expect(found.some((text) => text.includes(problem))).toBe(true);
    expect(found[0]).toMatch(/^4:\d+ /);
  });
});
