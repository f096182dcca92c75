/** Notices that the secret file has another content: tokens are renewed while a bridge runs. */
import { unwatchFile, watchFile } from 'node:fs';

/** Asking is the one way that works for every file system, and for files that are replaced instead of written. */
const INTERVAL_MS = 1000;

export class SecretWatch {
  readonly #file: string;
  readonly #listener: () => void;

  constructor(file: string, onChange: () => void) {
    this.#file = file;
    this.#listener = onChange;
    watchFile(file, { interval: INTERVAL_MS, persistent: false }, onChange);
  }

  close(): void {
    unwatchFile(this.#file, this.#listener);
  }
}
