/** The main thread of the backend: answers the shim, notices the importer's end. */
import type { Worker } from 'node:worker_threads';
import { guardParent, openStream, receiveHandles, useNativeLibrary } from '../../native/index.js';
import {
  attachedReply,
  closedReply,
  failedReply,
  laidOutReply,
  type Request,
  RequestParser,
} from './control-protocol.js';
import { Instances } from './instances.js';

/** How long inputs that were already handed over may take to be published: when an instance is freed … */
const CLOSE_MS = 1000;
/** … and when the importer is gone: the backend is to be gone within a second after it. */
const FAREWELL_MS = 700;

export interface BackendArguments {
  /** Path of the native library, the one that the importer has loaded. */
  readonly library: string;
  /** Where the control stream is. */
  readonly control: string;
  /** What tells of the importer's end. */
  readonly importer: number;
}

/** `startWorker` starts a consumer worker; `first` has been started already. */
export async function runBackend(
  { library, control: where, importer }: BackendArguments,
  first: Worker,
  startWorker: () => Worker,
): Promise<void> {
  useNativeLibrary(library);
  const instances = new Instances(first, startWorker);
  const control = await openStream(where, { writable: true });
  const parser = new RequestParser();

  let leaving = false;
  const leave = async (): Promise<void> => {
    if (leaving) return;
    leaving = true;
    setTimeout(() => process.exit(0), FAREWELL_MS);
    await instances.abandonAll(FAREWELL_MS - 100);
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
          await instances.attach(id, receiveHandles(importer, request.handles));
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

  guardParent(importer, FAREWELL_MS + 150);
}
