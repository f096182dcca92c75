/** A consumer worker: the thread that serves one or more bridge instances. */
import { parentPort } from 'node:worker_threads';
import { loadNative, openStream, type ReceivedHandles, useNativeLibrary } from '../../native/index.js';
import type { BridgeConfig } from '../config.js';
import type { Note } from '../rmqfmu/start-up.js';
import { BridgeSession } from './session.js';

export type ToWorker =
  | {
      readonly type: 'attach';
      readonly id: number;
      readonly instanceName: string;
      readonly config: BridgeConfig;
      readonly notes: readonly Note[];
      readonly handles: ReceivedHandles;
    }
  | { readonly type: 'start'; readonly id: number; readonly parameters: ReadonlyMap<number, string> }
  | { readonly type: 'close'; readonly id: number; readonly graceMs: number; readonly importerGone: boolean };

export type FromWorker =
  | { readonly type: 'attached' | 'closed'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly why: string };

export function runWorker(library: string): void {
  const port = parentPort;
  if (port === null) throw new Error('a consumer worker runs in a worker thread');
  useNativeLibrary(library);
  loadNative(); // now, while the main thread and the shim are still talking
  const sessions = new Map<number, BridgeSession>();
  const say = (message: FromWorker): void => port.postMessage(message);

  const handle = async (message: ToWorker): Promise<void> => {
    const { id } = message;
    switch (message.type) {
      case 'attach': {
        const { config, instanceName, handles, notes } = message;
        const notification = await openStream(handles.notification, { writable: false });
        const session = new BridgeSession(config, instanceName, handles, notification);
        for (const note of notes) session.note(note);
        sessions.set(id, session);
        say({ type: 'attached', id });
        break;
      }
      case 'start':
        await sessions.get(id)?.start(message.parameters);
        break;
      case 'close':
        await sessions.get(id)?.close(message.graceMs, message.importerGone);
        sessions.delete(id);
        say({ type: 'closed', id });
        break;
    }
  };
  port.on('message', (message: ToWorker) => {
    handle(message).catch((error: unknown) =>
      say({ type: 'failed', id: message.id, why: error instanceof Error ? error.message : String(error) }),
    );
  });
}
