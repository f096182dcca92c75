/**
 * One connection kept alive: opened within a deadline, set up, watched, and opened anew whenever it is lost.
 *
 * amqplib has a recovery of its own. It is not used, because an attempt of it cannot be called off (closing would
 * wait for a silent peer), its time limit starts anew with every byte received, and a connection given up for lack
 * of heartbeats keeps its socket, and with it the process, until the network says so.
 */
import { type ChannelModel, credentials, type SocketOptions } from 'amqplib';
import { type BrokerAddress, describeAddress } from './address.js';
import { diagnose, type Stage, timedOut } from './diagnosis.js';
import { type BrokerError, LinkClosedError } from './errors.js';
import { guardedConnect } from './guarded-connect.js';

export interface TlsOptions {
  /** PEM text of the certificate authorities to trust instead of the system's. */
  readonly ca?: string;
  /** PEM text of our own certificate and key, where the broker asks for them. */
  readonly cert?: string;
  readonly key?: string;
  /** Of an encrypted key. */
  readonly passphrase?: string;
  /** The name the broker's certificate must carry; default: the host name. */
  readonly servername?: string;
  /** Default true. False accepts any certificate, so anyone in between can read and alter the traffic. */
  readonly rejectUnauthorized?: boolean;
}

export interface ReconnectOptions {
  /** Before the first attempt to reconnect; doubled for each further one. Default 100 ms. */
  readonly initialDelayMs: number;
  /** Default 5,000 ms. */
  readonly maxDelayMs: number;
  /** Share of the delay that is drawn by lot, 0 to 1, so that many clients do not return at once. Default 0.2. */
  readonly jitter: number;
}

export type LinkEvent =
  /** `attempt`: how many it took, 1 if the first succeeded. */
  | { readonly type: 'connected'; readonly attempt: number }
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'retrying'; readonly attempt: number; readonly delayMs: number; readonly reason: string }
  /** The broker is short of memory or disk and takes no messages for now. */
  | { readonly type: 'blocked'; readonly reason: string }
  | { readonly type: 'unblocked' }
  /** The broker cancelled the consumer (its queue was deleted); it is set up again. */
  | { readonly type: 'cancelled'; readonly reason: string }
  /** A stream's retention removed messages, in an outage, before they were read. */
  | { readonly type: 'missed'; readonly reason: string }
  /** A mandatory message reached no queue. */
  | { readonly type: 'returned'; readonly exchange: string; readonly routingKey: string; readonly reason: string }
  | { readonly type: 'closed' };

export interface LinkOptions {
  readonly address: BrokerAddress;
  /** Shown in the broker's list of connections. */
  readonly connectionName: string;
  /** A peer silent for two such intervals is given up; 0 for no heartbeats. Default 10 s. */
  readonly heartbeatSeconds?: number;
  /** For the whole of an attempt: name, TCP, TLS, AMQP handshake, declarations. Default 10,000 ms. */
  readonly connectTimeoutMs?: number;
  readonly tls?: TlsOptions;
  /** `external`: the broker takes the user from our certificate (SASL EXTERNAL). Default: user and password. */
  readonly auth?: 'password' | 'external';
  readonly reconnect?: Partial<ReconnectOptions>;
  /** Calls the opening off, which then rejects with `LinkClosedError`; later it has no effect. */
  readonly signal?: AbortSignal;
  /** Called synchronously; must not throw. */
  readonly onEvent?: (event: LinkEvent) => void;
}

/** What a consumer or a publisher does with each connection. */
export interface LinkUser {
  /** Opens channels and declares; a rejection fails the attempt. */
  setUp(session: Session): Promise<void>;
  /** The session is over; nothing may be sent on it any more. */
  lost(session: Session): void;
}

/** One connection, from its opening to its loss. */
export interface Session {
  readonly model: ChannelModel;
  /** Gives the connection up, so that a new one is opened. */
  fail(cause: Error): void;
}

const DEFAULT_RECONNECT: ReconnectOptions = { initialDelayMs: 100, maxDelayMs: 5_000, jitter: 0.2 };
/** How long a clean goodbye may take before the socket is cut. */
const CLOSE_TIMEOUT_MS = 1_000;
/** How long the broker may take to accept a new secret. */
const UPDATE_SECRET_TIMEOUT_MS = 5_000;

export class Link {
  readonly #options: LinkOptions;
  #address: BrokerAddress;
  readonly #user: LinkUser;
  readonly #reconnect: ReconnectOptions;
  #session: LiveSession | undefined;
  #attempt: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The next attempt, while there is a pause before it. */
  #retry: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  private constructor(options: LinkOptions, user: LinkUser) {
    this.#options = options;
    this.#address = options.address;
    this.#user = user;
    this.#reconnect = { ...DEFAULT_RECONNECT, ...options.reconnect };
  }

  /**
   * Connects and sets up, once: whatever fails is an error of a telling class ({@link BrokerError}). From then on
   * the link reconnects by itself, for ever.
   */
  static async open(options: LinkOptions, user: LinkUser): Promise<Link> {
    const link = new Link(options, user);
    const callOff = () => void link.close();
    if (options.signal?.aborted) throw new LinkClosedError('the link was called off before it was opened');
    options.signal?.addEventListener('abort', callOff);
    try {
      await link.#connect(1);
      return link;
    } finally {
      options.signal?.removeEventListener('abort', callOff);
    }
  }

  /** Something shows that the broker is back: the next attempt, if one is due, is made at once. */
  retryNow(): void {
    if (!this.isClosed) this.#retry?.();
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  emit(event: LinkEvent): void {
    this.#options.onEvent?.(event);
  }

  /** Closes for good; `farewell` runs on the live session before it goes, within the time allowed for closing. */
  close(farewell?: (session: Session) => Promise<unknown>): Promise<void> {
    this.#closed ??= this.#close(farewell);
    return this.#closed;
  }

  /**
   * A new password or token for the same user: reconnects use it, and the broker is told on the connection there is
   * (connection.update-secret), which it might close when the old one expires. Resolves to whether it has taken it.
   */
  async updateSecret(password: string, reason: string): Promise<boolean> {
    this.#address = { ...this.#address, password };
    const session = this.#session;
    if (session === undefined) return false;
    const update = session.model.updateSecret(Buffer.from(password), reason).then(
      () => true,
      () => false,
    );
    const lost = new Promise<false>((resolve) => session.model.once('close', () => resolve(false)));
    return Promise.race([update, lost, expiry(UPDATE_SECRET_TIMEOUT_MS).then(() => false)]);
  }

  async #close(farewell: ((session: Session) => Promise<unknown>) | undefined): Promise<void> {
    clearTimeout(this.#timer);
    this.#attempt?.abort();
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) {
      const goodbye = async (): Promise<void> => {
        await farewell?.(session);
        await session.model.close();
      };
      // A peer that does not answer, or has gone, must not hold us up.
      await Promise.race([goodbye().catch(() => {}), expiry(CLOSE_TIMEOUT_MS)]);
      session.end();
      this.#user.lost(session);
    }
    this.emit({ type: 'closed' });
  }

  async #connect(attempt: number): Promise<void> {
    const { connectTimeoutMs = 10_000 } = this.#options;
    const address = this.#address;
    const abort = new AbortController();
    this.#attempt = abort;
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      abort.abort();
    }, connectTimeoutMs);
    let stage: Stage = 'connecting';
    let session: LiveSession | undefined;
    try {
      const opening = guardedConnect(
        { ...address, heartbeat: this.#heartbeatSeconds },
        socketOptions(this.#options, abort.signal),
      );
      const model = await Promise.race([opening, aborted(abort.signal)]);
      stage = 'setting up';
      session = new LiveSession(model, abort, (reason) => this.#lost(session!, reason));
      await this.#user.setUp(session);
      if (session.over !== undefined) throw session.over;
      if (this.isClosed) throw new Error('closed');
    } catch (error) {
      // What was waiting for an answer when the channel closed fails too, but without a reason.
      const cause = session?.over === undefined || isRefusal(error) ? error : session.over;
      session?.end();
      abort.abort();
      if (this.isClosed) throw new LinkClosedError(`the link to ${describeAddress(address)} was closed`);
      throw late ? timedOut(address, connectTimeoutMs) : await diagnose(cause, stage, address);
    } finally {
      clearTimeout(deadline);
      this.#attempt = undefined;
    }
    this.#session = session;
    this.#watch(session.model);
    this.emit({ type: 'connected', attempt });
  }

  get #heartbeatSeconds(): number {
    return this.#options.heartbeatSeconds ?? 10;
  }

  #watch(model: ChannelModel): void {
    model.on('blocked', (reason: string) => this.emit({ type: 'blocked', reason }));
    model.on('unblocked', () => this.emit({ type: 'unblocked' }));
  }

  #lost(session: LiveSession, reason: string): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#user.lost(session);
    this.emit({ type: 'lost', reason });
    this.#retryAfter(1, reason);
  }

  #retryAfter(attempt: number, reason: string): void {
    if (this.isClosed) return;
    const { initialDelayMs, maxDelayMs, jitter } = this.#reconnect;
    const full = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(attempt - 1, 30));
    const delayMs = Math.round(full * (1 - jitter * Math.random()));
    this.emit({ type: 'retrying', attempt, delayMs, reason });
    this.#retry = () => {
      this.#retry = undefined;
      clearTimeout(this.#timer);
      this.#connect(attempt).catch((error: BrokerError) => this.#retryAfter(attempt + 1, error.message));
    };
    this.#timer = setTimeout(this.#retry, delayMs);
  }
}

class LiveSession implements Session {
  readonly model: ChannelModel;
  /** Why it is over, once it is. */
  over: Error | undefined;
  readonly #abort: AbortController;
  readonly #onLost: (reason: string) => void;

  constructor(model: ChannelModel, abort: AbortController, onLost: (reason: string) => void) {
    this.model = model;
    this.#abort = abort;
    this.#onLost = onLost;
    // 'close' follows with the same reason; without a listener 'error' would end the process.
    model.on('error', () => {});
    model.on('close', (error?: Error) => this.fail(error ?? new Error('closed by the broker')));
  }

  fail(cause: Error): void {
    if (this.over !== undefined) return;
    this.over = cause;
    this.end();
    this.#onLost(cause.message);
  }

  /** Cuts the socket: amqplib only half-closes it, which a dead peer never answers. */
  end(): void {
    this.over ??= new Error('closed');
    this.#abort.abort();
  }
}

export function socketOptions(
  { tls = {}, connectionName, auth }: Pick<LinkOptions, 'tls' | 'connectionName' | 'auth'>,
  signal: AbortSignal,
): SocketOptions {
  // `signal` is an option of the socket that amqplib passes on without declaring it.
  const options: SocketOptions & { signal: AbortSignal } = {
    ...tls,
    noDelay: true,
    clientProperties: { connection_name: connectionName },
    ...(auth === 'external' ? { credentials: credentials.external() } : {}),
    signal,
  };
  return options;
}

/** Whether the broker named a reason, by a reply code. */
function isRefusal(error: unknown): boolean {
  return typeof (error as { code?: unknown }).code === 'number';
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('called off')), { once: true });
  });
}

function expiry(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
