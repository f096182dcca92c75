/**
 * An instance server on a loopback port whose instances run on workers behind a broker: what connects to it sees a
 * proxyfmu. Each connection is an instance of its own.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Access } from '../../amqp/index.js';
import { type FmuModel, modelOf, readAnyModelDescription } from '../../fmi/index.js';
import { binaryProtocol, encodeAnswer, encodeFailure, FMU_SERVICE, ThriftApplicationError } from '../thrift/index.js';
import { accessOf } from './access.js';
import { BrokerClient, type FoundFmu } from './broker-client.js';
import type { Timing } from './conversation.js';
import { FrameCutter, framed, messagesIn, readCallHead } from './frames.js';
import { type InstanceEvent, RemoteInstance } from './remote-instance.js';

/** What of an `amqp-fmu://` source is needed here. */
export interface AmqpFmuSource {
  /** `amqp[s]://host[:port][/vhost]` */
  readonly broker: string;
  readonly name: string;
  readonly guid?: string;
}

export interface GatewayOptions {
  /** How the instance is called. */
  readonly instanceName?: string;
  /** With a token, connections must say it first; default true. */
  readonly token?: boolean;
  /** Between states that are kept for a restoration, s; 0: none is kept. Default 5. */
  readonly checkpointSeconds?: number;
  /** How long it may take until a worker has the instance ready, ms. Default 30,000. */
  readonly startMs?: number;
  /** How long to wait for a first worker, ms. Default 5000. */
  readonly retryMs?: number;
  /** Default: by `broker`, as everywhere: environment, secret file. */
  readonly access?: Access;
  readonly timing?: Partial<Timing>;
  readonly warn?: (text: string) => void;
  readonly onEvent?: (event: GatewayEvent) => void;
}

export type GatewayEvent = InstanceEvent & { readonly instance: string };

export interface Gateway {
  readonly host: string;
  readonly port: number;
  /** Empty: none is needed. */
  readonly token: string;
  readonly fmu: FoundFmu;
  /** Resolves with the first connection. */
  readonly connected: Promise<void>;
  /** Resolves when that has ended. */
  readonly used: Promise<void>;
  close(): Promise<void>;
}

const START_MS = 30_000;
const LOOPBACK = '127.0.0.1';

/**
 * Resolves when an instance waits for the first connection. Rejects with a `BrokerError`, `CredentialsError`,
 * `FmuNotOfferedError`, `FmuAmbiguousError`, `NoWorkerError`, `InstanceRefusedError`.
 */
export async function openGateway(source: AmqpFmuSource, options: GatewayOptions = {}): Promise<Gateway> {
  const shared = await shareClient(source, options);
  try {
    return await LoopbackGateway.open(shared, await find(shared, source, options), options);
  } catch (error) {
    await shared.release();
    throw error;
  }
}

/** What the FMU says of itself; over the broker. Errors as of {@link openGateway}, and those of its description. */
export async function describeAmqpFmu(
  source: AmqpFmuSource,
  options: Pick<GatewayOptions, 'access' | 'retryMs' | 'timing' | 'warn'> = {},
): Promise<FmuModel> {
  const shared = await shareClient(source, options);
  try {
    const xml = await shared.client.describe(await find(shared, source, options));
    return modelOf(readAnyModelDescription(`amqp-fmu:${source.name}/modelDescription.xml`, xml).description);
  } finally {
    await shared.release();
  }
}

function find(
  { client }: SharedClient,
  { name, guid }: AmqpFmuSource,
  { retryMs }: Pick<GatewayOptions, 'retryMs'>,
): Promise<FoundFmu> {
  return client.find(name, {
    ...(guid === undefined ? {} : { guid }),
    ...(retryMs === undefined ? {} : { retryMs }),
  });
}

class LoopbackGateway implements Gateway {
  readonly host: string = LOOPBACK;
  readonly token: string;
  readonly fmu: FoundFmu;
  readonly connected: Promise<void>;
  readonly used: Promise<void>;
  readonly #shared: SharedClient;
  readonly #options: GatewayOptions;
  readonly #server: Server;
  readonly #connections = new Set<GatewayConnection>();
  #isConnected: () => void = () => {};
  #isUsed: () => void = () => {};
  /** Made before anyone has connected. */
  #spare: BufferedInstance | undefined;
  #serial = 0;

  static async open(shared: SharedClient, fmu: FoundFmu, options: GatewayOptions): Promise<LoopbackGateway> {
    const gateway = new LoopbackGateway(shared, fmu, options);
    const listening = new Promise<void>((resolve, reject) => {
      gateway.#server.once('error', reject);
      gateway.#server.listen(0, LOOPBACK, resolve);
    });
    try {
      gateway.#spare = gateway.#newInstance();
      await Promise.all([listening, gateway.#spare.ready]);
      return gateway;
    } catch (error) {
      gateway.#spare?.instance.leave();
      gateway.#server.close();
      throw error;
    }
  }

  private constructor(shared: SharedClient, fmu: FoundFmu, options: GatewayOptions) {
    this.#shared = shared;
    this.fmu = fmu;
    this.#options = options;
    this.token = options.token === false ? '' : randomBytes(16).toString('hex');
    this.connected = new Promise((resolve) => {
      this.#isConnected = resolve;
    });
    this.used = new Promise((resolve) => {
      this.#isUsed = resolve;
    });
    this.#server = createServer({ noDelay: true }, (socket) => this.#connected(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#spare?.instance.leave();
    for (const connection of [...this.#connections]) connection.close();
    await closed;
    await this.#shared.release();
  }

  #newInstance(): BufferedInstance {
    const { instanceName = this.fmu.name, checkpointSeconds, startMs = START_MS, onEvent } = this.#options;
    this.#serial += 1;
    const name = this.#serial === 1 ? instanceName : `${instanceName}#${this.#serial}`;
    return new BufferedInstance(
      {
        client: this.#shared.client,
        fmu: this.fmu,
        name,
        startMs,
        ...(checkpointSeconds === undefined ? {} : { checkpointSeconds }),
      },
      (event) => onEvent?.({ ...event, instance: name }),
    );
  }

  #connected(socket: Socket): void {
    const connection = new GatewayConnection(
      socket,
      this.token,
      () => {
        const spare = this.#spare ?? this.#newInstance();
        this.#spare = undefined;
        return spare;
      },
      () => {
        this.#connections.delete(connection);
        this.#isUsed();
      },
    );
    this.#connections.add(connection);
    this.#isConnected();
  }
}

/** An instance that may be there before whom it is for. */
class BufferedInstance {
  readonly instance: RemoteInstance;
  /** Rejects when it fails before. */
  readonly ready: Promise<void>;
  onAnswers: (frames: Buffer) => void = () => {};
  /** It is over, after the client's last call or by a failure. */
  onOver: () => void = () => {};

  constructor(
    options: Omit<ConstructorParameters<typeof RemoteInstance>[0], 'onAnswers' | 'onEvent'>,
    onEvent: (event: InstanceEvent) => void,
  ) {
    let resolve: () => void = () => {};
    let reject: (error: Error) => void = () => {};
    this.ready = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    // Who does not wait hears of it by the answers to its calls.
    this.ready.catch(() => {});
    this.instance = new RemoteInstance({
      ...options,
      onAnswers: (frames) => this.onAnswers(frames),
      onEvent: (event) => {
        onEvent(event);
        if (event.type === 'ready') resolve();
        else if (event.type === 'failed') reject(event.error);
        if (event.type === 'left') this.onOver();
      },
    });
  }
}

/** Someone who uses an instance. */
class GatewayConnection {
  readonly #socket: Socket;
  readonly #token: string;
  readonly #take: () => BufferedInstance;
  readonly #onEnd: () => void;
  readonly #cutter = new FrameCutter();
  #instance: BufferedInstance | undefined;

  constructor(socket: Socket, token: string, take: () => BufferedInstance, onEnd: () => void) {
    this.#socket = socket;
    this.#token = token;
    this.#take = take;
    this.#onEnd = onEnd;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // 'close' follows.
    socket.on('error', () => {});
    socket.on('close', () => this.#ended());
    if (token === '') this.#begin();
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      const frames = this.#cutter.push(chunk);
      if (frames === undefined) return;
      if (this.#instance === undefined) this.#authenticate(frames);
      else this.#instance.instance.call(frames);
    } catch {
      // Who sends what is no Thrift is not talked to.
      this.#socket.destroy();
    }
  }

  #begin(): void {
    const taken = this.#take();
    taken.onAnswers = (frames) => this.#socket.write(frames);
    // libcosim waits for the end of the server before it lets go of the connection.
    taken.onOver = () => this.#socket.destroySoon();
    this.#instance = taken;
  }

  #authenticate(frames: Buffer): void {
    const [first] = messagesIn(frames);
    const head = readCallHead(first!);
    if (head?.method !== 'tb_authenticate') {
      this.#answer(
        encodeFailure(
          binaryProtocol,
          head?.method ?? '',
          new ThriftApplicationError(0, 'the first call must be tb_authenticate'),
          head?.sequence ?? 0,
        ),
      );
      this.#socket.end();
      return;
    }
    const isTrusted = isToken(tokenIn(first!), this.#token);
    const method = FMU_SERVICE.method('tb_authenticate')!;
    this.#answer(encodeAnswer(binaryProtocol, method, { value: isTrusted }, head.sequence));
    if (!isTrusted) {
      this.#socket.end();
      return;
    }
    this.#begin();
    const rest = frames.subarray(first!.length + 4);
    if (rest.length > 0) this.#instance!.instance.call(rest);
  }

  #answer(message: Uint8Array): void {
    this.#socket.write(framed(message));
  }

  #ended(): void {
    if (this.#instance !== undefined) {
      this.#instance.onAnswers = this.#instance.onOver = () => {};
      this.#instance.instance.leave();
    }
    this.#onEnd();
  }
}

function tokenIn(message: Buffer): string {
  const reader = binaryProtocol.reader(message);
  reader.messageBegin();
  const { token } = FMU_SERVICE.method('tb_authenticate')!.args.read(reader) as { readonly token?: unknown };
  return typeof token === 'string' ? token : '';
}

function isToken(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

// -- Connections to brokers, shared ---------------------------------------------------------------------------------

interface SharedClient {
  readonly client: BrokerClient;
  release(): Promise<void>;
}

interface Sharing {
  readonly opening: Promise<BrokerClient>;
  users: number;
}

const sharings = new Map<string, Sharing>();

/** All instances that a process uses on a broker go over one connection. */
async function shareClient(
  { broker }: AmqpFmuSource,
  { access, timing, warn }: Pick<GatewayOptions, 'access' | 'timing' | 'warn'>,
): Promise<SharedClient> {
  const used = access ?? (await accessOf(broker, warn === undefined ? {} : { warn }));
  const key = JSON.stringify([used, timing]);
  const sharing = sharings.get(key) ?? {
    opening: BrokerClient.open({ access: used, ...(timing === undefined ? {} : { timing }) }),
    users: 0,
  };
  sharings.set(key, sharing);
  sharing.users += 1;
  const release = async (): Promise<void> => {
    sharing.users -= 1;
    if (sharing.users > 0) return;
    sharings.delete(key);
    await (await sharing.opening).close();
  };
  try {
    return { client: await sharing.opening, release };
  } catch (error) {
    sharings.delete(key);
    throw error;
  }
}
