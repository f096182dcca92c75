/** Files of SSP for tests, and systems as lines of text. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { formatProblem, InvalidFileError, type Problem } from '#tb/support/errors.js';
import { type System, terminalName, variableAt } from '#tb/system/index.js';
import { type ZipEntry, zip } from '../support/zip.js';

export const NAMESPACES = `xmlns:ssd="http://ssp-standard.org/SSP1/SystemStructureDescription"
  xmlns:ssc="http://ssp-standard.org/SSP1/SystemStructureCommon"
  xmlns:ssv="http://ssp-standard.org/SSP1/SystemStructureParameterValues"
  xmlns:ssm="http://ssp-standard.org/SSP1/SystemStructureParameterMapping"
  xmlns:ssb="http://ssp-standard.org/SSP1/SystemStructureSignalDictionary"
  xmlns:osp="http://opensimulationplatform.com/SSP/OSPAnnotations"`;

const STEP = `<ssd:DefaultExperiment><ssd:Annotations><ssc:Annotation type="com.opensimulationplatform">
<osp:Algorithm><osp:FixedStepAlgorithm baseStepSize="0.1"/></osp:Algorithm>
</ssc:Annotation></ssd:Annotations></ssd:DefaultExperiment>`;

/** A description with this content of its root system; `rest` stands behind, where it replaces the step of 0.1 s. */
export function ssd(content: string, rest: string = STEP, version = '1.0'): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<ssd:SystemStructureDescription name="test" version="${version}" ${NAMESPACES}>
<ssd:System name="root">
${content}
</ssd:System>
${rest}
</ssd:SystemStructureDescription>
`;
}

/** Connectors as `kind name: Type`, where the type is the element's name and may have attributes. */
export function connectors(...lines: readonly string[]): string {
  const each = lines.map((line) => {
    const [, kind, name, type] = /^(\w+) ([^:]+)(?:: (.*))?$/.exec(line)!;
    const inside = type === undefined ? '' : `<ssc:${type}/>`;
    return `<ssd:Connector name="${name}" kind="${kind}">${inside}</ssd:Connector>`;
  });
  return `<ssd:Connectors>${each.join('')}</ssd:Connectors>`;
}

export function component(name: string, fmu: string, content = ''): string {
  return `<ssd:Component name="${name}" source="${fmu}">${content}</ssd:Component>`;
}

/** `a.y -> b.u`; a name without a dot is a connector of the system itself. */
export function connect(wire: string, content = '', attributes = ''): string {
  const [from, to] = wire.split(' -> ').map((end) => {
    const dot = end.lastIndexOf('.');
    return dot < 0 ? { connector: end } : { element: end.slice(0, dot), connector: end.slice(dot + 1) };
  });
  const end = (which: string, { element, connector }: { element?: string; connector: string }) =>
    `${element === undefined ? '' : `${which}Element="${element}" `}${which}Connector="${connector}"`;
  return `<ssd:Connection ${end('start', from!)} ${end('end', to!)} ${attributes}>${content}</ssd:Connection>`;
}

export function elements(...content: readonly string[]): string {
  return `<ssd:Elements>\n${content.join('\n')}\n</ssd:Elements>`;
}

export function connections(...content: readonly string[]): string {
  return `<ssd:Connections>\n${content.join('\n')}\n</ssd:Connections>`;
}

export function parameterSet(parameters: Readonly<Record<string, string>>, rest = '', version = '1.0'): string {
  const each = Object.entries(parameters).map(
    ([name, value]) => `<ssv:Parameter name="${name}">${value}</ssv:Parameter>`,
  );
  return `<ssv:ParameterSet version="${version}" name="set" ${NAMESPACES}><ssv:Parameters>
${each.join('\n')}
</ssv:Parameters>${rest}</ssv:ParameterSet>`;
}

/** A binding with values in place, and what else stands in it. */
export function binding(parameters: Readonly<Record<string, string>>, mapping = '', attributes = ''): string {
  const values = `<ssd:ParameterValues>${parameterSet(parameters)}</ssd:ParameterValues>`;
  return `<ssd:ParameterBinding ${attributes}>${values}${mapping}</ssd:ParameterBinding>`;
}

export function bindings(...content: readonly string[]): string {
  return `<ssd:ParameterBindings>\n${content.join('\n')}\n</ssd:ParameterBindings>`;
}

export function mapping(...entries: readonly string[]): string {
  return `<ssd:ParameterMapping><ssm:ParameterMapping version="1.0">${entries.join('')}</ssm:ParameterMapping></ssd:ParameterMapping>`;
}

export const UNITS = (namespace: string): string => `<${namespace}:Units>
<ssc:Unit name="m"><ssc:BaseUnit m="1"/></ssc:Unit>
<ssc:Unit name="mm"><ssc:BaseUnit m="1" factor="0.001"/></ssc:Unit>
<ssc:Unit name="degC"><ssc:BaseUnit K="1" offset="273.15"/></ssc:Unit>
<ssc:Unit name="K"><ssc:BaseUnit K="1"/></ssc:Unit>
<ssc:Unit name="degF"><ssc:BaseUnit K="1" factor="0.5555555555555556" offset="255.3722222222222"/></ssc:Unit>
</${namespace}:Units>`;

export function writeText(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

export function writeArchive(file: string, entries: readonly ZipEntry[]): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, zip(entries));
  return file;
}

/** What a file of an archive holds, by the archive's own directory (APPNOTE.TXT 6.3, section 4.3.12). */
export function unpackedText(archive: string, name: string, encoding: BufferEncoding = 'utf8'): string {
  const bytes = readFileSync(archive);
  for (let at = bytes.indexOf('PK\x01\x02'); at >= 0; at = bytes.indexOf('PK\x01\x02', at + 4)) {
    const nameLength = bytes.readUInt16LE(at + 28);
    if (bytes.toString('utf8', at + 46, at + 46 + nameLength) !== name) continue;
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const packed = bytes.subarray(start, start + bytes.readUInt32LE(at + 20));
    return (bytes.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed)).toString(encoding);
  }
  throw new Error(`${archive} holds no ${name}`);
}

/** `a.y -> b.u`, with what is done on the way. */
export function wires(system: System): string[] {
  return system.connections.map(({ from, to, factor, offset, table }) => {
    const [source, target] = [terminalName(system, from), terminalName(system, to)];
    const scale = factor === 1 && offset === 0 ? '' : ` * ${round(factor)} + ${round(offset)}`;
    const mapped = table === undefined ? '' : ` ${JSON.stringify(table)}`;
    return `${source} -> ${target}${scale}${mapped}`;
  });
}

/** `a.k = 1` */
export function starts(system: System): string[] {
  return system.components.flatMap(({ name, start }, component) =>
    start.map(({ variable, values }) => {
      const shown = values.map((value) => (typeof value === 'number' ? round(value) : value));
      return `${name}.${variableAt(system, { component, variable }).name} = ${shown.join(' ')}`;
    }),
  );
}

function round(value: number): number {
  return Number(value.toPrecision(12));
}

/** Everything of a system but where its files are. */
export function content(system: System): unknown {
  const { file: _, warnings: __, components, ...rest } = system;
  return { ...rest, components: components.map(({ fmu: ___, ...component }) => component) };
}

/** What `read` finds wrong, one line each, paths relative to the folder. */
export async function problemsOf(folder: string, read: () => Promise<unknown>): Promise<string[]> {
  const error: unknown = await read().then(
    () => new Error('the file was accepted'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof InvalidFileError)) throw error;
  return lines(folder, error.problems);
}

export function lines(folder: string, problems: readonly Problem[]): string[] {
  return problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
}
