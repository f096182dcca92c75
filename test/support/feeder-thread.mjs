// Publishes from a thread of its own, which goes on while the test's thread sits in an FMU's call.
import { parentPort, workerData } from 'node:worker_threads';
import amqp from 'amqplib';

const connection = await amqp.connect(workerData.url);
connection.on('error', () => {});
const channel = await connection.createConfirmChannel();
channel.on('error', () => {});
await channel.assertExchange('fmi_digital_twin', 'direct', { durable: false });
const { queue } = await channel.assertQueue('', { exclusive: true });
await channel.bindQueue(queue, 'fmi_digital_twin', 'data.from_cosim');

const isRaw = (body) => typeof body === 'string' || body instanceof Uint8Array;
const publish = (body) =>
  channel.publish('fmi_digital_twin', workerData.key, Buffer.from(isRaw(body) ? body : JSON.stringify(body)));

let whenReady = [];
await channel.consume(
  queue,
  (message) => {
    if (!message.content.includes('"internal_status":"ready"')) return;
    for (const body of whenReady.splice(0)) publish(body);
  },
  { noAck: true },
);

parentPort.on('message', async ({ type, bodies, ms, id }) => {
  if (type === 'onReady') whenReady = bodies;
  else {
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    for (const body of bodies) publish(body);
    await channel.waitForConfirms();
  }
  parentPort.postMessage({ id });
});
parentPort.postMessage({ id: 0 });
