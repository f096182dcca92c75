export { NativeLibraryError } from './errors.js';
export {
  type ImporterFunctions,
  importerFunctions,
  NOT_OFFERED,
  type ProcessEnding,
  processEnding,
  STEP_RESULT_BYTES,
  STORAGE_SIZE,
  STORAGES,
  type Storage,
} from './importer.js';
export { type Koffi, koffiPlatform, loadKoffi } from './koffi.js';
export {
  type Address,
  isolateProgramPath,
  loadNative,
  type NativeFunctions,
  nativeLibraryPath,
  proxyfmuProgramPath,
  useNativeLibrary,
  wrapLibraryPath,
} from './library.js';
export { OfflineSelection, type SelectionRule, type Verdict } from './offline-selection.js';
export {
  type ComponentTimes,
  NativePlan,
  type NativeRows,
  type PlanInstruction,
  type PlanOp,
  type PlanSpec,
  poolDouble,
  type RunEnd,
  storageNumber,
  TIMER_KINDS,
  textsBegin,
} from './plan.js';
export {
  BACKEND_COUNTERS,
  type BackendCounter,
  fingerprint,
  guardParent,
  type Latched,
  LinkState,
  type LogLevel,
  type OutgoingRow,
  openStream,
  Producer,
  type ProducerOptions,
  PUSH_FULL,
  PUSH_SLOW_PATH,
  PushFlag,
  type ReceivedHandles,
  receiveHandles,
  regionSize,
  SHIM_COUNTERS,
  type ShimCounter,
} from './producer.js';
export {
  MAX_LATCHES,
  MAX_SOURCES,
  NATIVE_TYPES,
  type NativeType,
  PARAMETER_ROLES,
  type ParameterRole,
  packLayout,
  type RegionLayout,
  type RegionSettings,
  type RegionStart,
  type RegionVariable,
  VARIABLE_KINDS,
  type VariableKind,
} from './region-layout.js';
export { beginConnecting, type Connected, finishConnecting } from './remote.js';
export { type CellMatrix, type CsvProgress, csvRows } from './results.js';
