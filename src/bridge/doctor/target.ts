/** What `doctor` and `tap` look at: a bridge's configuration, or a broker and an exchange. */
import type { Access, QueueSpec } from '../../amqp/index.js';
import { InvalidInputError } from '../../support/errors.js';
import { brokerAccess } from '../broker-access.js';
import { type BridgeConfig, type BrokerConfig, type ExchangeType, readBridgeConfig } from '../config.js';
import type { CheckedExchange, CheckedSource } from './doctor.js';
import { createExplainers } from './explain.js';

export interface TargetOptions {
  readonly exchange?: string;
  readonly type?: ExchangeType;
  /** Default `#`. */
  readonly key?: string;
  /** SASL EXTERNAL. */
  readonly external?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly warn?: (text: string) => void;
}

export interface Target {
  readonly access: Access;
  readonly sources: readonly CheckedSource[];
  readonly sendTo?: CheckedExchange;
}

const OWN_QUEUE: QueueSpec = { exclusive: true, durable: false, autoDelete: true };

/**
 * `target`: an `amqp[s]://` URL or the path of a `bridge.yaml`. Throws `InvalidFileError`, `CredentialsError`,
 * {@link InvalidInputError}.
 */
export async function readTarget(target: string, options: TargetOptions = {}): Promise<Target> {
  const { env = process.env, warn = () => {} } = options;
  if (/^amqps?:/i.test(target)) return ofUrl(target, options, env, warn);
  if (options.exchange !== undefined || options.key !== undefined) {
    throw new InvalidInputError('exchange and key are what the bridge.yaml says', {
      remedy: 'leave --exchange and --key out, or name a broker instead of the file',
    });
  }
  const config = await readBridgeConfig(target);
  return { access: await brokerAccess(config, new Map(), { env, warn }), ...placesOf(config) };
}

function placesOf(config: BridgeConfig): Pick<Target, 'sources' | 'sendTo'> {
  const explainers = createExplainers(config);
  const { send, inputs, outputs } = config;
  const sources = config.sources.flatMap(({ name, exchange, type, durable, declare, key, queue, maxageMs }, place) =>
    outputs.some((signal) => signal.source === place)
      ? [
          {
            name,
            exchange: { name: exchange, type, durable, declare },
            key,
            queue,
            explain: explainers[place]!,
            maxageMs,
          },
        ]
      : [],
  );
  const sends = inputs.length > 0 || send.announce;
  const { exchange: name, type, durable, declare } = send;
  return { sources, ...(sends ? { sendTo: { name, type, durable, declare } } : {}) };
}

async function ofUrl(
  url: string,
  { exchange, type, key = '#', external = false }: TargetOptions,
  env: NonNullable<TargetOptions['env']>,
  warn: (text: string) => void,
): Promise<Target> {
  const broker: BrokerConfig = { host: 'localhost', port: 5672, vhost: '/', ...(external ? { auth: 'external' } : {}) };
  // Read as AMQP_URL is: what it leaves open comes from the secret file.
  const access = await brokerAccess({ broker }, new Map(), { env: { ...env, AMQP_URL: url }, warn });
  if (exchange === undefined) return { access, sources: [] };
  const checked: CheckedExchange = {
    name: exchange,
    durable: false,
    declare: 'passive',
    ...(type === undefined ? {} : { type }),
  };
  return { access, sources: [{ name: 'default', exchange: checked, key, queue: OWN_QUEUE }] };
}
