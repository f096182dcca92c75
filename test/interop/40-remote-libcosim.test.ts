/**
 * libcosim, which has the client of proxyfmu in it, on our servers: those that it starts itself, and those of our booter. The
 * same system comes to the same numbers as in libcosim without them, and as in our master, there and here.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proxyfmuProgramPath } from '#tb/native/index.js';
import { readSystem, writeSsp } from '#tb/system/index.js';
import { temporaryFolder } from '../support/fmus.js';
import { write } from '../support/osp.js';
import { until } from '../support/until.js';
import { PYTHON, pythonPackages, runCommand } from './python.js';
import { linkProxyfmu, MARK, marked, type Started, startTwinbridge } from './remote-programs.js';
import {
  CASES,
  type Case,
  expectOurs,
  expectSame,
  type Row,
  simulator,
  structure,
  times,
  writeFmus,
} from './remote-systems.js';
import { describeTool } from './tool.js';

const folder = temporaryFolder();
writeFmus(folder);

interface Told {
  readonly rows: readonly Row[];
  readonly failed: string | null;
  /** What else reached the user. */
  readonly stderr: string;
  /** null: it was ended by a signal. */
  readonly code: number | null;
}

/** Where libcosim finds `proxyfmu`. */
const WORKING_DIRECTORY = join(folder, 'here');
const MINE = { [MARK]: `libcosim-${process.pid}` };

async function libcosim(question: {
  file: string;
  steps: number;
  variables: Case['variables'];
  lose?: { after: number; variable: string; value: string };
}): Promise<Told> {
  const script = new URL('libcosim_remote.py', import.meta.url).pathname;
  const { code, stdout, stderr } = await runCommand(PYTHON, [script], {
    input: JSON.stringify(question),
    env: { PYTHONDONTWRITEBYTECODE: '1', ...MINE },
    cwd: WORKING_DIRECTORY,
  });
  if (stdout === '') return { rows: [], failed: `libcosim ended with ${code}`, stderr, code };
  return { ...(JSON.parse(stdout) as { rows: Row[]; failed: string | null }), stderr, code };
}

// -- Tests ------------------------------------------------------------------------------------------------------------

describeTool(
  import.meta.url,
  {
    name: 'libcosim (libcosimpy)',
    found: pythonPackages('libcosimpy'),
    fmi: '2.0',
    exercised: 'its client of proxyfmu on our servers, started by it and by our booter',
  },
  () => {
    let booter: Started;
    beforeAll(async () => {
      mkdirSync(WORKING_DIRECTORY);
      linkProxyfmu(WORKING_DIRECTORY, proxyfmuProgramPath());
      booter = await startTwinbridge((port) => ['proxyfmu', 'boot', '--port', String(port)], MINE);
    });
    afterAll(() => booter?.stop());

    /** Nothing is left of those that were started for instances. */
    const expectNoneLeft = () =>
      until(() => marked(MINE[MARK]!).every((pid) => pid === booter.pid), 'all servers of instances to end');

    const WAYS = [
      ['started by it', () => 'proxyfmu://localhost?file='],
      ['by our booter', () => `proxyfmu://localhost:${booter.port}?file=`],
    ] as const;

    describe.each(WAYS)('servers %s', (way, remote) => {
      const stem = way.replaceAll(' ', '-');

      it.each(CASES.map((one) => [one.name, one] as const))(
        '%s',
        async (_, one) => {
          const parts = { ...one.parts, times: times(one) };
          const { steps, variables } = one;
          const file = structure(folder, `${stem}-${CASES.indexOf(one)}.xml`, parts, remote());
          const { rows, failed, stderr } = await libcosim({ file, steps, variables });
          expect(failed, stderr).toBeNull();
          const names = variables.map((pair) => pair.join('.'));
          if (!one.onlyRemote) {
            const local = structure(folder, `${stem}-${CASES.indexOf(one)}-local.xml`, parts);
            await expectOurs(local, one, rows);
            if (!one.refusesLibcosim) expectSame(rows, (await libcosim({ file: local, steps, variables })).rows, names);
          }
          await expectNoneLeft();
          await expectOurs(file, one, rows);
          await expectNoneLeft();
        },
        60_000,
      );

      it('a package of SSP, with start values', async () => {
        const text = `{"twinbridge": "system", "step": 0.1, "stop": 1, "components": {
          "d": {"fmu": "${remote()}dahlquist.fmu", "start": {"k": 0.7}},
          "f": {"fmu": "${remote()}feedthrough.fmu", "start": {"string_in": "a & b", "integer_in": -4, "boolean_in": true}}},
          "connections": ["d.x -> f.real_in"]}`;
        const file = join(folder, `${stem}.ssp`);
        await writeSsp(await readSystem(write(folder, `${stem}.yaml`, text)), file);
        const variables = [['d', 'x'], ...['real', 'string', 'integer', 'boolean'].map((type) => ['f', `${type}_out`])];
        const one = { name: '', parts: {}, steps: 10, variables: variables as never } satisfies Case;
        const { rows, failed, stderr } = await libcosim({ file, ...one });
        expect(failed, stderr).toBeNull();
        expect(rows.at(-1)!.slice(3)).toEqual(['a & b', -4, true]);
        await expectOurs(file, one, rows);
        await expectNoneLeft();
      });

      it('a server that is killed: libcosim says so, and the next run is as the first', async () => {
        const [one] = CASES;
        const { steps, variables } = one!;
        const file = structure(folder, `${stem}-lost.xml`, { ...one!.parts, times: times(one!) }, remote());
        const lost = await libcosim({ file, steps, variables, lose: { after: 3, variable: MARK, value: MINE[MARK]! } });
        // A child that was killed ends libcosim before it can answer.
        expect(`${lost.failed}${lost.stderr}`).toMatch(
          /No more data to read|External proxy process .* returned with status 9/,
        );
        if (lost.code === 0) expect(lost.rows).toHaveLength(3);
        await expectNoneLeft();
        expect((await libcosim({ file, steps, variables })).failed).toBeNull();
        await expectNoneLeft();
      });

      it.each([
        ['an error', '2'],
        ['a fatal error', '3'],
      ])('%s in a step reaches the user', async (_, mode) => {
        const parts = { simulators: simulator('m', 'misbehave', { mode: ['Integer', mode], at: ['Real', '0.3'] }) };
        const file = structure(folder, `${stem}-error-${mode}.xml`, parts, remote());
        const { rows, failed } = await libcosim({ file, steps: 5, variables: [['m', 'steps']] });
        expect(rows.map((row) => row[1])).toEqual([1, 2]);
        expect(failed).toMatch(/\bm: .*step/);
        await expectNoneLeft();
      });

      it('a step that is discarded reaches the user', async () => {
        const parts = { simulators: simulator('l', 'limited', { max_step: ['Real', '0.05'] }) };
        const file = structure(folder, `${stem}-discard.xml`, parts, remote());
        const { rows, failed } = await libcosim({ file, steps: 5, variables: [] });
        expect(rows).toEqual([]);
        expect(failed).toMatch(/\bl: .*step/);
        await expectNoneLeft();
      });

      it('a warning does not end the run, nor do messages of a thread of the FMU', async () => {
        const parts = { simulators: simulator('m', 'misbehave', { mode: ['Integer', '9'], flood: ['Integer', '50'] }) };
        const file = structure(folder, `${stem}-warning.xml`, parts, remote());
        const { rows, failed, stderr } = await libcosim({ file, steps: 5, variables: [['m', 'steps']] });
        expect(failed, stderr).toBeNull();
        expect(rows.map((row) => row[1])).toEqual([1, 2, 3, 4, 5]);
        await expectNoneLeft();
      });

      it('a step that is pending at first is waited for', async () => {
        const parts = { simulators: simulator('m', 'misbehave', { mode: ['Integer', '5'] }) };
        const file = structure(folder, `${stem}-pending.xml`, parts, remote());
        const { rows, failed, stderr } = await libcosim({ file, steps: 3, variables: [['m', 'steps']] });
        expect(failed, stderr).toBeNull();
        expect(rows.map((row) => row[1])).toEqual([1, 2, 3]);
        await expectNoneLeft();
      });

      it.each([
        ['segfault', '1'],
        ['abort', '2'],
        ['exit', '3'],
      ])('an FMU that ends its process (%s): libcosim says that it has lost it', async (_, mode) => {
        const parts = { simulators: simulator('c', 'crash', { mode: ['Integer', mode], at: ['Integer', '3'] }) };
        const file = structure(folder, `${stem}-crash-${mode}.xml`, parts, remote());
        const { rows, failed } = await libcosim({ file, steps: 5, variables: [['c', 'steps']] });
        expect(rows.map((row) => row[1])).toEqual([1, 2]);
        expect(failed).toMatch(/\bc: .*(?:No more data to read|crash|signal|ended)/i);
        await expectNoneLeft();
      });

      it('an FMU without a library for this machine is refused, with the reason', async () => {
        const file = structure(folder, `${stem}-elsewhere.xml`, { simulators: simulator('e', 'elsewhere') }, remote());
        const { failed, stderr } = await libcosim({ file, steps: 1, variables: [] });
        expect(failed).toEqual(expect.any(String));
        expect(`${failed}${stderr}${booter.said()}`).toMatch(/elsewhere.*(?:linux64|platform)/is);
        await expectNoneLeft();
      });
    });

    it('a hundred instances, one after another, by one booter', async () => {
      const simulators = Array.from({ length: 20 }, (_, index) => simulator(`d${index}`, 'dahlquist')).join('');
      const file = structure(folder, 'many.xml', { simulators }, `proxyfmu://localhost:${booter.port}?file=`);
      for (let round = 0; round < 5; round++) {
        const { rows, failed, stderr } = await libcosim({ file, steps: 2, variables: [['d19', 'x']] });
        expect(failed, stderr).toBeNull();
        expect(rows.map((row) => row[1])).toEqual([0.9, 0.81]);
      }
      await expectNoneLeft();
    }, 60_000);
  },
);
