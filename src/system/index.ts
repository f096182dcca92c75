/** Systems: the graph of a co-simulation, and the file formats it is read from. */
export type { DraftComponent, DraftPort, DraftStart, SystemDraft } from './draft.js';
export { parseSystemYaml, readSystemYaml, SYSTEM_SCHEMA } from './formats/yaml.js';
export { resolveSystem } from './resolve.js';
export {
  type Component,
  type Connection,
  findPort,
  matchPorts,
  outputPorts,
  type Pace,
  type Port,
  portName,
  type StartAssignment,
  type System,
  splitPortName,
  variableAt,
} from './system.js';
