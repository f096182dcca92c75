/** Writes rows without end into a file of the format, paced, and tells how many: `node endless.mjs <format> <file>`. */
import { openSink } from '#tb/master/results/index.js';

const [, , format, file] = process.argv;
const columns = [
  { name: 'c.n', kind: 'integer', type: 'Int64' },
  { name: 'c.x', kind: 'float', type: 'Float64' },
];
const sink = await openSink({ file, format }, columns, { unbuffered: true });
const ROWS = 1000;
const floats = new Float64Array(3 * ROWS);
const integers = new BigInt64Array(floats.buffer);
for (let n = 0; ; n += ROWS) {
  for (let i = 0; i < ROWS; i++) {
    floats[3 * i] = (n + i) * 0.1;
    integers[3 * i + 1] = BigInt(n + i);
    floats[3 * i + 2] = Math.sin(n + i);
  }
  sink.write({ rows: ROWS, cellsPerRow: 3, floats, integers, texts: new Uint8Array(0) });
  process.stdout.write(`${n + ROWS}\n`);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
