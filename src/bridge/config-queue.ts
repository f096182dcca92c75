/** The queue or stream that a bridge receives from, as a `bridge.yaml` says it; what brokers refuse is told here. */
import type { StreamOffset } from '../amqp/index.js';
import type { Problem, SourceLocation } from '../support/errors.js';
import { NANOSECONDS_PER_SECOND, parseRfc3339 } from '../support/time.js';
import { parseDuration } from './duration.js';

export type QueueType = 'classic' | 'quorum' | 'stream';

export interface QueueConfig {
  /** Empty: named by the broker. */
  readonly name: string;
  readonly exclusive: boolean;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
  /** `passive`: the queue and its bindings must be there; default `active`. */
  readonly declare?: 'active' | 'passive';
  /** The queue is a stream, read from here. */
  readonly offset?: StreamOffset;
}

export interface QueueFile {
  readonly name?: string;
  readonly type?: QueueType;
  readonly exclusive?: boolean;
  readonly durable?: boolean;
  readonly autoDelete?: boolean;
  readonly declare?: 'active' | 'passive';
  readonly deliveryLimit?: number;
  readonly arguments?: Readonly<Record<string, string | number | boolean>>;
}

export interface StreamFile {
  readonly name?: string;
  readonly offset?: string | number;
  readonly declare?: 'active' | 'passive';
  readonly arguments?: Readonly<Record<string, string | number | boolean>>;
}

/** One source's part of the file, and where in it problems are. */
export interface QueueSource {
  readonly value: { readonly queue?: QueueFile; readonly stream?: string | StreamFile };
  /** As messages name it: `receive`, `sources.gps`. */
  readonly place: string;
  locate(path: readonly string[]): SourceLocation;
}

type Report = (path: readonly string[], message: string, remedy: string) => void;

export function readQueue(source: QueueSource, problems: Problem[]): QueueConfig {
  const { queue, stream } = source.value;
  const report: Report = (path, message, remedy) => problems.push({ message, location: source.locate(path), remedy });
  if (stream !== undefined) {
    if (queue !== undefined) {
      report(['queue'], "'queue' and 'stream' are both given", 'messages come from one of them; leave the other out');
    }
    return readStream(typeof stream === 'string' ? { name: stream } : stream, report);
  }
  return readPlainQueue(queue ?? {}, source.place, report);
}

function readStream(stream: StreamFile, report: Report): QueueConfig {
  const { name = '', declare, arguments: args = {} } = stream;
  if (name === '') report(['stream', 'name'], 'the stream has no name', 'a stream outlives the bridge: give it a name');
  checkArguments('stream', ['stream', 'arguments'], args, report);
  return {
    name,
    exclusive: false,
    durable: true,
    autoDelete: false,
    arguments: { ...args, 'x-queue-type': 'stream' },
    ...(declare === undefined ? {} : { declare }),
    offset: readOffset(stream.offset ?? 'next', report),
  };
}

function readPlainQueue(queue: QueueFile, place: string, report: Report): QueueConfig {
  const type = queue.type ?? typeOf(queue.arguments?.['x-queue-type']);
  const lasts = type !== 'classic' || queue.declare === 'passive';
  const durable = queue.durable ?? lasts;
  const config = {
    name: queue.name ?? '',
    exclusive: queue.exclusive ?? !durable,
    durable,
    autoDelete: queue.autoDelete ?? !durable,
    arguments: {
      ...queue.arguments,
      ...(queue.type === undefined ? {} : { 'x-queue-type': queue.type }),
      ...(queue.deliveryLimit === undefined ? {} : { 'x-delivery-limit': queue.deliveryLimit }),
    },
    ...(queue.declare === undefined ? {} : { declare: queue.declare }),
  };
  checkQueue(config, type, queue, place, report);
  return type === 'stream' ? { ...config, offset: 'next' } : config;
}

/** What RabbitMQ would answer with 406, or 540, once the FMU runs; 4.x refuses more than 3.x. */
function checkQueue(config: QueueConfig, type: QueueType, given: QueueFile, place: string, report: Report): void {
  const stated = given.arguments?.['x-queue-type'];
  if (given.type !== undefined && stated !== undefined && stated !== given.type) {
    report(
      ['queue', 'arguments', 'x-queue-type'],
      `'queue.type' is ${given.type} and 'x-queue-type' is ${stated}`,
      'say it once, as queue.type',
    );
  }
  if (!config.exclusive && !config.durable) {
    report(
      ['queue', 'exclusive'],
      `'${place}.queue' is neither exclusive nor durable, which current brokers refuse`,
      'add durable: true for a queue that outlives the bridge, or leave exclusive out',
    );
  }
  if (given.declare === 'passive' && config.name === '') {
    report(['queue', 'declare'], 'a queue that must be there already has no name', 'give queue.name');
  }
  if (given.deliveryLimit !== undefined && type !== 'quorum') {
    report(['queue', 'deliveryLimit'], 'only quorum queues have a delivery limit', 'add type: quorum');
  }
  if (type === 'classic') return;
  const refuse = (key: string, why: string, remedy: string) =>
    report(['queue', key], `a ${type} queue cannot be ${why}: brokers refuse it`, remedy);
  if (config.exclusive) refuse('exclusive', 'exclusive', 'leave exclusive out');
  if (!config.durable) refuse('durable', 'transient', 'leave durable out');
  if (config.autoDelete) refuse('autoDelete', 'deleted automatically', 'leave autoDelete out');
  if (config.name === '') {
    report(['queue', 'name'], `the ${type} queue has no name`, 'it outlives the bridge: give queue.name');
  }
  checkArguments(type, ['queue', 'arguments'], config.arguments, report);
}

/** Arguments that queues of a type do not have; those that nobody knows are left to the broker. */
const REFUSED: Readonly<Record<Exclude<QueueType, 'classic'>, readonly string[]>> = {
  quorum: ['x-max-priority', 'x-queue-mode', 'x-queue-master-locator', 'x-max-age', 'x-stream-max-segment-size-bytes'],
  stream: [
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-delivery-limit',
    'x-expires',
    'x-max-length',
    'x-max-priority',
    'x-message-ttl',
    'x-overflow',
    'x-queue-mode',
    'x-single-active-consumer',
  ],
};

function checkArguments(
  type: 'quorum' | 'stream',
  path: readonly string[],
  args: QueueConfig['arguments'],
  report: Report,
): void {
  for (const name of Object.keys(args)) {
    if (name === 'x-stream-offset') {
      report([...path, name], "'x-stream-offset' is no argument of a queue", 'give stream.offset');
    } else if (REFUSED[type].includes(name)) {
      const remedy = type === 'stream' ? 'limit a stream by x-max-age or x-max-length-bytes' : 'leave it out';
      report([...path, name], `${type} queues have no '${name}': brokers refuse it`, remedy);
    }
  }
}

function typeOf(argument: unknown): QueueType {
  return argument === 'quorum' || argument === 'stream' ? argument : 'classic';
}

function readOffset(offset: string | number, report: Report): StreamOffset {
  if (typeof offset === 'number' || offset === 'first' || offset === 'last' || offset === 'next') return offset;
  const time = parseRfc3339(offset);
  if (typeof time === 'bigint') return { timestamp: Number(time / NANOSECONDS_PER_SECOND) };
  const ago = parseDuration(offset);
  if (typeof ago === 'number') return { agoMs: ago };
  report(
    ['stream', 'offset'],
    `'stream.offset' is '${offset}'`,
    'expected first, last, next, the number of a message, an RFC 3339 time with a zone, or how long ago, such as 5 min',
  );
  return 'next';
}
