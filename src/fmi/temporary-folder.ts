/** Private temporary folders, which are gone when the process ends, unless it is killed. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';

const folders = new Set<string>();
let removesOnExit = false;

export interface TemporaryFolder {
  readonly directory: string;
  remove(): Promise<void>;
}

export function makeTemporaryFolder(prefix: string): TemporaryFolder {
  // mkdtemp makes the folder accessible to its owner only.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  folders.add(directory);
  if (!removesOnExit) {
    removesOnExit = true;
    process.once('exit', () => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    });
  }
  const remove = async () => {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    folders.delete(directory);
  };
  return { directory, remove };
}

/** Whether the file lies where an archive was unpacked: it is gone when the process ends, or before. */
export function isTemporary(file: string): boolean {
  return [...folders].some((folder) => file.startsWith(`${folder}${sep}`));
}
