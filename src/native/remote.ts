/** FMUs on servers, through the library's client (fmu-shim/src/remote/remote.h), typed. Bound by those who have some. */
import { type Address, bindNative } from './library.js';

interface RemoteFunctions {
  tb_library_connect(target: string, error: Uint8Array, errorSize: number): Address;
  tb_library_connected(library: Address, error: Uint8Array, errorSize: number): number;
}

const PROTOTYPES: Readonly<Record<keyof RemoteFunctions, string>> = {
  tb_library_connect: 'uintptr_t tb_library_connect(const char *target, void *error, uint32_t error_size)',
  tb_library_connected: 'int tb_library_connected(uintptr_t library, void *error, uint32_t error_size)',
};

/** The same order as `tb_connected`. */
const OUTCOMES = ['connected', 'cannot-start', 'unreachable', 'late', 'refused', 'ended'] as const;

/** How it went to reach a server, or to start one. */
export interface Connected {
  readonly outcome: (typeof OUTCOMES)[number];
  /** Why it is not connected. */
  readonly reason: string;
}

const ERROR_BYTES = 2048;

/** Begins to start a server, or to connect to one. `target`: lines as in fmu-shim/src/remote/target.h. */
export function beginConnecting(target: string): { readonly library: Address } | { readonly reason: string } {
  const error = new Uint8Array(ERROR_BYTES);
  const library = bindNative<RemoteFunctions>(PROTOTYPES).tb_library_connect(target, error, ERROR_BYTES);
  return Number(library) === 0 ? { reason: textOf(error) } : { library };
}

/** Waits until that is done; a library that is not connected is to be unloaded. */
export function finishConnecting(library: Address): Connected {
  const error = new Uint8Array(ERROR_BYTES);
  const outcome = bindNative<RemoteFunctions>(PROTOTYPES).tb_library_connected(library, error, ERROR_BYTES);
  return { outcome: OUTCOMES[outcome] ?? 'refused', reason: outcome === 0 ? '' : textOf(error) };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8', 0, bytes.indexOf(0));
}
