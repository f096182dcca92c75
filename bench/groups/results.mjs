/** What a recorded value costs, in CPU time: the sinks of results, and beside them a loop in C that prints. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSink } from '#tb/master/results/index.js';

const COLUMNS = 10;
const ROWS = 200_000;
/** As many as a step plan leaves at a time. */
const ROWS_OF_A_BATCH = 2000;

const columns = Array.from({ length: COLUMNS }, (_, i) => ({ name: `c.x${i + 1}`, kind: 'float', type: 'Float64' }));

/** The values that print.c prints. */
function* batches() {
  const cellsPerRow = COLUMNS + 1;
  const floats = new Float64Array(ROWS_OF_A_BATCH * cellsPerRow);
  const integers = new BigInt64Array(floats.buffer);
  for (let row = 0; row < ROWS; row++) {
    const at = (row % ROWS_OF_A_BATCH) * cellsPerRow;
    floats[at] = row * 0.01;
    for (let i = 1; i < cellsPerRow; i++) floats[at + i] = Math.sin(row * 0.01 + i);
    if ((row + 1) % ROWS_OF_A_BATCH === 0) {
      yield { rows: ROWS_OF_A_BATCH, cellsPerRow, floats, integers, texts: new Uint8Array(0) };
    }
  }
}

async function sinkCost(format, { folder }) {
  const sink = await openSink({ file: join(folder, `results.${format}`), format }, columns);
  let spentUs = 0;
  const timed = (action) => {
    const begun = process.cpuUsage();
    action();
    const { user, system } = process.cpuUsage(begun);
    spentUs += user + system;
  };
  for (const batch of batches()) timed(() => sink.write(batch));
  timed(() => sink.close());
  return (spentUs * 1000) / (ROWS * (COLUMNS + 1));
}

function run(program, args) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return stdout;
}

function printCost({ folder }) {
  const program = join(folder, 'print');
  run('cc', ['-O2', '-o', program, fileURLToPath(new URL('../results/print.c', import.meta.url)), '-lm']);
  return Number(run(program, [join(folder, 'printed.csv'), String(ROWS), String(COLUMNS)]));
}

const cost = (id, measureOnce) => ({
  rows: [{ id, unit: 'ns' }],
  measure: async (context) => {
    const samples = [];
    for (let round = 0; round < (context.quick ? 3 : 9); round++) samples.push(await measureOnce(context));
    return { [id]: samples };
  },
});

export const results = [
  cost('record-csv', (context) => sinkCost('csv', context)),
  cost('record-csv-printf', printCost),
  cost('record-parquet', (context) => sinkCost('parquet', context)),
  cost('record-mcap', (context) => sinkCost('mcap', context)),
];
