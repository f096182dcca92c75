/**
 * A connection opened step by step (name, TCP, TLS, greeting, login, virtual host), each step for itself, so that the one
 * that fails is known and the broker's own words are heard. For diagnosis; what works goes through `link.ts`.
 */
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { ChannelModel } from 'amqplib';
import { type BrokerAddress, describeAddress } from './address.js';
import { diagnose, TLS_ALERT, timedOut } from './diagnosis.js';
import { asText } from './embedded/wire/field-table.js';
import { FRAME_END, FRAME_HEADER_BYTES, FrameType, PROTOCOL_HEADER, writeFrameHeader } from './embedded/wire/frames.js';
import { type Method, type MethodArgs, type MethodName, readMethod, writeMethod } from './embedded/wire/methods.js';
import { OctetReader, OctetWriter } from './embedded/wire/octets.js';
import {
  type BrokerError,
  HandshakeError,
  LoginRefusedError,
  NotABrokerError,
  TlsRequiredError,
  VhostRefusedError,
} from './errors.js';
import { guardedConnect } from './guarded-connect.js';
import { type LinkOptions, socketOptions } from './link.js';

/** All it takes to connect. */
export type Access = Pick<LinkOptions, 'address' | 'tls' | 'auth'>;

/** Addresses of the host; just itself if it is one. */
export async function resolveHost({ address }: Access): Promise<readonly string[]> {
  if (isIP(address.hostname) !== 0) return [address.hostname];
  try {
    return (await lookup(address.hostname, { all: true })).map((found) => found.address);
  } catch (error) {
    throw await diagnose(error, 'connecting', address);
  }
}

export interface TlsFacts {
  readonly protocol: string;
  readonly subject: string;
  readonly issuer: string;
  /** When the certificate ends. */
  readonly validTo: Date;
  /** Why it would not be trusted, if it need not be (`verify: false`). */
  readonly untrusted: string | undefined;
}

export interface Greeting {
  readonly product: string;
  readonly version: string;
  readonly mechanisms: readonly string[];
}

/** What the broker asks of the connection (connection.tune). */
export type Limits = MethodArgs<'connection.tune'>;

/** Each call may be made once, in the order they stand here. All reject with a {@link BrokerError}. */
export class CheckedConnection {
  readonly #access: Access;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  #ended: Error | undefined;
  #wake: (() => void) | undefined;
  #limits: Limits | undefined;

  /** `timeoutMs`: for each step. */
  constructor(access: Access, timeoutMs: number) {
    this.#access = access;
    this.#timeoutMs = timeoutMs;
  }

  /** Returns where it is connected to. */
  async connect(): Promise<{ readonly host: string; readonly port: number }> {
    const { hostname: host, port } = this.#access.address;
    const socket = connect({ host, port, noDelay: true });
    this.#socket = socket;
    await this.#within((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return { host: socket.remoteAddress ?? host, port };
  }

  async secure(): Promise<TlsFacts> {
    const { address, tls = {} } = this.#access;
    const servername = tls.servername ?? (isIP(address.hostname) === 0 ? address.hostname : undefined);
    const socket: TLSSocket = connectTls({
      ...tls,
      socket: this.#socket as Socket,
      host: address.hostname,
      ...(servername === undefined ? {} : { servername }),
    });
    this.#socket = socket;
    await this.#within((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    // In TLS 1.3 the broker's word on our certificate comes after the handshake: let the greeting begin.
    this.#listen(socket);
    socket.write(PROTOCOL_HEADER);
    await this.#something(500);
    if (this.#ended !== undefined) throw await diagnose(this.#ended, 'connecting', address);
    const certificate = socket.getPeerCertificate();
    return {
      protocol: socket.getProtocol() ?? 'TLS',
      subject: String(certificate.subject?.CN ?? certificate.subjectaltname ?? 'no name'),
      issuer: String(certificate.issuer?.CN ?? 'nobody'),
      validTo: new Date(certificate.valid_to),
      untrusted: socket.authorized ? undefined : String(socket.authorizationError),
    };
  }

  async greet(): Promise<Greeting> {
    const socket = this.#socket as Socket;
    if (socket.listenerCount('data') === 0) {
      this.#listen(socket);
      socket.write(PROTOCOL_HEADER);
    }
    const { address } = this.#access;
    const method = await this.#receive();
    if (method.name !== 'connection.start') throw this.#unexpected(method);
    const { serverProperties, mechanisms, versionMajor, versionMinor } = method.args;
    if (versionMajor !== 0 || versionMinor !== 9) {
      throw new NotABrokerError(`${describeAddress(address)} speaks AMQP ${versionMajor}-${versionMinor}, not 0-9-1`, {
        remedy: 'use a broker with AMQP 0-9-1, such as RabbitMQ',
      });
    }
    return {
      product: asText(serverProperties.get('product')) ?? 'a broker without a name',
      version: asText(serverProperties.get('version')) ?? '',
      mechanisms: mechanisms.toString().split(' '),
    };
  }

  async logIn({ mechanisms }: Greeting): Promise<Limits> {
    const { address, auth } = this.#access;
    const mechanism = auth === 'external' ? 'EXTERNAL' : 'PLAIN';
    if (!mechanisms.includes(mechanism)) {
      throw new LoginRefusedError(
        `${describeAddress(address)} does not know ${mechanism}, only ${mechanisms.join(', ')}`,
        {
          remedy:
            mechanism === 'PLAIN'
              ? "allow it in the broker's configuration (auth_mechanisms), or use auth: external with a client certificate"
              : 'enable the plugin rabbitmq_auth_mechanism_ssl and add EXTERNAL to auth_mechanisms',
        },
      );
    }
    const response = auth === 'external' ? '' : `\0${address.username}\0${address.password}`;
    this.#send('connection.start-ok', {
      clientProperties: new Map([
        ['capabilities', { type: 'F', value: new Map([['authentication_failure_close', { type: 't', value: true }]]) }],
        ['connection_name', { type: 'S', value: Buffer.from('twinbridge doctor') }],
      ]),
      mechanism,
      response: Buffer.from(response),
      locale: 'en_US',
    });
    const method = await this.#receive();
    if (method.name === 'connection.close') {
      const who = auth === 'external' ? 'the user of the client certificate' : `user '${address.username}'`;
      throw new LoginRefusedError(`${describeAddress(address)} refused the login of ${who}: ${method.args.replyText}`, {
        details: { replyCode: method.args.replyCode },
        remedy: loginRemedy(method.args.replyText, auth, address),
      });
    }
    if (method.name !== 'connection.tune') throw this.#unexpected(method);
    this.#limits = method.args;
    return method.args;
  }

  async openVhost(): Promise<void> {
    const { address } = this.#access;
    const { channelMax, frameMax } = this.#limits ?? { channelMax: 0, frameMax: 0 };
    this.#send('connection.tune-ok', { channelMax, frameMax, heartbeat: 0 });
    this.#send('connection.open', { virtualHost: address.vhost, capabilities: '', insist: false });
    const method = await this.#receive();
    if (method.name === 'connection.close') {
      const { replyCode, replyText } = method.args;
      throw new VhostRefusedError(`${describeAddress(address)}: vhost '${address.vhost}': ${replyText}`, {
        details: { replyCode },
        remedy: /not found/.test(replyText)
          ? `create it: rabbitmqctl add_vhost '${address.vhost}', or correct the name (in a URL, %2F is a slash)`
          : `let the user in: rabbitmqctl set_permissions -p '${address.vhost}' '${address.username}' <configure> <write> <read>`,
      });
    }
    if (method.name !== 'connection.open-ok') throw this.#unexpected(method);
  }

  /** Says goodbye if it can; never rejects. */
  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (this.#limits !== undefined && this.#ended === undefined) {
      this.#send('connection.close', { replyCode: 200, replyText: 'checked', classId: 0, methodId: 0 });
      await this.#receive().catch(() => {});
    }
    socket.destroy();
  }

  #listen(socket: Socket): void {
    const end = (why: Error): void => {
      this.#ended ??= why;
      this.#wake?.();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake?.();
    });
    socket.on('error', end);
    socket.on('close', () => end(new Error('the broker hung up')));
  }

  /** Resolves when bytes have come or the connection has ended, at the latest after `milliseconds`. */
  #something(milliseconds: number): Promise<void> {
    if (this.#bytes.length > 0 || this.#ended !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** The next method; heartbeats do not count. */
  async #receive(): Promise<Method> {
    const { address } = this.#access;
    const giveUpAt = performance.now() + this.#timeoutMs;
    for (;;) {
      const frame = this.#takeFrame();
      if (frame !== undefined) {
        if (frame.type !== FrameType.method) continue;
        return readMethod(frame.payload.readUInt32BE(0), new OctetReader(frame.payload, 4, frame.payload.length));
      }
      if (this.#ended !== undefined) throw await diagnose(this.#ended, 'connecting', address);
      const left = giveUpAt - performance.now();
      if (left <= 0) throw timedOut(address, this.#timeoutMs);
      const before = this.#bytes;
      this.#bytes = Buffer.alloc(0);
      await this.#something(left);
      this.#bytes = Buffer.concat([before, this.#bytes]);
    }
  }

  #takeFrame(): { readonly type: number; readonly payload: Buffer } | undefined {
    const bytes = this.#bytes;
    if (bytes.length >= 1 && (bytes[0] === 0x41 || bytes[0] === 0 || (bytes[0] as number) > FrameType.heartbeat)) {
      throw this.#notABroker();
    }
    if (bytes.length < FRAME_HEADER_BYTES) return undefined;
    const end = FRAME_HEADER_BYTES + bytes.readUInt32BE(3);
    if (end > MAX_HANDSHAKE_BYTES) throw this.#notABroker();
    if (bytes.length <= end) return undefined;
    if (bytes[end] !== FRAME_END) throw this.#notABroker();
    this.#bytes = bytes.subarray(end + 1);
    return { type: bytes[0] as number, payload: bytes.subarray(FRAME_HEADER_BYTES, end) };
  }

  #notABroker(): BrokerError {
    const broker = describeAddress(this.#access.address);
    const text = this.#bytes.toString('latin1', 0, 16);
    if (text.startsWith('AMQP')) {
      return new NotABrokerError(`${broker} speaks another version of AMQP than 0-9-1`, {
        remedy: 'use a broker with AMQP 0-9-1, such as RabbitMQ',
      });
    }
    if (this.#bytes[0] === TLS_ALERT) {
      return new TlsRequiredError(`${broker} expects TLS`, {
        remedy: 'use amqps://, or the broker’s port without TLS (usually 5672)',
      });
    }
    const isHttp = text.startsWith('HTTP/');
    return new NotABrokerError(`${broker} answers, but not in AMQP 0-9-1${isHttp ? ': it is a web server' : ''}`, {
      details: { answer: text },
      remedy: isHttp
        ? 'AMQP is usually on port 5672; 15672 is RabbitMQ’s web page'
        : 'check host, port, and amqp: or amqps:',
    });
  }

  #unexpected(method: Method): BrokerError {
    const said = method.name === 'connection.close' ? method.args.replyText : method.name;
    return new HandshakeError(`${describeAddress(this.#access.address)} broke off: ${said}`, {
      remedy: 'see the broker’s log',
    });
  }

  #send<N extends MethodName>(name: N, args: MethodArgs<N>): void {
    const writer = new OctetWriter(1024);
    writer.advance(FRAME_HEADER_BYTES);
    writeMethod(writer, name, args);
    writeFrameHeader(writer.buffer, 0, FrameType.method, 0, writer.at - FRAME_HEADER_BYTES);
    writer.octet(FRAME_END);
    this.#socket?.write(writer.written());
  }

  async #within(start: (resolve: () => void, reject: (error: Error) => void) => void): Promise<void> {
    const { address } = this.#access;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.#timeoutMs);
    });
    try {
      const outcome = await Promise.race([new Promise<void>(start), late]);
      if (outcome !== 'late') return;
    } catch (error) {
      throw await diagnose(error, 'connecting', address);
    } finally {
      clearTimeout(timer);
    }
    this.#socket?.destroy();
    throw timedOut(address, this.#timeoutMs);
  }
}

/** No honest frame of a handshake is larger. */
const MAX_HANDSHAKE_BYTES = 131_072;

function loginRemedy(replyText: string, auth: Access['auth'], address: BrokerAddress): string {
  if (auth === 'external') {
    return 'make a user of that name (rabbitmqctl add_user); ssl_cert_login_from says which part of the certificate it is';
  }
  if (address.username === 'guest' && /localhost/.test(replyText)) {
    return "'guest' may log in from the broker's own machine only: make another user (rabbitmqctl add_user)";
  }
  return 'check user and password: rabbitmqctl authenticate_user asks the broker, rabbitmqctl list_users shows who is there';
}

/** One connection without recovery, for one task. */
export async function openOnce(access: Access, connectionName: string, timeoutMs: number): Promise<ChannelModel> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    const model = await guardedConnect(
      { ...access.address, heartbeat: 10 },
      socketOptions({ ...access, connectionName }, abort.signal),
    );
    model.on('error', () => {});
    return model;
  } catch (error) {
    throw abort.signal.aborted
      ? timedOut(access.address, timeoutMs)
      : await diagnose(error, 'connecting', access.address);
  } finally {
    clearTimeout(timer);
  }
}
