/** FMUs of FMI 1.0, 2.0 and 3.0 through the library's importer (fmu-shim/src/import/importer.h), typed. */
import { loadKoffi } from './koffi.js';
import { type Address, bindNative } from './library.js';

/** How values lie in memory between FMUs; the same order as `tb_storage`. */
export const STORAGES = [
  'f64',
  'f32',
  'i8',
  'u8',
  'i16',
  'u16',
  'i32',
  'u32',
  'i64',
  'u64',
  'b8',
  'b32',
  'clock',
  'text',
  'bytes',
] as const;
export type Storage = (typeof STORAGES)[number];

/** Bytes of a value; of a text its pointer. */
export const STORAGE_SIZE: Readonly<Record<Storage, number>> = {
  f64: 8,
  f32: 4,
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  b8: 1,
  b32: 4,
  clock: 1,
  text: 8,
  bytes: 8,
};

/** What an FMU answers for a function that its library does not have. */
export const NOT_OFFERED = -1;

/** `tb_step_result` */
export const STEP_RESULT_BYTES = 24;

export interface ImporterFunctions {
  tb_host_create(capacity: number): Address;
  tb_host_destroy(host: Address): void;
  tb_host_pending(host: Address): Address;
  tb_host_watch(host: Address, time: Address, attention: Address): void;
  tb_host_take(host: Address, buffer: Uint8Array, size: number, dropped: BigUint64Array): number;

  tb_library_load(path: string, fmi: number, identifier: string, error: Uint8Array, errorSize: number): Address;
  tb_library_unload(library: Address): void;
  /** Times in ns, 0: none. */
  tb_library_isolate(
    program: string,
    path: string,
    fmi: number,
    identifier: string,
    startNs: number,
    stepNs: number,
    error: Uint8Array,
    errorSize: number,
  ): Address;
  tb_library_ending(library: Address): Address;
  tb_library_process(library: Address): number;
  tb_instance_create(
    library: Address,
    name: string,
    token: string,
    resources: string,
    loggingOn: number,
    eventMode: number,
    earlyReturn: number,
    host: Address,
  ): Address;
  tb_instance_free(instance: Address, abandon: number): void;
  tb_instance_last_call(instance: Address): string;
  tb_instance_debug_logging(instance: Address, on: number, count: number, categories: readonly string[]): number;
  tb_instance_configuration_mode(instance: Address, enter: number): number;
  tb_instance_enter_initialization(
    instance: Address,
    start: number,
    hasStop: number,
    stop: number,
    hasTolerance: number,
    tolerance: number,
  ): number;
  tb_instance_exit_initialization(instance: Address): number;
  tb_instance_terminate(instance: Address): number;
  tb_instance_reset(instance: Address): number;
  tb_instance_get(
    instance: Address,
    storage: number,
    vrs: Uint32Array,
    count: number,
    values: ArrayBufferView,
    valueCount: number,
    sizes: BigUint64Array | null,
  ): number;
  tb_instance_set(
    instance: Address,
    storage: number,
    vrs: Uint32Array,
    count: number,
    values: ArrayBufferView,
    valueCount: number,
    sizes: BigUint64Array | null,
  ): number;
  tb_instance_step(instance: Address, time: number, size: number, mayGoBack: number, result: Uint8Array): number;
  tb_instance_last_successful_time(instance: Address, time: Float64Array): number;
  tb_instance_terminated(instance: Address, terminated: Int32Array): number;
  tb_instance_max_step_size(instance: Address, size: Float64Array): number;
  tb_instance_enter_event_mode(instance: Address): number;
  tb_instance_enter_step_mode(instance: Address): number;
  tb_instance_update_discrete_states(
    instance: Address,
    needsUpdate: Int32Array,
    terminate: Int32Array,
    nextEvent: Float64Array,
  ): number;
  tb_instance_get_state(instance: Address, state: BigUint64Array): number;
  tb_instance_set_state(instance: Address, state: bigint): number;
  tb_instance_free_state(instance: Address, state: BigUint64Array): number;
  tb_instance_state_size(instance: Address, state: bigint, size: BigUint64Array): number;
  tb_instance_serialize_state(instance: Address, state: bigint, bytes: Uint8Array, size: number): number;
  tb_instance_deserialize_state(instance: Address, bytes: Uint8Array, size: number, state: BigUint64Array): number;
}

const PROTOTYPES: Readonly<Record<keyof ImporterFunctions, string>> = {
  tb_host_create: 'uintptr_t tb_host_create(uint32_t capacity)',
  tb_host_destroy: 'void tb_host_destroy(uintptr_t host)',
  tb_host_pending: 'uintptr_t tb_host_pending(uintptr_t host)',
  tb_host_watch: 'void tb_host_watch(uintptr_t host, uintptr_t time, uintptr_t attention)',
  tb_host_take: 'uint32_t tb_host_take(uintptr_t host, void *buffer, uint32_t size, void *dropped)',
  tb_library_load:
    'uintptr_t tb_library_load(const char *path, int fmi, const char *identifier, void *error, uint32_t error_size)',
  tb_library_unload: 'void tb_library_unload(uintptr_t library)',
  tb_library_isolate:
    'uintptr_t tb_library_isolate(const char *program, const char *path, int fmi, const char *identifier, int64_t start_ns, int64_t step_ns, void *error, uint32_t error_size)',
  tb_library_ending: 'uintptr_t tb_library_ending(uintptr_t library)',
  tb_library_process: 'int64_t tb_library_process(uintptr_t library)',
  tb_instance_create:
    'uintptr_t tb_instance_create(uintptr_t library, const char *name, const char *token, const char *resources, int logging, int events, int early, uintptr_t host)',
  tb_instance_free: 'void tb_instance_free(uintptr_t instance, int abandon)',
  tb_instance_last_call: 'const char *tb_instance_last_call(uintptr_t instance)',
  tb_instance_debug_logging:
    'int tb_instance_debug_logging(uintptr_t instance, int on, uint32_t n, const char **categories)',
  tb_instance_configuration_mode: 'int tb_instance_configuration_mode(uintptr_t instance, int enter)',
  tb_instance_enter_initialization:
    'int tb_instance_enter_initialization(uintptr_t instance, double start, int has_stop, double stop, int has_tolerance, double tolerance)',
  tb_instance_exit_initialization: 'int tb_instance_exit_initialization(uintptr_t instance)',
  tb_instance_terminate: 'int tb_instance_terminate(uintptr_t instance)',
  tb_instance_reset: 'int tb_instance_reset(uintptr_t instance)',
  tb_instance_get:
    'int tb_instance_get(uintptr_t instance, int storage, void *vrs, uint32_t n, void *values, uint32_t n_values, void *sizes)',
  tb_instance_set:
    'int tb_instance_set(uintptr_t instance, int storage, void *vrs, uint32_t n, void *values, uint32_t n_values, void *sizes)',
  tb_instance_step: 'int tb_instance_step(uintptr_t instance, double time, double size, int may_go_back, void *result)',
  tb_instance_last_successful_time: 'int tb_instance_last_successful_time(uintptr_t instance, void *time)',
  tb_instance_terminated: 'int tb_instance_terminated(uintptr_t instance, void *terminated)',
  tb_instance_max_step_size: 'int tb_instance_max_step_size(uintptr_t instance, void *size)',
  tb_instance_enter_event_mode: 'int tb_instance_enter_event_mode(uintptr_t instance)',
  tb_instance_enter_step_mode: 'int tb_instance_enter_step_mode(uintptr_t instance)',
  tb_instance_update_discrete_states:
    'int tb_instance_update_discrete_states(uintptr_t instance, void *needs, void *terminate, void *next)',
  tb_instance_get_state: 'int tb_instance_get_state(uintptr_t instance, void *state)',
  tb_instance_set_state: 'int tb_instance_set_state(uintptr_t instance, uint64_t state)',
  tb_instance_free_state: 'int tb_instance_free_state(uintptr_t instance, void *state)',
  tb_instance_state_size: 'int tb_instance_state_size(uintptr_t instance, uint64_t state, void *size)',
  tb_instance_serialize_state:
    'int tb_instance_serialize_state(uintptr_t instance, uint64_t state, void *bytes, size_t size)',
  tb_instance_deserialize_state:
    'int tb_instance_deserialize_state(uintptr_t instance, void *bytes, size_t size, void *state)',
};

/** How the other side of an FMU elsewhere ended; the same as `tb_ending`. */
export interface ProcessEnding {
  /** It did not answer in time, and was ended. */
  readonly isLate: boolean;
  /** Number of the signal that ended it; 0: none. */
  readonly signal: number;
  /** What it exited with; undefined: that is not known. */
  readonly code: number | undefined;
  /** How long its answer was waited for, ms. */
  readonly waitedMs: number;
  /** The FMU's function that was being called; empty: none. */
  readonly function: string;
  /** What it wrote last to standard output and error. */
  readonly output: string;
  /** What is wrong with the connection to it; empty: nothing is. */
  readonly reason: string;
}

const STATUS_LATE = 1002;
const ENDING_BYTES = 56;

/** Of a library that was loaded by `tb_library_isolate` or its like. Undefined: the other side is alive. */
export function processEnding(library: Address): ProcessEnding | undefined {
  const koffi = loadKoffi();
  const view = new DataView(koffi.view(BigInt(importerFunctions().tb_library_ending(library)), ENDING_BYTES));
  const status = view.getInt32(0, true);
  if (status === 0) return undefined;
  const code = Number(view.getBigInt64(8, true));
  const size = Number(view.getBigUint64(40, true));
  const output = size === 0 ? '' : Buffer.from(koffi.view(view.getBigUint64(32, true), size)).toString('utf8');
  return {
    isLate: status === STATUS_LATE,
    signal: view.getInt32(4, true),
    code: code < 0 ? undefined : code,
    waitedMs: Number(view.getBigInt64(16, true)) / 1e6,
    function: koffi.decode.string(view.getBigUint64(24, true)),
    output,
    reason: koffi.decode.string(view.getBigUint64(48, true)),
  };
}

export function importerFunctions(): ImporterFunctions {
  return bindNative<ImporterFunctions>(PROTOTYPES);
}
