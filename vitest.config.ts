import { defineConfig } from 'vitest/config';
import { WORKERS } from './test/support/worker-vhost.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/one-rabbitmq.ts', 'test/support/own-cache.ts', 'test/support/bundled-cli.ts'],
    setupFiles: 'test/support/worker-vhost.ts',
    // Real brokers, FMUs and child processes: what a test waits for is bounded by the test itself.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: WORKERS,
  },
});
