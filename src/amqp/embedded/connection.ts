/**
 * One client's connection: handshake, channels by number, heartbeats, and what happens when the client errs.
 */
import type { Socket } from 'node:net';
import type { Channel, ChannelHost, Counters } from './channel.js';
import { ChannelTable } from './channel-table.js';
import { authenticate, type Capabilities, CHANNEL_MAX, FRAME_MAX, negotiate, readCapabilities } from './handshake.js';
import type { MemoryGauge } from './message.js';
import { Outbox } from './outbox.js';
import { ProtocolError, ReplyCode, replyText } from './protocol-error.js';
import { MECHANISMS, passwordMatches } from './sasl.js';
import type { VirtualHost } from './virtual-host.js';
import { EMPTY_TABLE, type FieldTable } from './wire/field-table.js';
import { FrameParser, type FrameSink, FrameType, HEARTBEAT_FRAME, PROTOCOL_HEADER } from './wire/frames.js';
import { type MethodArgs, type MethodName, readMethod } from './wire/methods.js';
import { OctetReader } from './wire/octets.js';

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
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #parser: FrameParser;
  readonly #channels: ChannelTable = new ChannelTable(this);
  readonly #confirming: Channel[] = [];
  #state: State = 'header';
  #vhost: VirtualHost | undefined;
  #capabilities: Capabilities = readCapabilities(EMPTY_TABLE);
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

  get notifiesCancel(): boolean {
    return this.#capabilities.consumerCancelNotify;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** Called once per turn of the event loop when something was to be sent. */
  flush(): void {
    if (this.outbox.flush()) this.#channels.dispatch();
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
    if (!this.#capabilities.connectionBlocked) return;
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
    this.#flushConfirms();
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
      else if (this.#state === 'running') this.#channels.frame(type, channel, this.#current, buffer, start, end);
      else throw new ProtocolError(ReplyCode.channelError, `frame on channel ${channel} before connection.open`);
    } catch (error) {
      const refusal = asProtocolError(error);
      if (channel === 0 || refusal.closesConnection) this.#closeConnection(refusal);
      else this.#channels.refuse(channel, this.#closeArgs(refusal));
    }
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
        this.#inState('start-ok', () => this.#logIn(method.args));
        break;
      case 'connection.tune-ok':
        this.#inState('tune-ok', () => this.#tune(method.args));
        break;
      case 'connection.open':
        this.#inState('open', () => this.#open(method.args.virtualHost));
        break;
      case 'connection.update-secret':
        this.#inState('running', () => this.#updateSecret(method.args.newSecret));
        break;
      case 'connection.close':
        this.#flushConfirms();
        this.#release();
        this.#send('connection.close-ok', {});
        this.#hangUp();
        break;
      case 'connection.close-ok':
        this.#hangUp();
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

  #logIn(args: MethodArgs<'connection.start-ok'>): void {
    this.#capabilities = readCapabilities(args.clientProperties);
    try {
      this.user = authenticate(args, this.#host.users, this.#socket.remoteAddress);
    } catch (refusal) {
      // A client that does not expect to be told would take the method for a breach of the protocol.
      if (this.#capabilities.authenticationFailureClose) throw refusal;
      this.#socket.destroy();
      return;
    }
    this.#state = 'tune-ok';
    const heartbeat = this.#host.heartbeatSeconds;
    this.#send('connection.tune', { channelMax: CHANNEL_MAX, frameMax: FRAME_MAX, heartbeat });
  }

  /** Passwords do not expire here, but one that is wrong would fail at the next login, so it is told now. */
  #updateSecret(secret: Buffer): void {
    const expected = this.#host.users.get(this.user);
    if (expected === undefined || !passwordMatches(secret.toString(), expected)) {
      throw new ProtocolError(ReplyCode.notAllowed, 'New secret was refused by one of the backends');
    }
    this.#send('connection.update-secret-ok', {});
  }

  #tune(args: MethodArgs<'connection.tune-ok'>): void {
    const { frameMax, channelMax } = negotiate(args);
    this.outbox.frameMax = this.#parser.frameMax = frameMax;
    this.#channels.limit = channelMax;
    if (args.heartbeat > 0) this.#heartbeat = setInterval(() => this.#beat(), args.heartbeat * 500);
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

  #closeConnection(refusal: ProtocolError): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#flushConfirms();
    this.#send('connection.close', this.#closeArgs(refusal));
    this.#state = 'closing';
    this.#release();
    this.#deadline = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
  }

  #flushConfirms(): void {
    for (const channel of this.#confirming) channel.flushConfirms();
    this.#confirming.length = 0;
  }

  /** Everything is said; the socket ends when the client ends it too, or else soon. */
  #hangUp(): void {
    this.#state = 'closed';
    this.outbox.flush();
    this.#socket.end();
    clearTimeout(this.#deadline);
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
    if (this.outbox.relieve()) this.#channels.dispatch();
  }

  /** Gives back what the client held; once the socket is closed, everything. */
  #release(): void {
    clearTimeout(this.#deadline);
    clearInterval(this.#heartbeat);
    this.#channels.closeAll();
    this.#vhost?.releaseOwner(this);
    if (this.#socket.destroyed) this.#host.closed(this);
  }
}

function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  return new ProtocolError(ReplyCode.internalError, error instanceof Error ? error.message : String(error));
}
