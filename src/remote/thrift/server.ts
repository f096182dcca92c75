/**
 * A server, framed, binary: connections at the same time, of each the answers in the order of its calls.
 *
 * A connection that sends garbage, or is not heard of for too long, is closed, with the reason to `onLog`.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { binaryProtocol } from './binary.js';
import { type DispatchOptions, dispatch } from './dispatch.js';
import { DEFAULT_FRAME_BYTES, FrameReader, writeFrame } from './frames.js';
import { addressOf, hostOf, listenAt, portOf } from './listening.js';
import type { ThriftService } from './service.js';
import type { HandlersOf, ServiceShape } from './shape.js';

export interface ThriftServerOptions<Peer> extends DispatchOptions {
  /** Default: this machine only. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port: number;
  /** The largest request; default 50 MiB. Of one who has not said yet who he is, it may be less. */
  readonly frameBytes?: number | ((peer: Peer) => number);
  /** How long a connection may be silent while none of its calls is being done, ms; default: as long as it likes. */
  readonly idleMs?: number;
  /** At the same time; more are closed at once. Default 1000. */
  readonly maxConnections?: number;
  /**
   * Calls of one connection that are done at the same time; default 1: each begins when the one before has ended. With more,
   * the handlers see to it that those that must not pass each other do not.
   */
  readonly concurrency?: number;
  /** Whether the address may connect; default: each. */
  readonly allows?: (address: string) => boolean;
  /** What is known of a connection, for the handlers. */
  readonly accept: (connection: Connection) => Peer;
  /** When the connection has ended. */
  readonly onClose?: (peer: Peer) => void;
  readonly onLog?: (event: ServerEvent) => void;
}

export interface ServerEvent {
  readonly event: 'connected' | 'closed' | 'refused';
  readonly address: string;
  /** Why it was closed by this side, or failed. */
  readonly reason?: string;
}

export interface Connection {
  /** `address:port` */
  readonly address: string;
  /** Of the address alone, as a host. */
  readonly host: string;
  close(reason: string): void;
}

const MAX_CONNECTIONS = 1000;
const KEEP_ALIVE_MS = 10_000;
/** Bytes of requests that cannot be begun yet, and of answers that have not been taken, before no more is read. */
const MAX_WAITING_REQUESTS = 2 ** 20;
const MAX_WAITING_ANSWERS = 2 ** 22;

export class ThriftServer<S extends ServiceShape, Peer> {
  readonly host: string;
  readonly #server: Server;
  readonly #open: Set<ServedConnection<S, Peer>>;

  /** Throws `CannotListenError`. */
  static async listen<S extends ServiceShape, Peer>(
    service: ThriftService<S>,
    handlers: HandlersOf<S, Peer>,
    options: ThriftServerOptions<Peer>,
  ): Promise<ThriftServer<S, Peer>> {
    const { host = '127.0.0.1', port, allows = () => true, onLog = () => {} } = options;
    const open = new Set<ServedConnection<S, Peer>>();
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, (socket) => {
      const address = addressOf(socket);
      const refuse = (reason: string) => {
        socket.on('error', () => {});
        socket.destroy();
        onLog({ event: 'refused', address, reason });
      };
      if (!allows(hostOf(socket))) return refuse('its address is not allowed');
      if (open.size >= (options.maxConnections ?? MAX_CONNECTIONS)) return refuse('too many connections');
      const connection = new ServedConnection(service, handlers, options, socket);
      open.add(connection);
      socket.once('close', () => open.delete(connection));
    });
    await listenAt(server, host, port);
    return new ThriftServer(host, server, open);
  }

  private constructor(host: string, server: Server, open: Set<ServedConnection<S, Peer>>) {
    this.host = host;
    this.#server = server;
    this.#open = open;
  }

  get port(): number {
    return portOf(this.#server);
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const connections = [...this.#open];
    for (const connection of connections) connection.close('the server ends');
    await Promise.all([closed, ...connections.map(({ over }) => over)]);
  }
}

class ServedConnection<S extends ServiceShape, Peer> implements Connection {
  readonly address: string;
  readonly host: string;
  /** Resolves when it has ended. */
  readonly over: Promise<void>;
  readonly #service: ThriftService<S>;
  readonly #handlers: HandlersOf<S, Peer>;
  readonly #options: ThriftServerOptions<Peer>;
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  readonly #peer: Peer;
  /** Resolves when all answers so far are written. */
  #written: Promise<void> = Promise.resolve();
  #running = 0;
  #reason: string | undefined;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    service: ThriftService<S>,
    handlers: HandlersOf<S, Peer>,
    options: ThriftServerOptions<Peer>,
    socket: Socket,
  ) {
    this.#service = service;
    this.#handlers = handlers;
    this.#options = options;
    this.#socket = socket;
    this.#frames = new FrameReader();
    this.address = addressOf(socket);
    this.host = hostOf(socket);
    this.#peer = options.accept(this);
    options.onLog?.({ event: 'connected', address: this.address });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#advance());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code ?? error.message;
    });
    socket.on('end', () => {
      if (!this.#frames.isBetween) this.#reason ??= 'it ended within a frame';
    });
    this.over = new Promise((resolve) => {
      socket.once('close', () => {
        this.#over();
        resolve();
      });
    });
    this.#watch();
  }

  close(reason: string): void {
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#watch();
    this.#frames.push(chunk);
    this.#advance();
  }

  /** Begins what may begin now. */
  #advance(): void {
    const { concurrency = 1, frameBytes = DEFAULT_FRAME_BYTES } = this.#options;
    const mayBegin = () => this.#running < concurrency && this.#socket.writableLength <= MAX_WAITING_ANSWERS;
    while (mayBegin() && !this.#socket.destroyed) {
      // What a call has changed counts for the next.
      this.#frames.limit = typeof frameBytes === 'number' ? frameBytes : frameBytes(this.#peer);
      let message: Uint8Array | undefined;
      try {
        message = this.#frames.next();
      } catch (error) {
        this.close((error as Error).message);
        return;
      }
      if (message === undefined) break;
      this.#begin(message);
    }
    const isFull = !mayBegin() && this.#frames.waiting > MAX_WAITING_REQUESTS;
    if (isFull && !this.#socket.isPaused()) this.#socket.pause();
    else if (!isFull && this.#socket.isPaused()) this.#socket.resume();
  }

  #begin(message: Uint8Array): void {
    let answer: Promise<Uint8Array | undefined>;
    try {
      answer = dispatch(this.#service, this.#handlers, binaryProtocol, message, this.#peer, this.#options).answer;
    } catch (error) {
      this.close((error as Error).message);
      return;
    }
    this.#running += 1;
    this.#watch();
    const before = this.#written;
    this.#written = answer.then(async (bytes) => {
      await before;
      this.#running -= 1;
      if (bytes !== undefined && !this.#socket.destroyed) writeFrame(this.#socket, bytes);
      this.#watch();
      this.#advance();
    });
  }

  /** One that does nothing is closed; while it waits for an answer it does something. */
  #watch(): void {
    const { idleMs } = this.#options;
    if (idleMs === undefined || this.#isOver) return;
    if (this.#running > 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.close(`it was silent for ${idleMs / 1000} s`), idleMs).unref();
    } else {
      this.#timer.refresh();
    }
  }

  #over(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    const { onLog, onClose } = this.#options;
    onLog?.({
      event: 'closed',
      address: this.address,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    });
    onClose?.(this.#peer);
  }
}
