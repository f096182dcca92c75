/** The AMQP client: consumers and publishers that outlive their connections. */
export { type BrokerAddress, describeAddress, parseBrokerUrl } from './address.js';
export {
  type Access,
  CheckedConnection,
  type Greeting,
  type Limits,
  openOnce,
  resolveHost,
  type TlsFacts,
} from './checked-connection.js';
export { Consumer, type ConsumerOptions, type Delivery, type Receipt } from './consumer.js';
export * from './errors.js';
export { FrameAddress, FramePublisher } from './frame-publisher.js';
export {
  Link,
  type LinkEvent,
  type LinkOptions,
  type LinkUser,
  type ReconnectOptions,
  type Session,
  type TlsOptions,
} from './link.js';
export {
  Publisher,
  type PublisherOptions,
  type PublisherStats,
  type PublishOptions,
  type PublishReceipt,
} from './publisher.js';
export { missingRight, type Refusal, type Resource, type Right, refusalOf, textOf } from './rights.js';
export type { StreamOffset } from './stream-position.js';
export type { BindingSpec, ExchangeSpec, QueueSpec } from './topology.js';
