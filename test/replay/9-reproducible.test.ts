/**
 * `complete`: the same recording gives the same outputs in every run, byte for byte: played at its own speed, ten times
 * as fast, as fast as the broker takes it, with the machine loaded, on both brokers.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import amqp from 'amqplib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runSystem } from '#tb/master/index.js';
import { replayFile } from '#tb/replay/index.js';
import { parseSystemYaml } from '#tb/system/index.js';
import { bridgeFile, temporaryFolder } from '../support/bridge.js';
import { describeOnBrokers } from '../support/brokers.js';

const folder = temporaryFolder();
/** On each of two brokers. */
const RUNS = 10;
const AT_ONCE = 2;

/** What the first run of all has written. */
let first: string | undefined;

/** 0.6 s of two signals: irregular, some values missing, two rows late, a gap. */
function recording(): string {
  let seed = 11;
  const random = (n: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % n;
  };
  const rows = ['time,x,y'];
  for (let ms = 0, i = 0; ms < 600; i++) {
    const late = i === 17 || i === 40 ? 25 : 0;
    const time = new Date(Date.UTC(2026, 0, 1) + ms - late).toISOString();
    rows.push(`${time},${i / 8},${i > 2 && random(3) === 0 ? '' : -i}`);
    ms += i === 50 ? 90 : 2 + random(14);
  }
  return `${rows.join('\n')}\n`;
}

const PACES = [{ rate: 1 }, { rate: 10 }, { paced: false }] as const;

describeOnBrokers('one recording, many runs', (broker) => {
  const load: Worker[] = [];
  let connection: amqp.ChannelModel;
  let bridge: string;
  const file = join(folder, 'recording.csv');

  beforeAll(async () => {
    writeFileSync(file, recording());
    bridge = await bridgeFile(
      'send: { announce: true }\nring: { capacity: 8 }\noutputs: { x: Real, y: Real }\ndiagnostics: [data_age, next_time]\n' +
        'selection: { behaviour: complete, maxage: 300 ms, timeout: 20 s, onTimeout: hold }',
      folder,
    );
    connection = await amqp.connect(broker.url);
    load.push(new Worker('for (;;) Math.sqrt(2);', { eval: true }));
  });
  afterAll(async () => {
    for (const worker of load.splice(0)) await worker.terminate();
    await connection.close();
  });

  /** Plays when the bridge of this run says that it is ready; answers the results. */
  async function run(index: number): Promise<string> {
    const name = `run-${index}`;
    const channel = await connection.createChannel();
    await channel.assertExchange('fmi_digital_twin', 'direct', { durable: false });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, 'fmi_digital_twin', `ready.${name}`);
    const played = new Promise<void>((resolve, reject) => {
      void channel.consume(queue, () => {
        replayFile({
          file,
          ...PACES[index % PACES.length],
          endOfStream: true,
          target: { broker: broker.url, exchange: 'fmi_digital_twin', routingKey: `data.${name}` },
        }).then(() => resolve(), reject);
      });
    });
    const results = join(folder, `${name}.csv`);
    const system = await parseSystemYaml(
      join(folder, 'system.yaml'),
      `twinbridge: system
components:
  robot:
    fmu: ${bridge}
    start: { config.routingkey: data.${name}, config.routingkey.from_cosim: ready.${name} }
step: 0.013
stop: 0.75
`,
    );
    await runSystem(system, { results });
    await played;
    await channel.close();
    return readFileSync(results, 'utf8');
  }

  it(`${RUNS} runs write the same bytes`, { timeout: 300_000 }, async () => {
    for (let begun = 0; begun < RUNS; begun += AT_ONCE) {
      for (const results of await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => run(begun + i)))) {
        first ??= results;
        expect(results).toBe(first);
      }
    }
    const values = first?.split(/\r?\n/).map((line) => line.split(',').slice(1).join());
    expect(new Set(values).size).toBeGreaterThan(30);
  });
});
