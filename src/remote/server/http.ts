/**
 * Thrift over HTTP: TJSONProtocol, POST /thrift.
 *
 * Web pages of anywhere can send requests to servers of the machine that shows them, and an FMU is native code. So a request
 * that says which page it comes from is refused, unless that page was allowed; and one by a name that is not this server's,
 * as a page does that has its own name lead here.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { isThisMachine } from '../source.js';
import {
  addressOf,
  dispatch,
  type HandlersOf,
  hostOf,
  jsonProtocol,
  listenAt,
  portOf,
  type ServiceShape,
  type ThriftService,
} from '../thrift/index.js';
import type { OnEvent } from './events.js';

export interface HttpServerOptions<S extends ServiceShape, Peer> {
  readonly service: ThriftService<S>;
  readonly handlers: HandlersOf<S, Peer>;
  readonly host: string;
  readonly port: number;
  /** Of pages that may use it. */
  readonly origins: readonly string[];
  /** Of a request. */
  readonly maxBytes: (peer: Peer) => number;
  readonly allows: (address: string) => boolean;
  /** Of `Authorization: Bearer TOKEN`; an empty text where there is none. */
  readonly isToken: (token: string) => boolean;
  readonly accept: (address: string, isTrusted: boolean) => Peer;
  readonly onEvent?: OnEvent;
}

const PATH = '/thrift';
const TYPE = 'application/x-thrift';

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class HttpServer {
  readonly #server: Server;

  /** Throws `CannotListenError`. */
  static async listen<S extends ServiceShape, Peer>(options: HttpServerOptions<S, Peer>): Promise<HttpServer> {
    const { host, port } = options;
    const server = createServer((request, response) => void answer(options, request, response));
    await listenAt(server, host, port);
    return new HttpServer(server);
  }

  private constructor(server: Server) {
    this.#server = server;
  }

  get port(): number {
    return portOf(this.#server);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer<S extends ServiceShape, Peer>(
  options: HttpServerOptions<S, Peer>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const address = hostOf(request.socket);
  try {
    const origin = checkOrigin(options, request, address);
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Vary', 'Origin');
    }
    if (request.method === 'OPTIONS') {
      response.setHeader('Access-Control-Allow-Methods', 'POST, OPTIONS');
      response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type');
      response.writeHead(204).end();
      return;
    }
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== PATH) {
      throw new Refusal(404, `Thrift is spoken at ${PATH}`);
    }
    if (request.method !== 'POST') throw new Refusal(405, `calls of Thrift are sent by POST, as TJSONProtocol`);
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const isTrusted = options.isToken(token);
    const peer = options.accept(addressOf(request.socket), isTrusted);
    const message = await readBody(request, options.maxBytes(peer));
    const bytes = await begin(options, message, peer).answer;
    response.writeHead(200, { 'Content-Type': TYPE }).end(bytes);
  } catch (error) {
    const status = error instanceof Refusal ? error.status : 500;
    const { message } = error as Error;
    options.onEvent?.({ event: 'refused', address, reason: message });
    if (response.headersSent) response.destroy();
    // What follows of its body is not read.
    else response.writeHead(status, { 'Content-Type': 'text/plain', Connection: 'close' }).end(`${message}\n`);
  }
}

function begin<S extends ServiceShape, Peer>(options: HttpServerOptions<S, Peer>, message: Uint8Array, peer: Peer) {
  try {
    return dispatch(options.service, options.handlers, jsonProtocol, message, peer);
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
}

/** The origin that is allowed, if the request has one. Throws. */
function checkOrigin<S extends ServiceShape, Peer>(
  { allows, origins, host }: HttpServerOptions<S, Peer>,
  { headers }: IncomingMessage,
  address: string,
): string | undefined {
  if (!allows(address)) throw new Refusal(403, 'its address is not allowed');
  const name = URL.canParse(`http://${headers.host}`) ? new URL(`http://${headers.host}`).hostname : '';
  const isNumber = isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
  if (isThisMachine(host) && !isNumber && name !== 'localhost') {
    throw new Refusal(403, `it was sent to '${name.slice(0, 80)}', which is not this server`);
  }
  const { origin } = headers;
  if (origin === undefined) return undefined;
  if (origins.includes(origin)) return origin;
  throw new Refusal(403, `pages of ${origin.slice(0, 80)} may not use this server (--origin)`);
}

async function readBody(request: IncomingMessage, limit: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes > limit) throw new Refusal(413, `a request of more than ${limit} bytes`);
  }
  return Buffer.concat(parts);
}
