/**
 * Test files that run at the same time share a RabbitMQ, but not its exchanges and queues: bridges of both have them by
 * their usual names. Each worker has a virtual host of its own.
 */
export const WORKERS = 2;

export function workerVhost(worker: number | string): string {
  return `worker-${worker}`;
}

const { AMQP_URL, TWINBRIDGE_WORKER_VHOSTS, VITEST_POOL_ID } = process.env;
if (TWINBRIDGE_WORKER_VHOSTS === '1' && VITEST_POOL_ID !== undefined) {
  process.env.AMQP_URL = new URL(workerVhost(VITEST_POOL_ID), `${AMQP_URL}/`).href;
}
