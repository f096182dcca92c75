/**
 * One RabbitMQ for the whole suite: starting one takes longer than most test files. `npm test` asks for it; a single file
 * run with vitest starts its own, if it needs one.
 */
import { rabbitMqAvailable, startRabbitMq } from './rabbitmq.js';

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.TWINBRIDGE_ONE_RABBITMQ !== '1' || !rabbitMqAvailable()) return undefined;
  const { url, stop } = await startRabbitMq();
  // The processes that run the tests inherit it.
  process.env.AMQP_URL = url;
  return stop;
}
