/** FMPy finds nothing wrong with the FMUs that twinbridge builds. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { buildBridgeFmu, parseBridgeConfig, readBridgeConfig } from '#tb/bridge/index.js';
import { exampleFmu, temporaryFolder } from '../support/fmus.js';
import { python, pythonCommand } from './python.js';
import { describeTool, FMPY } from './tool.js';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const folder = temporaryFolder();

async function bridge(name: string, yaml: string): Promise<string> {
  const file = join(folder, `${name}.fmu`);
  await buildBridgeFmu(parseBridgeConfig(`twinbridge: bridge\nname: ${name}\n${yaml}`, `${name}.yaml`), file);
  return file;
}

describeTool(import.meta.url, { ...FMPY, exercised: 'validates' }, () => {
  it.each<[string, () => Promise<string>]>([
    ['outputs only', () => bridge('receiver', 'outputs: { x: Real }')],
    ['inputs only', () => bridge('sender', 'inputs: { go: { type: Boolean, start: true } }')],
    [
      'every type, units, descriptions that XML has to escape, all diagnostics',
      () =>
        bridge(
          'everything',
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
  si: { type: String, start: 'two\\nlines' }
diagnostics: true
`,
        ),
    ],
    [
      'a name that is no identifier, and signals with dots, brackets and spaces',
      () =>
        bridge('"robot 1 (left)"', 'outputs:\n  arm.joint[1].angle: Real\n  odd <name>: Real\ndiagnostics: [data_age]'),
    ],
    [
      'a thousand signals',
      () => bridge('many', `outputs: { ${Array.from({ length: 1000 }, (_, k) => `s${k}: Real`).join(', ')} }`),
    ],
  ])('%s', async (_, build) => {
    const file = await build();
    expect(await python('validate.py', [file])).toEqual({ [file]: [] });
  });

  it('the bridges of the examples', async () => {
    const files = await Promise.all(
      ['estop', 'shadow'].map(async (name) => {
        const file = join(folder, `example-${name}.fmu`);
        await buildBridgeFmu(await readBridgeConfig(join(EXAMPLES, name, 'bridge.yaml')), file);
        return file;
      }),
    );
    expect(await python('validate.py', files)).toEqual(Object.fromEntries(files.map((file) => [file, []])));
  });

  it('the example models in C', async () => {
    const files = (['dahlquist', 'feedthrough', 'misbehave', 'monitor', 'predictor'] as const).map((name) =>
      exampleFmu(folder, name),
    );
    expect(await python('validate.py', files)).toEqual(Object.fromEntries(files.map((file) => [file, []])));
  });

  it('its command line validates and shows a bridge', async () => {
    const file = await bridge('shown', 'outputs: { x: { type: Real, unit: m, description: along the road } }');
    const main = ['-c', 'from fmpy.cli import main; main()'];
    expect(await pythonCommand([...main, 'validate', file])).toMatchObject({ code: 0, stdout: 'No problems found.\n' });
    const { code, stdout } = await pythonCommand([...main, 'info', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/FMI Type +Co-Simulation/);
    expect(stdout).toMatch(/Model Name +shown/);
    expect(stdout).toMatch(/^ +x +output +m +along the road$/m);
  });
});
