/**
 * One instance of an FMU in a process of its own (the program `proxyfmu`, fmu-shim/proxyfmu). It ends by itself when this
 * process is gone, however that came about: it notices that nobody reads its standard output.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeTemporaryFolder, type TemporaryFolder } from '../../fmi/index.js';
import { NativeLibraryError, proxyfmuProgramPath } from '../../native/index.js';
import { TwinbridgeError } from '../../support/errors.js';

/** What an FMU may do. */
export interface SandboxOptions {
  /** Run it as this user. */
  readonly user?: string;
  readonly noNewPrivileges?: boolean;
  /** Bytes of address space. */
  readonly maxMemory?: number;
  /** Seconds of processor time. */
  readonly maxCpu?: number;
  /** Open at the same time. */
  readonly maxFiles?: number;
  /** Of its user, threads counted. */
  readonly maxProcesses?: number;
}

export interface InstanceProcessOptions {
  readonly record: string;
  readonly name: string;
  readonly address: string;
  /** 0: any. */
  readonly port: number;
  /** After as many seconds without a connection it ends; 0: never. Default: as the program has it. */
  readonly idleSeconds?: number;
  readonly allow?: readonly string[];
  readonly token?: string;
  readonly sandbox: SandboxOptions;
  /** When the FMU crashes, clients are told by answers to their calls, as those of the real protocols need it. */
  readonly outlivesFmu?: boolean;
  /** How long it may take until it listens, ms. */
  readonly startMs: number;
  readonly onLine: (line: string) => void;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The process ended before it listened; the message says why, as far as it did. */
export class InstanceStartError extends TwinbridgeError {
  override readonly code = 'TB_REMOTE_INSTANCE_START';
}

const PORT_LINE = /^\[proxyfmu\] port=(\d+)$/;
/** Between being asked to end and being ended, ms. */
const GRACE_MS = 2000;
const REMEMBERED_LINES = 5;

let records: TemporaryFolder | undefined;
let serial = 0;

export class InstanceProcess {
  readonly pid: number;
  readonly port: number;
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #lines: readonly string[];

  /** Throws {@link InstanceStartError}. */
  static async start(options: InstanceProcessOptions): Promise<InstanceProcess> {
    const program = proxyfmuProgramPath();
    if (!existsSync(program)) {
      throw new NativeLibraryError(`the program ${program}, which runs FMUs for others, is missing`, {
        details: { path: program },
        remedy: "run 'npm run build' (needs a C compiler and CMake)",
      });
    }
    records ??= makeTemporaryFolder('twinbridge-opened-');
    const record = join(records.directory, `${serial++}`);
    await writeFile(record, options.record, { mode: 0o600 });
    try {
      return await begin(program, record, options);
    } finally {
      // It has read it.
      await rm(record, { force: true });
    }
  }

  constructor(child: ChildProcess, port: number, ended: Promise<ProcessEnd>, lines: readonly string[]) {
    this.#child = child;
    this.#lines = lines;
    this.pid = child.pid ?? 0;
    this.port = port;
    this.ended = ended;
  }

  /** What it said last on standard error. */
  get lastLines(): readonly string[] {
    return this.#lines.slice(-REMEMBERED_LINES);
  }

  /** In order if it will, else not. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

async function begin(program: string, record: string, options: InstanceProcessOptions): Promise<InstanceProcess> {
  const { name, startMs, onLine } = options;
  const child = spawn(program, argumentsOf(record, options), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...harmlessEnvironment(),
      ...(options.token === undefined ? {} : { TWINBRIDGE_PROXY_TOKEN: options.token }),
    },
  });
  const lines: string[] = [];
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  createInterface({ input: child.stderr! }).on('line', (line) => {
    if (lines.push(line) > REMEMBERED_LINES) lines.shift();
    onLine(line);
  });
  const announced = new Promise<number>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const port = PORT_LINE.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (cause) => {
      reject(new InstanceStartError(`cannot start ${program}: ${cause.message}`, { cause }));
    });
    void ended.then(({ code, signal }) => {
      const said = lines.map((line) => line.replace(/^\[proxyfmu\] /, '')).join('; ');
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      reject(
        new InstanceStartError(said === '' ? `the process of '${name}' ended ${how} before it was ready` : said, {
          details: { code, signal },
        }),
      );
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new InstanceStartError(`the process of '${name}' was not ready within ${startMs / 1000} s`));
    }, startMs);
  });
  try {
    const port = await Promise.race([announced, failed, late]);
    return new InstanceProcess(child, port, ended, lines);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** An FMU is somebody else's code: it is told neither how to log in to a broker nor what the server's token is. */
function harmlessEnvironment(): NodeJS.ProcessEnv {
  const secret = /^(?:AMQP_URL|TWINBRIDGE_(?:SECRET|TLS|BROKER|PROXY_TOKEN)_?.*)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !secret.test(name)));
}

function argumentsOf(record: string, options: InstanceProcessOptions): string[] {
  const { name, address, port, idleSeconds, allow = [], sandbox, outlivesFmu } = options;
  const { user, noNewPrivileges, maxMemory, maxCpu, maxFiles, maxProcesses } = sandbox;
  const valued: [string, string | number | undefined][] = [
    ['--opened', record],
    ['--instanceName', name],
    ['--address', address],
    ['--port', port],
    ['--idle', idleSeconds],
    ['--allow', allow.length === 0 ? undefined : allow.join(',')],
    ['--user', user],
    ['--max-memory', maxMemory],
    ['--max-cpu', maxCpu],
    ['--max-files', maxFiles],
    ['--max-processes', maxProcesses],
  ];
  return [
    // Written so, a name may begin with a dash.
    ...valued.flatMap(([option, value]) => (value === undefined ? [] : [`${option}=${value}`])),
    '--once',
    ...(outlivesFmu ? ['--outlive-fmu'] : []),
    ...(noNewPrivileges ? ['--no-new-privileges'] : []),
  ];
}
