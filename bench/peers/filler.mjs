/** Fills a durable queue with `count` messages, 2 ms apart. Says `{filled: true}` once the broker has all of them. */
import { once } from 'node:events';
import { messageMaker, SHAPES } from '../lib/signals.mjs';
import { nowUs, openChannel, options, tell } from './peer.mjs';

const { url, exchange, key, queue, shape, count } = options;
const message = messageMaker(SHAPES[shape]);

const channel = await openChannel({ url, exchange, confirms: true });
await channel.assertQueue(queue, { durable: true });
await channel.bindQueue(queue, exchange, key);
const firstMs = Date.now();
for (let seqno = 0; seqno < count; seqno++) {
  const sent = channel.publish(exchange, key, message(seqno, firstMs + 2 * seqno, nowUs()));
  if (!sent) await once(channel, 'drain');
}
await channel.waitForConfirms();
tell({ filled: true });
