/** What the peers have in common: options in the first argument, IPC to the benchmark, an end when that ends. */
import amqplib from 'amqplib';

export const options = JSON.parse(process.argv[2] ?? '{}');

export function tell(message) {
  process.send?.(message);
}

/** Ctrl-C is for the benchmark, which then lets go of its peers. */
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));

/** A channel (with confirms if asked for) on which the exchange is there, as a bridge declares it. */
export async function openChannel({ url, exchange, confirms = false }) {
  const connection = await amqplib.connect(url, { noDelay: true });
  const channel = confirms ? await connection.createConfirmChannel() : await connection.createChannel();
  await channel.assertExchange(exchange, 'direct', { durable: false });
  return channel;
}

/** CLOCK_MONOTONIC, as the importer reads it, us with a fraction. */
export function nowUs() {
  return Number(process.hrtime.bigint()) / 1e3;
}
