/**
 * One RabbitMQ for the whole suite: starting one takes longer than most test files. `npm test` asks for it; a single file
 * run with vitest starts its own, if it needs one.
 */
import { rabbitMqAvailable, startOwnRabbitMq, startRabbitMq } from './rabbitmq.js';
import { WORKERS, workerVhost } from './worker-vhost.js';

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.TWINBRIDGE_ONE_RABBITMQ !== '1' || !rabbitMqAvailable()) return undefined;
  // The processes that run the tests inherit what is set here.
  if (process.env.AMQP_URL !== undefined) return (await startRabbitMq()).stop;
  const vhosts = ['/', ...Array.from({ length: WORKERS }, (_, index) => workerVhost(index + 1))];
  const { url, stop } = await startOwnRabbitMq({
    definitions: {
      users: [{ name: 'guest', password: 'guest', tags: 'administrator' }],
      vhosts: vhosts.map((name) => ({ name })),
      permissions: vhosts.map((vhost) => ({ user: 'guest', vhost, configure: '.*', write: '.*', read: '.*' })),
    },
  });
  process.env.AMQP_URL = url;
  process.env.TWINBRIDGE_WORKER_VHOSTS = '1';
  return stop;
}
