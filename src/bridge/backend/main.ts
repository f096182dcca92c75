/**
 * The backend process: started by the shim, one per importing process, bundled as one file into every FMU.
 *
 *   node backend.cjs <native library>      fd 3: control stream      fd 4: handles, and the importer's sign of life
 *
 * The main thread answers the shim and notices the importer's end; consumer workers do everything else.
 */
import { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { guardParent, receiveHandles, useNativeLibrary } from '../../native/index.js';
import {
  attachedReply,
  closedReply,
  failedReply,
  laidOutReply,
  type Request,
  RequestParser,
} from './control-protocol.js';
import { Instances } from './instances.js';
import { runWorker } from './worker.js';

const CONTROL_FD = 3;
const HANDLES_FD = 4;
/** How long inputs that were already handed over may take to be published once the importer is gone. */
const FAREWELL_MS = 1000;

if (isMainThread) runBackend(process.argv[2] ?? '');
else runWorker();

function runBackend(library: string): void {
  useNativeLibrary(library);
  const instances = new Instances(import.meta.url, library);
  const control = new Socket({ fd: CONTROL_FD, readable: true, writable: true });
  const parser = new RequestParser();

  let leaving = false;
  const leave = async (): Promise<void> => {
    if (leaving) return;
    leaving = true;
    setTimeout(() => process.exit(0), FAREWELL_MS);
    await instances.closeAll(FAREWELL_MS);
    process.exit(0);
  };
  control.on('data', (chunk) => {
    for (const request of parser.push(chunk)) void answer(request);
  });
  control.on('end', leave);
  control.on('close', leave);
  control.on('error', leave);

  const answer = async (request: Request): Promise<void> => {
    const { id } = request;
    try {
      switch (request.type) {
        case 'open':
          control.write(laidOutReply(id, await instances.open(request)));
          break;
        case 'attach':
          // The handles were sent before the request: this does not block.
          await instances.attach(id, receiveHandles(HANDLES_FD));
          control.write(attachedReply(id));
          break;
        case 'start':
          instances.start(id, request.parameters);
          break;
        case 'close':
          await instances.close(id, FAREWELL_MS);
          control.write(closedReply(id));
          break;
      }
    } catch (error) {
      control.write(failedReply(id, error instanceof Error ? error.message : String(error)));
    }
  };

  guardParent(HANDLES_FD, FAREWELL_MS + 500);
}
