/**
 * A worker: offers FMUs on a broker and runs instances of them, each in a process of its own. It listens on no port.
 *
 * The workers of an FMU share a queue of requests. One that has no room takes no more from it, so that the broker gives
 * what comes to the others, or keeps it until one has room.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import type { Access, LinkEvent } from '../../amqp/index.js';
import { InvalidInputError } from '../../support/errors.js';
import { FmuStore, type StoredFmu } from '../instance/fmu-store.js';
import type { SandboxOptions } from '../instance/process.js';
import { DEFAULT_TIMING, type Timing } from './conversation.js';
import { type OfferedFmu, type Question, type Reply, readQuestion, type WorkerInfo } from './letters.js';
import {
  CALLS_EXCHANGE,
  clientKey,
  EVENTS_EXCHANGE,
  instanceKey,
  OFFERS_KEY,
  REPLIES_EXCHANGE,
  requestQueue,
  workerKey,
} from './names.js';
import { Post, type Receipt } from './post.js';
import { type InstanceEnding, ServedInstance } from './served-instance.js';

export interface WorkerOptions {
  readonly access: Access;
  readonly fmus: readonly FmuToServe[];
  /** At most so many instances at a time. */
  readonly limit: number;
  readonly sandbox?: SandboxOptions;
  /** How long an instance is kept whose client is gone: it may come back; ms. Default 10,000. */
  readonly lingerMs?: number;
  /** How long the process of an instance may take to start, ms. Default 30,000. */
  readonly startMs?: number;
  /** How this machine is called; default: its host name. */
  readonly host?: string;
  readonly onEvent?: (event: WorkerEvent) => void;
}

export interface FmuToServe {
  readonly file: string;
  /** Default: that of the file, without `.fmu`. */
  readonly name?: string;
}

export type WorkerEvent =
  | { readonly type: 'link'; readonly event: LinkEvent }
  | {
      readonly type: 'taken';
      readonly instance: string;
      readonly fmu: string;
      readonly from: string;
      readonly running: number;
    }
  | { readonly type: 'ready'; readonly instance: string; readonly fmu: string; readonly pid: number }
  | {
      readonly type: 'ended';
      readonly instance: string;
      readonly fmu: string;
      readonly how: InstanceEnding['how'];
      readonly reason: string;
      readonly flights: number;
      readonly calls: number;
      readonly running: number;
    }
  | { readonly type: 'draining'; readonly running: number };

interface Offer extends OfferedFmu {
  readonly queue: string;
  readonly file: string;
  readonly xml: string;
  readonly fmu: StoredFmu;
}

const LINGER_MS = 10_000;
const START_MS = 30_000;
/** A client that is stopped in a debugger says nothing, but is there. */
const CLIENT_SILENT_MS = 60_000;
const SHARE_PREFETCH = 1;

export class Worker {
  readonly id: string = randomBytes(8).toString('hex');
  readonly host: string;
  readonly #options: WorkerOptions;
  readonly #timing: Timing;
  readonly #offers: readonly Offer[];
  readonly #store: FmuStore;
  readonly #instances = new Map<string, ServedInstance>();
  #post: Post | undefined;
  #serial = 0;
  #isFull = false;
  #isDraining = false;
  #whenEmpty: (() => void)[] = [];

  /** Resolves when requests are taken. Throws errors of the FMUs, `InvalidInputError`, `BrokerError`. */
  static async start(options: WorkerOptions): Promise<Worker> {
    const isForOthers = options.sandbox?.user !== undefined;
    const store = new FmuStore({ maxBytes: Number.POSITIVE_INFINITY, isForOthers });
    try {
      const offers: Offer[] = [];
      for (const fmu of options.fmus) offers.push(await prepare(fmu, store));
      checkNames(offers);
      const worker = new Worker(options, offers, store);
      await worker.#open();
      return worker;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private constructor(options: WorkerOptions, offers: readonly Offer[], store: FmuStore) {
    this.#options = options;
    this.#offers = offers;
    this.#store = store;
    this.host = options.host ?? hostname();
    this.#timing = {
      ...DEFAULT_TIMING,
      absentMs: options.lingerMs ?? LINGER_MS,
      resumeMs: Math.max(DEFAULT_TIMING.resumeMs, options.lingerMs ?? LINGER_MS),
      silentMs: CLIENT_SILENT_MS,
    };
  }

  get offers(): readonly OfferedFmu[] {
    return this.#offers.map(plainOffer);
  }

  get running(): number {
    return this.#instances.size;
  }

  /** Takes no more requests; clients that can are to go elsewhere. Resolves when no instance is left. */
  async drain(): Promise<void> {
    if (!this.#isDraining) {
      this.#isDraining = true;
      this.#tell({ type: 'draining', running: this.running });
      await this.#stopTaking();
      for (const instance of this.#instances.values()) instance.warn();
    }
    if (this.running > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Ends all instances, whose clients are told, and leaves. */
  async close(): Promise<void> {
    this.#isDraining = true;
    await this.#stopTaking();
    for (const instance of this.#instances.values()) {
      instance.end({ how: 'drained', reason: `the worker on ${this.host} was stopped` });
    }
    await this.drain();
    await this.#post?.close();
    await this.#store.close();
  }

  async #open(): Promise<void> {
    this.#post = await Post.open(
      {
        access: this.#options.access,
        connectionName: `twinbridge serve on ${this.host} (${process.pid})`,
        tellsEvents: true,
        onEvent: (event) => this.#tell({ type: 'link', event }),
      },
      [
        {
          key: workerKey(this.id),
          exchange: CALLS_EXCHANGE,
          also: [OFFERS_KEY],
          onMessage: (message) => this.#onQuestion(readQuestion(message)),
        },
      ],
    );
    await this.#takeRequests();
  }

  get #info(): WorkerInfo {
    return {
      id: this.id,
      host: this.host,
      pid: process.pid,
      instances: this.running,
      limit: this.#options.limit,
      isDraining: this.#isDraining,
    };
  }

  // -- Questions ----------------------------------------------------------------------------------------------------

  #onQuestion(question: Question | undefined): void {
    if (question?.do === 'list') {
      const fmus = this.#offers.map(plainOffer);
      this.#reply(question.client, { is: 'offers', query: question.query, worker: this.#info, fmus });
    } else if (question?.do === 'describe') {
      const { client, query, name, guid } = question;
      const offer = this.#offers.find((each) => each.name === name && each.guid === guid);
      this.#reply(
        client,
        offer === undefined ? { is: 'unknown', query } : { is: 'description', query, xml: offer.xml },
      );
    }
  }

  #reply(client: string, reply: Reply): void {
    // A client that is gone needs no answer; one whose connection was lost asks again.
    this.#post?.post(REPLIES_EXCHANGE, clientKey(client), reply).catch(() => {});
  }

  // -- Requests -----------------------------------------------------------------------------------------------------

  async #takeRequests(): Promise<void> {
    this.#isFull = false;
    await Promise.all(
      this.#offers.map((offer) =>
        this.#post?.consume({
          queue: offer.queue,
          prefetch: SHARE_PREFETCH,
          onMessage: (message, receipt) => void this.#onRequest(offer, readQuestion(message), receipt),
        }),
      ),
    );
  }

  async #stopTaking(): Promise<void> {
    this.#isFull = true;
    await Promise.all(this.#offers.map(({ queue }) => this.#post?.cancel(queue)));
  }

  async #onRequest(offer: Offer, request: Question | undefined, receipt: Receipt): Promise<void> {
    const post = this.#post!;
    if (request?.do !== 'instantiate') {
      post.settle(receipt, 'ack');
      return;
    }
    // Another of our queues was faster.
    if (this.#isFull || this.#isDraining) {
      post.settle(receipt, 'requeue');
      return;
    }
    const instance = this.#create(offer, request);
    // Before the acknowledgement, upon which the broker would send the next.
    if (this.running >= this.#options.limit) void this.#stopTaking();
    try {
      await post.openBox({
        key: instance.key,
        exchange: CALLS_EXCHANGE,
        onMessage: (message) => instance.receive(message),
      });
      const accepted: Reply = { is: 'accepted', stream: request.stream, key: instance.key, worker: this.#info };
      const outcome = await post.post(REPLIES_EXCHANGE, clientKey(request.client), accepted);
      if (outcome === 'returned') instance.end({ how: 'gone', reason: 'its client is gone' });
      post.settle(receipt, 'ack');
    } catch (error) {
      // The link was lost: the broker gives the request to somebody else, or to us again.
      instance.end({ how: 'gone', reason: (error as Error).message });
    }
  }

  #create(offer: Offer, request: Question & { do: 'instantiate' }): ServedInstance {
    const { sandbox = {}, startMs = START_MS } = this.#options;
    const id = String(++this.#serial);
    const { name: fmu } = offer;
    const about = { instance: request.instance, fmu };
    let hasBegun = false;
    const instance: ServedInstance = new ServedInstance({
      post: this.#post!,
      id,
      key: instanceKey(this.id, id),
      client: request.client,
      stream: request.stream,
      timing: this.#timing,
      process: { record: offer.fmu.record, name: request.instance, sandbox, startMs },
      onBegin: () => {
        hasBegun = true;
        this.#tell({ type: 'taken', ...about, from: request.from, running: this.running });
      },
      onReady: (pid) => this.#tell({ type: 'ready', ...about, pid }),
      onEnd: ({ how, reason }) => {
        this.#instances.delete(id);
        if (hasBegun) this.#tell({ type: 'ended', ...about, how, reason, ...instance.counts, running: this.running });
        if (this.running === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
        if (this.#isFull && !this.#isDraining) void this.#takeRequests().catch(() => {});
      },
    });
    this.#instances.set(id, instance);
    return instance;
  }

  #tell(event: WorkerEvent): void {
    this.#options.onEvent?.(event);
    if (event.type === 'link') return;
    const told = { ...event, worker: this.#info, time: new Date().toISOString() };
    this.#post?.post(EVENTS_EXCHANGE, `worker.${this.host}.${event.type}`, told).catch(() => {});
  }
}

function plainOffer({ name, guid, fmi, modelName, content, restorable }: Offer): OfferedFmu {
  return { name, guid, fmi, modelName, content, restorable };
}

async function prepare(
  { file, name = basename(file).replace(/\.fmu$/i, '') }: FmuToServe,
  store: FmuStore,
): Promise<Offer> {
  // Throws if it is not for co-simulation, or has no library for this machine.
  const fmu = await store.open(file, file, 'serve');
  const { model, sha256 } = fmu;
  const xml = await promisify(deflateRaw)(await readFile(join(fmu.directory, 'modelDescription.xml')));
  const { getAndSetState, serializeState } = model.capabilities;
  return {
    name,
    guid: model.token,
    fmi: model.fmi,
    modelName: model.modelName,
    content: sha256,
    restorable: getAndSetState && serializeState,
    queue: requestQueue(name, model.token),
    xml: xml.toString('base64'),
    file,
    fmu,
  };
}

function checkNames(offers: readonly Offer[]): void {
  const seen = new Map<string, Offer>();
  for (const offer of offers) {
    const other = seen.get(offer.name);
    seen.set(offer.name, offer);
    if (other === undefined) continue;
    throw new InvalidInputError(`${other.file} and ${offer.file} would both be offered as '${offer.name}'`, {
      remedy: `give one of them another name: other=${offer.file}`,
    });
  }
}
