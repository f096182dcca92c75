/**
 * A bare client that takes messages, of which `field` carries the instant to measure from, us. Says `{ready: true}` when
 * it listens, and `{latenciesNs}` when it has `count` messages after the first `warmup`.
 */
import { nowUs, openChannel, options, tell } from './peer.mjs';

const { url, exchange, key, field, count, warmup = 0 } = options;
const channel = await openChannel({ url, exchange });
const { queue } = await channel.assertQueue('', { exclusive: true });
await channel.bindQueue(queue, exchange, key);
const latenciesNs = [];
let seen = 0;
await channel.consume(
  queue,
  ({ content }) => {
    const received = nowUs();
    if (++seen <= warmup) return;
    latenciesNs.push(Math.round((received - JSON.parse(content)[field]) * 1e3));
    if (latenciesNs.length === count) tell({ latenciesNs });
  },
  { noAck: true },
);
tell({ ready: true });
