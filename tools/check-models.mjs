/**
 * Has spin check the Promela models of fmu-shim/model: that what they promise holds in every interleaving, and that each
 * fault put into them is found (a model that cannot fail proves nothing).
 *
 *   node tools/check-models.mjs [--json] [part of a name …]
 *
 * Needs spin (Debian: apt install spin) and a C compiler. Ends with 1 if anything is not as it should be.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = promisify(execFile);

const handover = (name, defines, holds = true) => ({ name: `handover: ${name}`, model: 'handover', defines, holds });
const waiting = (name, defines, holds = true, property) => ({
  name: `waiting: ${name}`,
  model: 'waiting',
  defines,
  holds,
  property,
});

export const checks = [
  handover('block, 2 rows', []),
  handover('block, 3 rows', ['ROWS=3', 'SAMPLES=4']),
  handover('drop-oldest, 2 rows', ['DROP_OLDEST']),
  handover('drop-oldest, 3 rows', ['DROP_OLDEST', 'ROWS=3']),
  handover('the shim takes what was stolen', ['DROP_OLDEST', 'MUTANT=1'], false),
  handover('the backend steals what was taken', ['DROP_OLDEST', 'MUTANT=2'], false),
  handover('a full ring overwrites under block', ['MUTANT=3'], false),
  handover('queues shorter than the rows are many', ['MUTANT=4'], false),
  handover('a row is given back before it is read', ['MUTANT=5'], false),
  handover('rows go back through filled_done under drop-oldest', ['DROP_OLDEST', 'MUTANT=6'], false),

  waiting('no wake-up is lost', ['PATIENT']),
  waiting('no wake-up is lost where the consumer looks again by itself', ['PATIENT', 'TIMER']),
  waiting('no wake-up is lost without store buffers', ['PATIENT', 'SC']),
  waiting('no step sleeps past its deadline', []),
  waiting('the backend dies at any moment', ['PATIENT', 'BACKEND_DIES']),
  waiting('the importer dies at any moment', ['PATIENT', 'IMPORTER_DIES']),
  waiting('both may die, steps with a deadline', ['SAMPLES=2', 'BACKEND_DIES', 'IMPORTER_DIES']),
  waiting('a step that waits ends', ['SAMPLES=2'], true, 'deadline_honoured'),
  waiting(
    'a step that waits ends, also when the backend dies',
    ['SAMPLES=1', 'BACKEND_DIES'],
    true,
    'deadline_honoured',
  ),
  waiting('shutdown ends both sides', ['SAMPLES=2'], true, 'ends'),
  waiting('shutdown ends both sides, whoever dies', ['SAMPLES=1', 'BACKEND_DIES', 'IMPORTER_DIES'], true, 'ends'),
  waiting('no fence behind the flag', ['PATIENT', 'MUTANT=1'], false),
  waiting('no fence behind the flag, without store buffers: needs none', ['PATIENT', 'SC', 'MUTANT=1']),
  waiting('no fence before the look at the flag', ['PATIENT', 'MUTANT=2'], false),
  waiting('no fence before the look at the flag, without store buffers: needs none', ['PATIENT', 'SC', 'MUTANT=2']),
  waiting('the flag is raised after the last look', ['PATIENT', 'SC', 'MUTANT=3'], false),
  waiting('no look after the flag is raised', ['PATIENT', 'SC', 'MUTANT=4'], false),
  waiting('the deadline starts anew at each wake-up', ['MUTANT=5'], false),
  waiting('who sleeps does not see the other side end', ['PATIENT', 'BACKEND_DIES', 'MUTANT=6'], false),
  waiting('a full ring overwrites', ['PATIENT', 'MUTANT=7'], false),
  waiting('the consumer does not look again after its flag is raised', ['PATIENT', 'MUTANT=8'], false),
  waiting('the same, but it looks again by itself', ['PATIENT', 'TIMER', 'MUTANT=8']),
  waiting('the backend does not notice that the importer is gone', ['IMPORTER_DIES', 'MUTANT=9'], false, 'ends'),
];

/** Whether {@link check} can work here. */
export async function spinAvailable() {
  return run('spin', ['-V']).then(
    () => true,
    () => false,
  );
}

/** Answers whether it holds in every state, how many there are, and what was found if not. */
export async function check({ model, defines, property }) {
  const folder = await mkdtemp(join(tmpdir(), 'tb-model-'));
  try {
    const options = { cwd: folder, maxBuffer: 1 << 24 };
    const defined = defines.map((define) => `-D${define}`);
    const source = join(root, 'fmu-shim/model', `${model}.pml`);
    await run('spin', [...defined, '-a', source], options);
    const includes = ['ring', '../include'].map((part) => `-I${join(root, 'fmu-shim/src', part)}`);
    // States of the model with C in it are large: they hold all of the shared memory.
    const storage = model === 'handover' ? ['-DVECTORSZ=8192', '-DCOLLAPSE'] : [];
    const kind = property === undefined ? ['-DSAFETY', '-DNOCLAIM'] : ['-DNFAIR=3'];
    await run('cc', ['-O1', '-w', ...storage, ...kind, '-DMEMLIM=2000', ...includes, '-o', 'pan', 'pan.c'], options);
    const search = property === undefined ? [] : ['-a', '-f', '-N', property];
    // pan ends with 0 whatever it finds.
    const { stdout } = await run(join(folder, 'pan'), ['-m1000000', ...search], options);
    const errors = Number(/errors: (\d+)/.exec(stdout)?.[1]);
    const states = Number(/(\d+) states, stored/.exec(stdout)?.[1]);
    if (
      !(states > 0) ||
      Number.isNaN(errors) ||
      /Search not completed|out of memory|max search depth/.test(errors ? '' : stdout)
    ) {
      throw new Error(`pan did not get to the end:\n${stdout}`);
    }
    return { holds: errors === 0, states, found: /^pan:1: (.*) \(at depth/m.exec(stdout)?.[1] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(args) {
  const asJson = args.includes('--json');
  const wanted = args.filter((arg) => !arg.startsWith('--'));
  if (!(await spinAvailable())) throw new Error("spin is not installed; on Debian: 'apt install spin'");
  const results = [];
  for (const each of checks.filter(({ name }) => wanted.every((part) => name.includes(part)))) {
    const started = performance.now();
    const { holds, states, found } = await check(each);
    const seconds = (performance.now() - started) / 1000;
    results.push({ name: each.name, asExpected: holds === each.holds, holds, states, found, seconds });
    if (asJson) continue;
    const verdict = holds ? 'holds' : `fails: ${found}`;
    const expected = holds === each.holds ? (holds ? '' : ', as it must') : ', which is WRONG';
    console.log(`${each.name}: ${verdict}${expected} (${states} states, ${seconds.toFixed(1)} s)`);
  }
  if (asJson) console.log(JSON.stringify(results, null, 1));
  if (results.some(({ asExpected }) => !asExpected)) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
