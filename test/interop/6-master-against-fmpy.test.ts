/** Our master and FMPy, given the same FMU, come to the same numbers, bit for bit. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSystem } from '#tb/master/index.js';
import { parseSystemYaml } from '#tb/system/index.js';
import { type ExampleName, exampleFmu, temporaryFolder } from '../support/fmus.js';
import { describeWithPython, python } from './python.js';

const folder = temporaryFolder();

describeWithPython('our master and FMPy', () => {
  it.each<{
    name: ExampleName;
    start: Record<string, number | boolean>;
    step: number;
    stop: number;
    outputs: string[];
  }>([
    // FMPy takes the step as the difference of two times, which only for such a step is always the same number.
    { name: 'dahlquist', start: { k: 0.7, x0: 3.3 }, step: 0.125, stop: 10, outputs: ['x'] },
    {
      name: 'monitor',
      start: { x: 1.1, y: -2.3, obstacle_x: 2.7, obstacle_y: -3.1, safe_distance: 2.5 },
      step: 0.01,
      stop: 1,
      outputs: ['distance', 'stop'],
    },
    {
      name: 'feedthrough',
      start: { real_in: 0.1, offset: 0.2, integer_in: -2147483648, boolean_in: true, choice_in: 2 },
      step: 0.3,
      stop: 3,
      outputs: ['real_out', 'integer_out', 'boolean_out', 'choice_out'],
    },
    { name: 'misbehave', start: { mode: 0 }, step: 0.25, stop: 2, outputs: ['steps'] },
  ])('$name', async ({ name, start, step, stop, outputs }) => {
    const fmu = exampleFmu(folder, name);
    const reference = await python<Record<string, (number | boolean)[]>>('reference.py', {
      fmu,
      start,
      step,
      stop,
      outputs,
    });
    const system = await parseSystemYaml(
      join(folder, 'system.yaml'),
      `
twinbridge: system
components: { model: { fmu: ${name}.fmu, start: ${JSON.stringify(start)} } }
step: ${step}
stop: ${stop}
`,
    );
    const { captured } = await runSystem(system, { capture: outputs.map((output) => `model.${output}`) });
    expect([...(captured?.time ?? [])]).toEqual(reference.time);
    for (const output of outputs) {
      expect([...(captured?.columns[`model.${output}`] ?? [])]).toEqual(reference[output]?.map(Number));
    }
  });
});
