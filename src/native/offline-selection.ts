/** The shim's selection over samples at hand, without a step, a process or a clock. */
import { NativeLibraryError } from './errors.js';
import { type Address, loadNative, type NativeFunctions } from './library.js';
import { type Producer, SHIM_COUNTERS, type ShimCounter } from './producer.js';

export interface SelectionRule {
  readonly behaviour: 0 | 1 | 2;
  readonly lookahead: number;
  readonly maxageNs: bigint;
}

export class OfflineSelection {
  readonly #native: NativeFunctions;
  readonly #address: Address;

  constructor(producer: Producer) {
    this.#native = loadNative();
    this.#address = this.#native.tb_reader_create(producer.address);
    if (Number(this.#address) === 0) throw new NativeLibraryError('out of memory');
  }

  /** Consumes until every signal has a value; false: more samples are needed. */
  initialise(maxageNs: bigint): boolean {
    return this.#native.tb_reader_initialise(this.#address, maxageNs) === 1;
  }

  /** A step to `timeNs` with the samples at hand; false: it would have to wait. */
  step(timeNs: bigint, rule: SelectionRule): boolean {
    return this.#native.tb_reader_step(this.#address, timeNs, rule.behaviour, rule.lookahead, rule.maxageNs) === 1;
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
