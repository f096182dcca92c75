/**
 * One client's connection: handshake, channels by number, heartbeats, and what happens when the client errs.
 */
import type { Socket } from 'node:net';
import { Channel, type ChannelHost, type Counters } from './channel.js';
import type { MemoryGauge } from './message.js';
import { Outbox } from './outbox.js';
import { ProtocolError, ReplyCode, replyText } from './protocol-error.js';
import { MECHANISMS, passwordMatches, readCredentials } from './sasl.js';
import type { VirtualHost } from './virtual-host.js';
import type { FieldTable } from './wire/field-table.js';
import {
  FRAME_MIN_SIZE,
  FrameParser,
  type FrameSink,
  FrameType,
  HEARTBEAT_FRAME,
  PROTOCOL_HEADER,
} from './wire/frames.js';
import { type MethodArgs, type MethodName, methodId, readMethod } from './wire/methods.js';
import { OctetReader } from './wire/octets.js';

/** Largest frame offered, RabbitMQ's default, in octets. */
const FRAME_MAX = 131_072;
const CHANNEL_MAX = 2047;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a closing client may take to answer before its socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

/** What connections share. */
export interface ConnectionHost {
  readonly users: ReadonlyMap<string, string>;
  readonly vhosts: ReadonlyMap<string, VirtualHost>;
  readonly heartbeatSeconds: number;
  readonly maxMessageBytes: number;
  readonly gauge: MemoryGauge;
  readonly counters: Counters;
  readonly serverProperties: FieldTable;
  /** Flushes the outbox at the end of this turn of the event loop. */
  scheduleFlush(connection: Connection): void;
  closed(connection: Connection): void;
}

type State = 'header' | 'start-ok' | 'tune-ok' | 'open' | 'running' | 'closing' | 'closed';

export class Connection implements FrameSink, ChannelHost {
  readonly outbox: Outbox;
  readonly counters: Counters;
  readonly gauge: MemoryGauge;
  readonly maxMessageBytes: number;
  user = '';
  notifiesCancel = false;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #parser: FrameParser;
  readonly #channels = new Map<number, Channel>();
  /** Channels closed for an error, whose frames are ignored until the client has said close-ok. */
  readonly #closingChannels = new Set<number>();
  readonly #confirming: Channel[] = [];
  #state: State = 'header';
  #vhost: VirtualHost | undefined;
  #channelMax = CHANNEL_MAX;
  #tellsBlocked = false;
  #tellsLoginRefused = false;
  #publishes = false;
  #blocked = false;
  #received = true;
  /** Set when the input ceased to be frames. */
  #deaf = false;
  #silentChecks = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** The method being handled, which an error reply names. */
  #current = 0;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.counters = host.counters;
    this.gauge = host.gauge;
    this.maxMessageBytes = host.maxMessageBytes;
    this.outbox = new Outbox(socket, FRAME_MAX, () => host.scheduleFlush(this));
    this.#parser = new FrameParser(this, FRAME_MAX);
    this.#deadline = setTimeout(() => socket.destroy(), HANDSHAKE_TIMEOUT_MS);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => this.#afterDrain());
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#release());
  }

  get vhost(): VirtualHost {
    if (this.#vhost === undefined) throw new ProtocolError(ReplyCode.commandInvalid, 'no virtual host is open');
    return this.#vhost;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** Called once per turn of the event loop when something was to be sent. */
  flush(): void {
    if (this.outbox.flush()) this.#dispatch();
  }

  publishing(): void {
    this.#publishes = true;
    if (this.gauge.alarm) this.holdBack(true);
  }

  confirmsPending(channel: Channel): void {
    this.#confirming.push(channel);
  }

  /** While memory is short no more is read from clients that publish. */
  holdBack(alarm: boolean): void {
    if (alarm === this.#blocked || !this.#publishes || this.#state !== 'running') return;
    this.#blocked = alarm;
    if (alarm) this.#socket.pause();
    else this.#socket.resume();
    if (!this.#tellsBlocked) return;
    if (alarm) this.outbox.method(0, 'connection.blocked', { reason: 'low on memory' });
    else this.outbox.method(0, 'connection.unblocked', {});
  }

  /** Tells the client to go, and cuts the socket if it does not. */
  shutDown(reason: string): void {
    if (this.#state === 'running') {
      this.#closeConnection(new ProtocolError(ReplyCode.connectionForced, reason));
      if (this.#blocked) this.#socket.resume();
    } else if (this.#state !== 'closing') {
      this.#socket.destroy();
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // Receiving

  #receive(chunk: Buffer): void {
    this.#received = true;
    if (this.#deaf) return;
    try {
      this.#parser.push(chunk);
    } catch (error) {
      // Where the next frame begins is anyone's guess; the client is told, and what else it sends is not looked at.
      this.#deaf = true;
      this.#closeConnection(asProtocolError(error));
    }
    for (const channel of this.#confirming) channel.flushConfirms();
    this.#confirming.length = 0;
  }

  protocolHeader(matches: boolean): void {
    if (!matches) {
      // The version we would speak, and the end (section 2.2.4).
      this.#state = 'closed';
      this.#socket.end(PROTOCOL_HEADER);
      return;
    }
    this.#state = 'start-ok';
    this.#send('connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: this.#host.serverProperties,
      mechanisms: Buffer.from(MECHANISMS.join(' ')),
      locales: Buffer.from('en_US'),
    });
  }

  frame(type: number, channel: number, buffer: Buffer, start: number, end: number): void {
    if (this.#state === 'closed' || (this.#state === 'closing' && channel !== 0)) return;
    this.#current = type === FrameType.method && end - start >= 4 ? buffer.readUInt32BE(start) : 0;
    try {
      if (channel === 0) this.#connectionFrame(type, buffer, start, end);
      else this.#channelFrame(type, channel, buffer, start, end);
    } catch (error) {
      const refusal = asProtocolError(error);
      if (channel === 0 || refusal.closesConnection) this.#closeConnection(refusal);
      else this.#closeChannel(channel, refusal);
    }
  }

  #channelFrame(type: number, number: number, buffer: Buffer, start: number, end: number): void {
    if (this.#state !== 'running') {
      throw new ProtocolError(ReplyCode.channelError, `frame on channel ${number} before connection.open`);
    }
    const channel = this.#channels.get(number);
    if (channel === undefined) {
      this.#frameWithoutChannel(type, number);
    } else if (type === FrameType.body) {
      channel.body(buffer, start, end);
    } else if (type === FrameType.header) {
      channel.header(buffer, start, end);
    } else if (this.#current === CHANNEL_CLOSE) {
      readMethod(this.#current, new OctetReader(buffer, start + 4, end));
      channel.flushConfirms();
      this.#channels.delete(number);
      channel.close();
      this.outbox.method(number, 'channel.close-ok', {});
    } else if (type === FrameType.method) {
      if (end - start < 4) throw new ProtocolError(ReplyCode.syntaxError, 'method frame without a method');
      channel.method(this.#current, buffer, start, end);
    } else {
      throw new ProtocolError(ReplyCode.frameError, `heartbeat on channel ${number}`);
    }
  }

  #frameWithoutChannel(type: number, number: number): void {
    if (this.#closingChannels.has(number)) {
      if (this.#current === CHANNEL_CLOSE_OK) this.#closingChannels.delete(number);
      else if (this.#current === CHANNEL_CLOSE) this.outbox.method(number, 'channel.close-ok', {});
      return;
    }
    if (type !== FrameType.method || this.#current !== CHANNEL_OPEN) {
      throw new ProtocolError(ReplyCode.channelError, `expected 'channel.open' on channel ${number}`);
    }
    if (number > this.#channelMax) {
      throw new ProtocolError(ReplyCode.channelError, `channel ${number} is above the negotiated ${this.#channelMax}`);
    }
    this.#channels.set(number, new Channel(number, this));
    this.outbox.method(number, 'channel.open-ok', { channelId: Buffer.alloc(0) });
  }

  #connectionFrame(type: number, buffer: Buffer, start: number, end: number): void {
    if (type === FrameType.heartbeat) return;
    if (type !== FrameType.method) {
      if (this.#state === 'closing') return;
      throw new ProtocolError(ReplyCode.unexpectedFrame, `content frame of type ${type} on channel 0`);
    }
    const method = readMethod(this.#current, new OctetReader(buffer, start + 4, end));
    switch (method.name) {
      case 'connection.start-ok':
        this.#inState('start-ok', () => this.#authenticate(method.args));
        break;
      case 'connection.tune-ok':
        this.#inState('tune-ok', () => this.#tune(method.args));
        break;
      case 'connection.open':
        this.#inState('open', () => this.#open(method.args.virtualHost));
        break;
      case 'connection.update-secret':
        // Only for mechanisms whose secrets expire; accepted, like RabbitMQ does for passwords.
        this.#inState('running', () => this.#send('connection.update-secret-ok', {}));
        break;
      case 'connection.close':
        this.#state = 'closed';
        this.#release();
        this.#send('connection.close-ok', {});
        this.outbox.flush();
        this.#socket.end();
        break;
      case 'connection.close-ok':
        this.#state = 'closed';
        this.#socket.end();
        break;
      default:
        if (this.#state === 'closing') return;
        throw new ProtocolError(ReplyCode.commandInvalid, `${method.name} on channel 0`);
    }
  }

  #inState(state: State, action: () => void): void {
    if (this.#state === 'closing') return;
    if (this.#state !== state) {
      throw new ProtocolError(ReplyCode.commandInvalid, `method sent in state '${this.#state}', not '${state}'`);
    }
    action();
  }

  // Handshake

  #authenticate({ clientProperties, mechanism, response }: MethodArgs<'connection.start-ok'>): void {
    const capabilities = clientProperties.get('capabilities');
    const has = (name: string): boolean => {
      const field = capabilities?.type === 'F' ? capabilities.value.get(name) : undefined;
      return field?.type === 't' && field.value;
    };
    this.notifiesCancel = has('consumer_cancel_notify');
    this.#tellsBlocked = has('connection.blocked');
    this.#tellsLoginRefused = has('authentication_failure_close');

    const credentials = readCredentials(mechanism, response);
    const password = credentials === undefined ? undefined : this.#host.users.get(credentials.user);
    const refused = `Login was refused using authentication mechanism ${mechanism}`;
    if (credentials === undefined || password === undefined || !passwordMatches(credentials.password, password)) {
      this.#refuseLogin(refused);
      return;
    }
    // As RabbitMQ: the account whose password everyone knows is for this machine only.
    if (credentials.user === 'guest' && !isLoopback(this.#socket.remoteAddress)) {
      this.#refuseLogin(`${refused}: user 'guest' can only connect via localhost`);
      return;
    }
    this.user = credentials.user;
    this.#state = 'tune-ok';
    this.#send('connection.tune', {
      channelMax: CHANNEL_MAX,
      frameMax: FRAME_MAX,
      heartbeat: this.#host.heartbeatSeconds,
    });
  }

  #refuseLogin(reason: string): void {
    if (this.#tellsLoginRefused) this.#closeConnection(new ProtocolError(ReplyCode.accessRefused, reason));
    else this.#socket.destroy();
  }

  #tune({ channelMax, frameMax, heartbeat }: MethodArgs<'connection.tune-ok'>): void {
    if (frameMax !== 0 && frameMax < FRAME_MIN_SIZE) {
      throw new ProtocolError(ReplyCode.notAllowed, `frame_max=${frameMax} < ${FRAME_MIN_SIZE} min size`);
    }
    if (frameMax > FRAME_MAX) {
      throw new ProtocolError(ReplyCode.notAllowed, `frame_max=${frameMax} > ${FRAME_MAX} max size`);
    }
    if (channelMax > CHANNEL_MAX) {
      throw new ProtocolError(ReplyCode.notAllowed, `channel_max=${channelMax} > ${CHANNEL_MAX} max channels`);
    }
    this.outbox.frameMax = this.#parser.frameMax = frameMax === 0 ? FRAME_MAX : frameMax;
    this.#channelMax = channelMax === 0 ? CHANNEL_MAX : channelMax;
    if (heartbeat > 0) this.#heartbeat = setInterval(() => this.#beat(), heartbeat * 500);
    this.#state = 'open';
  }

  #open(name: string): void {
    const vhost = this.#host.vhosts.get(name);
    if (vhost === undefined) throw new ProtocolError(ReplyCode.notAllowed, `vhost ${name} not found`);
    this.#vhost = vhost;
    this.#state = 'running';
    clearTimeout(this.#deadline);
    this.#send('connection.open-ok', { knownHosts: '' });
  }

  /** Twice per heartbeat interval: beat if nothing else was sent, and give up on a peer silent for two intervals. */
  #beat(): void {
    if (!this.outbox.active) this.outbox.raw(HEARTBEAT_FRAME);
    this.outbox.active = false;
    if (this.#received || this.#blocked) this.#silentChecks = 0;
    else if (++this.#silentChecks >= 4) this.#socket.destroy();
    this.#received = false;
  }

  // Sending and closing

  #send<N extends MethodName>(name: N, args: MethodArgs<N>): void {
    this.outbox.method(0, name, args);
  }

  #closeChannel(number: number, refusal: ProtocolError): void {
    const channel = this.#channels.get(number);
    channel?.flushConfirms();
    this.#channels.delete(number);
    this.#closingChannels.add(number);
    this.outbox.method(number, 'channel.close', this.#closeArgs(refusal));
    channel?.close();
  }

  #closeConnection(refusal: ProtocolError): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    for (const channel of this.#confirming) channel.flushConfirms();
    this.#send('connection.close', this.#closeArgs(refusal));
    this.#state = 'closing';
    this.#release();
    this.#deadline = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
  }

  #closeArgs(refusal: ProtocolError): MethodArgs<'connection.close'> {
    return {
      replyCode: refusal.replyCode,
      replyText: replyText(refusal.message),
      classId: this.#current >>> 16,
      methodId: this.#current & 0xffff,
    };
  }

  #afterDrain(): void {
    if (this.outbox.relieve()) this.#dispatch();
  }

  #dispatch(): void {
    for (const channel of this.#channels.values()) channel.dispatch();
  }

  /** Gives back what the client held; once the socket is closed, everything. */
  #release(): void {
    clearTimeout(this.#deadline);
    clearInterval(this.#heartbeat);
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const channel of channels) channel.close();
    this.#vhost?.releaseOwner(this);
    if (this.#socket.destroyed) this.#host.closed(this);
  }
}

const CHANNEL_OPEN = methodId('channel.open');
const CHANNEL_CLOSE = methodId('channel.close');
const CHANNEL_CLOSE_OK = methodId('channel.close-ok');

function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  return new ProtocolError(ReplyCode.internalError, error instanceof Error ? error.message : String(error));
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127\./.test(address) || address === '::1');
}
