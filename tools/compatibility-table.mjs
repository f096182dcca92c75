/**
 * The README's table of tools that run our FMUs, made from what the tests in test/interop have left in `build/interop`:
 * `node tools/compatibility-table.mjs` writes it into README.md, `--check` only tells whether what stands there is what
 * the tests have seen.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const results = join(root, 'build', 'interop');
const readme = join(root, 'README.md');
const BEGIN = '<!-- compatibility: node tools/compatibility-table.mjs -->';
const END = '<!-- /compatibility -->';

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** What several test files say of one tool and version of FMI is one row. */
function rows() {
  const files = existsSync(results) ? readdirSync(results).filter((name) => name.endsWith('.json')) : [];
  if (files.length === 0) fail(`no results in ${results}: run the tests in test/interop first`);
  const found = new Map();
  for (const file of files.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))) {
    const record = JSON.parse(readFileSync(join(results, file), 'utf8'));
    const key = `${record.tool} ${record.version} FMI ${record.fmi}`;
    const row = found.get(key) ?? { ...record, exercised: [], passed: 0, notPassed: 0 };
    if (!row.exercised.includes(record.exercised)) row.exercised.push(record.exercised);
    row.passed += record.passed;
    row.notPassed += record.notPassed;
    found.set(key, row);
  }
  const all = [...found.values()];
  const tools = [...new Set(all.map(({ tool }) => tool))];
  return tools.flatMap((tool) => all.filter((row) => row.tool === tool).sort((a, b) => a.fmi.localeCompare(b.fmi)));
}

function table() {
  const lines = rows().map(({ tool, version, fmi, exercised, passed, notPassed }) => {
    const result = notPassed > 0 ? `${notPassed} of ${passed + notPassed} fail` : 'passes';
    return `| ${tool} ${version} | ${fmi} | ${exercised.join('; ')} | ${result} |`;
  });
  return ['| tool | FMI | what is tested | |', '|---|---|---|---|', ...lines].join('\n');
}

const text = readFileSync(readme, 'utf8');
const begin = text.indexOf(BEGIN);
const end = text.indexOf(END);
if (begin < 0 || end < begin) fail(`README.md lacks the lines ${BEGIN} and ${END}`);
const now = `${text.slice(0, begin)}${BEGIN}\n${table()}\n${text.slice(end)}`;
if (!process.argv.includes('--check')) writeFileSync(readme, now);
else if (now !== text) fail(`the table in README.md is not what the tests have seen:\n\n${table()}`);
