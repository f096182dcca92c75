/** The shim's selection over samples at hand, without a step, a process or a clock. */
import { NativeLibraryError } from './errors.js';
import { type Address, loadNative, type NativeFunctions } from './library.js';
import { type Producer, SHIM_COUNTERS, type ShimCounter } from './producer.js';
import { type Behaviour, MAX_SOURCES } from './region-layout.js';

export interface SelectionRule {
  readonly behaviour: Behaviour;
  readonly lookahead: number;
  /** By source, or one for all. */
  readonly maxageNs: bigint | readonly bigint[];
  /** A signal that never came holds nothing up: it has its start value. */
  readonly missingIsValid?: boolean;
}

/**
 * `waits`: more samples have to come; `hopeless` (only `complete`): all that can come has come, and some value is too old
 * or missing. The order is that of `tb_verdict`.
 */
const VERDICTS = ['waits', 'valid', 'hopeless'] as const;
export type Verdict = (typeof VERDICTS)[number];

export class OfflineSelection {
  readonly #native: NativeFunctions;
  readonly #address: Address;

  constructor(producer: Producer) {
    this.#native = loadNative();
    this.#address = this.#native.tb_reader_create(producer.address);
    if (Number(this.#address) === 0) throw new NativeLibraryError('out of memory');
  }

  /** To be called first; later it changes the rule between steps. */
  setRule({ behaviour, lookahead, maxageNs, missingIsValid = false }: SelectionRule): void {
    const maxage = new BigInt64Array(MAX_SOURCES);
    if (typeof maxageNs === 'bigint') maxage.fill(maxageNs);
    else maxage.set(maxageNs);
    this.#native.tb_reader_set_rule(this.#address, behaviour, lookahead, missingIsValid ? 1 : 0, maxage);
  }

  /** Consumes until there is a first set of values; `zero` is time zero then. To be called again when more have come. */
  initialise(): { readonly verdict: Verdict; readonly zero: bigint } {
    const zero = new BigInt64Array(1);
    const verdict = VERDICTS[this.#native.tb_reader_initialise(this.#address, zero)]!;
    return { verdict, zero: zero[0]! };
  }

  /** Passes over the first `samples`, of which the newest values are kept; false: some of them are not there yet. */
  skip(samples: number): boolean {
    return this.#native.tb_reader_skip(this.#address, BigInt(samples)) === 1;
  }

  /** A step to `timeNs` with the samples at hand. With `again` it goes on after waiting. */
  step(timeNs: bigint, { again = false }: { readonly again?: boolean } = {}): Verdict {
    return VERDICTS[this.#native.tb_reader_step(this.#address, timeNs, again ? 0 : 1)]!;
  }

  /**
   * `complete`: the earliest sample after `fromNs` up to `endNs`, where a step may end; `undefined`: more have to come to
   * tell; INT64_MAX: there is none.
   */
  seek(fromNs: bigint, endNs: bigint, { again = false }: { readonly again?: boolean } = {}): bigint | undefined {
    const next = new BigInt64Array(1);
    return this.#native.tb_reader_seek(this.#address, fromNs, endNs, again ? 0 : 1, next) === 1 ? next[0] : undefined;
  }

  /** Time of the earliest sample at hand later than `afterNs`; `undefined`: none. */
  next(afterNs: bigint): bigint | undefined {
    const next = BigInt(this.#native.tb_reader_next(this.#address, afterNs));
    return next === 2n ** 63n - 1n ? undefined : next;
  }

  /** Stamp of the newest value that is output, ns. */
  get newest(): bigint {
    return BigInt(this.#native.tb_reader_newest(this.#address));
  }

  /** Stamp of a signal's value; `undefined` before the first. */
  timeOf(signal: number): bigint | undefined {
    const time = BigInt(this.#native.tb_reader_time(this.#address, signal));
    return time === -(2n ** 63n) ? undefined : time;
  }

  /** Samples taken from the ring and not consumed. */
  get pending(): number {
    return this.#native.tb_reader_pending(this.#address);
  }

  /** Reads the outputs' values, 8 bytes each, into `values`. */
  read(values: Float64Array): void {
    this.#native.tb_reader_values(this.#address, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  counted(counter: ShimCounter): number {
    return this.#native.tb_reader_counted(this.#address, SHIM_COUNTERS.indexOf(counter));
  }

  close(): void {
    this.#native.tb_reader_destroy(this.#address);
  }
}
