/** System structures of the Open Simulation Platform, put together from parts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatProblem, InvalidFileError } from '#tb/support/errors.js';

export const NAMESPACE = 'http://opensimulationplatform.com/MSMI/OSPSystemStructure';

export interface StructureParts {
  readonly root?: string;
  readonly times?: string;
  readonly algorithm?: string;
  /** By name: attributes and initial values. */
  readonly simulators?: string;
  readonly functions?: string;
  readonly connections?: string;
  readonly after?: string;
}

/** Two pass-through FMUs and a source. */
export const SIMULATORS = `<Simulator name="a" source="feedthrough.fmu"/>
    <Simulator name="b" source="feedthrough.fmu"/>
    <Simulator name="d" source="dahlquist.fmu"/>`;

/** Every part on a line of its own, from line 3 on. */
export function structureXml({
  root = `version="0.1" xmlns="${NAMESPACE}"`,
  times = '',
  algorithm = '<Algorithm>fixedStep</Algorithm>',
  simulators = SIMULATORS,
  functions,
  connections,
  after = '',
}: StructureParts = {}): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<OspSystemStructure ${root}>
  ${times}
  ${algorithm}
  <Simulators>
    ${simulators}
  </Simulators>
  ${functions === undefined ? '' : `<Functions>${functions}</Functions>`}
  ${connections === undefined ? '' : `<Connections>\n    ${connections}\n  </Connections>`}
  ${after}
</OspSystemStructure>
`;
}

/** `a.x -> b.y`, as two ends without a direction. */
export function variableConnection(from: string, to: string, attributes: string = ''): string {
  return `<VariableConnection${attributes}>${variable(from)}${variable(to)}</VariableConnection>`;
}

/** `f.in[0]` and `a.x` */
export function signalConnection(signal: string, port: string): string {
  return `<SignalConnection>${variable(port)}<Signal ${named('function', signal)}/></SignalConnection>`;
}

export function groupConnection(a: string, b: string): string {
  return `<VariableGroupConnection><VariableGroup ${named('simulator', a)}/><VariableGroup ${named('simulator', b)}/></VariableGroupConnection>`;
}

export function signalGroupConnection(signal: string, group: string): string {
  return `<SignalGroupConnection><SignalGroup ${named('function', signal)}/><VariableGroup ${named('simulator', group)}/></SignalGroupConnection>`;
}

function variable(port: string): string {
  return `<Variable ${named('simulator', port)}/>`;
}

/** The owner's name ends at the first dot. */
function named(owner: 'simulator' | 'function', port: string): string {
  const dot = port.indexOf('.');
  return `${owner}="${port.slice(0, dot)}" name="${port.slice(dot + 1)}"`;
}

/** `<ModelName>_OspModelDescription.xml` with these groups. */
export function groupsXml(groups: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<OspModelDescription xmlns="http://opensimulationplatform.com/MSMI/OSPModelDescription" version="0.1">
  <VariableGroups>
    ${groups}
  </VariableGroups>
</OspModelDescription>
`;
}

/** Writes and answers its path. */
export function write(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** Every problem, with the folder left out of the places. */
export async function problemsOf(folder: string, reading: Promise<unknown>): Promise<string[]> {
  const error: unknown = await reading.then(
    () => new Error('the file was accepted'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof InvalidFileError)) throw error;
  return error.problems.map((problem) => formatProblem(problem).replaceAll(join(folder, '/'), ''));
}
