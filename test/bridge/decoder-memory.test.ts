/** The decoder in C under AddressSanitizer and UndefinedBehaviorSanitizer, each message in memory of exactly its size. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { mutatedMessage } from './support.js';

const SHIM = fileURLToPath(new URL('../../fmu-shim', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'twinbridge-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('touches nothing outside of the message, however it is cut or changed', () => {
  const program = join(folder, 'decode_fuzz');
  const sources = ['fuzz/decode_fuzz', 'src/decode/decode', 'src/decode/number', 'src/decode/time_text'];
  const compiler = spawnSync(
    process.env.CC ?? 'cc',
    [
      ...['-std=c11', '-Wall', '-Wextra', '-Werror', '-g', '-O1', '-Iinclude', '-DTB_FUZZ_STDIN'],
      ...['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-o', program],
      ...sources.map((source) => `${source}.c`),
    ],
    { cwd: SHIM, encoding: 'utf8' },
  );
  expect(compiler.stderr).toBe('');
  expect(compiler.status).toBe(0);

  const messages = fc.sample(mutatedMessage, 20_000);
  const whole = Buffer.from(
    '{"x":-1.25e1,"y":0.1,"seqno":1,"stop":true,"mode":"ab\\n","time":"2019-01-04T12:00:00.5Z"}',
  );
  // Every beginning of a message, and one with the number at the very end.
  for (let length = 0; length <= whole.length; length++) messages.push(whole.subarray(0, length));
  // Numbers of every length, as a value and as a time, also at the very end.
  for (let length = 1; length <= 40; length++) {
    const digits = '9876543210'.repeat(4).slice(0, length);
    for (const number of [digits, `${digits}.${digits}`, `0.${digits}e-${length}`, `-${digits}e${length}`]) {
      messages.push(Buffer.from(`{"x":${number}`), Buffer.from(`{"time":${number},"x":${number}}`));
    }
  }
  const input = messages.flatMap((message) => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(message.length);
    return [head, message];
  });
  const run = spawnSync(program, { input: Buffer.concat(input), encoding: 'utf8' });
  expect(run.stderr).toBe('');
  expect(run.status).toBe(0);
  expect(Number(run.stdout)).toBe(messages.length);
}, 120_000);
