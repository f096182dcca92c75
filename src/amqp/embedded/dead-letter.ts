/**
 * Dead letters: what is recorded in a message's headers when it leaves a queue unconsumed, as RabbitMQ records it
 * (https://www.rabbitmq.com/docs/dlx#effects), so that consumers written for one read the other.
 */
import type { Message } from './message.js';
import type { DeathReason, Queue } from './queue.js';
import { asInteger, asText, type Field, type FieldTable, int64, text } from './wire/field-table.js';

/** The message as it goes to `exchange`, with this death on top of its `x-death` list and no expiration. */
export function asDeadLetter(message: Message, queue: Queue, reason: DeathReason, exchange: string): Message {
  const { expiration, ...properties } = message.properties();
  const headers = new Map(properties.headers ?? []);
  const routingKey = queue.settings.deadLetterRoutingKey ?? message.routingKey;

  const deaths = deathsOf(headers);
  const before = deaths.findIndex((death) => isDeath(death, queue.name, reason));
  const count = before < 0 ? 0 : (asInteger(deaths[before]!.get('count')) ?? 0);
  const death = new Map<string, Field>([
    ['count', int64(count + 1)],
    ['reason', text(reason)],
    ['queue', text(queue.name)],
    ['time', { type: 'T', value: BigInt(Math.floor(Date.now() / 1000)) }],
    ['exchange', text(message.exchange)],
    ['routing-keys', { type: 'A', value: [text(message.routingKey)] }],
  ]);
  if (expiration !== undefined) death.set('original-expiration', text(expiration));
  if (before >= 0) deaths.splice(before, 1);
  deaths.unshift(death);

  headers.set('x-death', { type: 'A', value: deaths.map((value) => ({ type: 'F', value })) });
  if (!headers.has('x-first-death-reason')) {
    headers.set('x-first-death-reason', text(reason));
    headers.set('x-first-death-queue', text(queue.name));
    headers.set('x-first-death-exchange', text(message.exchange));
  }
  return message.readdressed(exchange, routingKey, { ...properties, headers });
}

/**
 * Whether `letter` has been in `queue` before and came round by itself, without any consumer having rejected it on
 * the way: such a message would circle for ever.
 */
export function isCycle(letter: Message, queue: Queue): boolean {
  const deaths = deathsOf(letter.properties().headers ?? new Map());
  const last = deaths.findIndex((death) => asText(death.get('queue')) === queue.name);
  if (last < 0) return false;
  return deaths.slice(0, last + 1).every((death) => asText(death.get('reason')) !== 'rejected');
}

function deathsOf(headers: FieldTable): FieldTable[] {
  const field = headers.get('x-death');
  if (field?.type !== 'A') return [];
  return field.value.flatMap((item) => (item.type === 'F' ? [item.value] : []));
}

function isDeath(death: FieldTable, queue: string, reason: DeathReason): boolean {
  return asText(death.get('queue')) === queue && asText(death.get('reason')) === reason;
}
