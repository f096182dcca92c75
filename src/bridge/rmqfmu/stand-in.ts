/** What a configuration takes on when its FMU stands in for an RMQFMU. */
import type { BridgeConfig } from '../config.js';
import { slotCount } from '../signals.js';
import { ENABLE_SEND, RMQFMU_HEALTH, type RmqfmuConfig, type RmqfmuParameter } from './contract.js';
import { ownParameters, ownReferences } from './variables.js';

/** The section `rmqfmu` of a bridge.yaml. */
export interface RmqfmuFile {
  readonly modelIdentifier?: string;
  readonly references?: Readonly<Record<string, number>>;
}

export function standingIn(config: BridgeConfig, file: RmqfmuFile): BridgeConfig {
  const { modelIdentifier = 'rabbitmq', references = {} } = file;
  // A file with value references was made from a description, which has the input or does not.
  const hasGate = file.references !== undefined || config.inputs.some(({ name }) => name === ENABLE_SEND.name);
  const gate = {
    name: ENABLE_SEND.name,
    type: 'Boolean',
    slot: slotCount(config.inputs),
    source: 0,
    start: false,
    description: 'true: nothing is published. The name says the reverse, and is that of RMQFMU',
  } as const;
  const withGate: BridgeConfig = {
    ...config,
    compat: config.compat ?? 'rmqfmu',
    health: config.health ?? RMQFMU_HEALTH,
    inputs: hasGate ? config.inputs : [...config.inputs, gate],
  };
  const rmqfmu: RmqfmuConfig = {
    modelIdentifier,
    references: { ...ownReferences(withGate), ...references },
    parameters: ownParameters(withGate),
  };
  return { ...withGate, rmqfmu };
}

/** The same with the parameters of a description instead: their names, start values, and those that mean nothing. */
export function withParameters(config: BridgeConfig, parameters: readonly RmqfmuParameter[]): BridgeConfig {
  return config.rmqfmu === undefined ? config : { ...config, rmqfmu: { ...config.rmqfmu, parameters } };
}
