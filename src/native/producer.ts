/**
 * The backend's end of a ring: decoded samples in, changed inputs out. See `fmu-shim/src/backend/producer.h`.
 */
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { NativeLibraryError } from './errors.js';
import { type Address, loadNative, type NativeFunctions } from './library.js';
import { packLayout, type RegionLayout } from './region-layout.js';

/** Answers of {@link Producer.pushJson}, apart from a non-negative set of {@link PushFlag}s. */
export const PUSH_SLOW_PATH = -1;
export const PUSH_FULL = -2;

/** Bits of a successful push. */
export const PushFlag = { unknownKeys: 1, partial: 2, dropped: 256, outOfOrder: 512, repeated: 1024 } as const;

export const LinkState = { idle: 0, starting: 1, ready: 2, failed: 3 } as const;

/** The order is that of `tb_backend_counter`. */
export const BACKEND_COUNTERS = [
  'received',
  'pushed',
  'rejected',
  'refusedValues',
  'unknownFields',
  'partial',
  'dropped',
  'published',
  'confirmed',
  'returned',
  'reconnects',
  'blocked',
  'logLost',
  'outOfOrder',
  'repeated',
  'redelivered',
  'expired',
] as const;
export type BackendCounter = (typeof BACKEND_COUNTERS)[number];

/** The order is that of `tb_shim_counter`. */
export const SHIM_COUNTERS = [
  'steps',
  'used',
  'skipped',
  'late',
  'duplicate',
  'held',
  'waited',
  'timedOut',
  'coalesced',
] as const;
export type ShimCounter = (typeof SHIM_COUNTERS)[number];

export type LogLevel = 'info' | 'warning' | 'error';
const LOG_LEVELS: Readonly<Record<LogLevel, number>> = { info: 0, warning: 1, error: 2 };

/** A row's contents: a presence bit and 8 bytes a slot (double, int64, or a string's length), and the string area. */
export interface RowBuffers {
  readonly mask: BigUint64Array;
  readonly real: Float64Array;
  readonly integer: BigInt64Array;
  readonly strings: Buffer;
}

export interface OutgoingRow extends RowBuffers {
  /** Wall clock of the doStep, ns since the epoch. */
  readonly doingNs: bigint;
  /** End of its communication step, s. */
  readonly stepEnd: number;
}

export interface Latched {
  readonly mask: number;
  /** Wall clock of the doStep, ns since the epoch. */
  readonly doingNs: bigint;
  /** End of its communication step, s. */
  readonly stepEnd: number;
}

export interface ProducerOptions {
  /** Handles from {@link receiveHandles}; without them the ring lies in this process, for use without a shim. */
  readonly shm?: bigint;
  readonly signalEnd?: bigint;
  readonly dropOldest: boolean;
}

export class Producer {
  readonly #native: NativeFunctions;
  readonly #address: Address;
  #closed = false;
  readonly #outgoing: { mask: BigUint64Array; values: ArrayBuffer; strings: Buffer };
  readonly #head = Buffer.alloc(16);
  readonly #valueBytes: Uint8Array;
  readonly #maskBytes: Uint8Array;

  constructor(layout: RegionLayout, options: ProducerOptions) {
    this.#native = loadNative();
    const { spec, variables, texts } = packLayout(layout);
    this.#address = this.#native.tb_producer_create(
      options.shm ?? -1n,
      options.signalEnd ?? -1n,
      spec,
      variables,
      texts,
      options.dropOldest ? 1 : 0,
    );
    if (Number(this.#address) === 0) throw new NativeLibraryError('cannot map the shared memory of the ring');
    const inputs = layout.variables.filter((variable) => variable.kind === 'input');
    const slots = inputs.reduce((count, { size = 1 }) => count + size, 0);
    const strings = inputs.map(({ stringOffset = 0, stringCapacity = 0, size = 1 }) => {
      const stride = Math.ceil(stringCapacity / 8) * 8;
      return stringOffset + (size - 1) * stride + stringCapacity;
    });
    this.#outgoing = {
      mask: new BigUint64Array(Math.ceil(slots / 64) + 1),
      values: new ArrayBuffer(8 * (slots + 1)),
      strings: Buffer.alloc(Math.max(8, ...strings)),
    };
    this.#maskBytes = new Uint8Array(this.#outgoing.mask.buffer);
    this.#valueBytes = new Uint8Array(this.#outgoing.values);
  }

  /** The address of the native object, for {@link OfflineSelection}. */
  get address(): Address {
    return this.#address;
  }

  /** For the messages of `source`, from now on. */
  useDecoder(source: number, decoder: Address): void {
    this.#native.tb_producer_use_decoder(this.#address, source, decoder);
  }

  /** Decodes and hands over one message: {@link PUSH_SLOW_PATH}, {@link PUSH_FULL} or flags. */
  pushJson(source: number, message: Uint8Array): number {
    return this.#native.tb_producer_push_json(this.#address, source, message, message.length);
  }

  /** Hands over a sample that was decoded elsewhere: {@link PUSH_FULL} or flags. */
  push(source: number, timeNs: bigint, row: { mask: BigUint64Array; values: Uint8Array; strings: Uint8Array }): number {
    return this.#native.tb_producer_push(this.#address, source, timeNs, row.mask, row.values, row.strings);
  }

  /**
   * Says that no later message of `source` has a time that is not later than `timeNs`; the highest of 64 bits: that the
   * stream has ended. {@link PUSH_FULL} or flags.
   */
  pushWatermark(source: number, timeNs: bigint): number {
    return this.#native.tb_producer_push_watermark(this.#address, source, timeNs);
  }

  /** The next changed inputs, valid until the next call; `undefined`: none, and the notification tells when there are. */
  nextOutgoing(): OutgoingRow | undefined {
    const { mask, values, strings } = this.#outgoing;
    const found = this.#native.tb_producer_next_outgoing(
      this.#address,
      this.#head,
      this.#maskBytes,
      this.#valueBytes,
      strings,
    );
    if (found === 0) return undefined;
    return {
      doingNs: this.#head.readBigInt64LE(0),
      stepEnd: this.#head.readDoubleLE(8),
      mask,
      real: new Float64Array(values),
      integer: new BigInt64Array(values),
      strings,
    };
  }

  /** Newest time of `source` handed over so far, ns since the epoch. */
  newestNs(source: number): bigint {
    return BigInt(this.#native.tb_producer_newest(this.#address, source));
  }

  /** Has the next step publish all inputs: the broker did not take a message of some. */
  inputsRefused(): void {
    if (!this.#closed) this.#native.tb_producer_refused(this.#address);
  }

  /** The latched inputs that have been true, a bit each in the order of their slots, and the step that set the last. */
  latched(): Latched {
    const mask = this.#native.tb_producer_latched(this.#address, this.#head);
    return { mask, doingNs: this.#head.readBigInt64LE(0), stepEnd: this.#head.readDoubleLE(8) };
  }

  /** The broker has routed a message with these. */
  confirmLatched(mask: number): void {
    if (this.#closed) return;
    this.#native.tb_producer_confirm_latched(this.#address, mask);
  }

  /** Changed inputs that wait for {@link nextOutgoing}. */
  get outgoingCount(): number {
    return this.#native.tb_producer_outgoing_count(this.#address);
  }

  setLink(state: keyof typeof LinkState, up: boolean): void {
    if (this.#closed) return;
    this.#native.tb_producer_set_link(this.#address, LinkState[state], up ? 1 : 0);
  }

  /** Says that what waited with the broker at the start has been handed over. */
  setLive(): void {
    if (!this.#closed) this.#native.tb_producer_set_live(this.#address);
  }

  /** Notes the broker's confirm of a message whose doStep was at `doingNs`. */
  confirmed(doingNs: bigint): void {
    if (this.#closed) return;
    this.#native.tb_producer_confirmed(this.#address, doingNs);
  }

  /** Notes what a peer said of its time: by how much the co-simulation's time was ahead of its own. */
  health(cosimNs: bigint, aheadNs: bigint): void {
    if (this.#closed) return;
    this.#native.tb_producer_health(this.#address, cosimNs, aheadNs);
  }

  count(counter: BackendCounter, by = 1): void {
    if (this.#closed || by === 0) return;
    this.#native.tb_producer_count(this.#address, BACKEND_COUNTERS.indexOf(counter), by);
  }

  counted(counter: BackendCounter): number {
    return this.#native.tb_producer_counted(this.#address, BACKEND_COUNTERS.indexOf(counter));
  }

  shimCounted(counter: ShimCounter): number {
    return this.#native.tb_producer_shim_counted(this.#address, SHIM_COUNTERS.indexOf(counter));
  }

  /** A line for the importer's logger, which is no place for whole messages: it is cut to {@link MAX_LOG_BYTES}. */
  log(level: LogLevel, category: string, text: string): void {
    if (this.#closed) return;
    this.#native.tb_producer_log(this.#address, LOG_LEVELS[level], category, toLogLine(text));
  }

  /** What a link still has to say afterwards (state, counters, log lines) goes nowhere. */
  close(): void {
    if (!this.#closed) this.#native.tb_producer_destroy(this.#address);
    this.#closed = true;
  }
}

/** Of UTF-8; the shim's buffer for a line takes a little more. */
const MAX_LOG_BYTES = 1500;

/** Parts of a text come from messages: what they hold cannot end the line, and is never cut inside of a character. */
function toLogLine(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]/gu, escapeCharacter);
  const bytes = Buffer.from(line);
  if (bytes.length <= MAX_LOG_BYTES) return line;
  return `${bytes.toString('utf8', 0, MAX_LOG_BYTES).replace(/\ufffd$/, '')}…`;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A whole number that tells messages apart: two different ones share it once in 2^53. */
export function fingerprint(message: Uint8Array): number {
  return loadNative().tb_fingerprint(message, message.length);
}

/** Bytes of shared memory that a ring of this layout takes. */
export function regionSize(layout: RegionLayout): bigint {
  const { spec, variables } = packLayout(layout);
  return BigInt(loadNative().tb_producer_region_size(spec, variables));
}

export interface ReceivedHandles {
  readonly shm: bigint;
  readonly signalEnd: bigint;
  /** For {@link openStream}: a byte comes when a row is free again or inputs wait to be published. */
  readonly notification: string;
}

/** `TB_HANDLES_TEXT` */
const LISTEN_BYTES = 160;

/** Takes the handles that come with an ATTACH request; `text` is its body, `importer` as this process was started with. */
export function receiveHandles(importer: number, text: string): ReceivedHandles {
  const handles = new BigInt64Array(2);
  const listen = Buffer.alloc(LISTEN_BYTES);
  if (loadNative().tb_receive_handles(importer, text, handles, listen) === 0) {
    throw new NativeLibraryError('the shim sent no handles with its request');
  }
  const [shm, signalEnd] = handles as unknown as [bigint, bigint];
  return { shm, signalEnd, notification: listen.toString('utf8', 0, listen.indexOf(0)) };
}

/** Ends this process `graceMs` after the importer is gone, even if the event loop is stuck. */
export function guardParent(importer: number, graceMs: number): void {
  if (loadNative().tb_guard_parent(importer, graceMs) === 0) {
    throw new NativeLibraryError('cannot start the thread that watches the importer');
  }
}

/** A stream that the shim made: `where` is the number of a file descriptor, or a path to connect to. */
export async function openStream(where: string, { writable }: { writable: boolean }): Promise<Socket> {
  if (/^\d+$/.test(where)) return new Socket({ fd: Number(where), readable: true, writable });
  const socket = connect(where);
  await once(socket, 'connect');
  return socket;
}
