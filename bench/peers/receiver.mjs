/**
 * Takes what the bridge publishes; `sent_at` in it is the instant before the step, us. Says `{ready: true}` when it
 * listens, and `{latenciesNs}` when it has `count` messages.
 */
import { nowUs, openChannel, options, tell } from './peer.mjs';

const { url, exchange, key, count } = options;
const channel = await openChannel({ url, exchange });
const { queue } = await channel.assertQueue('', { exclusive: true });
await channel.bindQueue(queue, exchange, key);
const latenciesNs = [];
await channel.consume(
  queue,
  ({ content }) => {
    const received = nowUs();
    latenciesNs.push(Math.round((received - JSON.parse(content).sent_at) * 1e3));
    if (latenciesNs.length === count) tell({ latenciesNs });
  },
  { noAck: true },
);
tell({ ready: true });
