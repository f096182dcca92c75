/** A client that says exactly what a test tells it to, right or wrong, and hands back the methods it hears. */
import { connect, type Socket } from 'node:net';
import type { FieldTable } from '#tb/amqp/embedded/wire/field-table.js';
import {
  FRAME_END,
  FRAME_HEADER_BYTES,
  FrameParser,
  FrameType,
  PROTOCOL_HEADER,
  writeFrameHeader,
} from '#tb/amqp/embedded/wire/frames.js';
import {
  type Method,
  type MethodArgs,
  type MethodName,
  readMethod,
  writeMethod,
} from '#tb/amqp/embedded/wire/methods.js';
import { OctetReader, OctetWriter } from '#tb/amqp/embedded/wire/octets.js';
import type { BrokerAddress } from '#tb/amqp/index.js';

export function methodFrame<N extends MethodName>(channel: number, name: N, args: MethodArgs<N>): Buffer {
  const writer = new OctetWriter();
  writer.advance(FRAME_HEADER_BYTES);
  writeMethod(writer, name, args);
  return enclose(FrameType.method, channel, writer);
}

/** A content header without properties. */
export function headerFrame(channel: number, bodySize: number): Buffer {
  const writer = new OctetWriter();
  writer.advance(FRAME_HEADER_BYTES);
  writer.short(60);
  writer.short(0);
  writer.longlong(bodySize);
  writer.short(0);
  return enclose(FrameType.header, channel, writer);
}

export function bodyFrame(channel: number, body: Buffer): Buffer {
  const writer = new OctetWriter();
  writer.advance(FRAME_HEADER_BYTES);
  writer.bytes(body);
  return enclose(FrameType.body, channel, writer);
}

function enclose(type: number, channel: number, writer: OctetWriter): Buffer {
  writeFrameHeader(writer.buffer, 0, type, channel, writer.at - FRAME_HEADER_BYTES);
  writer.octet(FRAME_END);
  return Buffer.from(writer.written());
}

export interface Heard {
  readonly type: number;
  readonly channel: number;
  readonly method: Method | undefined;
  readonly payload: Buffer;
}

export class RawClient {
  readonly #socket: Socket;
  readonly #heard: Heard[] = [];
  readonly #waiters: (() => void)[] = [];
  /** The first eight octets the server sent. */
  firstBytes: Buffer = Buffer.alloc(0);
  ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const parser = new FrameParser(
      {
        protocolHeader: () => {},
        frame: (type, channel, buffer, start, end) => {
          const payload = Buffer.from(buffer.subarray(start, end));
          const method =
            type === FrameType.method ? readMethod(payload.readUInt32BE(0), new OctetReader(payload, 4)) : undefined;
          this.#heard.push({ type, channel, method, payload });
        },
      },
      0,
    );
    // What a server sends has no protocol header: feed the parser the one it expects.
    parser.push(PROTOCOL_HEADER);
    socket.on('data', (chunk) => {
      if (this.firstBytes.length < 8) this.firstBytes = Buffer.concat([this.firstBytes, chunk]).subarray(0, 8);
      if (chunk.toString('latin1', 0, 4) !== 'AMQP') parser.push(chunk);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.ended = true;
      this.#wake();
    });
  }

  static async connect(address: BrokerAddress): Promise<RawClient> {
    const socket = connect({ host: address.hostname, port: address.port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket);
  }

  /** Through the whole handshake, with channel 1 open. */
  static async open(
    address: BrokerAddress,
    tuning: Partial<MethodArgs<'connection.tune-ok'>> = {},
  ): Promise<RawClient> {
    const client = await RawClient.connect(address);
    client.write(PROTOCOL_HEADER);
    await client.expect('connection.start');
    client.startOk(address.username, address.password);
    const tune = await client.expect('connection.tune');
    client.method(0, 'connection.tune-ok', { ...tune.args, heartbeat: 0, ...tuning });
    client.method(0, 'connection.open', { virtualHost: address.vhost, capabilities: '', insist: false });
    await client.expect('connection.open-ok');
    client.method(1, 'channel.open', { outOfBand: '' });
    await client.expect('channel.open-ok');
    return client;
  }

  startOk(user: string, password: string, capabilities: FieldTable = new Map()): void {
    this.method(0, 'connection.start-ok', {
      clientProperties: new Map([['capabilities', { type: 'F', value: capabilities }]]),
      mechanism: 'PLAIN',
      response: Buffer.from(`\0${user}\0${password}`),
      locale: 'en_US',
    });
  }

  write(bytes: Buffer | string): void {
    this.#socket.write(bytes);
  }

  method<N extends MethodName>(channel: number, name: N, args: MethodArgs<N>): void {
    this.write(methodFrame(channel, name, args));
  }

  publish(channel: number, exchange: string, routingKey: string, body: Buffer): void {
    this.method(channel, 'basic.publish', { ticket: 0, exchange, routingKey, mandatory: false, immediate: false });
    this.write(headerFrame(channel, body.length));
    if (body.length > 0) this.write(bodyFrame(channel, body));
  }

  /** The next frame, waiting for it; undefined once the peer has hung up. */
  async next(timeoutMs = 5_000): Promise<Heard | undefined> {
    await this.#until(() => this.#heard.length > 0, timeoutMs, 'a frame');
    return this.#heard.shift();
  }

  /** The next method, which must be `name`; other frames are skipped. */
  async expect<N extends MethodName>(name: N): Promise<Extract<Method, { name: N }>> {
    for (;;) {
      const heard = await this.next();
      if (heard === undefined) throw new Error(`hung up instead of ${name}`);
      if (heard.method === undefined) continue;
      if (heard.method.name !== name) throw new Error(`${JSON.stringify(heard.method)} instead of ${name}`);
      return heard.method as Extract<Method, { name: N }>;
    }
  }

  async untilEnded(timeoutMs = 5_000): Promise<void> {
    await this.#until(() => this.ended, timeoutMs, 'the end');
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.destroy();
  }

  async #until(condition: () => boolean, timeoutMs: number, what: string): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs;
    while (!condition() && !this.ended) {
      const left = giveUpAt - performance.now();
      if (left <= 0) throw new Error(`waited ${timeoutMs} ms for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
