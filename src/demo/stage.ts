/** What both demos need around the run: a broker, the built bridge FMU, the system, a folder, progress. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedBroker } from '../amqp/embedded/index.js';
import { type BrokerAddress, Publisher, parseBrokerUrl } from '../amqp/index.js';
import { buildBridgeFmu, readBridgeConfig } from '../bridge/index.js';
import type { Progress, RunLogMessage } from '../master/index.js';
import { parseSystemYaml, type System } from '../system/index.js';
import { example, newRunFolder } from './paths.js';

export interface DemoOptions {
  /** Simulated seconds, at real time. */
  readonly duration?: number;
  /** Address of a broker; default: one is started in this process. */
  readonly broker?: string;
  readonly signal?: AbortSignal;
  /** What is going on, in words. */
  readonly say?: (text: string) => void;
  readonly onProgress?: (progress: Progress) => void;
  readonly onLog?: (message: RunLogMessage) => void;
}

export interface Stage {
  readonly brokerUrl: string;
  /** `embedded`, or the broker's address without credentials. */
  readonly brokerName: string;
  readonly system: System;
  readonly folder: string;
  readonly resultFile: string;
  close(): Promise<void>;
}

/** Builds the bridge of an example in the folder of the run and starts what the run needs. */
export async function setStage(name: string, fmu: string, options: DemoOptions): Promise<Stage> {
  const say = options.say ?? (() => {});
  const embedded = options.broker === undefined ? await EmbeddedBroker.listen({ port: 0 }) : undefined;
  const brokerUrl = embedded?.url ?? (options.broker as string);
  const address = parseBrokerUrl(brokerUrl);
  const brokerName = embedded === undefined ? `${address.protocol}://${address.hostname}:${address.port}` : 'embedded';
  try {
    if (embedded === undefined) await checkBroker(address);
    const folder = await newRunFolder(name);
    const built = join(folder, fmu);
    await buildBridgeFmu(await readBridgeConfig(example(name, 'bridge.yaml')), built, { platforms: 'host' });
    const system = await readSystemWith(example(name, 'system.yaml'), fmu, built);
    // The bridge's backend is a child of this process and finds the broker here; nothing is written anywhere.
    const before = process.env.AMQP_URL;
    process.env.AMQP_URL = brokerUrl;
    say(`broker: ${brokerName}`);
    return {
      brokerUrl,
      brokerName,
      system,
      folder,
      resultFile: join(folder, 'results.csv'),
      async close() {
        if (before === undefined) delete process.env.AMQP_URL;
        else process.env.AMQP_URL = before;
        await embedded?.close();
      },
    };
  } catch (error) {
    await embedded?.close();
    throw error;
  }
}

/** The example's system with the FMU that was built for this run: the examples may lie where nothing can be written. */
async function readSystemWith(file: string, fmu: string, built: string): Promise<System> {
  const text = await readFile(file, 'utf8');
  return parseSystemYaml(
    file,
    text.replace(`fmu: ${fmu}`, () => `fmu: ${JSON.stringify(built)}`),
  );
}

/** Rejects with the reason why it cannot be used, before anything else is started. */
async function checkBroker(address: BrokerAddress): Promise<void> {
  const publisher = await Publisher.open({ address, connectionName: 'twinbridge demo (looking for the broker)' });
  await publisher.close();
}
