/**
 * Call by call, through FMPy, wrapped FMUs do what those behind them do: what is refused and what is not, values of all types,
 * arrays, states, events.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AnyUnpackedFmu, openAnyFmu } from '#tb/fmi/index.js';
import { wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import { describeWithPython, python } from '../../interop/python.js';
import { TEST_FMUS, temporaryFolder, testFmu, unpackedFmu } from '../../support/fmus.js';

const PYTHONPATH = fileURLToPath(new URL('../../interop', import.meta.url));
const VALUES = {
  float32: 0.1,
  float64: 0.1,
  int8: -128,
  uint8: 255,
  int16: -32768,
  uint16: 65535,
  int32: -2147483648,
  uint32: 4294967295,
  int64: '-9223372036854775808',
  uint64: '18446744073709551615',
  boolean: true,
  string: 'ä漢𝄞',
  binary: [0, 1, 255],
  choice: '9007199254740993',
};
type Seen = Readonly<Record<string, unknown>>;

const folder = temporaryFolder();

describeWithPython('wrapped FMUs, call by call', () => {
  let plain: Seen;
  let seen: Seen;
  const opened: AnyUnpackedFmu[] = [];

  afterAll(async () => {
    for (const fmu of opened) await fmu.close();
  });

  beforeAll(async () => {
    const run = (folders: Record<string, string>) =>
      python<Seen>('../fmus/calls.py', { ...folders, values: VALUES }, { PYTHONPATH });
    const folders = Object.fromEntries(TEST_FMUS.map((name) => [name, unpackedFmu(name)]));
    plain = await run(folders);
    for (const name of TEST_FMUS) {
      // Those of FMI 1.0 are of another version then; calls inside a step do not go over the wire.
      if (/1$|^me|^inter3$/.test(name)) continue;
      const file = join(folder, `${name}-wrapped.fmu`);
      await wrapRemoteFmu(testFmu(folder, name), file, { platforms: 'host' });
      const fmu = await openAnyFmu(file);
      opened.push(fmu);
      folders[name] = fmu.directory;
    }
    seen = await run(folders);
  }, 120_000);

  const SAME = [
    'order 2',
    'order 3',
    'types 3',
    'counter',
    'gain',
    'enumer',
    'arrays',
    'limited',
    'state3',
    'clocks',
    'corners',
  ];

  it('nothing is left out', () => {
    expect(Object.keys(plain).filter((group) => !SAME.includes(group))).toEqual([
      'order 1',
      'once',
      'types 1',
      'slow',
      'updates',
      'log',
    ]);
  });

  it.each(SAME)('%s', (group) => {
    expect(plain[group]).toBeDefined();
    expect(seen[group]).toEqual(plain[group]);
  });

  it('one that can be instantiated once per process can be as often as one likes', () => {
    expect(plain.once).toMatchObject({ once: [expect.stringMatching(/^Failed/), true] });
    expect(seen.once).toMatchObject({ once: ['not refused', true] });
  });

  it('exports the functions of FMI and nothing else', () => {
    const library = fileURLToPath(new URL('../../../build/native/libtwinbridge-wrap.so', import.meta.url));
    const exported = execFileSync('nm', ['-D', '--defined-only', library], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1)!);
    expect(exported.filter((name) => !/^fmi[23][A-Z]/.test(name))).toEqual([]);
    expect(exported).toEqual(
      expect.arrayContaining(['fmi2DoStep', 'fmi2GetMaxStepsize', 'fmi3DoStep', 'fmi3SetClock']),
    );
  });
});
