/**
 * Our client on our servers, over TCP: systems of all kinds of FMUs come to the same values as here, by the booter bit for bit,
 * and by FMU-proxy as far as its protocol goes.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { everything } from '../master/isolate/support.js';
import { CASES, FMUS } from '../master/isolate/systems.js';
import { master } from '../master/support.js';
import { remotely } from '../remote/client/support.js';
import { temporaryFolder } from '../support/fmus.js';
import { until } from '../support/until.js';
import { MARK, marked, type Started, startTwinbridge } from './remote-programs.js';

const STEPS = 40;
const mark = `own-${process.pid}`;
const theirs = temporaryFolder();
const { folder, start, read } = master(...FMUS);

let booter: Started;
let proxy: Started;
beforeAll(async () => {
  const env = { [MARK]: mark, TMPDIR: theirs };
  booter = await startTwinbridge((port) => ['proxyfmu', 'boot', '--port', String(port)], env);
  const loaded = join(folder, 'dahlquist.fmu');
  proxy = await startTwinbridge((port) => ['fmu-proxy', '-thrift/tcp', String(port), loaded], env);
});
afterAll(async () => {
  await booter?.stop();
  await proxy?.stop();
});

const noneLeft = () =>
  until(() => marked(mark).every((pid) => [booter.pid, proxy.pid].includes(pid)), 'all servers of instances to end');

it.each(CASES)('by the booter: %s, %s', async (_title, algorithm, text) => {
  const system = await read(`${text}algorithm: ${algorithm}\n`);
  const expected = everything(await start(system), STEPS);
  const far = await start(remotely(system, `proxyfmu://localhost:${booter.port}`));
  expect(everything(far, STEPS)).toEqual(expected);
  far.close();
  await noneLeft();
});

/** Twelve digits: FMU-proxy is told no times, and adds its steps up by itself. */
const rounded = (rows: unknown) =>
  JSON.parse(
    JSON.stringify(rows, (_, value) => (typeof value === 'number' ? value.toPrecision(12) : value)),
  ) as unknown;

it.each(CASES.filter(([title]) => !title.startsWith('FMI 3')))(
  'by FMU-proxy: %s, %s',
  async (_title, algorithm, text) => {
    const system = await read(`${text}algorithm: ${algorithm}\n`);
    const expected = everything(await start(system), STEPS);
    const far = await start(remotely(system, `fmu-proxy://localhost:${proxy.port}`));
    expect(rounded(everything(far, STEPS))).toEqual(rounded(expected));
    far.close();
    await noneLeft();
  },
);
