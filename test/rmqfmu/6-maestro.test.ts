/**
 * A co-simulation of INTO-CPS as it stands beside RMQFMU's documentation: a classic multi-model that names the FMU's
 * variables, connects them, and sets parameters. Only the FMU is another.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseBrokerUrl } from '#tb/amqp/index.js';
import { findJar, java } from '../interop/java.js';
import { Peer, stamp } from '../support/bridge.js';
import { describeOnOwnBrokers } from '../support/brokers.js';
import { Feeder } from '../support/feeder.js';
import { exampleFmu, temporaryFolder } from '../support/fmus.js';
import { buildRmqfmu, type HandWritten, handWritten } from '../support/rmqfmu.js';

const folder = temporaryFolder();
const found = findJar('org.into-cps.maestro.maestro');

const SIGNALS: readonly HandWritten[] = [
  { name: 'xpos', vr: 100, type: 'Real', causality: 'output' },
  { name: 'ypos', vr: 101, type: 'Real', causality: 'output' },
  { name: 'distance', vr: 102, type: 'Real', causality: 'input', start: '0.0' },
];
const STEPS = 10;
const xpos = (k: number) => k + 0.123456789;

describe.skipIf('missing' in found)('Maestro', () => {
  let rmqfmu: string;
  let model: string;

  beforeAll(() => {
    rmqfmu = join(folder, 'rmqfmu.fmu');
    writeFileSync(join(folder, 'modelDescription.xml'), handWritten(SIGNALS, { 'config.howtosend': '1' }));
    buildRmqfmu(folder, rmqfmu, 'modelDescription.xml');
    model = exampleFmu(folder, 'feedthrough');
  });

  describeOnOwnBrokers('runs the multi-model of an RMQFMU', (broker) => {
    it('parameters are set, outputs arrive, and what the model makes of them goes out', async () => {
      const { hostname, port } = parseBrokerUrl(broker.url);
      const output = await mkdtemp(join(folder, 'maestro-'));
      const multiModel = {
        fmus: { '{rbmq}': rmqfmu, '{model}': model },
        connections: {
          '{rbmq}.rbmqInstance.xpos': ['{model}.m.real_in'],
          '{model}.m.real_out': ['{rbmq}.rbmqInstance.distance'],
        },
        parameters: {
          '{rbmq}.rbmqInstance.config.hostname': hostname,
          '{rbmq}.rbmqInstance.config.port': port,
          // Below the distance of the messages: each step waits for its own.
          '{rbmq}.rbmqInstance.config.maxage': 50,
          '{rbmq}.rbmqInstance.config.precision': 10,
        },
        logVariables: { '{rbmq}.rbmqInstance': ['xpos', 'ypos'] },
      };
      const simulation = {
        startTime: 0,
        endTime: (STEPS + 0.5) * 0.1,
        algorithm: { type: 'fixed-step', size: 0.1 },
      };
      writeFileSync(join(output, 'multimodel.json'), JSON.stringify(multiModel));
      writeFileSync(join(output, 'coe.json'), JSON.stringify(simulation));

      const peer = await Peer.connect(broker.url);
      const feeder = await Feeder.start(broker.url);
      try {
        const bodies = Array.from({ length: STEPS + 5 }, (_, k) => ({ time: stamp(100 * k), xpos: xpos(k), ypos: -k }));
        await feeder.onReady(...bodies);
        const args = ['import', '-i', '-output', output, 'Sg1', 'multimodel.json', 'coe.json'];
        await java('org.intocps.maestro.Main', args, output, { AMQP_URL: '' });

        const [header = '', ...lines] = readFileSync(join(output, 'outputs.csv'), 'utf8').trim().split('\n');
        const column = header.split(',').indexOf('{rbmq}.rbmqInstance.xpos');
        const values = lines.map((line) => Number(line.split(',')[column]));
        expect([...new Set(values)].slice(0, STEPS)).toEqual(Array.from({ length: STEPS }, (_, k) => xpos(k)));
        // A message in every step, with what the model had after the step before.
        const sent = await peer.receive(STEPS);
        const distances = [...new Set(sent.map(({ distance }) => distance))];
        expect(distances).toContain(xpos(STEPS - 2));
      } finally {
        await feeder.stop();
        await peer.close();
      }
    }, 120_000);
  });
});
