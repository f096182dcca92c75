/**
 * The C side of an instance (fmu-shim/src/host/host_log.h): its callback functions, and the queue that its logger
 * fills from whatever thread.
 */
import { existsSync } from 'node:fs';
import { loadKoffi, NativeLibraryError, nativeLibraryPath } from '../native/index.js';

/** What one logger call left in the queue. */
export interface RawLogRecord {
  readonly status: number;
  /** Simulated, s; NaN where nobody said. */
  readonly time: number;
  readonly category: string;
  readonly message: string;
}

interface HostFunctions {
  readonly create: (capacity: number) => bigint | null;
  readonly destroy: (environment: bigint) => void;
  readonly callbacks: (environment: bigint) => bigint;
  readonly pending: (environment: bigint) => bigint;
  readonly take: (environment: bigint, buffer: Uint8Array, size: number, dropped: BigUint64Array) => number;
}

const QUEUE_BYTES = 64 * 1024;
const HEADER_BYTES = 16;

let functions: HostFunctions | undefined;

function host(): HostFunctions {
  functions ??= bind(nativeLibraryPath());
  return functions;
}

function bind(path: string): HostFunctions {
  if (!existsSync(path)) {
    throw new NativeLibraryError(`the native library ${path} is missing`, {
      details: { path },
      remedy: "run 'npm run build' (needs a C compiler and CMake)",
    });
  }
  try {
    const library = loadKoffi().load(path);
    return {
      create: library.func('tb_host_create', 'void *', ['uint32_t']),
      destroy: library.func('tb_host_destroy', 'void', ['void *']),
      callbacks: library.func('tb_host_callbacks', 'void *', ['void *']),
      pending: library.func('tb_host_pending', 'void *', ['void *']),
      take: library.func('tb_host_take', 'uint32_t', ['void *', 'void *', 'uint32_t', 'void *']),
    } as unknown as HostFunctions;
  } catch (cause) {
    throw new NativeLibraryError(`cannot load ${path}: ${(cause as Error).message}`, {
      cause,
      details: { path },
      remedy: 'build it again for this platform',
    });
  }
}

export class HostEnvironment {
  /** Address of the `fmi2CallbackFunctions`; valid until {@link destroy}. */
  readonly callbacks: bigint;
  readonly #address: bigint;
  readonly #buffer = new Uint8Array(QUEUE_BYTES);
  readonly #dropped = new BigUint64Array(1);
  /** Bytes that wait in the queue, in C's own memory. */
  #pending: Uint32Array;

  constructor() {
    const address = host().create(QUEUE_BYTES);
    if (address === null) throw new NativeLibraryError('out of memory for the log queue of an instance');
    this.#address = address;
    this.callbacks = host().callbacks(address);
    this.#pending = new Uint32Array(loadKoffi().view(host().pending(address), Uint32Array.BYTES_PER_ELEMENT));
  }

  /** Whether {@link take} has something to give; costs no call. */
  get hasMessages(): boolean {
    return this.#pending[0] !== 0;
  }

  /** Empties the queue. `lost`: messages that the full queue gave up since the last call. */
  take(): { records: RawLogRecord[]; lost: number } {
    const used = host().take(this.#address, this.#buffer, QUEUE_BYTES, this.#dropped);
    const bytes = Buffer.from(this.#buffer.buffer, 0, used);
    const records: RawLogRecord[] = [];
    for (let at = 0; at < used; at += bytes.readUInt32LE(at)) {
      const end = at + bytes.readUInt32LE(at);
      const categoryEnd = bytes.indexOf(0, at + HEADER_BYTES);
      records.push({
        status: bytes.readInt32LE(at + 4),
        time: bytes.readDoubleLE(at + 8),
        category: bytes.toString('utf8', at + HEADER_BYTES, categoryEnd),
        message: bytes.toString('utf8', categoryEnd + 1, end - 1),
      });
    }
    return { records, lost: Number(this.#dropped[0]) };
  }

  /** Frees the memory. Nothing in C may use the callbacks any more. */
  destroy(): void {
    this.#pending = new Uint32Array(1);
    host().destroy(this.#address);
  }
}
