/** Maestro, the co-simulation engine of INTO-CPS, given a classic multi-model and its simulation configuration. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, it } from 'vitest';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { findJar, java } from './java.js';
import { describeTool } from './tool.js';
import { buildFmus, expectToldWithoutBroker, type Question, type Row, runTwoRobots } from './two-robots.js';

const folder = temporaryFolder();
const KEYS: Readonly<Record<string, string>> = {
  left: '{bridge}.left',
  right: '{bridge}.right',
  monitor: '{monitor}.m',
};

describeTool(
  import.meta.url,
  {
    name: 'Maestro',
    found: findJar('org.into-cps.maestro.maestro'),
    fmi: '2.0',
    exercised: 'closed loop with two bridges, from a multi-model',
  },
  () => {
    let fmus: Awaited<ReturnType<typeof buildFmus>>;
    beforeAll(async () => {
      fmus = await buildFmus(folder);
    });

    describeOnBrokers('stops two robots', (broker) => {
      it('from a multi-model', () => runTwoRobots(broker.url, fmus, run), 120_000);
    });

    it('says why there is no connection, in its log', () => expectToldWithoutBroker(fmus, run), 120_000);
  },
);

async function run(question: Question, env: NodeJS.ProcessEnv): Promise<Row[]> {
  const output = await mkdtemp(join(folder, 'maestro-'));
  const port = (component: string, variable: string) => `${KEYS[component]}.${variable}`;
  const connections: Record<string, string[]> = {};
  for (const { from, to } of question.connections) {
    connections[port(...from)] = [...(connections[port(...from)] ?? []), port(...to)];
  }
  const multiModel = {
    fmus: { '{bridge}': question.components.left, '{monitor}': question.components.monitor },
    connections,
    parameters: Object.fromEntries(
      Object.entries(question.start).flatMap(([component, values]) =>
        Object.entries(values).map(([variable, value]) => [port(component, variable), value]),
      ),
    ),
    logVariables: Object.fromEntries(
      Object.entries(KEYS).map(([component, key]) => [
        key,
        question.outputs.filter(([owner]) => owner === component).map(([, variable]) => variable),
      ]),
    ),
  };
  const simulation = {
    startTime: 0,
    // The end is reached by adding up steps; it must not fall short of the last.
    endTime: (question.steps + 0.5) * question.step,
    algorithm: { type: 'fixed-step', size: question.step },
  };
  writeFileSync(join(output, 'mm.json'), JSON.stringify(multiModel));
  writeFileSync(join(output, 'coe.json'), JSON.stringify(simulation));
  await java(
    'org.intocps.maestro.Main',
    ['import', '-i', '-output', output, 'Sg1', 'mm.json', 'coe.json'],
    output,
    env,
  );
  return readCsv(join(output, 'outputs.csv')).slice(1); // without what was there before the first step
}

function readCsv(file: string): Row[] {
  const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  const names = header.split(',').map((name) => {
    const component = Object.keys(KEYS).find((key) => name.startsWith(`${KEYS[key]}.`));
    return component === undefined ? name : `${component}${name.slice(KEYS[component]!.length)}`;
  });
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, i) => [names[i]!, cellValue(cell)])));
}

function cellValue(cell: string): number | boolean | string {
  if (cell === 'true' || cell === 'false') return cell === 'true';
  return Number.isNaN(Number(cell)) ? cell : Number(cell);
}
