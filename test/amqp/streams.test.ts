import { describe } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import { rabbitMqAvailable, startRabbitMq } from '../support/rabbitmq.js';
import { streams } from './streams.js';

describe.skipIf(!rabbitMqAvailable())('a stream', () => {
  streams('of RabbitMQ', startRabbitMq);
});

describe('a stream', () => {
  streams('of the embedded broker', async () => {
    const broker = await EmbeddedBroker.listen();
    return { url: broker.url, stop: () => broker.close() };
  });
});
