/** Where the code of a run's thread is; where the command line is bundled, another file (tools/bundle-cli.mjs). */
export const WORKER_FILE: URL = new URL('./worker.js', import.meta.url);
