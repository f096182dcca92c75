/** Systems of the Open Simulation Platform: OspSystemStructure.xml and the files around it. */
export { type LogConfig, type LogConfigOptions, readLogConfig } from './log-config.js';
export { readScenario } from './scenario.js';
export { type OspOptions, readOspSystem, readOspSystemDraft } from './system-structure.js';
