/** Ecos, by its Python package: the same FMU twice, parameters set in initialization mode, every type read. */
import { beforeAll, it } from 'vitest';
import { describeOnBrokers } from '../support/brokers.js';
import { temporaryFolder } from '../support/fmus.js';
import { python, pythonPackages } from './python.js';
import { describeTool } from './tool.js';
import { buildFmus, type Row, runTwoRobots } from './two-robots.js';

const found = pythonPackages('ecospy');

for (const [fmi, more, remark] of [
  ['2.0', '', ''],
  // When it unloads an FMU with a clock, Ecos 0.7.2 frees the clock's intervalVariability twice.
  ['3.0', 'fmi: 3\nfmi3: { clock: none }', ' (with `fmi3: { clock: none }`)'],
] as const) {
  const folder = temporaryFolder();
  const exercised = `closed loop with two bridges; each in a process of its own${remark}`;
  describeTool(import.meta.url, { name: 'Ecos', found, fmi, exercised }, () => {
    let fmus: Awaited<ReturnType<typeof buildFmus>>;
    beforeAll(async () => {
      fmus = await buildFmus(folder, more);
    });

    describeOnBrokers('stops two robots', (broker) => {
      it.each([
        ['in its own process', ''],
        ['each FMU in a process of its own', 'proxyfmu://localhost?file='],
      ])('%s', (_, prefix) =>
        runTwoRobots(broker.url, fmus, ({ outputs, ...question }, env) => {
          // Of FMI 3.0 it reads String variables from the FMU but answers with empty ones.
          const read = outputs.filter(([, , type]) => fmi === '2.0' || type !== 'String');
          return python<Row[]>('ecos.py', { ...question, outputs: read, prefix }, env);
        }),
      );
    });
  });
}
