/**
 * What a gateway and a worker say to one another about an instance: in order, nothing twice, nothing left out, over
 * messages that the broker does not keep and links that come and go.
 *
 * Each side numbers its data, keeps it until the other has it, and hands on only the number that follows the last one:
 * so a step is never done twice, however often its message came. The broker keeps the order of what goes one way, from
 * which it follows that something was lost when a number is missing, or when the other answers a probe and has not got
 * what was sent before it.
 *
 * Whether the other side is there at all is seen in two ways. All messages are mandatory: the broker gives them back at
 * once when the other's queue is gone, as it is as soon as its connection is. And a side that hears nothing for a while
 * asks; one that does not answer hangs.
 */
import { HEAD_BYTES, type Head, Kind, MORE, RESEND, readHead, writeHead } from './hot-message.js';

/** All in ms. */
export interface Timing {
  /** Without an answer to what was sent; doubled each time, up to `beatMs`. */
  readonly probeMs: number;
  /** Between signs of life where nothing else is said. */
  readonly beatMs: number;
  /** A side that says nothing for so long is given up. */
  readonly silentMs: number;
  /** The queue of a side may be gone for so long. */
  readonly absentMs: number;
  /** The same after one's own link has come back: the broker may have been restarted, and the other may come later. */
  readonly resumeMs: number;
}

export const DEFAULT_TIMING: Timing = { probeMs: 100, beatMs: 1000, silentMs: 5000, absentMs: 1500, resumeMs: 10_000 };

/** `over`: the other side has given it up. */
export type Loss = 'absent' | 'silent' | 'over';

export interface ConversationOptions {
  readonly stream: number;
  readonly timing: Timing;
  /** False: there is no link. */
  readonly send: (head: Buffer, body: Uint8Array) => boolean;
  /** Whole Thrift frames. A view of what the socket read. */
  readonly onData: (frames: Buffer) => void;
  readonly onNote: (text: string) => void;
  /** The other side's queue is gone; it may come back. */
  readonly onAbsent?: () => void;
  readonly onLost: (how: Loss) => void;
}

interface Unreceived {
  readonly kind: Kind;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** Brokers limit how large a message may be (RabbitMQ 4: 16 MiB), and one holds up those behind it. */
const PIECE_BYTES = 2 ** 20;
/** How often conversations look at the clock, ms. */
const TICK_MS = 50;

export class Conversation {
  readonly stream: number;
  readonly #options: ConversationOptions;
  #timing: Timing;
  #sent = 0;
  #received = 0;
  /** What the other side may not have yet, oldest first. */
  readonly #unreceived: Unreceived[] = [];
  /** Of what is coming in several. */
  readonly #pieces: Buffer[] = [];
  /** How far we had sent when we last asked. */
  #sentAtProbe = 0;
  #isUp = true;
  /** The broker takes nothing for now: nobody can answer. */
  #isHeld = false;
  #upAt = Number.NEGATIVE_INFINITY;
  #heardAt: number;
  #probedAt: number;
  #probeGap: number;
  #absentSince: number | undefined;
  #isClosed = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#timing = options.timing;
    this.stream = options.stream;
    this.#heardAt = this.#probedAt = performance.now();
    this.#probeGap = options.timing.probeMs;
    watch(this);
  }

  /** How long the other may be away from now on. */
  set absentMs(absentMs: number) {
    this.#timing = { ...this.#timing, absentMs };
  }

  /** The frames must not be changed afterwards. */
  data(frames: Uint8Array): void {
    this.#say(Kind.data, frames);
  }

  note(text: string): void {
    this.#say(Kind.note, Buffer.from(text));
  }

  /** A message of this stream has come. */
  receive(message: Buffer): void {
    const head = this.#isClosed ? undefined : readHead(message);
    if (head === undefined) return;
    this.#heardAt = performance.now();
    this.#absentSince = undefined;
    this.#forget(head.received);
    if (head.kind === Kind.over) this.#lose('over');
    else if (head.kind === Kind.probe || head.kind === Kind.status) this.#answer(head);
    else if (head.sequence === this.#received + 1) {
      this.#received = head.sequence;
      this.#probeGap = this.#timing.probeMs;
      this.#takePiece(head, message.subarray(HEAD_BYTES));
    } else if (head.sequence <= this.#received) this.#control(Kind.status, 0);
    else this.#control(Kind.probe, RESEND);
  }

  /** The broker gave back a message of ours: nobody is there. */
  returned(): void {
    if (this.#isClosed || this.#absentSince !== undefined) return;
    this.#absentSince = performance.now();
    this.#options.onAbsent?.();
  }

  /** The other side is known now: what was said before goes to it. */
  begin(): void {
    this.#isUp = true;
    this.#heardAt = performance.now();
    this.#putAll();
    if (this.#unreceived.length === 0) this.#control(Kind.probe, 0);
  }

  linkDown(): void {
    this.#isUp = false;
  }

  linkUp(): void {
    this.#isUp = true;
    this.#isHeld = false;
    this.#upAt = this.#heardAt = performance.now();
    this.#absentSince = undefined;
    this.#putAll();
    this.#control(Kind.probe, RESEND);
  }

  /** The broker is short of memory or disk and takes no messages, or takes them again. */
  linkHeld(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#heardAt = performance.now();
  }

  /** No more is sent or received. */
  close(): void {
    this.#isClosed = true;
    unwatch(this);
  }

  /** Called every {@link TICK_MS}. */
  tick(now: number): void {
    if (!this.#isUp || this.#isHeld) return;
    if (this.#absentSince !== undefined) {
      const { absentMs, resumeMs } = this.#timing;
      const allowed = this.#absentSince - this.#upAt < resumeMs ? resumeMs : absentMs;
      if (now - this.#absentSince > allowed) this.#lose('absent');
      // Whether it is back.
      else this.#control(Kind.probe, 0);
      return;
    }
    const quiet = now - Math.max(this.#heardAt, this.#probedAt);
    if (quiet < (this.#unreceived.length > 0 ? this.#probeGap : this.#timing.beatMs)) return;
    // Only who was asked can be silent: this process may have been stopped, or busy, itself.
    if (this.#probedAt > this.#heardAt && now - this.#heardAt > this.#timing.silentMs) this.#lose('silent');
    else {
      this.#probeGap = Math.min(2 * this.#probeGap, this.#timing.beatMs);
      this.#control(Kind.probe, 0);
    }
  }

  #say(kind: Kind, body: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#unreceived.length === 0) this.#probedAt = performance.now();
    let from = 0;
    while (body.length - from > PIECE_BYTES) {
      this.#sayPiece(kind, MORE, body.subarray(from, from + PIECE_BYTES));
      from += PIECE_BYTES;
    }
    this.#sayPiece(kind, 0, from === 0 ? body : body.subarray(from));
  }

  #sayPiece(kind: Kind, flags: number, body: Uint8Array): void {
    this.#sent += 1;
    this.#unreceived.push({ kind, flags, sequence: this.#sent, body });
    this.#put(kind, flags, this.#sent, body);
  }

  #takePiece({ kind, flags }: Head, piece: Buffer): void {
    if ((flags & MORE) !== 0) {
      this.#pieces.push(piece);
      return;
    }
    const body = this.#pieces.length === 0 ? piece : Buffer.concat([...this.#pieces.splice(0), piece]);
    if (kind === Kind.data) this.#options.onData(body);
    else this.#options.onNote(body.toString());
  }

  #answer({ kind, flags, sequence, received }: Head): void {
    const isBehind = sequence > this.#received;
    if ((flags & RESEND) !== 0 || (kind === Kind.status && received < this.#sentAtProbe)) this.#putAll();
    if (isBehind) this.#control(Kind.probe, RESEND);
    else if (kind === Kind.probe) this.#control(Kind.status, 0);
  }

  #forget(received: number): void {
    const unreceived = this.#unreceived;
    while (unreceived.length > 0 && unreceived[0]!.sequence <= received) unreceived.shift();
  }

  #putAll(): void {
    for (const { kind, flags, sequence, body } of this.#unreceived) this.#put(kind, flags, sequence, body);
  }

  #control(kind: Kind, flags: number): void {
    if (kind === Kind.probe) {
      this.#probedAt = performance.now();
      this.#sentAtProbe = this.#sent;
    }
    this.#put(kind, flags, this.#sent, NOTHING);
  }

  #put(kind: Kind, flags: number, sequence: number, body: Uint8Array): void {
    const head = writeHead({ kind, flags, stream: this.stream, sequence, received: this.#received });
    if (this.#isUp && !this.#options.send(head, body)) this.#isUp = false;
  }

  #lose(how: Loss): void {
    this.close();
    this.#options.onLost(how);
  }
}

/** One clock for all: a timer for each message would cost more than the message. */
const watched = new Set<Conversation>();
let clock: NodeJS.Timeout | undefined;
let lastTick = 0;

function watch(conversation: Conversation): void {
  watched.add(conversation);
  if (clock !== undefined) return;
  lastTick = performance.now();
  clock = setInterval(() => {
    const now = performance.now();
    const wasStopped = now - lastTick > 20 * TICK_MS;
    lastTick = now;
    // After a pause of this process what came meanwhile is read first.
    if (!wasStopped) for (const each of watched) each.tick(now);
  }, TICK_MS);
}

function unwatch(conversation: Conversation): void {
  watched.delete(conversation);
  if (watched.size > 0) return;
  clearInterval(clock);
  clock = undefined;
}
