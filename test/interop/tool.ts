/** Other people's tools: each leaves behind what it did, for the table in README.md (tools/compatibility-table.mjs). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, type RunnerTask } from 'vitest';
import { pythonPackages } from './python.js';

const RESULTS = fileURLToPath(new URL('../../build/interop', import.meta.url));

export interface Tool {
  readonly name: string;
  /** Or why it cannot be used here. */
  readonly found: { readonly version: string } | { readonly missing: string };
  /** Of the FMUs that it is given. */
  readonly fmi: '2.0' | '3.0';
  /** A few words for the table. */
  readonly exercised: string;
}

export const FMPY = { name: 'FMPy', found: pythonPackages('fmpy', 'pika'), fmi: '2.0' } as const;

/** `file` is the test file's `import.meta.url`: one record a file, so that files that run at once do not meet. */
export function describeTool(file: string, tool: Tool, tests: () => void): void {
  const { name, found, fmi, exercised } = tool;
  const title = `${name} with FMI ${fmi}`;
  if ('missing' in found) {
    describe.skip(`${title} (${found.missing})`, tests);
    return;
  }
  describe(title, () => {
    tests();
    // biome-ignore lint/correctness/noEmptyPattern: vitest takes nothing but a pattern here
    afterAll(({}, suite) => {
      const states = leaves(suite.tasks).map((test) => test.result?.state);
      const passed = states.filter((state) => state === 'pass').length;
      const record = { tool: name, version: found.version, fmi, exercised, passed, notPassed: states.length - passed };
      mkdirSync(RESULTS, { recursive: true });
      const stem = basename(fileURLToPath(file), '.test.ts');
      writeFileSync(join(RESULTS, `${stem}-fmi-${fmi}.json`), `${JSON.stringify(record, null, 2)}\n`);
    });
  });
}

/** The tests below. */
function leaves(tasks: readonly RunnerTask[]): RunnerTask[] {
  return tasks.flatMap((task) => ('tasks' in task ? leaves(task.tasks) : [task]));
}
