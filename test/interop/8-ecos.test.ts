/** Ecos, by its Python package: the same FMU twice, parameters set in initialization mode, every type read. */
import { beforeAll, it } from 'vitest';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python, pythonPackages } from './python.js';
import { describeTool } from './tool.js';
import { buildFmus, type Row, runTwoRobots } from './two-robots.js';

const folder = temporaryFolder();

describeTool(
  import.meta.url,
  { name: 'Ecos', found: pythonPackages('ecospy'), fmi: '2.0', exercised: 'closed loop, two bridges' },
  () => {
    let fmus: Awaited<ReturnType<typeof buildFmus>>;
    beforeAll(async () => {
      fmus = await buildFmus(folder);
    });

    describeOnBrokers('stops two robots', (broker) => {
      it('in its own process', () =>
        runTwoRobots(broker.url, fmus, (question, env) => python<Row[]>('ecos.py', question, env)));
    });
  },
);
