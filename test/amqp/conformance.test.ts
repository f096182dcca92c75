import { describe } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import { rabbitMqAvailable, startRabbitMq } from '../support/rabbitmq.js';
import { conformance } from './conformance.js';

conformance('the embedded broker', async () => {
  const broker = await EmbeddedBroker.listen();
  return { url: broker.url, stop: () => broker.close() };
});

describe.skipIf(!rabbitMqAvailable())('RabbitMQ', () => {
  conformance('as the reference', startRabbitMq);
});
