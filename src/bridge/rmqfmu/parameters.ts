/** Parameters that only a bridge that stands in for an RMQFMU has, as the importer set them. */
import { InvalidInputError } from '../../support/errors.js';
import type { BridgeConfig } from '../config.js';
import { type HealthConfig, OWN_PARAMETERS, REFERENCE } from './contract.js';

const EXCHANGE_TYPES: readonly string[] = ['direct', 'fanout', 'topic', 'headers'];

/** `parameters`: texts by value reference. What they change of the configuration. */
export function rmqfmuParameters(
  { compat, health, rmqfmu }: BridgeConfig,
  parameters: ReadonlyMap<number, string>,
): Pick<BridgeConfig, 'compat' | 'health'> {
  if (rmqfmu === undefined) return {};
  const precision = parameters.get(REFERENCE.precision);
  if (precision !== undefined && Number(precision) < 1) {
    throw new InvalidInputError(`config.precision is ${precision}, expected 1 or more`);
  }
  const type = parameters.get(REFERENCE.healthExchangeType) || health?.type;
  if (type !== undefined && !EXCHANGE_TYPES.includes(type)) {
    throw new InvalidInputError(
      `config.healthdata.exchangetype is '${type}', expected one of ${EXCHANGE_TYPES.join(', ')}`,
    );
  }
  const exchange = parameters.get(REFERENCE.healthExchange) || health?.exchange;
  const own = rmqfmu.parameters.find(({ name }) => name === OWN_PARAMETERS.strict.name);
  const strict = own === undefined ? undefined : parameters.get(own.valueReference);
  const level = strict === undefined ? compat : strict === '0' ? 'rmqfmu' : 'strict';
  return {
    ...(level === undefined ? {} : { compat: level }),
    ...(exchange === undefined || type === undefined ? {} : { health: { exchange, type } as HealthConfig }),
  };
}

/** User and password in the start values of a description: what counts where nothing else gives them. */
export function startCredentials({ rmqfmu }: Pick<BridgeConfig, 'rmqfmu'>): { username?: string; password?: string } {
  const start = (reference: number): string | undefined => {
    const found = rmqfmu?.parameters.find(
      ({ valueReference, type }) => valueReference === reference && type === 'String',
    );
    return typeof found?.start === 'string' && found.start !== '' ? found.start : undefined;
  };
  const username = start(REFERENCE.username);
  const password = start(REFERENCE.password);
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}
