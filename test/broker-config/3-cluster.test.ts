/** Three nodes from the configuration of the cluster, on this machine: what is confirmed outlives any one of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, Publisher, PublishNackedError, parseBrokerUrl } from '#tb/amqp/index.js';
import { temporaryFolder } from '../support/fmus.js';
import { freePort, type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';
import { until } from '../support/until.js';
import { CONFIG, configured, passwordOf, prepare } from './support.js';

describe.skipIf(!ownRabbitMqAvailable())('a cluster as broker-config/ has it', () => {
  let generated: string;
  let nodes: OwnRabbitMq[] = [];

  beforeAll(async () => {
    generated = prepare(join(temporaryFolder(), 'generated'));
    const cookie = /=(.*)/.exec(readFileSync(join(generated, 'cluster.env'), 'utf8'))?.[1] ?? '';
    const epmdPort = await freePort();
    const names = [1, 2, 3].map((number) => `tb${process.pid}-${number}@localhost`);
    const options = await Promise.all(names.map(() => configured(generated)));
    nodes = await Promise.all(
      names.map((name, at) =>
        startOwnRabbitMq({
          ...options[at]!,
          configFiles: [join(CONFIG, 'cluster/30-cluster.conf'), ...(options[at]!.configFiles ?? [])],
          config: [
            ...(options[at]!.config ?? []),
            ...names.map((node, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${node}`),
          ],
          node: { name, epmdPort, cookie },
        }),
      ),
    );
  }, 150_000);
  afterAll(() => Promise.all(nodes.map((node) => node.stop())), 60_000);

  const addressOf = (user: string, node: OwnRabbitMq) =>
    parseBrokerUrl(`amqp://${user}:${passwordOf(generated, user)}@127.0.0.1:${node.port}/twin`);

  it('has its three nodes, and every lasting queue on all of them', async () => {
    const [first] = nodes as [OwnRabbitMq];
    const status = JSON.parse(await first.ctl('cluster_status', '--formatter', 'json')) as { running_nodes: string[] };
    expect(status.running_nodes).toHaveLength(3);
    await until(
      async () => {
        const table = await first.ctl(
          'list_queues',
          '--vhost',
          'twin',
          'name',
          'members',
          '--quiet',
          '--no-table-headers',
        );
        const members = table
          .trim()
          .split('\n')
          .map((line) => line.match(/@localhost/g)?.length);
        return members.length === 3 && members.every((count) => count === 3);
      },
      'every queue to have three members',
      30_000,
    );
  }, 60_000);

  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  /** A queue that is choosing its next leader may refuse a message: who needs it confirmed sends it again. */
  async function confirmed(publisher: Publisher, number: number): Promise<void> {
    for (;;) {
      try {
        await publisher.publish('robot.command', 'stop', Buffer.from(String(number)), { persistent: true });
        return;
      } catch (error) {
        if (!(error instanceof PublishNackedError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  /** Those of the cluster, the one first that leads the queue. */
  async function leaderFirst(queue: string): Promise<[OwnRabbitMq, OwnRabbitMq, OwnRabbitMq]> {
    const table = await nodes[0]!.ctl('list_queues', '--vhost', 'twin', 'name', 'leader', '--formatter', 'json');
    const leader = (JSON.parse(table) as { name: string; leader: string }[]).find(({ name }) => name === queue)?.leader;
    const at = Number(/-(\d)@/.exec(leader ?? '')?.[1]) - 1;
    return [nodes[at]!, ...nodes.filter((_, index) => index !== at)] as [OwnRabbitMq, OwnRabbitMq, OwnRabbitMq];
  }

  it('loses no confirmed command when a node is killed; consumer and publisher go on at another', async () => {
    // It hits the queue's leader: channels to it are without one until the others have chosen the next, or for good.
    const [first, second, third] = await leaderFirst('robot.commands');
    const open = (node: OwnRabbitMq) =>
      Publisher.open({ address: addressOf('bridge', node), connectionName: 'commands', heartbeatSeconds: 2 });
    const before = await open(first);
    await Promise.all(numbers(0, 99).map((number) => confirmed(before, number)));
    await before.close();
    await first.stopServer('killed');
    const after = await open(second);
    await Promise.all(numbers(100, 199).map((number) => confirmed(after, number)));
    await after.close();
    const got = new Set<number>();
    const consumer: Consumer = await Consumer.open({
      address: addressOf('robot', third),
      connectionName: 'robot',
      exchanges: [],
      queue: { name: 'robot.commands', exclusive: false, durable: true, autoDelete: false, declare: 'passive' },
      bindings: [],
      prefetch: 50,
      onDelivery: ({ content, receipt }) => {
        got.add(Number(content));
        consumer.ack(receipt);
      },
    });
    await until(() => got.size === 200, 'all commands', 30_000);
    await consumer.close();
    await first.startServer();
    await until(
      async () => {
        const status = await second.ctl('cluster_status', '--formatter', 'json');
        return (JSON.parse(status) as { running_nodes: string[] }).running_nodes.length === 3;
      },
      'the node to come back',
      60_000,
    );
    const model = await amqp.connect({ ...addressOf('robot', first) });
    await model.close();
  }, 180_000);
});
