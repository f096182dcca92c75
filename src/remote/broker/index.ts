/** FMUs on a broker: workers that offer them, and gateways to their instances (docs/remote.md). */
export { type AccessOptions, accessOf } from './access.js';
export { BrokerClient, type BrokerClientOptions, type FoundFmu, type WorkerOffers } from './broker-client.js';
export * from './errors.js';
export {
  type AmqpFmuSource,
  describeAmqpFmu,
  type Gateway,
  type GatewayEvent,
  type GatewayOptions,
  openGateway,
} from './gateway.js';
export type { OfferedFmu, WorkerInfo } from './letters.js';
export type { InstanceEvent } from './remote-instance.js';
export { type FmuToServe, Worker, type WorkerEvent, type WorkerOptions } from './worker.js';
