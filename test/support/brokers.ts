/** The same tests on the embedded broker and on RabbitMQ. */
import { afterAll, beforeAll, describe } from 'vitest';
import { startBroker } from './broker-process.js';
import { ownRabbitMqAvailable, rabbitMqAvailable, startOwnRabbitMq, startRabbitMq } from './rabbitmq.js';

export interface BrokerInUse {
  readonly url: string;
}

/**
 * `tests` gets a broker that runs in another process, whose address is known once the tests run. Bridges find it in
 * `AMQP_URL` meanwhile. Where there is no RabbitMQ, the second half is skipped (see rabbitmq.ts).
 */
export function describeOnBrokers(name: string, tests: (broker: BrokerInUse) => void): void {
  describeOnEmbedded(name, tests);
  describe.skipIf(!rabbitMqAvailable())(`${name}, on RabbitMQ`, () => withBroker(startRabbitMq, tests));
}

function describeOnEmbedded(name: string, tests: (broker: BrokerInUse) => void): void {
  describe(`${name}, on the embedded broker`, () => {
    withBroker(async () => {
      const { url, kill } = await startBroker();
      return { url, stop: kill };
    }, tests);
  });
}

/**
 * The same with a RabbitMQ that no other test file uses at the same time: for tests that need exchange and keys by their
 * usual names.
 */
export function describeOnOwnBrokers(name: string, tests: (broker: BrokerInUse) => void): void {
  describeOnEmbedded(name, tests);
  describe.skipIf(!ownRabbitMqAvailable())(`${name}, on RabbitMQ`, () => withBroker(startOwnRabbitMq, tests));
}

function withBroker(
  start: () => Promise<{ readonly url: string; stop(): Promise<void> }>,
  tests: (broker: BrokerInUse) => void,
): void {
  const before = process.env.AMQP_URL;
  let running: Awaited<ReturnType<typeof start>> | undefined;
  beforeAll(async () => {
    running = await start();
    process.env.AMQP_URL = running.url;
  }, 90_000);
  afterAll(async () => {
    if (before === undefined) delete process.env.AMQP_URL;
    else process.env.AMQP_URL = before;
    await running?.stop();
  }, 30_000);
  tests({
    get url() {
      if (running === undefined) throw new Error('the broker runs only while tests do');
      return running.url;
    },
  });
}
