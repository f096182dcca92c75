/** The npm API of twinbridge: FMUs, the bridge, the master, the player and the embedded broker. */

export { EmbeddedBroker } from './amqp/embedded/index.js';
export * from './amqp/index.js';
export * from './bridge/index.js';
export * from './fmi/index.js';
export * from './master/index.js';
export { OfflineSelection, Producer, type SelectionRule } from './native/index.js';
export * from './remote/wrap/index.js';
export { Player, type PlayerOptions, type ReplayFileOptions, type ReplayReport, replayFile } from './replay/index.js';
export * from './support/errors.js';
export * from './system/index.js';
