/**
 * A connection to a server, framed, binary. Calls are pipelined: one does not wait for the answer of another. Each may have
 * a deadline, and all that wait are rejected when the connection ends.
 */
import { connect, type Socket } from 'node:net';
import { binaryProtocol } from './binary.js';
import { ThriftConnectionError, ThriftDeadlineError, ThriftProtocolError } from './errors.js';
import { DEFAULT_FRAME_BYTES, FrameReader, writeFrame } from './frames.js';
import { encodeCall, IncomingAnswer } from './message.js';
import type { ThriftService } from './service.js';
import type { ArgsOf, MethodOf, ResultOf, ServiceShape } from './shape.js';

export interface ThriftClientOptions {
  readonly host: string;
  readonly port: number;
  /** How long connecting may take, ms; default 10 s. */
  readonly connectMs?: number;
  /** How long a call may take that says nothing else, ms; default: as long as it likes. */
  readonly deadlineMs?: number;
  /** The largest answer; default 50 MiB. */
  readonly frameBytes?: number;
}

export interface CallOptions {
  /** ms; 0: none. */
  readonly deadlineMs?: number;
}

interface Pending {
  readonly method: string;
  readonly settle: (answer: IncomingAnswer) => void;
  readonly fail: (error: Error) => void;
}

const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;

export class ThriftClient<S extends ServiceShape> {
  readonly service: ThriftService<S>;
  /** `host:port` */
  readonly address: string;
  /** Resolves when the connection has ended, with the reason. */
  readonly closed: Promise<Error>;
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  readonly #deadlineMs: number;
  readonly #pending = new Map<number, Pending>();
  /** Calls that were given up: their answers may still come. */
  readonly #givenUp = new Set<number>();
  #sequence = 0;
  #ended: Error | undefined;
  #resolveClosed: (reason: Error) => void = () => {};

  /** Throws {@link ThriftConnectionError}, {@link ThriftDeadlineError}. */
  static connect<S extends ServiceShape>(
    service: ThriftService<S>,
    options: ThriftClientOptions,
  ): Promise<ThriftClient<S>> {
    const { host, port, connectMs = CONNECT_MS } = options;
    const address = `${host}:${port}`;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
      const timer = setTimeout(() => {
        socket.destroy();
        reject(
          new ThriftDeadlineError(`no connection to ${address} within ${connectMs / 1000} s`, {
            details: { host, port, connectMs },
            remedy: 'check the address, and whether a firewall is between',
          }),
        );
      }, connectMs);
      socket.once('error', (cause: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        reject(
          new ThriftConnectionError(`cannot connect to ${address}: ${cause.code ?? cause.message}`, {
            cause,
            details: { host, port },
            remedy:
              cause.code === 'ECONNREFUSED' ? 'nothing listens there: start the server first' : 'check the address',
          }),
        );
      });
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        resolve(new ThriftClient(service, socket, address, options));
      });
    });
  }

  private constructor(
    service: ThriftService<S>,
    socket: Socket,
    address: string,
    { deadlineMs = 0, frameBytes = DEFAULT_FRAME_BYTES }: ThriftClientOptions,
  ) {
    this.service = service;
    this.address = address;
    this.#socket = socket;
    this.#frames = new FrameReader(frameBytes);
    this.#deadlineMs = deadlineMs;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      this.#end(this.#lost(`the connection to ${address} failed: ${cause.code ?? cause.message}`, cause));
    });
    socket.on('close', () => this.#end(this.#lost(`${address} closed the connection`)));
  }

  /**
   * Throws what the method throws ({@link ThriftApplicationError}, {@link ThriftDeclaredError}), {@link ThriftValueError} for
   * arguments that do not fit, {@link ThriftConnectionError}, {@link ThriftDeadlineError}. After a deadline the connection
   * can go on being used; what the call did is not known.
   */
  call<M extends MethodOf<S>>(method: M, args: ArgsOf<S, M>, options: CallOptions = {}): Promise<ResultOf<S, M>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw this.#ended;
      const sequence = this.#sequence;
      this.#sequence = (sequence + 1) & 0x7fff_ffff;
      const message = encodeCall(this.service, binaryProtocol, method, args, sequence);
      const deadlineMs = options.deadlineMs ?? this.#deadlineMs;
      const timer = deadlineMs === 0 ? undefined : setTimeout(() => this.#giveUp(sequence, deadlineMs), deadlineMs);
      this.#pending.set(sequence, {
        method,
        settle: (answer) => {
          clearTimeout(timer);
          try {
            resolve(answer.read(this.service, method));
          } catch (error) {
            reject(error);
            // What follows cannot be trusted to be what it seems.
            if (error instanceof ThriftProtocolError) this.#end(error);
          }
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      writeFrame(this.#socket, message);
    });
  }

  /** Rejects all that waits. */
  close(): void {
    this.#end(new ThriftConnectionError(`the connection to ${this.address} was closed here`));
  }

  /** Lets the process end although the connection is there. */
  unref(): void {
    this.#socket.unref();
  }

  #receive(chunk: Buffer): void {
    try {
      this.#frames.push(chunk);
      for (let message = this.#frames.next(); message !== undefined; message = this.#frames.next()) {
        if (this.#ended !== undefined) return;
        const answer = new IncomingAnswer(binaryProtocol, message);
        const pending = this.#pending.get(answer.sequence);
        if (pending === undefined) {
          if (this.#givenUp.delete(answer.sequence)) continue;
          throw new ThriftProtocolError(`${this.address} answered a call that was not made`);
        }
        this.#pending.delete(answer.sequence);
        pending.settle(answer);
      }
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #giveUp(sequence: number, deadlineMs: number): void {
    const pending = this.#pending.get(sequence);
    if (pending === undefined) return;
    this.#pending.delete(sequence);
    this.#givenUp.add(sequence);
    const { method } = pending;
    pending.fail(
      new ThriftDeadlineError(`${this.address} did not answer ${method} within ${deadlineMs / 1000} s`, {
        details: { method, deadlineMs },
      }),
    );
  }

  #lost(what: string, cause?: Error): ThriftConnectionError {
    const waiting = [...this.#pending.values()].map(({ method }) => method);
    const during = waiting.length === 0 ? '' : ` while ${waiting.slice(0, 3).join(', ')} waited for an answer`;
    return new ThriftConnectionError(`${what}${during}`, { details: { waiting }, ...(cause ? { cause } : {}) });
  }

  #end(reason: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#socket.destroy();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { fail } of waiting) fail(reason);
    this.#resolveClosed(reason);
  }
}
