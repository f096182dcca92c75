/**
 * The backend process: started by the shim, one per importing process, bundled as one file into every FMU.
 *
 *   node backend.cjs <native library> <control stream> <importer>
 *
 * The control stream is a file descriptor or a path to connect to; the importer a descriptor that brings its handles and
 * hangs up when it is gone, or its process number.
 *
 * The main thread answers the shim and notices the importer's end; consumer workers do everything else. Start-up is what
 * an importer waits for: the first worker boots while the main thread loads its part, and neither loads the other's.
 */
import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

if (isMainThread) {
  // What Node would print besides is the source line: of a bundle, all of it. A worker's errors come to its listener.
  process.on('uncaughtException', (error) => {
    writeSync(2, `twinbridge backend: ${error.stack ?? error.message}\n`);
    process.exit(70);
  });
  const [, , path = '', control = '', importer = ''] = process.argv;
  const library = resolve(path);
  const startWorker = () => new Worker(fileURLToPath(import.meta.url), { workerData: { library } });
  const first = startWorker();
  void import('./backend.js').then(({ runBackend }) =>
    runBackend({ library, control, importer: Number(importer) }, first, startWorker),
  );
} else {
  const { library } = workerData as { library: string };
  void import('./worker.js').then(({ runWorker }) => runWorker(library));
}
