/**
 * Apache Thrift itself, to hold ours against: the npm runtime, with code that its compiler makes of the descriptions in
 * `thrift/` when a test runs. The compiler is the Debian package `thrift-compiler`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustNotSkip } from './rabbitmq.js';

const DESCRIPTIONS = fileURLToPath(new URL('./thrift/', import.meta.url));
const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** What the generated client and the runtime are, as far as tests use them. */
export type PeerMethods = Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>;
export type PeerStruct = new (fields: object) => object;

export interface PeerService {
  readonly Client: new (output: object, protocol: unknown) => PeerMethods;
  readonly Processor: new (handlers: object) => { process(input: object, output: object): Promise<void> | undefined };
}

interface PeerTransport {
  flush(): void;
}

export interface PeerConnection {
  on(event: string, listener: (error: Error) => void): void;
  end(): void;
}

interface Runtime {
  readonly TBinaryProtocol: new (transport: object) => object;
  readonly TJSONProtocol: new (transport: object) => object;
  readonly TFramedTransport: new (input: Buffer | undefined, flush?: (bytes: Buffer) => void) => PeerTransport;
  readonly TBufferedTransport: new (input: Buffer | undefined, flush?: (bytes: Buffer) => void) => PeerTransport;
  createConnection(host: string, port: number, options: object): PeerConnection;
  createHttpConnection(host: string, port: number, options: object): PeerConnection;
  createClient(service: PeerService, connection: PeerConnection): PeerMethods;
  createHttpClient(service: PeerService, connection: PeerConnection): PeerMethods;
  createServer(service: PeerService, handlers: object, options: object): import('node:net').Server;
}

const require = createRequire(import.meta.url);
export const apache: Runtime = require('thrift') as Runtime;

/** Why there can be no generated code here; undefined: there can. In CI there must. */
export const missingCompiler: string | undefined = (() => {
  const { status } = spawnSync('thrift', ['--version']);
  if (status === 0) return undefined;
  if (mustNotSkip) throw new Error('the Thrift compiler is missing: install the Debian package thrift-compiler');
  return 'needs thrift-compiler';
})();

export interface Generated {
  service(name: string): PeerService;
  struct(name: string): PeerStruct;
  remove(): void;
}

/** Code for `name`.thrift. */
export function generate(name: 'proxyfmu' | 'fmuproxy' | 'types'): Generated {
  const folder = mkdtempSync(join(tmpdir(), 'twinbridge-thrift-'));
  const out = join(folder, 'generated');
  mkdirSync(out);
  symlinkSync(NODE_MODULES, join(folder, 'node_modules'));
  execFileSync('thrift', ['-out', out, '--gen', 'js:node,es6', join(DESCRIPTIONS, `${name}.thrift`)]);
  const types = () => require(join(out, `${name}_types.js`)) as Readonly<Record<string, PeerStruct>>;
  return {
    service: (service) => require(join(out, `${service}.js`)) as PeerService,
    struct: (struct) => types()[struct]!,
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** The bytes that the generated client sends for a call, in a frame for the binary protocol. Its sequence number is 1. */
export function callOf(service: PeerService, protocol: 'binary' | 'json', method: string, args: unknown[]): Buffer {
  const parts: Buffer[] = [];
  const flush = (bytes: Buffer) => parts.push(bytes);
  const client =
    protocol === 'binary'
      ? new service.Client(new apache.TFramedTransport(undefined, flush), apache.TBinaryProtocol)
      : new service.Client(new apache.TBufferedTransport(undefined, flush), apache.TJSONProtocol);
  void client[method]!(...args);
  return Buffer.concat(parts);
}

/** The bytes that the generated server answers to the bytes of a call, without a frame. */
export async function answerOf(
  service: PeerService,
  handlers: object,
  protocol: 'binary' | 'json',
  message: Uint8Array,
): Promise<Buffer> {
  const answer = new Promise<Buffer>((resolve) => {
    const Protocol = protocol === 'binary' ? apache.TBinaryProtocol : apache.TJSONProtocol;
    const input = new apache.TBufferedTransport(undefined);
    // As its own servers hand over what came.
    Object.assign(input, { inBuf: Buffer.from(message), writeCursor: message.length, readCursor: 0 });
    const output = new apache.TBufferedTransport(undefined, resolve);
    void new service.Processor(handlers).process(new Protocol(input), new Protocol(output));
  });
  return answer;
}
