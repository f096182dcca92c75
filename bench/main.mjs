/**
 * `npm run bench`: measures, and prints a table or JSON. Progress goes to stderr.
 *
 * A row that could not be measured is reported on stderr, left out, and makes the exit code 1.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GROUPS } from './groups/index.mjs';
import { openBroker } from './lib/broker.mjs';
import { endAll } from './lib/processes.mjs';
import { table } from './lib/report.mjs';
import { summarise } from './lib/statistics.mjs';

const USAGE = `usage: npm run bench -- [options]

  --only <names>   groups or rows, separated by commas (default: all)
  --quick          shorter runs, coarser figures
  --broker <url>   a broker that is there already, amqp://user:password@host:port/vhost
                   (default: AMQP_URL if it is set, else the embedded broker in a process of its own)
  --json           {"rows": [{"id", "unit", "min", "median", "p99", "max", …}]} on stdout
  --list           groups and their rows
  --help

  $ npm run bench -- --only bridge --quick
  $ npm run bench -- --only step-117-2ms,wake-117 --json
`;

const say = (text) => process.stderr.write(`${text}\n`);

class UsageError extends Error {}

function readArguments() {
  const options = {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    broker: { type: 'string' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

/** `chain10@fmpy`, a row of a rival, is also asked for by the row that it stands beside. */
const isNamed = (names, group, { id }) => [group, id, id.split('@')[0]].some((name) => names.includes(name));

/** Measurements that give a row that was asked for, and which rows these are. */
function select(only) {
  const all = Object.entries(GROUPS).flatMap(([group, measurements]) =>
    measurements.flatMap((measurement) => measurement.rows.map((row) => ({ group, measurement, row }))),
  );
  const names = only.flatMap((text) => text.split(',')).filter((name) => name !== '');
  for (const name of names) {
    if (!all.some(({ group, row }) => isNamed([name], group, row))) {
      throw new UsageError(`there is no group or row '${name}'; --list shows them`);
    }
  }
  const wanted = all.filter(({ group, row }) => names.length === 0 || isNamed(names, group, row));
  return {
    rows: wanted.map(({ row }) => row),
    measurements: [...new Set(wanted.map(({ measurement }) => measurement))],
  };
}

function buildPrograms() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  for (const args of [
    ['-S', 'bench/importer', '-B', 'build/bench', '-DCMAKE_BUILD_TYPE=Release'],
    ['--build', 'build/bench'],
    ['-S', 'bench/masters', '-B', 'build/bench-masters', '-DCMAKE_BUILD_TYPE=Release'],
    ['--build', 'build/bench-masters'],
  ]) {
    const { status, error, stdout, stderr } = spawnSync('cmake', args, { cwd: root, encoding: 'utf8' });
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`cmake ${args.join(' ')} failed:\n${stdout}${stderr}`);
  }
}

async function measureAll({ rows, measurements }, context) {
  const wanted = new Set(rows.map(({ id }) => id));
  const results = [];
  let failures = 0;
  for (const measurement of measurements) {
    const mine = measurement.rows.filter(({ id }) => wanted.has(id));
    say(mine.map(({ id }) => id).join(', '));
    try {
      const found = await measurement.measure({ ...context, wants: (id) => wanted.has(id) });
      for (const { id, unit, optional } of mine) {
        if (found[id] === undefined && optional) continue; // the measurement has said why
        const { samples, ...more } = Array.isArray(found[id]) ? { samples: found[id] } : found[id];
        results.push({ ...summarise(id, unit, samples), ...more });
      }
    } catch (error) {
      failures++;
      say(`  not measured: ${error.message}`);
    }
  }
  return { results, failures };
}

async function main() {
  const { only, quick, broker: url = process.env.AMQP_URL || undefined, json, list, help } = readArguments();
  if (help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const selection = select(only);
  if (list) {
    for (const [group, measurements] of Object.entries(GROUPS)) {
      process.stdout.write(`${group}: ${measurements.flatMap(({ rows }) => rows.map(({ id }) => id)).join(', ')}\n`);
    }
    return 0;
  }
  buildPrograms();
  const folder = mkdtempSync(join(tmpdir(), 'twinbridge-bench-'));
  process.env.TMPDIR = folder; // what an interrupted benchmark or a killed process leaves goes with it
  process.once('exit', () => {
    endAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ]) {
    process.once(signal, () => process.exit(code));
  }
  const broker = await openBroker(url);
  say(`broker: ${broker.name}`);
  const { results, failures } = await measureAll(selection, { url: broker.url, folder, quick, say });
  await broker.close();
  if (json) process.stdout.write(`${JSON.stringify({ rows: results })}\n`);
  else if (results.length > 0) {
    process.stdout.write(table(results, new Map(selection.rows.map(({ id, target }) => [id, target]))));
  }
  return failures > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError;
  say(usage ? `${error.message}\n\n${USAGE}` : error.message);
  process.exitCode = usage ? 2 : 1;
}
