/** Another client, in another language: pika, run by the interpreter that `TWINBRIDGE_PYTHON` names (default python3). */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import { mustNotSkip } from '../support/rabbitmq.js';

const PYTHON = process.env.TWINBRIDGE_PYTHON ?? 'python3';
const available = spawnSync(PYTHON, ['-c', 'import pika']).status === 0;
if (!available && mustNotSkip)
  throw new Error(`${PYTHON} cannot import pika: pip install pika, or set TWINBRIDGE_PYTHON`);

describe.skipIf(!available)('pika', () => {
  it('publishes, consumes, and understands what it is refused', async () => {
    const broker = await EmbeddedBroker.listen();
    const script = fileURLToPath(new URL('pika_interop.py', import.meta.url));
    const { stdout } = await promisify(execFile)(PYTHON, [script, String(broker.port)], { timeout: 25_000 });
    await broker.close();
    expect(JSON.parse(stdout)).toEqual({
      get: {
        exchange: 'robot',
        routing_key: 'pose.arm',
        body: '{"x": 1}',
        content_type: 'application/json',
        message_id: 'm1',
        headers_equal: true,
      },
      unroutable: 'NO_ROUTE',
      large_equal: true,
      in_order: true,
      dead_letter: { body: 'first', reason: 'maxlen', count: 1 },
      missing: [404, "NOT_FOUND - no queue 'no-such' in vhost '/'"],
      open_channels_work_on: 0,
    });
  });
});
