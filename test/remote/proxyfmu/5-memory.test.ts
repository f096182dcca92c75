/**
 * The server in C under AddressSanitizer and UndefinedBehaviorSanitizer: whatever comes over a connection, each message in
 * memory of exactly its size. fmu-shim/fuzz/server_fuzz.c has an FMU in it that checks what reaches it.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/fmus.js';
import { callBytes, t, type Value } from './support.js';

const SHIM = fileURLToPath(new URL('../../../fmu-shim', import.meta.url));
const SOURCES = [
  ...[
    'fuzz/server_fuzz',
    'src/remote/server',
    'src/remote/server_values',
    'src/remote/server_states',
    'src/remote/opened',
    'src/remote/thrift',
    'src/far/serve',
    'src/far/wire',
  ],
  ...[
    'src/isolate/log_ring',
    'src/host/host_log',
    'src/platform/posix',
    'src/platform/child_posix',
    'src/platform/files',
  ],
];
const folder = temporaryFolder();

const KINDS = ['real', 'integer', 'boolean', 'string'] as const;
/** Few different ones, most of them there; the first five make the FMU answer that status. */
const reference = fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constantFrom(-1, 64, 2 ** 32, 2 ** 40));
const references = fc.array(reference, { maxLength: 6 }).map((all) => t.i64s(...all));
const integer = fc.oneof(fc.integer({ min: -3, max: 300 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
const time = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.double());
const texts = fc.array(fc.string({ maxLength: 9 }), { maxLength: 6 }).map((all) => t.texts(...all));
const values: fc.Arbitrary<Value> = fc.oneof(
  fc.array(fc.double(), { maxLength: 6 }).map((all) => t.doubles(...all)),
  fc.array(integer, { maxLength: 6 }).map((all) => t.i32s(...all)),
  fc.array(fc.boolean(), { maxLength: 6 }).map((all) => t.bools(...all)),
  texts,
);
const state = fc
  .tuple(fc.integer({ min: 0, max: 1 }), fc.constantFrom('{t}', 'x'), fc.uint8Array({ minLength: 7, maxLength: 8 }))
  .map(([version, token, bytes]) =>
    t.struct(t.i32(version), t.text(token), t.binary(bytes), t.bool(true), t.bool(true)),
  );
const index = fc.integer({ min: -1, max: 3 }).map(t.i32);

/** A request of commands (far/wire.h): some of them whole, some of them anything. */
const command = fc
  .tuple(fc.integer({ min: 0, max: 28 }), fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 3, maxLength: 3 }))
  .chain(([kind, numbers]) =>
    fc
      .array(fc.oneof(fc.constantFrom(0n, 1n, 2n ** 64n - 1n), fc.bigInt({ min: 0n, max: 40n })), { maxLength: 8 })
      .map((rest) => {
        const bytes = Buffer.alloc(16 + 8 * rest.length);
        for (const [at, number] of [kind, ...numbers].entries()) bytes.writeUInt32LE(number, 4 * at);
        for (const [at, number] of rest.entries()) bytes.writeBigUInt64LE(number, 16 + 8 * at);
        return bytes;
      }),
  );
/** TB_DO_CREATE with a name and no more. */
const create = Buffer.from(
  '0100000001000000000000000000000001000000000000006900000000000000ffffffffffffffffffffffffffffffff',
  'hex',
);
const request = fc
  .tuple(fc.boolean(), fc.array(command, { maxLength: 4 }))
  .map(([creates, all]) => Buffer.concat([...(creates ? [create] : []), ...all]));

const call: fc.Arbitrary<[string, ...Value[]]> = fc.oneof(
  fc.constantFrom<[string]>(['instantiate'], ['enter_initialization_mode'], ['exit_initialization_mode']),
  fc.constantFrom<[string]>(['terminate'], ['save_state'], ['step'], ['ping'], ['']),
  time.map((start): [string, ...Value[]] => ['setup_experiment', t.double(start), t.double(0), t.double(1)]),
  time.map((now): [string, ...Value[]] => ['step', t.double(now), t.double(1)]),
  fc.tuple(fc.constantFrom(...KINDS), references).map(([kind, vrs]): [string, ...Value[]] => [`read_${kind}`, vrs]),
  fc
    .tuple(fc.constantFrom(...KINDS), references, values)
    .map(([kind, vrs, given]): [string, ...Value[]] => [`write_${kind}`, vrs, given]),
  fc
    .tuple(references, references, values)
    .map(([unknowns, knowns, seeds]): [string, ...Value[]] => ['tb_directional_derivative', unknowns, knowns, seeds]),
  fc
    .tuple(fc.constantFrom('save_state_by_index', 'restore_state', 'release_state', 'export_state'), index)
    .map(([name, which]): [string, ...Value[]] => [name, which]),
  state.map((given): [string, ...Value[]] => ['import_state', given]),
  fc.constantFrom('secret', 'secreT', '').map((token): [string, ...Value[]] => ['tb_authenticate', t.text(token)]),
  request.map((bytes): [string, ...Value[]] => ['tb_commands', t.i32(1), t.binary(bytes)]),
  fc.constant<[string]>(['freeInstance']),
);

const BEGIN: readonly [string, ...Value[]][] = [
  ['tb_authenticate', t.text('secret')],
  ['instantiate'],
  ['enter_initialization_mode'],
  ['exit_initialization_mode'],
];

interface Spoiling {
  readonly at: number;
  readonly by: number;
  readonly cut: number;
}
const spoiling = fc.record({ at: fc.nat(200), by: fc.integer({ min: 1, max: 255 }), cut: fc.nat(60) });

/** A frame as the fuzz target takes it: its size in two bytes; maybe with a byte changed, and its end cut off. */
function frame([name, ...args]: [string, ...Value[]], spoilt: Spoiling | null): Buffer {
  let payload = Buffer.from(callBytes(name, 1, args).subarray(4));
  if (spoilt !== null) {
    if (spoilt.at < payload.length) payload[spoilt.at]! ^= spoilt.by;
    if (spoilt.cut < payload.length) payload = payload.subarray(0, payload.length - spoilt.cut);
  }
  return Buffer.concat([Buffer.of(payload.length >> 8, payload.length & 255), payload]);
}

const connection = fc
  .tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.boolean(),
    fc.boolean(),
    fc.array(fc.tuple(call, fc.option(spoiling, { freq: 4 })), { maxLength: 12 }),
  )
  .map(([fmi, hasToken, begins, calls]) =>
    Buffer.concat([
      Buffer.of(fmi + (hasToken ? 0x81 : 0)),
      ...(begins ? BEGIN.map((one) => frame(one, null)) : []),
      ...calls.map(([one, spoilt]) => frame(one, spoilt)),
    ]),
  );

it('answers or closes the connection, and touches nothing outside of the message', () => {
  const program = join(folder, 'server_fuzz');
  const compiler = spawnSync(
    process.env.CC ?? 'cc',
    [
      ...['-std=c11', '-Wall', '-Wextra', '-Werror', '-g', '-O1', '-Iinclude', '-DTB_FUZZ_STDIN'],
      ...['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-o', program],
      ...SOURCES.map((source) => `${source}.c`),
      ...['-lm', '-lpthread', '-ldl'],
    ],
    { cwd: SHIM, encoding: 'utf8' },
  );
  expect(compiler.stderr).toBe('');
  expect(compiler.status).toBe(0);

  const inputs = fc.sample(connection, 20_000);
  const input = inputs.flatMap((one) => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(one.length);
    return [head, one];
  });
  // After a fatal status the FMU's memory is left to it.
  const run = spawnSync(program, {
    input: Buffer.concat(input),
    encoding: 'utf8',
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1' },
  });
  expect(run.stderr.replaceAll(/^\[proxyfmu\] .*\n/gm, '')).toBe('');
  expect(run.status).toBe(0);
  expect(Number(run.stdout)).toBe(inputs.length);
}, 300_000);
