/** The log environment of an instance (fmu-shim/src/host/host_log.h), emptied into messages with names in them. */
import { type Address, importerFunctions, loadKoffi, NativeLibraryError } from '../native/index.js';
import type { FmuModel } from './fmu-model.js';
import type { FmiStatus, FmuLogMessage } from './status.js';

const QUEUE_BYTES = 64 * 1024;
const HEADER_BYTES = 16;
/** One for all instances of this thread: it is emptied at once. */
const buffer = new Uint8Array(QUEUE_BYTES);

/** A message with the communication point at which it came, s; undefined: nobody watched. */
export interface TimedLogMessage extends FmuLogMessage {
  readonly time?: number;
}

export class LogQueue {
  readonly address: Address;
  readonly #functions = importerFunctions();
  readonly #instance: string;
  readonly #model: FmuModel;
  readonly #dropped = new BigUint64Array(1);
  /** Bytes that wait in the queue, in C's own memory. */
  #pending: Uint32Array;
  #names: Map<string, string> | undefined;

  constructor(instance: string, model: FmuModel) {
    this.#instance = instance;
    this.#model = model;
    this.address = this.#functions.tb_host_create(QUEUE_BYTES);
    if (Number(this.address) === 0) throw new NativeLibraryError('out of memory for the log queue of an instance');
    const pending = BigInt(this.#functions.tb_host_pending(this.address));
    this.#pending = new Uint32Array(loadKoffi().view(pending, Uint32Array.BYTES_PER_ELEMENT));
  }

  /** Whether {@link take} has something to give; costs no call. */
  get hasMessages(): boolean {
    return this.#pending[0] !== 0;
  }

  /** Where messages find the simulated time, and the flag they set; 0: nowhere. */
  watch(time: bigint, attention: bigint): void {
    this.#functions.tb_host_watch(this.address, time, attention);
  }

  /** Empties the queue. `lost`: messages that the full queue gave up since the last call. */
  take(): { messages: TimedLogMessage[]; lost: number } {
    const used = this.#functions.tb_host_take(this.address, buffer, QUEUE_BYTES, this.#dropped);
    const bytes = Buffer.from(buffer.buffer, 0, used);
    const messages: TimedLogMessage[] = [];
    for (let at = 0; at < used; at += bytes.readUInt32LE(at)) {
      const end = at + bytes.readUInt32LE(at);
      const time = bytes.readDoubleLE(at + 8);
      const categoryEnd = bytes.indexOf(0, at + HEADER_BYTES);
      messages.push({
        instance: this.#instance,
        status: bytes.readInt32LE(at + 4) as FmiStatus,
        category: bytes.toString('utf8', at + HEADER_BYTES, categoryEnd),
        message: this.#expand(bytes.toString('utf8', categoryEnd + 1, end - 1)),
        ...(Number.isNaN(time) ? {} : { time }),
      });
    }
    return { messages, lost: Number(this.#dropped[0]) };
  }

  /** Frees the memory. Nothing in C may use the environment any more. */
  destroy(): void {
    this.#pending = new Uint32Array(1);
    this.#functions.tb_host_destroy(this.address);
  }

  /**
   * Value references in messages: `#r17#` stands for the name of Real variable 17, `##` for `#` (FMI 2.0.4, section 2.1.5;
   * FMI 1.0 has the same).
   */
  #expand(message: string): string {
    if (this.#model.fmi === '3.0' || !message.includes('#')) return message;
    // Made when first needed: most FMUs never write a reference.
    this.#names ??= new Map(
      this.#model.variables.map(({ type, valueReference, name }) => [`${PREFIX[type] ?? ''}${valueReference}`, name]),
    );
    const names = this.#names;
    return message.replace(/#([ribs]\d+)?#/g, (written, reference: string | undefined) =>
      reference === undefined ? '#' : (names.get(reference) ?? written),
    );
  }
}

const PREFIX: Readonly<Partial<Record<FmuModel['variables'][number]['type'], string>>> = {
  Float64: 'r',
  Int32: 'i',
  Enumeration: 'i',
  Boolean: 'b',
  String: 's',
};
