/**
 * The backend process: started by the shim, one per importing process, bundled as one file into every FMU.
 *
 *   node backend.cjs <native library>      fd 3: control stream      fd 4: handles, and the importer's sign of life
 *
 * The main thread answers the shim and notices the importer's end; consumer workers do everything else. Start-up is what
 * an importer waits for: the first worker boots while the main thread loads its part, and neither loads the other's.
 */
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

if (isMainThread) {
  // What Node would print besides is the source line: of a bundle, all of it. A worker's errors come to its listener.
  process.on('uncaughtException', (error) => {
    process.stderr.write(`twinbridge backend: ${error.stack ?? error.message}\n`);
    process.exit(70);
  });
  const library = process.argv[2] ?? '';
  const startWorker = () => new Worker(fileURLToPath(import.meta.url), { workerData: { library } });
  const first = startWorker();
  void import('./backend.js').then(({ runBackend }) => runBackend(library, first, startWorker));
} else {
  const { library } = workerData as { library: string };
  void import('./worker.js').then(({ runWorker }) => runWorker(library));
}
