/**
 * A field robot at a constant rate, in every second message next to an obstacle. Each message is to be answered by a
 * command whose `reply_to` names it. Says `{ready: true}`, then `{latenciesNs}` after `count` answers: from publishing a
 * message to the command that follows from it.
 */
import { nowUs, openChannel, options, tell } from './peer.mjs';

const { url, exchange, stateKey, commandKey, periodMs, count } = options;
const commands = await openChannel({ url, exchange });
const { queue } = await commands.assertQueue('', { exclusive: true });
await commands.bindQueue(queue, exchange, commandKey);
const sentAtUs = [];
const latenciesNs = [];
await commands.consume(
  queue,
  ({ content }) => {
    const received = nowUs();
    const command = JSON.parse(content);
    if (command.reply_to === undefined) return; // the first carries all inputs at their start values
    latenciesNs.push(Math.round((received - sentAtUs[command.reply_to]) * 1e3));
    if (command.stop !== undefined && command.stop !== (command.reply_to % 2 === 1)) {
      throw new Error(`message ${command.reply_to} was answered with stop=${command.stop}`);
    }
    if (latenciesNs.length === count) tell({ latenciesNs });
  },
  { noAck: true },
);

const states = await openChannel({ url, exchange });
tell({ ready: true });
const startMs = Math.ceil(Date.now() / 1000) * 1000;
const start = performance.now();
function publish() {
  const seqno = sentAtUs.length;
  const obstacle = seqno % 2 === 1 ? 1 : 10; // m away
  const time = new Date(startMs + seqno * periodMs).toISOString();
  const state = { time, x: seqno / 100, y: 2.5, obstacle_x: seqno / 100 + obstacle, obstacle_y: 2.5, seqno };
  sentAtUs.push(nowUs());
  states.publish(exchange, stateKey, Buffer.from(JSON.stringify(state)), { contentType: 'application/json' });
  setTimeout(publish, Math.max(1, start + (seqno + 1) * periodMs - performance.now()));
}
publish();
