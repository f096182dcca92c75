/** What is cross-compiled, and what of it goes into an FMU. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildBridgeFmu, parseBridgeConfig } from '#tb/bridge/index.js';
import {
  binariesFolder,
  hostPlatform,
  openAnyFmu,
  PLATFORM_TUPLES,
  PLATFORMS,
  type PlatformTuple,
  universalBinary,
} from '#tb/fmi/index.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';
import { mustNotSkip } from '../support/rabbitmq.js';

const folder = temporaryFolder();
const libraryOf = (tuple: PlatformTuple) => {
  const { extension } = PLATFORMS.find((platform) => platform.tuple === tuple)!;
  return `build/native/${tuple}/libtwinbridge.${extension}`;
};
const absent = PLATFORM_TUPLES.some((tuple) => !existsSync(libraryOf(tuple)));
if (absent && mustNotSkip) throw new Error('libraries are missing: npm run build:platforms');
const config = parseBridgeConfig('twinbridge: bridge\nname: robot\noutputs: {x: Real}\n', 'bridge.yaml');

describe.skipIf(absent)('the libraries', () => {
  const read = (tuple: PlatformTuple) => readFileSync(libraryOf(tuple));

  it.each([
    ['x86_64-linux', 62],
    ['aarch64-linux', 183],
  ] as const)('%s is ELF for that processor and needs no newer C library than 2.17', (tuple, machine) => {
    const library = read(tuple);
    expect(library.toString('latin1', 1, 4)).toBe('ELF');
    expect(library.readUInt16LE(18)).toBe(machine);
    const versions = [...library.toString('latin1').matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    expect(versions.length).toBeGreaterThan(0);
    expect(Math.max(...versions)).toBeLessThanOrEqual(17);
  });

  it('x86_64-windows is a PE that needs the universal C runtime and what every Windows has', () => {
    const library = read('x86_64-windows');
    const header = library.readUInt32LE(0x3c);
    expect(library.toString('latin1', header, header + 4)).toBe('PE\0\0');
    expect(library.readUInt16LE(header + 4)).toBe(0x8664);
    const needed = [...library.toString('latin1').matchAll(/[\w-]+\.dll/gi)].map(([name]) => name.toLowerCase());
    expect(
      needed.filter((name) => !/^(kernel32|ws2_32|shell32|api-ms-win-crt-.*|libtwinbridge)\.dll$/.test(name)),
    ).toEqual([]);
  });

  it.each([
    ['x86_64-darwin', 0x01000007],
    ['aarch64-darwin', 0x0100000c],
  ] as const)('%s is Mach-O for that processor', (tuple, processor) => {
    const library = read(tuple);
    expect(library.readUInt32LE(0)).toBe(0xfeedfacf);
    expect(library.readUInt32LE(4)).toBe(processor);
  });

  it('offer the functions of FMI 2.0 and 3.0', () => {
    for (const tuple of PLATFORM_TUPLES) {
      for (const name of ['fmi2Instantiate', 'fmi2DoStep', 'fmi3InstantiateCoSimulation', 'fmi3DoStep']) {
        expect(read(tuple).includes(name), `${tuple} ${name}`).toBe(true);
      }
    }
  });

  it('have with them those of wrapped FMUs, and the programs, for the same systems', () => {
    for (const { tuple, extension, system } of PLATFORMS) {
      const suffix = system === 'win32' ? '.exe' : '';
      for (const name of [
        `libtwinbridge-wrap.${extension}`,
        `twinbridge-isolate${suffix}`,
        `twinbridge-proxyfmu${suffix}`,
      ]) {
        const bytes = readFileSync(`build/native/${tuple}/${name}`);
        expect(bytes.includes(process.cwd()), `${tuple} ${name}`).toBe(false);
        for (const [, minor] of bytes.toString('latin1').matchAll(/GLIBC_2\.(\d+)/g)) {
          expect(Number(minor)).toBeLessThanOrEqual(17);
        }
        const needed = [...bytes.toString('latin1').matchAll(/[\w-]+\.dll/gi)].map(([found]) => found.toLowerCase());
        expect(
          system !== 'win32' ||
            needed.every((found) =>
              /^(kernel32|ws2_32|shell32|api-ms-win-crt-.*|libtwinbridge-wrap)\.dll$/.test(found),
            ),
          needed.join(),
        ).toBe(true);
      }
      expect(readFileSync(`build/native/${tuple}/libtwinbridge-wrap.${extension}`).includes('fmi3DoStep')).toBe(true);
    }
  });

  it('hold no path of the machine that they were built on', () => {
    for (const tuple of PLATFORM_TUPLES) expect(read(tuple).includes(process.cwd())).toBe(false);
  });

  it.each(['2.0', '3.0'] as const)('go into an FMU of FMI %s with what the backend loads', async (version) => {
    const file = join(folder, `all-${version}.fmu`);
    const report = await buildBridgeFmu(version === '3.0' ? { ...config, fmi: 3 } : config, file, { platforms: 'all' });
    expect(report.platforms).toEqual(PLATFORMS.map((platform) => binariesFolder(platform, version)));
    const fmu = await openAnyFmu(file);
    try {
      for (const platform of PLATFORMS) {
        const name = `binaries/${binariesFolder(platform, version)}/robot.${platform.extension}`;
        const packed = readFileSync(join(fmu.directory, name));
        const both = version === '2.0' && platform.tuple === 'x86_64-darwin';
        const built = both ? universalBinary([read('x86_64-darwin'), read('aarch64-darwin')]) : read(platform.tuple);
        expect(packed.equals(built), name).toBe(true);
        const koffi = join('resources/koffi', `${platform.system}_${platform.processor}`, 'koffi.node');
        expect(existsSync(join(fmu.directory, koffi)), koffi).toBe(true);
      }
    } finally {
      await fmu.close();
    }
  });

  it('of both macOS go into one: each slice whole, on a page of its own', () => {
    const slices = [read('x86_64-darwin'), read('aarch64-darwin')];
    const both = universalBinary(slices);
    expect(both.readUInt32BE(0)).toBe(0xcafebabe);
    expect(both.readUInt32BE(4)).toBe(2);
    slices.forEach((slice, index) => {
      const entry = 8 + 20 * index;
      const [offset, size] = [both.readUInt32BE(entry + 8), both.readUInt32BE(entry + 12)];
      expect(both.readUInt32BE(entry)).toBe(slice.readUInt32LE(4));
      expect(offset % 2 ** both.readUInt32BE(entry + 16)).toBe(0);
      expect(both.subarray(offset, offset + size).equals(slice)).toBe(true);
    });
  });
});

describe('twinbridge build', () => {
  const yaml = 'examples/estop/bridge.yaml';

  it("--platforms host packs this machine's library only", async () => {
    const file = join(folder, 'host.fmu');
    const { code, stdout } = await runCli(['build', yaml, '-o', file, '--platforms', 'host', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ platforms: [hostPlatform()?.fmi2Folder] });
  });

  it('refuses platforms that it does not know, by name', async () => {
    const { code, stderr } = await runCli(['build', yaml, '--platforms', 'x86_64-linux,beos']);
    expect(code).toBe(2);
    expect(stderr).toContain("'beos' is none of x86_64-linux, aarch64-linux");
  });

  it('refuses a Node.js for a platform that the FMU is not for', async () => {
    const file = join(folder, 'none.fmu');
    const other = PLATFORM_TUPLES.find((tuple) => tuple !== hostPlatform()?.tuple)!;
    const { code, stderr } = await runCli([
      'build',
      yaml,
      '-o',
      file,
      '--platforms',
      'host',
      '--bundle-runtime',
      other,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain(`the FMU is not for ${other}, so a Node.js for it would be of no use`);
    expect(readdirSync(folder)).not.toContain('none.fmu');
  });
});
