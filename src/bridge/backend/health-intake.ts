/** Health data off their exchange: the newest goes to the shim, which outputs the discrepancies of times. */
import { Consumer, type Delivery, type LinkOptions } from '../../amqp/index.js';
import type { Producer } from '../../native/index.js';
import type { BridgeConfig } from '../config.js';
import { DISCREPANCIES } from '../rmqfmu/contract.js';
import { readHealth } from '../rmqfmu/health.js';
import type { RateLimitedLog } from './rate-limited-log.js';

const PREFETCH = 100;

/** Declared also where nothing is read from it: to publish to an exchange that is not there would cost a peer its channel. */
export function healthExchanges({ health }: BridgeConfig): {
  name: string;
  type: 'direct' | 'fanout' | 'topic' | 'headers';
  durable: boolean;
  declare: 'active';
}[] {
  return health === undefined ? [] : [{ name: health.exchange, type: health.type, durable: false, declare: 'active' }];
}

export class HealthIntake {
  #consumer: Consumer | undefined;

  /** Whether the FMU outputs what is told there. */
  static isWanted({ health, diagnostics }: BridgeConfig): boolean {
    return health !== undefined && DISCREPANCIES.some((name) => diagnostics.includes(name));
  }

  static async open(
    config: BridgeConfig,
    link: LinkOptions,
    producer: Producer,
    log: RateLimitedLog,
  ): Promise<HealthIntake> {
    const intake = new HealthIntake();
    const { health, sources, compat = 'rmqfmu' } = config;
    const take = ({ content, receipt, routingKey }: Delivery): void => {
      const read = readHealth(content, compat);
      if (typeof read === 'string') {
        log.limited(
          'health',
          'warning',
          'logStatusWarning',
          () => `a health message (routing key '${routingKey}') is not used: ${read}`,
        );
      } else {
        producer.health(read.cosimNs, read.aheadNs);
      }
      intake.#consumer?.ack(receipt, { upTo: true });
    };
    intake.#consumer = await Consumer.open({
      ...link,
      exchanges: healthExchanges(config),
      queue: { exclusive: true, durable: false, autoDelete: true },
      bindings: [{ exchange: health?.exchange ?? '', key: sources[0]?.key ?? '' }],
      prefetch: PREFETCH,
      onDelivery: take,
    });
    return intake;
  }

  async close(): Promise<void> {
    await this.#consumer?.close();
  }
}
