/** Nothing that a tool started may outlive it. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { until } from '../support/bridge.js';
import { processesWith } from '../support/processes.js';

const MARK = 'TWINBRIDGE_INTEROP_RUN';

/** Runs a tool in this environment, and then waits until all that was started in it has ended, however that went. */
export async function withoutOrphans<Result>(run: (env: NodeJS.ProcessEnv) => Promise<Result>): Promise<Result> {
  const mark = randomUUID();
  try {
    return await run({ [MARK]: mark });
  } finally {
    await until(() => processesWith(MARK, mark).length === 0).catch(() => {});
    expect(processesWith(MARK, mark), 'processes that outlive the tool').toEqual([]);
  }
}
