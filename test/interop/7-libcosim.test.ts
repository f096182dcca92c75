/** libcosim, the co-simulation library of the Open Simulation Platform, by its Python package. */
import { beforeAll, it } from 'vitest';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python, pythonPackages } from './python.js';
import { describeTool } from './tool.js';
import { buildFmus, expectToldWithoutBroker, type Question, type Row, runTwoRobots } from './two-robots.js';

const folder = temporaryFolder();

describeTool(
  import.meta.url,
  {
    name: 'libcosim (libcosimpy)',
    found: pythonPackages('libcosimpy'),
    fmi: '2.0',
    exercised: 'closed loop with two bridges, by its API and from an OspSystemStructure.xml',
  },
  () => {
    let fmus: Awaited<ReturnType<typeof buildFmus>>;
    beforeAll(async () => {
      fmus = await buildFmus(folder);
    });

    const run = (by: string) => (question: Question, env: NodeJS.ProcessEnv) =>
      python<Row[]>('libcosim.py', { ...question, by, folder }, env);

    describeOnBrokers('stops two robots', (broker) => {
      it.each(['api', 'osp'])('put together by %s', (by) => runTwoRobots(broker.url, fmus, run(by)));
    });

    it('says why there is no connection, in its log', () => expectToldWithoutBroker(fmus, run('api')));
  },
);
