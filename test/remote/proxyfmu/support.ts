/** The program proxyfmu, and a client of it whose bytes are made here by hand. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach } from 'vitest';
import { proxyfmuProgramPath } from '#tb/native/index.js';
import { until } from '../../support/until.js';

export interface Served {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
  /** What it has written so far, line by line. */
  readonly lines: string[];
  readonly said: () => string;
  /** How it ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** ms from its start to the line with the port. */
  readonly tookMs: number;
}

const children: ChildProcess[] = [];
const connections: Connection[] = [];
afterEach(() => {
  for (const connection of connections.splice(0)) connection.socket.destroy();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Omit<Served, 'port' | 'tookMs'> {
  const child = spawn(proxyfmuProgramPath(), args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  children.push(child);
  const lines: string[] = [];
  let [out, err] = ['', ''];
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    lines.splice(0, lines.length, ...out.split('\n').slice(0, -1));
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  return { child, pid: child.pid!, lines, said: () => err, ended };
}

const PORT = /^\[proxyfmu\] port=(\d+)$/;

/** Until it says its port. */
export async function serve(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Served> {
  const before = performance.now();
  const started = start(args, env);
  let isOver = false;
  void started.ended.then(() => {
    isOver = true;
  });
  await until(() => isOver || started.lines.length > 0, 'a port');
  const tookMs = performance.now() - before;
  const port = Number(PORT.exec(started.lines[0] ?? '')?.[1]);
  if (!(port > 0)) throw new Error(`no port: ${started.lines.join('\n')}\n${started.said()}`);
  return { ...started, port, tookMs };
}

export function serveFmu(file: string, ...more: readonly string[]): Promise<Served> {
  return serve(['--fmu', file, '--instanceName', 'slave', ...more]);
}

// -- Bytes --------------------------------------------------------------------------------------------------------------

/** `'80 01 | "step" ; a remark'`: bytes in hexadecimal and texts in quotes; the rest is for the eye. */
export function bytes(text: string): Buffer {
  const parts = text.replaceAll(/;.*$/gm, '').match(/"[^"]*"|[0-9a-f]{2}\b/g) ?? [];
  return Buffer.concat(
    parts.map((part) => (part.startsWith('"') ? Buffer.from(part.slice(1, -1)) : Buffer.from(part, 'hex'))),
  );
}

export function framed(payload: Buffer): Buffer {
  return Buffer.concat([i32(payload.length), payload]);
}

function i32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function i64(value: number | bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return buffer;
}

function double(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  return buffer;
}

function binary(value: string | Uint8Array): Buffer {
  const content = Buffer.from(value as string);
  return Buffer.concat([i32(content.length), content]);
}

/** A value with its type's number in the protocol. */
export interface Value {
  readonly type: number;
  readonly bytes: Buffer;
}

const list = (type: number, items: readonly Buffer[]): Value => ({
  type: 15,
  bytes: Buffer.concat([Buffer.of(type), i32(items.length), ...items]),
});

export const t = {
  bool: (value: boolean): Value => ({ type: 2, bytes: Buffer.of(value ? 1 : 0) }),
  double: (value: number): Value => ({ type: 4, bytes: double(value) }),
  i32: (value: number): Value => ({ type: 8, bytes: i32(value) }),
  text: (value: string): Value => ({ type: 11, bytes: binary(value) }),
  binary: (value: Uint8Array): Value => ({ type: 11, bytes: binary(value) }),
  struct: (...fields: readonly Value[]): Value => ({ type: 12, bytes: fieldsOf(fields) }),
  i64s: (...values: readonly (number | bigint)[]): Value => list(10, values.map(i64)),
  doubles: (...values: readonly number[]): Value => list(4, values.map(double)),
  i32s: (...values: readonly number[]): Value => list(8, values.map(i32)),
  bools: (...values: readonly boolean[]): Value =>
    list(
      2,
      values.map((value) => Buffer.of(value ? 1 : 0)),
    ),
  texts: (...values: readonly string[]): Value => list(11, values.map(binary)),
} as const;

/** Fields 1, 2, … and the end of their structure. */
function fieldsOf(fields: readonly Value[]): Buffer {
  const parts = fields.flatMap(({ type, bytes: content }, index) => [Buffer.of(type, 0, index + 1), content]);
  return Buffer.concat([...parts, Buffer.of(0)]);
}

export function callBytes(name: string, sequence: number, args: readonly Value[]): Buffer {
  return framed(Buffer.concat([bytes('80 01 00 01'), binary(name), i32(sequence), fieldsOf(args)]));
}

// -- Answers ----------------------------------------------------------------------------------------------------------

/** Of TApplicationException. */
export class Refusal extends Error {
  readonly type: number;

  constructor(message: string, type: number) {
    super(message);
    this.type = type;
  }
}

export type Answer = undefined | boolean | number | bigint | string | readonly Answer[] | { [id: number]: Answer };

class Reader {
  readonly #from: Buffer;
  #at = 0;

  constructor(from: Buffer) {
    this.#from = from;
  }

  take(size: number): Buffer {
    if (this.#at + size > this.#from.length) throw new Error('the answer is cut off');
    this.#at += size;
    return this.#from.subarray(this.#at - size, this.#at);
  }

  i32(): number {
    return this.take(4).readInt32BE();
  }

  /** Texts byte by byte, since some are no UTF-8. */
  text(): string {
    return this.take(this.i32()).toString('latin1');
  }

  struct(): { [id: number]: Answer } {
    const fields: { [id: number]: Answer } = {};
    for (;;) {
      const type = this.take(1)[0]!;
      if (type === 0) return fields;
      const id = this.take(2).readInt16BE();
      fields[id] = this.value(type);
    }
  }

  value(type: number): Answer {
    if (type === 2) return this.take(1)[0] !== 0;
    if (type === 4) return this.take(8).readDoubleBE();
    if (type === 8) return this.i32();
    if (type === 10) return this.take(8).readBigInt64BE();
    if (type === 11) return this.text();
    if (type === 12) return this.struct();
    if (type !== 15) throw new Error(`type ${type} in an answer`);
    const of = this.take(1)[0]!;
    return Array.from({ length: this.i32() }, () => this.value(of));
  }

  get isAtEnd(): boolean {
    return this.#at === this.#from.length;
  }
}

/** The result of a reply; throws {@link Refusal}. */
export function answerOf(payload: Buffer, name: string, sequence: number): Answer {
  const reader = new Reader(payload);
  const head = reader.i32() >>> 0;
  if (reader.text() !== name || reader.i32() !== sequence) throw new Error('the answer is of another call');
  const fields = reader.struct();
  if (!reader.isAtEnd) throw new Error('there is something behind the answer');
  if (head === 0x80010003)
    throw new Refusal(Buffer.from(fields[1] as string, 'latin1').toString(), fields[2] as number);
  if (head !== 0x80010002) throw new Error(`the answer begins with ${head.toString(16)}`);
  return fields[0];
}

export class Connection {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #came: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #sequence = 0;

  static async to(port: number, host = '127.0.0.1'): Promise<Connection> {
    const socket = connect({ port, host, noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    connections.push(this);
    socket.on('data', (data) => {
      this.#came = Buffer.concat([this.#came, data]);
    });
    socket.on('error', () => {});
    this.closed = once(socket, 'close').then(() => {
      this.#isClosed = true;
    });
  }

  send(data: Buffer): void {
    this.socket.write(data);
  }

  /** The payload of the next frame. */
  async frame(): Promise<Buffer> {
    const size = () => (this.#came.length < 4 ? Number.POSITIVE_INFINITY : 4 + this.#came.readInt32BE());
    await until(() => this.#isClosed || this.#came.length >= size(), 'an answer');
    if (this.#came.length < size()) throw new Error('the connection was closed');
    const payload = this.#came.subarray(4, size());
    this.#came = this.#came.subarray(size());
    return payload;
  }

  async call(name: string, ...args: readonly Value[]): Promise<Answer> {
    this.#sequence += 1;
    const sequence = this.#sequence;
    this.send(callBytes(name, sequence, args));
    return answerOf(await this.frame(), name, sequence);
  }

  /** Whether the other side closes it. */
  async isClosed(): Promise<boolean> {
    await until(() => this.#isClosed, 'the end of the connection');
    return true;
  }
}

/** From `instantiate` to steps. */
export async function initialised(port: number, start = 0): Promise<Connection> {
  const client = await Connection.to(port);
  await client.call('instantiate');
  await client.call('setup_experiment', t.double(start), t.double(0), t.double(0));
  await client.call('enter_initialization_mode');
  await client.call('exit_initialization_mode');
  return client;
}
