/** The broker that a benchmark runs against: the embedded one in a process of its own, or one that is there already. */
import amqplib from 'amqplib';
import { Peer } from './processes.mjs';

export async function openBroker(url) {
  if (url !== undefined) {
    const name = new URL(url).host;
    const connection = await amqplib.connect(url).catch((cause) => {
      throw new Error(`cannot use the broker at ${name}: ${cause.message}`, { cause });
    });
    await connection.close();
    return { url, name, close: async () => {} };
  }
  const peer = new Peer('broker', {});
  const { url: own } = await peer.next();
  return { url: own, name: 'embedded', close: () => peer.end() };
}

/** Removes what a measurement left on a broker that goes on living. */
export async function forget(url, { exchanges = [], queues = [] }) {
  const connection = await amqplib.connect(url);
  const channel = await connection.createChannel();
  for (const queue of queues) await channel.deleteQueue(queue);
  for (const exchange of exchanges) await channel.deleteExchange(exchange);
  await connection.close();
}
