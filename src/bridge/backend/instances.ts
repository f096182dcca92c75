/** The bridge instances of this backend, spread over consumer workers. */
import { writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { type ReceivedHandles, regionSize } from '../../native/index.js';
import type { BridgeConfig } from '../config.js';
import { bridgeLayout } from '../layout.js';
import type { Note } from '../rmqfmu/start-up.js';
import { readConfiguration } from './fmu-configuration.js';
import type { FromWorker, ToWorker } from './worker.js';

interface Instance {
  readonly instanceName: string;
  readonly config: BridgeConfig;
  readonly notes: readonly Note[];
  readonly worker: ConsumerWorker;
}

export class Instances {
  readonly #startWorker: () => Worker;
  readonly #instances = new Map<number, Instance>();
  readonly #workers: ConsumerWorker[];

  constructor(first: Worker, startWorker: () => Worker) {
    this.#startWorker = startWorker;
    this.#workers = [new ConsumerWorker(first)];
  }

  /** Reads the FMU's configuration; returns the bytes of shared memory that it needs. */
  async open(request: { id: number; resources: string; instanceName: string; guid: string }): Promise<bigint> {
    const { config, notes } = await readConfiguration(request.resources, request.guid);
    const worker = this.#leastBusy();
    worker.instances++;
    this.#instances.set(request.id, { instanceName: request.instanceName, config, notes, worker });
    return regionSize(bridgeLayout(config).region);
  }

  async attach(id: number, handles: ReceivedHandles): Promise<void> {
    const { instanceName, config, notes, worker } = this.#find(id);
    await worker.ask({ type: 'attach', id, instanceName, config, notes, handles });
  }

  start(id: number, parameters: ReadonlyMap<number, string>): void {
    this.#find(id).worker.tell({ type: 'start', id, parameters });
  }

  /** Publishes what is left, for at most `graceMs`, and disconnects. */
  async close(id: number, graceMs: number, importerGone = false): Promise<void> {
    const { worker } = this.#find(id);
    this.#instances.delete(id);
    worker.instances--;
    await worker.ask({ type: 'close', id, graceMs, importerGone });
  }

  /** The importer is gone. */
  async abandonAll(graceMs: number): Promise<void> {
    await Promise.allSettled([...this.#instances.keys()].map((id) => this.close(id, graceMs, true)));
  }

  #find(id: number): Instance {
    const instance = this.#instances.get(id);
    if (instance === undefined) throw new Error(`there is no instance ${id}`);
    return instance;
  }

  /** One core is left to the importer. */
  #leastBusy(): ConsumerWorker {
    const best = this.#workers.reduce((a, b) => (b.instances < a.instances ? b : a));
    if (best.instances === 0 || this.#workers.length >= availableParallelism() - 1) return best;
    const added = new ConsumerWorker(this.#startWorker());
    this.#workers.push(added);
    return added;
  }
}

class ConsumerWorker {
  instances = 0;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (why: Error) => void }>();

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#worker.on('message', (message: FromWorker) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.type === 'failed') waiting?.reject(new Error(message.why));
      else waiting?.resolve();
    });
    // A worker that fails is a fault of this program: end, so that every instance fails with it, visibly.
    this.#worker.on('error', (error) => {
      writeSync(2, `twinbridge backend: ${error.stack ?? error.message}\n`);
      process.exit(70);
    });
  }

  tell(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  /** Sends a request of which an instance has only one at a time, and waits for the answer. */
  ask(message: ToWorker): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject });
      this.tell(message);
    });
  }
}
