/**
 * One instance on a worker: what the gateway says goes to its process, and what that answers goes back, a flight of calls
 * in one message each way.
 */
import { FrameAddress } from '../../amqp/index.js';
import { Conversation, type Timing } from './conversation.js';
import { countFrames } from './frames.js';
import { Kind, readHead } from './hot-message.js';
import { type InstanceEnd, InstanceLink, type InstanceLinkOptions } from './instance-link.js';
import { type Note, readNote } from './letters.js';
import { clientKey, REPLIES_EXCHANGE } from './names.js';
import type { Post, PostUser } from './post.js';

export interface ServedInstanceOptions {
  readonly post: Post;
  readonly id: string;
  /** Where its calls come. */
  readonly key: string;
  readonly client: string;
  readonly stream: number;
  readonly timing: Timing;
  readonly process: InstanceLinkOptions['process'];
  readonly onBegin: () => void;
  readonly onReady: (pid: number) => void;
  /** Once: its process is gone, or could not be started. */
  readonly onEnd: (how: InstanceEnding) => void;
}

export interface InstanceEnding {
  /** `gone`: the client is. */
  readonly how: 'left' | 'crashed' | 'refused' | 'gone' | 'drained';
  readonly reason: string;
}

/** Answers are held until those of a flight are together, but not more of them. */
const HELD_BYTES = 256 * 1024;
/** How long the client may take to say that it knows of the end, ms. */
const FAREWELL_MS = 5000;

export class ServedInstance implements PostUser {
  readonly id: string;
  readonly key: string;
  readonly #options: ServedInstanceOptions;
  readonly #conversation: Conversation;
  readonly #stopReturns: () => void;
  #hasBegun = false;
  #process: InstanceLink | undefined;
  /** What came before the process was there. */
  #early: Buffer[] | undefined = [];
  /** Of each flight under way: how many answers are still to come. */
  readonly #flights: number[] = [];
  #held: Buffer[] = [];
  #heldBytes = 0;
  #ending: InstanceEnding | undefined;
  /** Why it is being ended by us. */
  #because: InstanceEnding | undefined;
  #isClosed = false;
  /** Messages that were taken, and calls in them. */
  readonly counts = { flights: 0, calls: 0 };

  constructor(options: ServedInstanceOptions) {
    const { post, id, key, client, stream, timing } = options;
    this.#options = options;
    this.id = id;
    this.key = key;
    const to = new FrameAddress(REPLIES_EXCHANGE, clientKey(client));
    this.#conversation = new Conversation({
      stream,
      timing,
      send: (head, body) => post.send(to, head, body),
      onData: (frames) => this.#onCalls(frames),
      onNote: (text) => this.#onNote(readNote(text)),
      onLost: (how) =>
        this.end({
          how: 'gone',
          reason:
            how === 'over'
              ? 'its client has given it up'
              : how === 'absent'
                ? 'its client is gone'
                : `its client has been silent for ${timing.silentMs / 1000} s`,
        }),
    });
    this.#stopReturns = post.whenReturned(clientKey(client), () => this.#conversation.returned());
    post.join(this);
  }

  linkUp(): void {
    this.#conversation.linkUp();
  }

  linkDown(): void {
    this.#conversation.linkDown();
  }

  linkHeld(isHeld: boolean): void {
    this.#conversation.linkHeld(isHeld);
  }

  receive(message: Buffer): void {
    // A request may have been taken by several workers: the one that is spoken to starts.
    if (!this.#hasBegun && readHead(message)?.kind !== Kind.over) {
      this.#hasBegun = true;
      this.#options.onBegin();
      void this.#start();
    }
    this.#conversation.receive(message);
  }

  /** The worker is about to leave. */
  warn(): void {
    this.#tell({ note: 'draining' });
  }

  /** Ends the process, and tells the client why, if it is there. */
  end(because: InstanceEnding): void {
    this.#because ??= because;
    if (this.#ending !== undefined || because.how === 'gone') this.#close();
    if (this.#process !== undefined) this.#process.end();
    else if (this.#early === undefined || !this.#hasBegun) this.#finish(because);
  }

  async #start(): Promise<void> {
    try {
      const started = await InstanceLink.start({
        process: this.#options.process,
        onAnswers: (frames, count) => this.#onAnswers(frames, count),
        onEnd: (ending) => this.#onProcessEnd(ending),
      });
      this.#process = started;
      this.#options.onReady(started.pid);
      this.#tell({ note: 'ready', pid: started.pid });
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const frames of early) started.call(frames);
      if (this.#because !== undefined) started.end();
    } catch (error) {
      this.#early = undefined;
      this.#finish({ how: 'refused', reason: (error as Error).message });
    }
  }

  #onCalls(frames: Buffer): void {
    const count = countFrames(frames);
    if (count < 0) {
      this.end({ how: 'crashed', reason: 'what came for it are no whole frames' });
      return;
    }
    this.counts.flights += 1;
    this.counts.calls += count;
    this.#flights.push(count);
    if (this.#early === undefined) this.#process?.call(frames);
    else this.#early.push(frames);
  }

  #onAnswers(frames: Buffer, count: number): void {
    const flights = this.#flights;
    let isWhole = false;
    for (let left = count; left > 0 && flights.length > 0; ) {
      if (flights[0]! > left) {
        flights[0]! -= left;
        break;
      }
      left -= flights.shift()!;
      isWhole = true;
    }
    if (this.#heldBytes === 0 && isWhole) {
      this.#conversation.data(frames);
      return;
    }
    this.#held.push(frames);
    this.#heldBytes += frames.length;
    if (isWhole || this.#heldBytes > HELD_BYTES) this.#letGo();
  }

  #letGo(): void {
    if (this.#heldBytes === 0) return;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    this.#conversation.data(Buffer.concat(held));
  }

  #onProcessEnd({ reason, isOrderly }: InstanceEnd): void {
    this.#letGo();
    this.#finish(this.#because ?? { how: isOrderly ? 'left' : 'crashed', reason });
  }

  #finish(ending: InstanceEnding): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    if (!this.#isClosed && ending.how !== 'gone') {
      this.#tell({ note: 'ended', how: ending.how, reason: ending.reason });
      setTimeout(() => this.#close(), FAREWELL_MS).unref();
    }
    this.#options.onEnd(ending);
  }

  #onNote(note: Note | undefined): void {
    if (note?.note !== 'bye') return;
    this.#because ??= { how: 'left', reason: 'its client needs it no more' };
    this.#close();
    this.end(this.#because);
  }

  #tell(note: Note): void {
    this.#conversation.note(JSON.stringify(note));
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conversation.close();
    this.#stopReturns();
    this.#options.post.leave(this);
    void this.#options.post.closeBox(this.key);
  }
}
