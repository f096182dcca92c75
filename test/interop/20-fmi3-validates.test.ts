/** FMPy finds nothing wrong with the FMUs of FMI 3.0 that twinbridge builds. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { buildBridgeFmu, readBridgeConfig } from '#tb/bridge/index.js';
import { bridgeFile } from '../support/bridge.js';
import { temporaryFolder } from '../support/fmus.js';
import { python, pythonCommand } from './python.js';
import { describeTool, FMPY } from './tool.js';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const folder = temporaryFolder();
const build = (yaml: string, name = 'bridge') => bridgeFile(`fmi: 3\n${yaml}`, folder, name);

describeTool(import.meta.url, { ...FMPY, fmi: '3.0', exercised: 'validates' }, () => {
  it.each([
    ['outputs only', 'outputs: { x: Real }'],
    ['inputs only: there is no clock', 'inputs: { go: { type: Boolean, start: true } }'],
    ['without a clock', 'fmi3: { clock: none }\noutputs: { x: Real }'],
    [
      'units, descriptions and start values that XML has to escape, all diagnostics',
      `
description: 'a < b & "c" > ''d'' – ä 漢 𝄞'
outputs:
  r: { type: Real, unit: m/s2, description: 'less < more' }
  i: Integer
  b: Boolean
  s: { type: String, maxLength: 4000, start: '<&">' }
inputs:
  ri: { type: Real, start: -1.5e-300, unit: N.m }
  ii: { type: Integer, start: -2147483648 }
  bi: { type: Boolean, start: true }
  si: { type: String, start: " two\\nlines " }
diagnostics: true
`,
    ],
    [
      'every type, arrays, bytes, enumerations',
      `
outputs:
  f32: Float32
  i8: Int8
  u8: UInt8
  i16: Int16
  u16: UInt16
  u32: UInt32
  i64: Int64
  u64: UInt64
  mode: { type: Enumeration, values: { idle: 0, "drive & turn": -7 } }
  q: { type: Float64, size: 6, path: /joints/position, unit: rad }
  names: { type: String, size: 3 }
  bytes: { type: Binary, maxLength: 65536 }
inputs:
  q_in: { type: Float32, size: 3, start: [1.5, -2, 0.1] }
  i64_in: { type: Int64, start: "-9223372036854775808" }
  u64_in: { type: UInt64, size: 2, start: ["18446744073709551615", 0] }
  mode_in: { type: Enumeration, values: { idle: 0, drive: 7 }, start: 7 }
  flags_in: { type: Boolean, size: 3, start: true }
  names_in: { type: String, size: 2, start: two words }
  bytes_in: Binary
`,
    ],
    [
      'several sources, each with its clock',
      `
sources: { odom: { key: a }, 'gps & more': { key: b }, idle: { key: c } }
outputs: { x: { type: Real, source: odom }, lat: { type: Real, source: gps & more } }
`,
    ],
    ['a thousand signals', `outputs: { ${Array.from({ length: 1000 }, (_, k) => `s${k}: Real`).join(', ')} }`],
  ])('%s', async (_, yaml) => {
    const file = await build(yaml);
    expect(await python('validate.py', [file])).toEqual({ [file]: [] });
  });

  it('the bridges of the examples', async () => {
    const files = await Promise.all(
      ['estop', 'shadow'].map(async (name) => {
        const file = join(folder, `example-${name}.fmu`);
        const config = await readBridgeConfig(join(EXAMPLES, name, 'bridge.yaml'), { fmi: 3 });
        await buildBridgeFmu(config, file);
        return file;
      }),
    );
    expect(await python('validate.py', files)).toEqual(Object.fromEntries(files.map((file) => [file, []])));
  });

  it('its command line shows a bridge', async () => {
    const file = await build('outputs: { x: { type: Real, unit: m, description: along the road } }', 'shown');
    const { code, stdout } = await pythonCommand(['-c', 'from fmpy.cli import main; main()', 'info', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/FMI Version +3\.0/);
    expect(stdout).toMatch(/^ +x +output +m +along the road$/m);
  });
});
