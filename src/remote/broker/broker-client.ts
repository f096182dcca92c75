/**
 * The clients' side of the broker: who offers what, what an FMU says of itself, and streams of calls to instances. One
 * connection serves all instances that a process uses on a broker.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { type Access, describeAddress, FrameAddress } from '../../amqp/index.js';
import { didYouMean } from '../../support/nearest.js';
import { Conversation, DEFAULT_TIMING, type Loss, type Timing } from './conversation.js';
import { FmuAmbiguousError, FmuNotOfferedError, NoWorkerError } from './errors.js';
import { Kind, readHead, writeHead } from './hot-message.js';
import {
  type Note,
  type OfferedFmu,
  type Question,
  type Reply,
  readNote,
  readReply,
  type WorkerInfo,
} from './letters.js';
import { CALLS_EXCHANGE, clientKey, OFFERS_KEY, REPLIES_EXCHANGE, requestQueue, workerKey } from './names.js';
import { Post, type PostUser } from './post.js';

export interface BrokerClientOptions {
  readonly access: Access;
  readonly timing?: Partial<Timing>;
}

export interface WorkerOffers {
  readonly worker: WorkerInfo;
  readonly fmus: readonly OfferedFmu[];
}

/** An FMU that is to be used: what was found of it. */
export interface FoundFmu extends OfferedFmu {
  /** Those that offer it, and had answered when it was found. */
  readonly workers: readonly WorkerInfo[];
}

export interface FindOptions {
  readonly guid?: string;
  /** How long to wait for workers that are not there yet, ms. */
  readonly retryMs?: number;
}

/** How long workers may take to say what they offer, ms. */
const ANSWER_MS = 1000;
/** After the first that offers it: others may offer another of the same name, ms. */
const OTHERS_MS = 100;
const RETRY_MS = 5000;
const RETRY_PAUSE_MS = 250;
const DESCRIBE_MS = 10_000;
/**
 * After so long without a worker that accepts, a request is made once more, then after twice as long, and so on: one that
 * hangs may have got it, ms.
 */
const REPEAT_MS = 400;
/** The streams last given up, whose workers may not know it yet. */
const REMEMBERED_STREAMS = 1000;
const NOTHING = new Uint8Array(0);

export interface StreamHandlers {
  readonly onAccepted: (worker: WorkerInfo) => void;
  readonly onAnswers: (frames: Buffer) => void;
  readonly onNote: (note: Note) => void;
  /** Its queue is gone: perhaps for a moment. */
  readonly onAbsent: () => void;
  readonly onLost: (how: Loss) => void;
  /** Nobody has taken it. */
  readonly onUntaken: (error: NoWorkerError) => void;
}

export class BrokerClient implements PostUser {
  readonly id: string = randomBytes(8).toString('hex');
  /** `amqp://user@host:port/vhost`, without the password. */
  readonly broker: string;
  readonly #timing: Timing;
  #post: Post | undefined;
  #query = 0;
  readonly #queries = new Map<number, (reply: Reply) => void>();
  #streamNumber = 0;
  readonly #streams = new Map<number, InstanceStream>();
  /** By number: where to say that a stream is over. */
  readonly #over = new Map<number, FrameAddress>();

  /** Rejects with a `BrokerError` that names the cause. */
  static async open(options: BrokerClientOptions): Promise<BrokerClient> {
    const client = new BrokerClient(options);
    client.#post = await Post.open(
      { access: options.access, connectionName: `twinbridge on ${hostname()} (${process.pid})` },
      [{ key: clientKey(client.id), exchange: REPLIES_EXCHANGE, onMessage: (message) => client.#receive(message) }],
    );
    client.#post.join(client);
    return client;
  }

  private constructor(options: BrokerClientOptions) {
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.broker = describeAddress(options.access.address);
  }

  get post(): Post {
    return this.#post!;
  }

  get timing(): Timing {
    return this.#timing;
  }

  async close(): Promise<void> {
    for (const stream of [...this.#streams.values()]) stream.close();
    await this.#post?.close();
  }

  linkUp(): void {
    for (const stream of [...this.#streams.values()]) stream.linkUp();
  }

  linkDown(): void {
    for (const stream of [...this.#streams.values()]) stream.linkDown();
  }

  linkHeld(isHeld: boolean): void {
    for (const stream of [...this.#streams.values()]) stream.linkHeld(isHeld);
  }

  // -- Who offers what ----------------------------------------------------------------------------------------------

  /** What all workers offer that answer within a second. */
  async offers(): Promise<WorkerOffers[]> {
    return this.#collect(() => false);
  }

  /** Throws {@link FmuNotOfferedError}, {@link FmuAmbiguousError}. */
  async find(name: string, { guid, retryMs = RETRY_MS }: FindOptions = {}): Promise<FoundFmu> {
    const giveUpAt = performance.now() + retryMs;
    const matches = (fmu: OfferedFmu): boolean => fmu.name === name && (guid === undefined || fmu.guid === guid);
    for (;;) {
      const offers = await this.#collect(({ fmus }) => fmus.some(matches));
      const found = offers.flatMap(({ worker, fmus }) => fmus.filter(matches).map((fmu) => ({ worker, fmu })));
      const [first] = found;
      if (first !== undefined) {
        const guids = new Set(found.map(({ fmu }) => fmu.guid));
        if (guids.size > 1) throw this.#ambiguous(name, found);
        return { ...first.fmu, workers: found.map(({ worker }) => worker) };
      }
      // Where others are, this one is misspelt; where nobody is, they may be about to come.
      if (offers.length > 0 || performance.now() + RETRY_PAUSE_MS > giveUpAt)
        throw this.#notOffered(name, guid, offers);
      await pause(RETRY_PAUSE_MS);
    }
  }

  /** The modelDescription.xml of an FMU. */
  async describe({ name, guid, workers }: FoundFmu): Promise<Buffer> {
    for (const { id } of workers) {
      const reply = await this.#ask(
        workerKey(id),
        (query) => ({ do: 'describe', client: this.id, query, name, guid }),
        DESCRIBE_MS,
      );
      if (reply?.is === 'description') return promisify(inflateRaw)(Buffer.from(reply.xml, 'base64'));
    }
    throw new NoWorkerError(`no worker at ${this.broker} has said what '${name}' is`, { details: { name, guid } });
  }

  /** Waits for answers until all that are to be expected have come, or the time is over. */
  async #collect(isEnough: (offers: WorkerOffers) => boolean): Promise<WorkerOffers[]> {
    const query = ++this.#query;
    const offers: WorkerOffers[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        let timer = setTimeout(resolve, ANSWER_MS);
        this.#queries.set(query, (reply) => {
          if (reply.is !== 'offers') return;
          offers.push(reply);
          if (!isEnough(reply)) return;
          clearTimeout(timer);
          timer = setTimeout(resolve, OTHERS_MS);
        });
        this.post.post(CALLS_EXCHANGE, OFFERS_KEY, { do: 'list', client: this.id, query }).then(
          (outcome) => {
            if (outcome === 'taken') return;
            clearTimeout(timer);
            resolve();
          },
          (error: Error) => {
            clearTimeout(timer);
            // While the link is away, nobody can answer.
            if (this.post.isClosed) reject(error);
            else timer = setTimeout(resolve, RETRY_PAUSE_MS);
          },
        );
      });
      return offers;
    } finally {
      this.#queries.delete(query);
    }
  }

  async #ask(key: string, question: (query: number) => Question, withinMs: number): Promise<Reply | undefined> {
    const query = ++this.#query;
    try {
      return await new Promise<Reply | undefined>((resolve) => {
        const timer = setTimeout(() => resolve(undefined), withinMs);
        const done = (reply: Reply | undefined): void => {
          clearTimeout(timer);
          resolve(reply);
        };
        this.#queries.set(query, done);
        this.post.post(CALLS_EXCHANGE, key, question(query)).then(
          (outcome) => {
            if (outcome === 'returned') done(undefined);
          },
          () => done(undefined),
        );
      });
    } finally {
      this.#queries.delete(query);
    }
  }

  #notOffered(name: string, guid: string | undefined, offers: readonly WorkerOffers[]): FmuNotOfferedError {
    const all = offers.flatMap(({ fmus }) => fmus);
    const names = [...new Set(all.map((fmu) => fmu.name))].sort();
    const details = { name, guid, offered: all.map((fmu) => ({ name: fmu.name, guid: fmu.guid })) };
    const others = all.filter((fmu) => fmu.name === name);
    if (others.length > 0) {
      const guids = [...new Set(others.map((fmu) => fmu.guid))];
      return new FmuNotOfferedError(
        `the FMU '${name}' at ${this.broker} has the guid ${guids.join(' or ')}, not ${guid}`,
        { details, remedy: 'offer the FMU that the system was made for, or take ?guid= out of its source' },
      );
    }
    if (names.length === 0) {
      return new FmuNotOfferedError(`nobody offers FMUs at ${this.broker}`, {
        details,
        remedy: `start a worker: twinbridge serve --amqp ${this.broker} ${name}.fmu`,
      });
    }
    return new FmuNotOfferedError(`nobody offers an FMU '${name}' at ${this.broker}${didYouMean(name, names)}`, {
      details,
      remedy: `there are ${names.slice(0, 20).join(', ')}${names.length > 20 ? `, and ${names.length - 20} more` : ''}`,
    });
  }

  #ambiguous(
    name: string,
    found: readonly { readonly worker: WorkerInfo; readonly fmu: OfferedFmu }[],
  ): FmuAmbiguousError {
    const hosts = new Map<string, string[]>();
    for (const { worker, fmu } of found) hosts.set(fmu.guid, [...(hosts.get(fmu.guid) ?? []), worker.host]);
    const list = [...hosts].map(([guid, at]) => `${guid} (on ${[...new Set(at)].join(', ')})`);
    return new FmuAmbiguousError(`several FMUs are offered as '${name}' at ${this.broker}: ${list.join('; ')}`, {
      details: { name, guids: [...hosts.keys()] },
      remedy: `say which: ?guid=${encodeURIComponent([...hosts.keys()][0]!)}`,
    });
  }

  // -- Streams ------------------------------------------------------------------------------------------------------

  /** Asks for an instance. `withinMs`: how long nobody may take the request. */
  openStream(fmu: OfferedFmu, instance: string, withinMs: number, handlers: StreamHandlers): InstanceStream {
    const number = ++this.#streamNumber;
    const stream = new InstanceStream(this, number, fmu, instance, withinMs, handlers);
    this.#streams.set(number, stream);
    stream.request();
    return stream;
  }

  /** Called by the stream. */
  forget(number: number, address: FrameAddress | undefined): void {
    if (!this.#streams.delete(number) || address === undefined) return;
    this.#over.set(number, address);
    if (this.#over.size > REMEMBERED_STREAMS) this.#over.delete(this.#over.keys().next().value!);
  }

  #receive(message: Buffer): void {
    const head = readHead(message);
    if (head !== undefined) {
      const stream = this.#streams.get(head.stream);
      if (stream !== undefined) stream.receive(message);
      else if (head.kind !== Kind.over) this.#sayOver(head.stream, this.#over.get(head.stream));
      return;
    }
    const reply = readReply(message);
    if (reply === undefined) return;
    if (reply.is !== 'accepted') this.#queries.get(reply.query)?.(reply);
    else if (this.#streams.get(reply.stream)?.accept(reply.key, reply.worker) !== true) {
      // Somebody else was faster, or it is needed no more: nothing was started yet.
      this.#sayOver(reply.stream, new FrameAddress(CALLS_EXCHANGE, reply.key));
    }
  }

  #sayOver(stream: number, address: FrameAddress | undefined): void {
    if (address === undefined) return;
    this.post.send(address, writeHead({ kind: Kind.over, flags: 0, stream, sequence: 0, received: 0 }), NOTHING);
  }

  /** Why nobody has taken a request. */
  async whyUntaken(fmu: OfferedFmu, withinMs: number): Promise<NoWorkerError> {
    const offers = await this.offers().catch(() => []);
    const workers = offers.flatMap(({ worker, fmus }) =>
      fmus.some(({ name, guid }) => name === fmu.name && guid === fmu.guid) ? [worker] : [],
    );
    const states = workers.map(
      ({ host, instances, limit, isDraining }) =>
        `${host} runs ${instances} of ${limit} instances${isDraining ? ' and is about to leave' : ''}`,
    );
    const what = `no worker has taken an instance of '${fmu.name}' within ${withinMs / 1000} s`;
    return new NoWorkerError(
      workers.length === 0 ? `${what}: nobody offers it at ${this.broker} any more` : `${what}: ${states.join('; ')}`,
      {
        details: { fmu: fmu.name, guid: fmu.guid, broker: this.broker, workers },
        remedy: 'start another worker, or one with more --instances, or wait until others are done',
      },
    );
  }
}

/** One attempt at an instance: a request until a worker accepts it, then a conversation. */
export class InstanceStream {
  readonly number: number;
  worker: WorkerInfo | undefined;
  readonly #client: BrokerClient;
  readonly #fmu: OfferedFmu;
  readonly #instance: string;
  readonly #withinMs: number;
  readonly #handlers: StreamHandlers;
  readonly #conversation: Conversation;
  readonly #startedAt = performance.now();
  #address: FrameAddress | undefined;
  #stopReturns: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #repeat: NodeJS.Timeout | undefined;
  #repeatMs = REPEAT_MS;
  #isClosed = false;

  constructor(
    client: BrokerClient,
    number: number,
    fmu: OfferedFmu,
    instance: string,
    withinMs: number,
    handlers: StreamHandlers,
  ) {
    this.number = number;
    this.#client = client;
    this.#fmu = fmu;
    this.#instance = instance;
    this.#withinMs = withinMs;
    this.#handlers = handlers;
    const { post } = client;
    this.#conversation = new Conversation({
      stream: number,
      timing: client.timing,
      // What is said before a worker has accepted is kept until then.
      send: (head, body) => this.#address !== undefined && post.send(this.#address, head, body),
      onData: handlers.onAnswers,
      onNote: (text) => {
        const note = readNote(text);
        if (note !== undefined) handlers.onNote(note);
      },
      onAbsent: handlers.onAbsent,
      onLost: (how) => {
        this.close();
        handlers.onLost(how);
      },
    });
    this.#conversation.linkDown();
  }

  /** How long the worker may be away from now on, ms. */
  set absentMs(absentMs: number) {
    this.#conversation.absentMs = absentMs;
  }

  /** Puts the request into the queue that the workers share; again whenever the link has come back. */
  request(): void {
    const { name, guid } = this.#fmu;
    const left = this.#withinMs - (performance.now() - this.#startedAt);
    this.#timer ??= setTimeout(() => void this.#giveUp(), Math.max(1, left));
    clearTimeout(this.#repeat);
    this.#repeat = setTimeout(() => {
      this.#repeatMs *= 2;
      this.request();
    }, this.#repeatMs);
    const question: Question = {
      do: 'instantiate',
      client: this.#client.id,
      stream: this.number,
      name,
      guid,
      instance: this.#instance,
      from: `${hostname()} (${process.pid})`,
    };
    this.#client.post.post(CALLS_EXCHANGE, requestQueue(name, guid), question, Math.max(1, left)).then(
      (outcome) => {
        // The queue is gone, as nobody has used it for long.
        if (outcome === 'returned' && this.#address === undefined) void this.#giveUp();
      },
      () => {
        // With the next connection again.
      },
    );
  }

  /** False: it is not to be accepted any more. */
  accept(key: string, worker: WorkerInfo): boolean {
    if (this.#isClosed || this.#address !== undefined) return this.#address?.routingKey === key;
    this.#stopAsking();
    this.worker = worker;
    this.#address = new FrameAddress(CALLS_EXCHANGE, key);
    this.#stopReturns = this.#client.post.whenReturned(key, () => this.#conversation.returned());
    this.#handlers.onAccepted(worker);
    this.#conversation.begin();
    return true;
  }

  /** Calls, in whole frames that are not changed afterwards. */
  call(frames: Buffer): void {
    this.#conversation.data(frames);
  }

  receive(message: Buffer): void {
    this.#conversation.receive(message);
  }

  linkUp(): void {
    if (this.#address !== undefined) this.#conversation.linkUp();
    else this.request();
  }

  linkDown(): void {
    this.#conversation.linkDown();
  }

  linkHeld(isHeld: boolean): void {
    this.#conversation.linkHeld(isHeld);
  }

  /** The instance is needed no more. */
  leave(): void {
    const bye: Note = { note: 'bye' };
    if (this.#address !== undefined) this.#conversation.note(JSON.stringify(bye));
    this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopAsking();
    this.#stopReturns();
    this.#conversation.close();
    this.#client.forget(this.number, this.#address);
  }

  #stopAsking(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#repeat);
  }

  async #giveUp(): Promise<void> {
    if (this.#isClosed || this.#address !== undefined) return;
    this.close();
    this.#handlers.onUntaken(await this.#client.whyUntaken(this.#fmu, this.#withinMs));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
