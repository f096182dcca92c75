/** `--sample`: what recorded messages give, before an FMU is built for them. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
const write = (name: string, content: string): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};

const config = write(
  'robot.yaml',
  `twinbridge: bridge
name: robot
fmi: 3
sources: { odom: { key: odom }, camera: { key: camera, payload: raw } }
outputs:
  x: { type: Real, source: odom, path: /pose/x, scale: 0.001, unit: m }
  y: { type: Real, source: odom, path: /pose/yy }
  n: { type: Int64, source: odom }
  q: { type: Real, source: odom, path: /joints, size: 2 }
  mode: { type: Enumeration, source: odom, values: { idle: 0, drive: 1 } }
  image: { type: Binary, source: camera, maxLength: 8 }
`,
);
const good =
  '{"time":"2026-01-01T00:00:00Z","pose":{"x":1500,"yy":2},"joints":[1,2],"n":9007199254740993,"mode":"drive"}';
const bad = '{"time":"2026-01-01T00:00:00Z","pose":{"x":1500,"y":2},"joints":[1,2,3],"n":5,"mode":"drvie"}';

describe('validate --sample', () => {
  it('tells signal by signal what messages give', async () => {
    const { code, stdout } = await runCli([
      'validate',
      config,
      '--sample',
      write('good.json', good),
      '--sample',
      `camera=${write('image.bin', '12345678')}`,
    ]);
    expect(stdout).toContain("good.json: 1 message of source 'odom'\n");
    expect(stdout).toMatch(/^ {2}ok {7}x +\/pose\/x +1\.5 m, from 1500$/m);
    expect(stdout).toMatch(/^ {2}ok {7}n +n +"9007199254740993", from 9007199254740993$/m);
    expect(stdout).toMatch(/^ {2}ok {7}q +joints +\[1,2\]$/m);
    expect(stdout).toMatch(/^ {2}ok {7}mode +mode +1, from "drive"$/m);
    expect(stdout).toMatch(/^ {2}ok {7}image +8 bytes$/m);
    expect(stdout).toContain('robot.yaml: valid\n');
    expect(code).toBe(0);
  });

  it('says what is missing, what is refused and why, and exits with 3', async () => {
    const { code, stdout } = await runCli(['validate', config, '--sample', `odom=${write('bad.json', bad)}`]);
    expect(stdout).toMatch(/^ {2}missing {2}y +\/pose\/yy +there is no '\/pose\/yy' \(did you mean '\/pose\/y'\?\)$/m);
    expect(stdout).toMatch(/^ {2}refused {2}q +joints +'joints' has 3 elements, the signal has 2$/m);
    expect(stdout).toMatch(/^ {2}refused {2}mode .*\(did you mean 'drive'\?\)$/m);
    expect(stdout).toContain('robot.yaml: the messages do not fit\n');
    expect(code).toBe(3);
  });

  it('counts over many messages', async () => {
    const lines = write('many.jsonl', `${good}\n\n${bad}\n{"n":1}\n${'{'}\n`);
    const { code, stdout } = await runCli(['validate', config, '--json', '--sample', lines]);
    expect(code).toBe(3);
    const [verdict] = JSON.parse(stdout) as [
      { valid: boolean; samples: { rejections: object[]; signals: object[] }[] },
    ];
    expect(verdict).toMatchObject({ valid: false, samples: [{ messages: 4, rejected: 2, source: 'odom' }] });
    expect(verdict.samples[0]!.rejections).toMatchObject([
      { line: 4, message: "time_missing: the message has no 'time'" },
      { line: 5 },
    ]);
    expect(verdict.samples[0]!.signals).toMatchObject([
      { name: 'x', values: 2, refused: 0, missing: 0, value: 1.5, raw: '1500' },
      { name: 'y', values: 1, refused: 0, missing: 1 },
      { name: 'n', values: 2, value: '9007199254740993' },
      { name: 'q', values: 1, refused: 1 },
      { name: 'mode', values: 1, refused: 1 },
    ]);
  });

  it('names a source that there is not', async () => {
    const { code, stdout } = await runCli(['validate', config, '--sample', `odm=${write('good.json', good)}`]);
    expect(stdout).toContain("there is no source 'odm' (did you mean 'odom'?)");
    expect(code).toBe(3);
  });
});

describe('build --sample', () => {
  it('builds nothing for messages that do not fit', async () => {
    const output = join(folder, 'robot.fmu');
    const { code, stderr } = await runCli(['build', config, '-o', output, '--sample', write('bad.json', bad)]);
    expect(stderr).toContain('not built: the configuration and the messages do not fit');
    expect(code).toBe(3);
    expect(existsSync(output)).toBe(false);
    expect((await runCli(['build', config, '-o', output, '--sample', write('good.json', good)])).code).toBe(0);
    expect(existsSync(output)).toBe(true);
  });
});
