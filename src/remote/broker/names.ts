/**
 * What stands on the broker for FMUs: two exchanges, of which clients write to one and workers to the other, and queues
 * whose names begin with what their users may make (rights: docs/remote.md). Routing keys stay the same over
 * reconnections; a private queue gets another name each time, as the broker may hold the old one for a while.
 */
import { createHash } from 'node:crypto';

/** Direct, durable: from clients to workers. */
export const CALLS_EXCHANGE = 'twinbridge.fmu';
/** Direct, durable: from workers to clients. */
export const REPLIES_EXCHANGE = 'twinbridge.fmu.reply';
/** Topic, durable: what workers tell whoever listens (`twinbridge tap --exchange twinbridge.fmu.events`). */
export const EVENTS_EXCHANGE = 'twinbridge.fmu.events';

/** All workers: who offers what. */
export const OFFERS_KEY = 'offers';

/** Of a queue's name AMQP allows 255 bytes. */
const MAX_NAME_BYTES = 150;

/** The queue that the workers of an FMU share, which is its routing key as well. */
export function requestQueue(name: string, guid: string): string {
  const plain = `${name}.${guid}`;
  const readable = Buffer.byteLength(plain) <= MAX_NAME_BYTES ? plain : digest(plain);
  return `twinbridge.fmu.request.${readable}`;
}

export function workerKey(worker: string): string {
  return `twinbridge.fmu.worker.${worker}`;
}

export function instanceKey(worker: string, instance: string): string {
  return `twinbridge.fmu.instance.${worker}.${instance}`;
}

export function clientKey(client: string): string {
  return `twinbridge.fmu.client.${client}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
