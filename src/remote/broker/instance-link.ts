/**
 * The connection to the process of one instance, which ends with it. Frames pass through as they are. A token keeps others on
 * this machine away.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import {
  InstanceProcess,
  type InstanceProcessOptions,
  InstanceStartError,
  type ProcessEnd,
} from '../instance/process.js';
import { binaryProtocol, encodeCall, FMU_SERVICE, IncomingAnswer, ThriftTooLargeError } from '../thrift/index.js';
import { FrameCutter, framed, messagesIn } from './frames.js';

export interface InstanceLinkOptions {
  readonly process: Pick<InstanceProcessOptions, 'record' | 'name' | 'sandbox' | 'startMs'>;
  readonly onAnswers: (frames: Buffer, count: number) => void;
  /** Once, when neither the connection nor the process is left: how it ended, for people. */
  readonly onEnd: (ending: InstanceEnd) => void;
}

export interface InstanceEnd {
  readonly reason: string;
  /** With code 0. */
  readonly isOrderly: boolean;
}

const LOOPBACK = '127.0.0.1';
/** How long the process may take to end by itself when its connection has. */
const LEAVE_MS = 2000;

export class InstanceLink {
  readonly #process: InstanceProcess;
  readonly #options: InstanceLinkOptions;
  readonly #cutter = new FrameCutter();
  #socket: Socket | undefined;
  #hasEnded = false;
  #complaint: string | undefined;

  /** Resolves when it takes calls. Throws {@link InstanceStartError}. */
  static async start(options: InstanceLinkOptions): Promise<InstanceLink> {
    const token = randomBytes(16).toString('hex');
    const process = await InstanceProcess.start({
      ...options.process,
      address: LOOPBACK,
      port: 0,
      token,
      onLine: () => {},
    });
    const link = new InstanceLink(process, options);
    try {
      await link.#connect(token);
      return link;
    } catch (error) {
      void process.stop();
      throw error;
    }
  }

  private constructor(process: InstanceProcess, options: InstanceLinkOptions) {
    this.#process = process;
    this.#options = options;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Whole frames. */
  call(frames: Buffer): void {
    this.#socket?.write(frames);
  }

  /** It ends with its connection; if it does not, it is ended. */
  end(): void {
    if (this.#hasEnded) return;
    this.#socket?.destroy();
    const timer = setTimeout(() => void this.#process.stop(), LEAVE_MS);
    void this.#process.ended.then(() => clearTimeout(timer));
  }

  #connect(token: string): Promise<void> {
    const { port, pid } = this.#process;
    return new Promise((resolve, reject) => {
      const socket = connect({ host: LOOPBACK, port, noDelay: true });
      const fail = (why: string): void => {
        clearTimeout(early);
        socket.destroy();
        reject(new InstanceStartError(why, { details: { port, pid } }));
      };
      const early = setTimeout(() => fail('it did not answer'), this.#options.process.startMs);
      socket.once('error', (error) => fail(`no connection to it: ${error.message}`));
      socket.once('close', () => fail('it closed the connection'));
      socket.write(framed(encodeCall(FMU_SERVICE, binaryProtocol, 'tb_authenticate', { token }, 0)));
      const first = (chunk: Buffer): void => {
        try {
          const frames = this.#cutter.push(chunk);
          if (frames === undefined) return;
          const [answer] = messagesIn(frames);
          const isTrusted = new IncomingAnswer(binaryProtocol, answer!).read(FMU_SERVICE, 'tb_authenticate');
          if (!isTrusted) throw new Error('it does not know the token');
        } catch (error) {
          fail((error as Error).message);
          return;
        }
        clearTimeout(early);
        socket.removeAllListeners();
        this.#socket = socket;
        this.#listen(socket);
        resolve();
      };
      socket.on('data', first);
    });
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      try {
        const frames = this.#cutter.push(chunk);
        if (frames !== undefined) this.#options.onAnswers(frames, this.#cutter.count);
      } catch (error) {
        if (!(error instanceof ThriftTooLargeError)) throw error;
        this.#complaint = `it answered with ${error.message}`;
        socket.destroy();
      }
    });
    // 'close' follows.
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    void closed.then(() => this.end());
    void Promise.all([this.#process.ended, closed]).then(([end]) => {
      this.#hasEnded = true;
      const said = this.#process.lastLines.join('\n');
      this.#options.onEnd({
        isOrderly: end.code === 0 && this.#complaint === undefined,
        reason: `${this.#complaint ?? describeEnd(end)}${said === '' ? '' : `: ${said}`}`,
      });
    });
  }
}

function describeEnd({ code, signal }: ProcessEnd): string {
  return signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
}
