/** Systems: the graph of a co-simulation, and the file formats it is read from. */
export type * from './draft.js';
export type * from './formats/container/description.js';
export type {
  Member as ContainerMember,
  MemberVariable as ContainerVariable,
  Place as ContainerPlace,
  WiredContainer,
} from './formats/container/members.js';
export {
  type ReadContainer,
  readContainer,
  readContainerDraft,
  readContainerSystem,
} from './formats/container/read.js';
export {
  checkSystemOutput,
  groupSystemFiles,
  readSystem,
  readSystemDraft,
  type SystemOptions,
  systemFormatOf,
  UnknownFormatError,
  UnknownOutputError,
  writeSystem,
} from './formats/index.js';
export { hasTemporaryFmus } from './formats/keep-fmus.js';
export { type MaestroOptions, readMaestroDraft, readMaestroSystem } from './formats/maestro/read.js';
export {
  type LogConfig,
  type LogConfigOptions,
  type OspOptions,
  readLogConfig,
  readOspSystem,
  readOspSystemDraft,
  readScenario,
} from './formats/osp/index.js';
export { readSspSystem, readSspSystemDraft, type SspOptions, type WrittenSsp, writeSsp } from './formats/ssp/index.js';
export { formatSystemYaml, NotExpressibleError, writeSystemYaml } from './formats/write-yaml.js';
export { parseSystemYaml, readSystemYaml, readSystemYamlDraft } from './formats/yaml.js';
export { SYSTEM_SCHEMA } from './formats/yaml-schema.js';
export { resolveSystem } from './resolve.js';
export * from './system.js';
export { convertUnit, type UnitConversion } from './units.js';
export { type RecordingChange, withRecording } from './with-recording.js';
