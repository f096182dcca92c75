/** FMI for co-simulation: model descriptions (1.0, 2.0 and 3.0), archives and native instances (2.0). */
export {
  type AnyFmuSummary,
  type AnyUnpackedFmu,
  type ArchiveContent,
  type FmuFolder,
  type FmuSummary,
  openAnyFmu,
  openFmu,
  readAnyFmu,
  readArchive,
  readFmu,
  type UnpackedFmu,
} from './archive.js';
export {
  choosePlatforms,
  crossCompiled,
  fileForHost,
  forBothMacs,
  type WantedPlatforms,
} from './built-parts.js';
export {
  archiveContent,
  type CachedFmu,
  type CacheEntry,
  type CacheStatus,
  type ClearedCache,
  cacheStatus,
  clearCache,
  type FmuModelSummary,
  openCachedFmu,
  openCachedFmuForPrograms,
  openKnownFmu,
  readFmuModel,
} from './cache.js';
export type { ArchiveLimits } from './checked-archive.js';
export { contentToken } from './content-token.js';
export * from './errors.js';
export type * from './fmi1/model-description.js';
export type * from './fmi3/model-description.js';
export { writeFmi3ModelDescription } from './fmi3/write-model-description.js';
export {
  FmuInstance,
  type FmuInstanceOptions,
  type IsolateOptions,
  type ModelFolder,
  type ModelState,
  type RemoteOptions,
  type StepResult,
} from './fmu-instance.js';
export {
  type AnyModelDescription,
  type Capabilities,
  type FmiVersion,
  type FmuModel,
  isFmi1,
  isFmi3,
  isSettable,
  type ModelEnumeration,
  type ModelUnknown,
  type ModelVariable,
  modelOf,
  typeName,
} from './fmu-model.js';
export { type Experiment, Fmi2Instance, type FmuState, type InstanceOptions } from './instance.js';
export { INTEGER_RANGE } from './integer-range.js';
export type * from './model-description.js';
export { openedRecord } from './opened-record.js';
export { type ArchiveEntry, ArchiveWriteError, packArchive } from './pack-archive.js';
export {
  binariesFolder,
  hostPlatform,
  libraryPath,
  PLATFORM_TUPLES,
  PLATFORMS,
  type Platform,
  type PlatformTuple,
  platformFolders,
} from './platform.js';
export {
  type ReadAnyModelDescription,
  type ReadModelDescription,
  readAnyModelDescription,
  readModelDescription,
} from './read-model-description.js';
export { formatTarget, RemoteLibrary } from './remote-library.js';
export { FmiStatus, type FmuLogMessage, fmiStatusName } from './status.js';
export { type ModelValue, type NumberArray, numberArray, storageOf, toModelValue, toRaw } from './storage.js';
export { isTemporary, makeTemporaryFolder, type TemporaryFolder } from './temporary-folder.js';
export { type FmuTerminal, type FmuTerminalMember, parseTerminals, readTerminals } from './terminals.js';
export { universalBinary } from './universal-binary.js';
export { effectiveInitial, isSettableAtStart } from './variable-rules.js';
export { headingOf, writeModelDescription } from './write-model-description.js';
