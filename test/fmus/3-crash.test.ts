/** crash ends the process it is in, in the way and in the call that it is asked to. */
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { describeWithPython, python } from '../interop/python.js';
import { unpackedFmu } from '../support/fmus.js';

const PYTHONPATH = fileURLToPath(new URL('../interop', import.meta.url));
const { SIGSEGV, SIGABRT } = constants.signals;

/** As in its modelDescription.xml. */
const [SEGFAULT, ABORT, EXIT, LOOP, SLEEP] = [1, 2, 3, 4, 5];
const [STEP, INITIALIZATION, GET] = [0, 1, 2];

interface Scenario {
  readonly instance?: string;
  readonly start?: Readonly<Record<string, number>>;
  /** Seconds after which it counts as still running. */
  readonly patience?: number;
  readonly ends: number | string;
}

/** Exit code, or minus the signal. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'not at all': { ends: 0 },
  'segfault in the third step': { start: { mode: SEGFAULT, where: STEP, at: 3 }, ends: -SIGSEGV },
  'not in the fifth step, which does not come': { start: { mode: SEGFAULT, where: STEP, at: 5 }, ends: 0 },
  'abort at initialization': { start: { mode: ABORT, where: INITIALIZATION }, ends: -SIGABRT },
  'exit in a getter': { start: { mode: EXIT, where: GET }, ends: 3 },
  'abort at instantiation': { instance: 'arm.instantiate_abort', ends: -SIGABRT },
  'a step that takes a little longer': { start: { mode: SLEEP, where: STEP, delay: 0.2 }, ends: 0 },
  'a step without end': { start: { mode: LOOP, where: STEP }, patience: 1, ends: 'still running' },
};

describeWithPython('crash', () => {
  let seen: Readonly<Record<string, number | string>>;

  beforeAll(async () => {
    const question = Object.entries(SCENARIOS).map(([title, scenario]) => [
      title,
      { ...scenario, fmu: unpackedFmu('crash') },
    ]);
    seen = await python('../fmus/crash.py', Object.fromEntries(question), { PYTHONPATH });
  });

  it.each(Object.entries(SCENARIOS))('%s', (title, { ends }) => {
    expect(seen[title]).toBe(ends);
  });
});
