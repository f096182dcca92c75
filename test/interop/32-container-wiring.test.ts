/** The rules of a container description, automatic ones too, come to what fmucontainer makes of them. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type ContainerOptions, readContainer } from '#tb/system/index.js';
import { describedAs, exampleFmu, temporaryFolder, writeFmu } from '../support/fmus.js';
import { PYTHON, pythonPackages } from './python.js';
import { describeTool } from './tool.js';

const folder = temporaryFolder();
const HEAD = 'rule;from_fmu;from_port;to_fmu;to_port\n';

const FLAGS: Readonly<Record<string, ContainerOptions>> = {
  '-auto-parameter': { autoParameter: true },
  '-no-auto-link': { autoLink: false },
  '-no-auto-input': { autoInput: false },
  '-no-auto-output': { autoOutput: false },
};

interface Rules {
  readonly fmus: readonly string[];
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly link: readonly string[];
  readonly step: number;
}

describeTool(
  import.meta.url,
  {
    name: 'FMU Manipulation Toolbox',
    found: pythonPackages('fmu_manipulation_toolbox'),
    fmi: '2.0',
    exercised: 'applies the rules of container descriptions, as we do',
  },
  () => {
    beforeAll(() => {
      for (const name of ['feedthrough', 'monitor', 'predictor', 'dahlquist'] as const) exampleFmu(folder, name);
      const renamed = (xml: string) =>
        xml.replace('name="real_out"', 'name="x"').replace('name="integer_out"', 'name="y"');
      writeFmu(join(folder, 'Source.fmu'), describedAs('feedthrough', renamed));
      const stepped = (size: string) => (xml: string) =>
        xml
          .replace('canHandleVariableCommunicationStepSize="true"', '')
          .replace('stepSize="0.1"', `stepSize="${size}"`);
      for (const size of ['0.1', '0.25', '0.3']) {
        writeFmu(join(folder, `every-${size}.fmu`), describedAs('dahlquist', stepped(size)));
      }
    });

    it.each([
      ['links by name and type', 'FMU;Source.fmu;;;\nFMU;monitor.fmu;;;\n', []],
      [
        'names the second of a name after its FMU',
        'FMU;feedthrough.fmu;;;\nFMU;Source.fmu;;;\nFMU;predictor.fmu;;;\n',
        [],
      ],
      [
        'lets rules come first',
        'FMU;feedthrough.fmu;;;\nFMU;Source.fmu;;;\nFMU;monitor.fmu;;;\nOUTPUT;Source.fmu;x;;speed\nDROP;monitor.fmu;stop;;\nINPUT;;pos;monitor.fmu;y\nLINK;feedthrough.fmu;real_out;monitor.fmu;obstacle_x\n',
        [],
      ],
      ['shows parameters', 'FMU;Source.fmu;;;\nFMU;monitor.fmu;;;\n', ['-auto-parameter']],
      ['links nothing', 'FMU;Source.fmu;;;\nFMU;monitor.fmu;;;\n', ['-no-auto-link']],
      ['shows nothing', 'FMU;Source.fmu;;;\nFMU;monitor.fmu;;;\n', ['-no-auto-input', '-no-auto-output']],
      ['deduces the step size', 'FMU;every-0.1.fmu;;;\nFMU;every-0.25.fmu;;;\nFMU;every-0.3.fmu;;;\n', []],
    ])('%s', async (title, rules, flags) => {
      const file = join(folder, `${title.replaceAll(' ', '-')}.csv`);
      writeFileSync(file, `${HEAD}${rules}`);
      const options = Object.assign({}, ...flags.map((flag) => FLAGS[flag])) as ContainerOptions;
      expect(await ours(file, options)).toEqual(theirs(file, flags));
    });

    it('nests containers', async () => {
      const file = join(folder, 'nested.json');
      writeFileSync(
        file,
        JSON.stringify({
          fmu: ['feedthrough.fmu'],
          container: [{ name: 'safety.fmu', fmu: ['monitor.fmu'], step_size: 0.05, auto_parameter: true }],
          link: [['feedthrough.fmu', 'real_out', 'safety.fmu', 'x']],
          step_size: 0.2,
          auto_parameter: true,
        }),
      );
      expect(await ours(file, {})).toEqual(theirs(file, []));
    });
  },
);

async function ours(file: string, options: ContainerOptions): Promise<Rules> {
  const { container, problems } = await readContainer(file, options);
  expect(problems).toEqual([]);
  const portAt = ({ member, variable }: { member: number; variable: number }) => {
    const { name, variables } = container.members[member]!;
    return `${name}.${variables[variable]!.name}`;
  };
  return {
    fmus: container.description.fmus.map(({ name }) => name).sort(),
    input: container.inputs.flatMap(({ name, targets }) => targets.map((target) => `${name} -> ${portAt(target)}`)),
    output: container.outputs.map(({ name, source }) => `${portAt(source)} -> ${name}`),
    link: container.links.map(({ from, to }) => `${portAt(from)} -> ${portAt(to)}`),
    step: container.step,
  };
}

/** What `-dump-json` writes; the step size is in the log only. */
function theirs(file: string, flags: readonly string[]): Rules {
  const tool = join(PYTHON, '..', 'fmucontainer');
  const said = execFileSync(tool, ['-fmu-directory', folder, '-container', file, '-dump-json', ...flags], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const dump = JSON.parse(readFileSync(file.replace(/\.(csv|json)$/, '-dump.json'), 'utf8')) as {
    fmu: string[];
    input?: [string, string, string][];
    output?: [string, string, string][];
    link?: [string, string, string, string][];
  };
  return {
    fmus: dump.fmu,
    input: (dump.input ?? []).map(([name, fmu, port]) => `${name} -> ${fmu}.${port}`),
    output: (dump.output ?? []).map(([fmu, port, name]) => `${fmu}.${port} -> ${name}`),
    link: (dump.link ?? []).map(([from, output, to, input]) => `${from}.${output} -> ${to}.${input}`),
    step: Number([...said.matchAll(/step_size=([0-9.e-]+)/g)].at(-1)?.[1]),
  };
}
