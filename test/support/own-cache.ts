/** The FMUs of the tests are unpacked into a folder of their own, not among those of whoever runs the tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'twinbridge-test-cache-'));
  // The processes that run the tests inherit what is set here.
  process.env.TWINBRIDGE_CACHE = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
