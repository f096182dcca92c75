/**
 * The process that runs one instance: the program `proxyfmu`, which listens on a loopback port for one connection and ends
 * with it. A token keeps others on this machine away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { binaryProtocol, encodeCall, FMU_SERVICE, IncomingAnswer, ThriftTooLargeError } from '../thrift/index.js';
import { InstanceProcessError } from './errors.js';
import { FrameCutter, framed, messagesIn } from './frames.js';

/** What the process may take; passed on to the program. */
export interface SandboxOptions {
  /** The user it runs as; takes the right to become that. */
  readonly user?: string;
  readonly noNewPrivileges?: boolean;
  readonly maxMemoryBytes?: number;
  readonly maxCpuSeconds?: number;
  readonly maxFiles?: number;
  readonly maxProcesses?: number;
}

export interface InstanceProcessOptions {
  readonly program: string;
  /** The file that says where the unpacked FMU is. */
  readonly opened: string;
  readonly instanceName: string;
  readonly sandbox: SandboxOptions;
  readonly startMs: number;
  readonly onAnswers: (frames: Buffer, count: number) => void;
  /** Once, when neither its connection nor the process is left: how it ended, for people. */
  readonly onEnd: (ending: ProcessEnding) => void;
}

export interface ProcessEnding {
  readonly reason: string;
  /** With code 0. */
  readonly isOrderly: boolean;
}

const PORT_LINE = /^\[proxyfmu\] port=(\d+)\s*$/m;
/** How long the process may take to end by itself when its connection has. */
const LEAVE_MS = 2000;
/** Of what it says on standard error, the end is kept. */
const REMEMBERED_TEXT = 2000;

export class InstanceProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #options: InstanceProcessOptions;
  readonly #cutter = new FrameCutter();
  #socket: Socket | undefined;
  #said = '';
  #hasEnded = false;
  #complaint: string | undefined;

  /** Resolves when it takes calls. Throws {@link InstanceProcessError}. */
  static async start(options: InstanceProcessOptions): Promise<InstanceProcess> {
    const token = randomBytes(16).toString('hex');
    const child = spawn(options.program, argumentsOf(options), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...harmlessEnvironment(), TWINBRIDGE_PROXY_TOKEN: token },
    });
    const started = new InstanceProcess(child, options);
    try {
      const port = await started.#port();
      await started.#connect(port, token);
      return started;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  private constructor(child: ChildProcess, options: InstanceProcessOptions) {
    this.#child = child;
    this.#options = options;
    this.pid = child.pid ?? 0;
    child.stderr?.on('data', (text: Buffer) => {
      this.#said = (this.#said + text.toString()).slice(-REMEMBERED_TEXT);
    });
  }

  /** Whole frames. */
  call(frames: Buffer): void {
    this.#socket?.write(frames);
  }

  /** It ends with its connection; if it does not, it is killed. */
  end(): void {
    if (this.#hasEnded) return;
    this.#socket?.destroy();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVE_MS);
    this.#child.once('exit', () => clearTimeout(timer));
  }

  /** The port it listens on. */
  #port(): Promise<number> {
    const { startMs, program } = this.#options;
    const child = this.#child;
    return new Promise((resolve, reject) => {
      let text = '';
      const fail = (why: string, cause?: Error): void => {
        clearTimeout(timer);
        const said = this.#said.trim();
        reject(
          new InstanceProcessError(`${why}${said === '' ? '' : `: ${said}`}`, {
            details: { program, pid: this.pid },
            ...(cause === undefined ? {} : { cause }),
          }),
        );
      };
      const timer = setTimeout(() => fail(`it did not listen within ${startMs / 1000} s`), startMs);
      child.once('error', (error) => fail(`${program} cannot be started: ${error.message}`, error));
      // 'close' comes when all that it has said was read.
      child.once('close', (code, signal) => fail(describeExit(code, signal)));
      child.stdout?.on('data', (chunk: Buffer) => {
        if (text.length > REMEMBERED_TEXT) return;
        text += chunk.toString();
        const port = PORT_LINE.exec(text)?.[1];
        if (port === undefined) return;
        text = ' '.repeat(REMEMBERED_TEXT + 1);
        clearTimeout(timer);
        resolve(Number(port));
      });
    });
  }

  #connect(port: number, token: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      const fail = (why: string): void => reject(new InstanceProcessError(why, { details: { port, pid: this.pid } }));
      const early = setTimeout(() => fail('it did not answer'), this.#options.startMs);
      socket.once('error', (error) => fail(`no connection to it: ${error.message}`));
      socket.once('close', () => fail('it closed the connection'));
      socket.write(framed(encodeCall(FMU_SERVICE, binaryProtocol, 'tb_authenticate', { token }, 0)));
      const first = (chunk: Buffer): void => {
        const frames = this.#cutter.push(chunk);
        if (frames === undefined) return;
        clearTimeout(early);
        socket.removeAllListeners();
        try {
          const [answer] = messagesIn(frames);
          const isTrusted = new IncomingAnswer(binaryProtocol, answer!).read(FMU_SERVICE, 'tb_authenticate');
          if (!isTrusted) throw new Error('it does not know the token');
        } catch (error) {
          fail((error as Error).message);
          return;
        }
        this.#socket = socket;
        this.#child.removeAllListeners('close');
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
    const gone = new Promise<string | undefined>((resolve) => {
      const look = (): void => resolve(this.#exit());
      if (this.#exit() !== undefined) look();
      else this.#child.once('exit', look);
    });
    void closed.then(() => this.end());
    void Promise.all([closed, gone]).then(([, exit = 'it ended']) => {
      this.#hasEnded = true;
      const said = this.#said.trim();
      this.#options.onEnd({
        isOrderly: this.#child.exitCode === 0 && this.#complaint === undefined,
        reason: `${this.#complaint ?? exit}${said === '' ? '' : `: ${said}`}`,
      });
    });
  }

  #exit(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    return exitCode === null && signalCode === null ? undefined : describeExit(exitCode, signalCode);
  }
}

/** An FMU is somebody else's code: it is not told how to log in to the broker. */
function harmlessEnvironment(): NodeJS.ProcessEnv {
  const secret = /^(?:AMQP_URL|TWINBRIDGE_(?:SECRET|TLS|BROKER)_?.*)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !secret.test(name)));
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
}

function argumentsOf({ opened, instanceName, sandbox }: InstanceProcessOptions): string[] {
  const { user, noNewPrivileges, maxMemoryBytes, maxCpuSeconds, maxFiles, maxProcesses } = sandbox;
  const limit = (option: string, value: number | string | undefined) =>
    value === undefined ? [] : [option, String(value)];
  return [
    ...['--opened', opened, '--instanceName', instanceName, '--address', '127.0.0.1', '--port', '0', '--once'],
    ...limit('--user', user),
    ...(noNewPrivileges === true ? ['--no-new-privileges'] : []),
    ...limit('--max-memory', maxMemoryBytes),
    ...limit('--max-cpu', maxCpuSeconds),
    ...limit('--max-files', maxFiles),
    ...limit('--max-processes', maxProcesses),
  ];
}
