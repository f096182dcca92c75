/** vdmcheck, the formal model of FMI 2.0 that Maestro comes with, finds nothing wrong with the descriptions of our FMUs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { buildBridgeFmu, readBridgeConfig } from '#tb/bridge/index.js';
import { openFmu } from '#tb/fmi/index.js';
import { exampleFmu, temporaryFolder } from '../support/fmus.js';
import { findJar, java } from './java.js';
import { describeTool } from './tool.js';
import { buildFmus } from './two-robots.js';

const folder = temporaryFolder();
const found = findJar('org.into-cps.vdmcheck.fmi2.vdmcheck2');

describeTool(import.meta.url, { name: 'vdmcheck', found, fmi: '2.0', exercised: 'checks the description' }, () => {
  beforeAll(() => {
    // It wants three files; those that the FMUs do not have hold the least that its schema asks for.
    const xml = '<?xml version="1.0" encoding="UTF-8"?>';
    const build =
      '<fmiBuildDescription fmiVersion="3.0"><BuildConfiguration modelIdentifier="m"/></fmiBuildDescription>';
    writeFileSync(join(folder, 'build.xml'), `${xml}${build}`);
    writeFileSync(join(folder, 'terminals.xml'), `${xml}<fmiTerminalsAndIcons fmiVersion="3.0"/>`);
  });

  const check = async (fmu: string, change = (xml: string) => xml) => {
    const unpacked = await openFmu(fmu);
    try {
      writeFileSync(
        join(folder, 'm.xml'),
        change(readFileSync(join(unpacked.directory, 'modelDescription.xml'), 'utf8')),
      );
      return await java('maestro.MaestroCheckFMI2', ['m.xml', 'build.xml', 'terminals.xml'], folder);
    } finally {
      await unpacked.close();
    }
  };

  it.each<[string, () => Promise<string> | string]>([
    [
      'of the bridge of an example, with diagnostics and units',
      async () => {
        const file = join(folder, 'example.fmu');
        const config = fileURLToPath(new URL('../../examples/estop/bridge.yaml', import.meta.url));
        await buildBridgeFmu(await readBridgeConfig(config), file);
        return file;
      },
    ],
    ['of a bridge with all types', async () => (await buildFmus(folder)).bridge],
    ['of a model in C', () => exampleFmu(folder, 'feedthrough')],
  ])(
    'the description %s',
    async (_, fmu) => {
      expect(await check(await fmu())).toBe('');
    },
    120_000,
  );

  it('but with a description that breaks the standard', async () => {
    const twice = (xml: string) => xml.replace('name="y"', 'name="x"');
    expect(await check((await buildFmus(folder)).bridge, twice)).toMatch(/Variable names are not unique/);
  }, 120_000);
});
