/** Where the demos find their examples and put their results. */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export function example(...path: string[]): string {
  return join(ROOT, 'examples', ...path);
}

/** A new folder `runs/<demo>-<time>` below the working directory. */
export async function newRunFolder(demo: string): Promise<string> {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  for (let n = 0; ; n++) {
    const folder = join(process.cwd(), 'runs', n === 0 ? `${demo}-${stamp}` : `${demo}-${stamp}-${n}`);
    const created = await mkdir(folder, { recursive: true });
    if (created !== undefined) return folder;
  }
}

/** As short as it can be typed. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
