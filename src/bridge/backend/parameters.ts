/** Parameters that the importer set before initialisation, over the configuration in the FMU. */
import { InvalidInputError } from '../../support/errors.js';
import type { BridgeConfig, ExchangeType } from '../config.js';
import type { SourceConfig } from '../config-sources.js';
import { rmqfmuParameters } from '../rmqfmu/parameters.js';

const EXCHANGE_TYPES: readonly string[] = ['direct', 'fanout', 'topic', 'headers'] satisfies ExchangeType[];

/**
 * `parameters`: text by value reference (see `PARAMETERS`), as the shim sends it. Those that the shim obeys itself
 * (timeout, maxage …) and the credentials are not looked at here. Of several sources, they set the first one.
 */
export function applyParameters(
  config: BridgeConfig,
  parameters: ReadonlyMap<number, string>,
  warn: (text: string) => void,
): BridgeConfig {
  // An empty text is no setting: importers that write every start value back would clear what the configuration says.
  const text = (reference: number, otherwise: string): string => parameters.get(reference) || otherwise;
  const [first, ...others] = config.sources as [SourceConfig, ...SourceConfig[]];
  const exchange = text(9, first.exchange);
  const type = text(10, first.type);
  if (!EXCHANGE_TYPES.includes(type)) {
    throw new InvalidInputError(`config.exchangetype is '${type}', expected one of ${EXCHANGE_TYPES.join(', ')}`);
  }
  const port = Number(text(1, String(config.broker.port)));
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new InvalidInputError(`config.port is ${port}, expected 1 to 65535`);
  }
  const capacity = Number(text(17, String(config.ring.capacity)));
  if (capacity > config.ring.capacity) {
    warn(
      `config.queueupperbound ${capacity} is more than this FMU was built for (${config.ring.capacity}); raise ring.capacity and build it again`,
    );
  }
  const { tls, ...plain } = config.broker;
  const wantsTls = parameters.has(16) ? parameters.get(16) !== '0' : tls !== undefined;
  const sameExchange = config.send.exchange === first.exchange;
  return {
    ...config,
    broker: {
      ...plain,
      host: text(0, config.broker.host),
      port,
      vhost: text(18, config.broker.vhost),
      ...(wantsTls ? { tls: tls ?? {} } : {}),
    },
    sources: [{ ...first, exchange, type: type as ExchangeType, key: text(4, first.key) }, ...others],
    send: {
      ...config.send,
      // One parameter names the exchange of both directions, unless the FMU was built with two.
      ...(sameExchange ? { exchange, type: type as ExchangeType } : {}),
      key: text(13, config.send.key),
    },
    ...rmqfmuParameters(config, parameters),
  };
}
