/** System Structure and Parameterization (SSP): systems of FMUs in archives, as many tools write and read them. */
export { readSspSystem, readSspSystemDraft, type SspOptions } from './read.js';
export { type WrittenSsp, writeSsp } from './write.js';
