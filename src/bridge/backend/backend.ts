/** The main thread of the backend: answers the shim, notices the importer's end. */
import { Socket } from 'node:net';
import type { Worker } from 'node:worker_threads';
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

const CONTROL_FD = 3;
const HANDLES_FD = 4;
/** How long inputs that were already handed over may take to be published: when an instance is freed … */
const CLOSE_MS = 1000;
/** … and when the importer is gone: the backend is to be gone within a second after it. */
const FAREWELL_MS = 700;

/** `startWorker` starts a consumer worker; `first` has been started already. */
export function runBackend(library: string, first: Worker, startWorker: () => Worker): void {
  useNativeLibrary(library);
  const instances = new Instances(first, startWorker);
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
          await instances.close(id, CLOSE_MS);
          control.write(closedReply(id));
          break;
      }
    } catch (error) {
      control.write(failedReply(id, error instanceof Error ? error.message : String(error)));
    }
  };

  guardParent(HANDLES_FD, FAREWELL_MS + 150);
}
