/**
 * The robot of the emergency-stop demo, a process of its own: publishes where it is, obeys a stop.
 *
 * Started by the demo with an IPC channel; the broker's address comes in AMQP_URL. Tells its parent what happened to it.
 */
import { Consumer, Publisher, parseBrokerUrl } from '../amqp/index.js';
import { formatRfc3339, wallClock } from '../support/time.js';
import { FieldRobot, slalom } from './robot-model.js';

/** What the robot tells the demo. */
export type RobotMessage =
  | { readonly type: 'driving' }
  /** Times: wall clock, ns since the epoch, as decimal text. */
  | { readonly type: 'stopReceived'; readonly at: string; readonly sentAt: string; readonly distance: number }
  | { readonly type: 'standing'; readonly at: string; readonly distance: number }
  | {
      readonly type: 'lastWords';
      readonly published: number;
      readonly confirmed: number;
      readonly distance: number;
      /** Time stamp of each message, by sequence number. */
      readonly stamps: readonly string[];
    };

export interface RobotOptions {
  readonly exchange: string;
  readonly stateKey: string;
  readonly commandKey: string;
  readonly durationSeconds: number;
  readonly periodMs: number;
}

const tell = (message: RobotMessage): void => {
  process.send?.(message);
};

async function drive(options: RobotOptions): Promise<void> {
  const address = parseBrokerUrl(process.env.AMQP_URL ?? 'amqp://127.0.0.1');
  const robot = new FieldRobot(slalom(options.durationSeconds));
  const exchanges = [{ name: options.exchange, type: 'topic', durable: false, declare: 'active' }] as const;
  let stopReceived = false;
  let standing = false;

  const consumer = await Consumer.open({
    address,
    connectionName: 'field robot (commands)',
    exchanges,
    queue: { name: '', exclusive: true, durable: false, autoDelete: true, arguments: {} },
    bindings: [{ exchange: options.exchange, key: options.commandKey }],
    prefetch: 10,
    onDelivery: (delivery) => {
      const command = JSON.parse(delivery.content.toString()) as { stop?: unknown; time?: string };
      if (command.stop === true && !stopReceived) {
        stopReceived = true;
        robot.brake();
        tell({
          type: 'stopReceived',
          at: `${wallClock()}`,
          sentAt: command.time ?? '',
          distance: robot.distanceToNearest(),
        });
      }
      consumer.ack(delivery.receipt);
    },
    onEvent: () => {},
  });
  const publisher = await Publisher.open({
    address,
    connectionName: 'field robot (state)',
    exchanges,
    onEvent: () => {},
  });
  tell({ type: 'driving' });

  const stamps: string[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    robot.advance((now - last) / 1000);
    last = now;
    if (robot.speed === 0 && !standing) {
      standing = true;
      tell({ type: 'standing', at: `${wallClock()}`, distance: robot.distanceToNearest() });
    }
    const { x, y } = robot.position;
    const obstacle = robot.nearestObstacle();
    const time = formatRfc3339(wallClock());
    const state = { x, y, obstacle_x: obstacle.x, obstacle_y: obstacle.y, seqno: stamps.push(time) - 1, time };
    publisher
      .publish(options.exchange, options.stateKey, Buffer.from(JSON.stringify(state)), {
        contentType: 'application/json',
      })
      .catch(() => {}); // counted below: published but not confirmed
  }, options.periodMs);

  const leave = async (): Promise<void> => {
    clearInterval(timer);
    await publisher.drain(1000);
    const { published, confirmed } = publisher.stats;
    tell({ type: 'lastWords', published, confirmed, distance: robot.distanceToNearest(), stamps });
    await Promise.allSettled([publisher.close(), consumer.close()]);
    process.disconnect?.();
  };
  process.once('message', leave); // the demo says that it is over
  process.once('disconnect', () => process.exit(0)); // the demo is gone
}

const options = JSON.parse(process.argv[2] ?? '{}') as RobotOptions;
// Ctrl-C is for the demo, which tells this process when it is over.
process.on('SIGINT', () => {});
drive(options).catch((error: unknown) => {
  process.stderr.write(`field robot: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
