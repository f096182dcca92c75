/**
 * Publishes a stream of messages until the benchmark lets go. Says `{ready: true}` when the first is about to go out.
 *
 * shape: 117 or 5; periodMs: between the times of two messages; speed: how much faster than that they are published;
 * gaps: their times have pauses, as a recording with interruptions that is replayed at a constant rate.
 */
import { messageMaker, SHAPES } from '../lib/signals.mjs';
import { nowUs, openChannel, options, tell } from './peer.mjs';

const { url, exchange, key, shape, periodMs, speed = 1, gaps = false } = options;
const message = messageMaker(SHAPES[shape]);

/** A pause after every 500 messages: 100, 200, 300, 400, 500, 100 … ms. */
const MESSAGES_BETWEEN_GAPS = 500;
const gapMs = (index) => 100 * ((index % 5) + 1);

const channel = await openChannel({ url, exchange });
tell({ ready: true });
let stampMs = Math.ceil(Date.now() / 1000) * 1000;
let seqno = 0;
const start = performance.now();
const wallPeriodMs = periodMs / speed;

function publishDue() {
  const due = (performance.now() - start) / wallPeriodMs;
  while (seqno <= due) {
    channel.publish(exchange, key, message(seqno, stampMs, nowUs()), { contentType: 'application/json' });
    seqno++;
    stampMs += periodMs;
    if (gaps && seqno % MESSAGES_BETWEEN_GAPS === 0) stampMs += gapMs(seqno / MESSAGES_BETWEEN_GAPS);
  }
  const nextMs = start + seqno * wallPeriodMs - performance.now();
  setTimeout(publishDue, Math.max(1, nextMs));
}
publishDue();
