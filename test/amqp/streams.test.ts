import { describe } from 'vitest';
import { rabbitMqAvailable, startRabbitMq } from '../support/rabbitmq.js';
import { streams } from './streams.js';

describe.skipIf(!rabbitMqAvailable())('a stream', () => {
  streams('of RabbitMQ', startRabbitMq);
});
