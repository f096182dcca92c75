/** What takes the place of an RMQFMU (fmu-rabbitmq 2.1.6): see docs/rmqfmu.md. */
export { COMPAT_LEVELS, type Compat } from './contract.js';
export { type Rmqfmu, readRmqfmu } from './read.js';
