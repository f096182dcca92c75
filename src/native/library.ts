/** The functions of `libtwinbridge` that TypeScript calls, typed. Pointers are plain addresses (`uintptr_t`). */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeLibraryError } from './errors.js';
import { loadKoffi } from './koffi.js';

/** An address in this process; 0 is no object. */
export type Address = number | bigint;

export interface NativeFunctions {
  tb_receive_handles(importer: number, text: string, handles: BigInt64Array, listen: Uint8Array): number;
  tb_guard_parent(importer: number, graceMs: number): number;

  tb_producer_region_size(spec: Buffer, variables: Buffer): number | bigint;
  tb_producer_create(
    shm: bigint,
    signalEnd: bigint,
    spec: Buffer,
    variables: Buffer,
    texts: Buffer,
    dropOldest: number,
  ): Address;
  tb_producer_destroy(producer: Address): void;
  tb_producer_use_decoder(producer: Address, source: number, decoder: Address): void;
  tb_producer_push_json(producer: Address, source: number, json: Uint8Array, length: number): number;
  tb_fingerprint(bytes: Uint8Array, length: number): number;
  tb_producer_push(
    producer: Address,
    source: number,
    timeNs: bigint,
    mask: BigUint64Array,
    values: Uint8Array,
    strings: Uint8Array,
  ): number;
  tb_producer_next_outgoing(
    producer: Address,
    head: Uint8Array,
    mask: Uint8Array,
    values: Uint8Array,
    strings: Uint8Array,
  ): number;
  tb_producer_push_watermark(producer: Address, source: number, timeNs: bigint): number;
  tb_producer_newest(producer: Address, source: number): number | bigint;
  tb_producer_refused(producer: Address): void;
  tb_producer_latched(producer: Address, head: Uint8Array): number;
  tb_producer_confirm_latched(producer: Address, latched: number): void;
  tb_producer_outgoing_count(producer: Address): number;
  tb_producer_set_link(producer: Address, state: number, up: number): void;
  tb_producer_set_live(producer: Address): void;
  tb_producer_confirmed(producer: Address, doingNs: bigint): void;
  tb_producer_health(producer: Address, cosimNs: bigint, aheadNs: bigint): void;
  tb_producer_count(producer: Address, counter: number, by: number): void;
  tb_producer_counted(producer: Address, counter: number): number;
  tb_producer_shim_counted(producer: Address, counter: number): number;
  tb_producer_log(producer: Address, level: number, category: string, text: string): void;

  tb_decoder_create(
    members: number,
    names: string[],
    packed: Uint8Array,
    items: number,
    itemNames: string[],
    itemValues: Int32Array,
    slots: number,
    timeFormat: number,
  ): Address;
  tb_decoder_destroy(decoder: Address): void;
  tb_decoder_restrict(decoder: Address, maxLength: number, refuseUnknown: number): void;

  tb_reader_create(producer: Address): Address;
  tb_reader_destroy(reader: Address): void;
  tb_reader_set_rule(
    reader: Address,
    behaviour: number,
    lookahead: number,
    missingIsValid: number,
    maxageNs: BigInt64Array,
  ): void;
  tb_reader_initialise(reader: Address, zero: BigInt64Array): number;
  tb_reader_skip(reader: Address, arrival: bigint): number;
  tb_reader_step(reader: Address, timeNs: bigint, first: number): number;
  tb_reader_seek(reader: Address, fromNs: bigint, endNs: bigint, first: number, next: BigInt64Array): number;
  tb_reader_next(reader: Address, afterNs: bigint): number | bigint;
  tb_reader_newest(reader: Address): number | bigint;
  tb_reader_time(reader: Address, signal: number): number | bigint;
  tb_reader_pending(reader: Address): number;
  tb_reader_values(reader: Address, values: Uint8Array): void;
  tb_reader_counted(reader: Address, counter: number): number;

  tb_csv_rows(
    cells: BigInt64Array,
    kinds: Uint8Array,
    cellsPerRow: number,
    first: number,
    rows: number,
    texts: Uint8Array,
    textBytes: number,
    to: Uint8Array,
    room: number,
    written: BigUint64Array,
  ): number;
}

const PROTOTYPES: Readonly<Record<keyof NativeFunctions, string>> = {
  tb_receive_handles:
    'int tb_receive_handles(int64_t importer, const char *text, _Out_ int64_t *handles, _Out_ uint8_t *listen)',
  tb_guard_parent: 'int tb_guard_parent(int64_t importer, int32_t grace_ms)',
  tb_producer_region_size: 'uint64_t tb_producer_region_size(const uint8_t *spec, const uint8_t *variables)',
  tb_producer_create:
    'uintptr_t tb_producer_create(int64_t shm, int64_t signal_end, const uint8_t *spec, const uint8_t *variables, const uint8_t *texts, uint32_t drop_oldest)',
  tb_producer_destroy: 'void tb_producer_destroy(uintptr_t producer)',
  tb_producer_use_decoder: 'void tb_producer_use_decoder(uintptr_t producer, uint32_t source, uintptr_t decoder)',
  tb_producer_push_json:
    'int tb_producer_push_json(uintptr_t producer, uint32_t source, const uint8_t *json, uint32_t length)',
  tb_fingerprint: 'double tb_fingerprint(const uint8_t *bytes, uint32_t length)',
  tb_producer_push:
    'int tb_producer_push(uintptr_t producer, uint32_t source, int64_t time_ns, const uint64_t *mask, const uint8_t *values, const uint8_t *strings)',
  tb_producer_next_outgoing:
    'int tb_producer_next_outgoing(uintptr_t producer, uint8_t *head, uint8_t *mask, uint8_t *values, uint8_t *strings)',
  tb_producer_push_watermark: 'int tb_producer_push_watermark(uintptr_t producer, uint32_t source, int64_t time_ns)',
  tb_producer_newest: 'int64_t tb_producer_newest(uintptr_t producer, uint32_t source)',
  tb_producer_refused: 'void tb_producer_refused(uintptr_t producer)',
  tb_producer_latched: 'uint32_t tb_producer_latched(uintptr_t producer, uint8_t *head)',
  tb_producer_confirm_latched: 'void tb_producer_confirm_latched(uintptr_t producer, uint32_t latched)',
  tb_producer_outgoing_count: 'uint32_t tb_producer_outgoing_count(uintptr_t producer)',
  tb_producer_set_link: 'void tb_producer_set_link(uintptr_t producer, uint32_t state, uint32_t up)',
  tb_producer_set_live: 'void tb_producer_set_live(uintptr_t producer)',
  tb_producer_confirmed: 'void tb_producer_confirmed(uintptr_t producer, int64_t doing_ns)',
  tb_producer_health: 'void tb_producer_health(uintptr_t producer, int64_t cosim_ns, int64_t ahead_ns)',
  tb_producer_count: 'void tb_producer_count(uintptr_t producer, uint32_t counter, uint32_t by)',
  tb_producer_counted: 'double tb_producer_counted(uintptr_t producer, uint32_t counter)',
  tb_producer_shim_counted: 'double tb_producer_shim_counted(uintptr_t producer, uint32_t counter)',
  tb_producer_log: 'void tb_producer_log(uintptr_t producer, uint32_t level, const char *category, const char *text)',
  tb_decoder_create:
    'uintptr_t tb_decoder_create(uint32_t n, const char **names, const uint8_t *members, uint32_t n_items, const char **item_names, const int32_t *item_values, uint32_t n_slots, int time_format)',
  tb_decoder_destroy: 'void tb_decoder_destroy(uintptr_t decoder)',
  tb_decoder_restrict: 'void tb_decoder_restrict(uintptr_t decoder, uint32_t max_length, int refuse_unknown)',
  tb_reader_create: 'uintptr_t tb_reader_create(uintptr_t producer)',
  tb_reader_destroy: 'void tb_reader_destroy(uintptr_t reader)',
  tb_reader_set_rule:
    'void tb_reader_set_rule(uintptr_t reader, uint32_t behaviour, uint32_t lookahead, uint32_t missing_is_valid, const int64_t *maxage_ns)',
  tb_reader_initialise: 'int tb_reader_initialise(uintptr_t reader, _Out_ int64_t *zero)',
  tb_reader_skip: 'int tb_reader_skip(uintptr_t reader, int64_t arrival)',
  tb_reader_step: 'int tb_reader_step(uintptr_t reader, int64_t time_ns, uint32_t first)',
  tb_reader_seek:
    'int tb_reader_seek(uintptr_t reader, int64_t from_ns, int64_t end_ns, uint32_t first, _Out_ int64_t *next)',
  tb_reader_next: 'int64_t tb_reader_next(uintptr_t reader, int64_t after_ns)',
  tb_reader_newest: 'int64_t tb_reader_newest(uintptr_t reader)',
  tb_reader_time: 'int64_t tb_reader_time(uintptr_t reader, uint32_t signal)',
  tb_reader_pending: 'uint32_t tb_reader_pending(uintptr_t reader)',
  tb_reader_values: 'void tb_reader_values(uintptr_t reader, uint8_t *values)',
  tb_reader_counted: 'double tb_reader_counted(uintptr_t reader, uint32_t counter)',
  tb_csv_rows:
    'int64_t tb_csv_rows(const int64_t *cells, const uint8_t *kinds, uint32_t cells_per_row, uint32_t first, uint32_t rows, const uint8_t *texts, uint64_t text_bytes, uint8_t *to, uint64_t room, _Out_ uint64_t *written)',
};

const EXTENSION = process.platform === 'win32' ? 'dll' : process.platform === 'darwin' ? 'dylib' : 'so';

let chosenPath: string | undefined;
let builtPath: string | undefined;

/** Has this thread use the library at `path` from now on: inside an FMU, that which started the backend. */
export function useNativeLibrary(path: string): void {
  chosenPath = path;
}

/** Where the build puts the library; `TWINBRIDGE_NATIVE` names another (one built with a sanitizer, say). */
export function nativeLibraryPath(): string {
  // Asked for each instance of each FMU.
  builtPath ??= fileURLToPath(new URL(`../../build/native/libtwinbridge.${EXTENSION}`, import.meta.url));
  return chosenPath ?? process.env.TWINBRIDGE_NATIVE ?? builtPath;
}

/** The program that runs an isolated FMU, beside the library; `TWINBRIDGE_ISOLATE` names another. */
export function isolateProgramPath(): string {
  const name = process.platform === 'win32' ? 'twinbridge-isolate.exe' : 'twinbridge-isolate';
  return process.env.TWINBRIDGE_ISOLATE ?? join(dirname(nativeLibraryPath()), name);
}

/** The program that runs an FMU for `proxyfmu:` URIs, beside the library; `TWINBRIDGE_PROXYFMU` names another. */
export function proxyfmuProgramPath(): string {
  const name = process.platform === 'win32' ? 'twinbridge-proxyfmu.exe' : 'twinbridge-proxyfmu';
  return process.env.TWINBRIDGE_PROXYFMU || join(dirname(nativeLibraryPath()), name);
}

/** The library of wrapped FMUs, beside the library; `TWINBRIDGE_WRAP` names another. */
export function wrapLibraryPath(): string {
  return process.env.TWINBRIDGE_WRAP ?? join(dirname(nativeLibraryPath()), `libtwinbridge-wrap.${EXTENSION}`);
}

/** By path: the library, and what was bound of it, by table of prototypes. */
const bound = new Map<string, Map<object, unknown>>();

/** Loads the library, once per path. Throws {@link NativeLibraryError}. */
export function loadNative(): NativeFunctions {
  return bindNative<NativeFunctions>(PROTOTYPES);
}

/** The functions of the library that a table of C prototypes names, bound once. Throws {@link NativeLibraryError}. */
export function bindNative<Functions>(prototypes: Readonly<Record<keyof Functions & string, string>>): Functions {
  const path = nativeLibraryPath();
  let tables = bound.get(path);
  if (tables === undefined) {
    tables = new Map();
    bound.set(path, tables);
  }
  const known = tables.get(prototypes);
  if (known !== undefined) return known as Functions;
  if (!existsSync(path)) {
    throw new NativeLibraryError(`the native library ${path} is missing`, {
      details: { path },
      remedy: "run 'npm run build' (needs a C compiler and CMake)",
    });
  }
  try {
    const library = loadKoffi().load(path);
    const functions = Object.fromEntries(
      Object.entries<string>(prototypes).map(([name, prototype]) => [name, library.func(prototype)]),
    ) as Functions;
    tables.set(prototypes, functions);
    return functions;
  } catch (cause) {
    throw new NativeLibraryError(`cannot load ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      details: { path },
      remedy: 'build it again for this platform',
    });
  }
}
