/**
 * What a user may do, found out without doing it.
 *
 * AMQP has no method to ask. But RabbitMQ looks at the rights before it looks at anything else, so a request that is
 * bound to fail tells by its refusal: 403 names the right that is missing, any other code means the right is there.
 * Nothing is made, bound or taken.
 */
import { randomBytes } from 'node:crypto';
import type { Channel, ChannelModel } from 'amqplib';

/** As in `rabbitmqctl set_permissions`: make and delete; put messages in; take messages out. */
export type Right = 'configure' | 'write' | 'read';
export type Resource = { readonly kind: 'exchange' | 'queue'; readonly name: string };

/**
 * `undefined`: the user has the right; else the broker's words. `queue`: one to bind to an exchange with; by default one of
 * the connection's own.
 */
export async function missingRight(
  model: ChannelModel,
  right: Right,
  on: Resource,
  queue = '',
): Promise<string | undefined> {
  const refusal = await refusalOf(model, PROBES[right][on.kind](on.name, queue));
  if (refusal?.code !== 403) return undefined;
  // A right to something else may be missing too, which is not what was asked.
  return on.name === '' || refusal.message.includes(`'${on.name}'`) ? textOf(refusal) : undefined;
}

type Action = (channel: Channel) => Promise<unknown>;

/** There is none of that name. */
const nowhere = (): string => `twinbridge-doctor-${randomBytes(8).toString('hex')}`;

const PROBES: Readonly<Record<Right, Readonly<Record<Resource['kind'], (name: string, queue: string) => Action>>>> = {
  configure: {
    // An alternate exchange is named by a text: 406.
    exchange: (name) => (channel) =>
      channel.assertExchange(name, 'direct', { autoDelete: true, arguments: { 'alternate-exchange': 1 } }),
    // A queue without a name is the connection's own, and goes with it. One with a name has a limit in numbers: 406.
    queue: (name) => (channel) =>
      channel.assertQueue(name, {
        exclusive: true,
        ...(name === '' ? {} : { arguments: { 'x-max-length-bytes': 'none' } }),
      }),
  },
  write: {
    // A binding from a source that is not there: 404.
    exchange: (name) => (channel) => channel.bindExchange(name, nowhere(), ''),
    queue: (name) => (channel) => channel.bindQueue(name, nowhere(), ''),
  },
  read: {
    exchange: (name, queue) => async (channel) => {
      const bound = queue === '' ? (await channel.assertQueue('', { exclusive: true })).queue : queue;
      const key = nowhere();
      await channel.bindQueue(bound, name, key);
      await channel.unbindQueue(bound, name, key);
    },
    // A priority is a number: 406. Should a broker not mind: one message at most, given back with the channel.
    queue: (name) => async (channel) => {
      await channel.prefetch(1);
      return channel.consume(name, () => {}, { arguments: { 'x-priority': 'none' } });
    },
  },
};

export interface Refusal extends Error {
  readonly code: number;
}

/** Runs an action on a channel of its own; the broker's refusal, if it has one. Other errors are thrown. */
export async function refusalOf(
  model: ChannelModel,
  action: (channel: Channel) => Promise<unknown>,
): Promise<Refusal | undefined> {
  const channel = await model.createChannel();
  let closedBy: Error | undefined;
  channel.on('error', (error: Error) => {
    closedBy = error;
  });
  try {
    await action(channel);
    await channel.close();
    return undefined;
  } catch (error) {
    const cause = hasCode(error) ? error : closedBy;
    if (hasCode(cause)) return cause;
    throw error;
  }
}

/** The text inside of amqplib's message. */
export function textOf(refusal: Error): string {
  return /with message "(.*)"$/s.exec(refusal.message)?.[1] ?? refusal.message;
}

function hasCode(error: unknown): error is Refusal {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'number';
}
