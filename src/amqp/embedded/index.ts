/** The embedded broker's public face. */
export { type BrokerStats, EmbeddedBroker, type EmbeddedBrokerOptions } from './broker.js';
