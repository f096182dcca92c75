/**
 * LogConfig.xml: what libcosim's file observer writes, one CSV file for each simulator.
 *
 * libcosim wants `<configuration>` beside `<simulators>`, two root elements, and its schema, which nothing checks, has an
 * attribute of `<simulators>` instead. All are taken, and the two elements inside of a third, which makes it XML.
 */
import { join } from 'node:path';
import type { Fmi3Type, FmuModel } from '../../../fmi/index.js';
import { InvalidFileError, type Problem } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import { readInput } from '../../../support/read-input.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { checkElement, type ElementRule } from '../../../support/xml/rules.js';
import { parseXmlRoots, type XmlElement } from '../../../support/xml/tree.js';
import type { DraftComponent, DraftRecording, Located, SystemDraft } from '../../draft.js';
import { modelOfFmu } from './model-of-fmu.js';

export interface LogConfigOptions {
  /** Where the files go. */
  readonly folder: string;
  /** In the names of the files; default: now. */
  readonly time?: Date;
}

export interface LogConfig {
  readonly recordings: readonly DraftRecording[];
  readonly warnings: readonly Problem[];
}

const CONFIGURATION: ElementRule = { attributes: ['timestampedFilenames', 'floatingPointPrecision'] };

const SIMULATORS: ElementRule = {
  attributes: ['timeStampedFileNames'],
  unordered: true,
  children: {
    simulator: {
      rule: {
        attributes: ['name', 'decimationFactor'],
        children: { variable: { rule: { attributes: ['name'] } } },
      },
    },
    configuration: { rule: CONFIGURATION, max: 1 },
  },
};

const BOTH: ElementRule = {
  unordered: true,
  children: { simulators: { rule: SIMULATORS, min: 1, max: 1 }, configuration: { rule: CONFIGURATION, max: 1 } },
};

/**
 * The recordings for this system. Throws `InvalidFileError` for what is wrong in the file; variables that the FMUs do not
 * have are found when the system is held against them.
 */
export async function readLogConfig(
  file: string,
  structure: Pick<SystemDraft, 'components' | 'stepping'>,
  { folder, time = new Date() }: LogConfigOptions,
): Promise<LogConfig> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const { simulators, configurations } = findParts(file, parseXmlRoots(file, await readInput(file)), problems);
  const isStamped = readConfiguration(simulators, configurations, problems, warnings);
  const stamp = isStamped ? `_${timestamp(time)}` : '';
  const logged = new Map<string, { element: XmlElement; decimation: number; variables: Located<string>[] }>();
  for (const element of simulators?.children.filter(({ localName }) => localName === 'simulator') ?? []) {
    const attributes = new AttributeReader(element, problems);
    const name = attributes.required('name');
    const decimation = attributes.unsigned('decimationFactor') ?? 1;
    if (decimation === 0) {
      problems.push({ message: "'decimationFactor' is 0, expected at least 1", location: element.location });
    }
    const variables = readVariables(element, problems);
    if (name === undefined) continue;
    const earlier = logged.get(name);
    if (earlier === undefined) logged.set(name, { element, decimation, variables });
    else earlier.variables.push(...variables);
  }
  if (problems.length > 0) throw new InvalidFileError(file, problems);

  const recordings: DraftRecording[] = [];
  for (const [name, { element, decimation, variables }] of logged) {
    const component = structure.components.find((candidate) => candidate.name === name);
    if (component === undefined) {
      const names = structure.components.map((candidate) => candidate.name);
      const message = `there is no simulator '${name}', and nothing is written of it${didYouMean(name, names)}`;
      warnings.push({ message, location: element.location });
      continue;
    }
    const columns = await toColumns(component, element, variables);
    if (columns === undefined) continue;
    recordings.push({
      file: join(folder, `${name.replaceAll(/[/\\]/g, '_')}${stamp}.csv`),
      format: 'csv',
      variables: columns,
      every: leastCommonMultiple(decimation, stepsOf(component, structure)),
    });
  }
  return { recordings, warnings };
}

function findParts(
  file: string,
  roots: readonly XmlElement[],
  problems: Problem[],
): { simulators: XmlElement | undefined; configurations: readonly XmlElement[] } {
  const [first] = roots;
  const isWrapped =
    roots.length === 1 && first !== undefined && !['simulators', 'configuration'].includes(first.localName);
  const parts = isWrapped ? first.children : roots;
  if (isWrapped) {
    checkElement(first, BOTH, problems);
  } else {
    for (const root of roots) {
      if (root.localName === 'simulators') checkElement(root, SIMULATORS, problems);
      else if (root.localName === 'configuration') checkElement(root, CONFIGURATION, problems);
      else {
        const hint = didYouMean(root.localName, ['simulators', 'configuration']);
        const remedy = 'expected <simulators>, and perhaps <configuration>';
        problems.push({ message: `<${root.name}> is not known here${hint}`, location: root.location, remedy });
      }
    }
  }
  const [simulators, second] = parts.filter(({ localName }) => localName === 'simulators');
  if (simulators === undefined && !isWrapped) {
    problems.push({ message: 'there is no <simulators>', location: first?.location ?? { file } });
  }
  if (second !== undefined && !isWrapped) {
    problems.push({ message: 'there is a second <simulators>', location: second.location });
  }
  const configurations = [...parts, ...(simulators?.children ?? [])].filter(
    ({ localName }) => localName === 'configuration',
  );
  return { simulators, configurations };
}

/** Whether the names of files get the time. */
function readConfiguration(
  simulators: XmlElement | undefined,
  configurations: readonly XmlElement[],
  problems: Problem[],
  warnings: Problem[],
): boolean {
  const attributes = configurations.map((element) => new AttributeReader(element, problems));
  for (const reader of attributes) {
    if (reader.unsigned('floatingPointPrecision') === undefined) continue;
    const message = "'floatingPointPrecision' is passed over: numbers are written with all their digits";
    warnings.push({ message, location: reader.element.location });
  }
  const older = simulators === undefined ? undefined : new AttributeReader(simulators, problems);
  const given = [
    ...attributes.map((reader) => reader.boolean('timestampedFilenames')),
    older?.boolean('timeStampedFileNames'),
  ];
  return given.find((value) => value !== undefined) ?? true;
}

function readVariables(simulator: XmlElement, problems: Problem[]): Located<string>[] {
  return simulator.children.flatMap((element) => {
    if (element.localName !== 'variable') return [];
    const value = new AttributeReader(element, problems).required('name');
    return value === undefined ? [] : [{ value, location: element.location }];
  });
}

/** In libcosim's order of columns. */
const ORDER = ['real', 'integer', 'boolean', 'string'] as const;

/** What libcosim has no type for is written only if it is named: enumerations as numbers. */
function orderOf(type: Fmi3Type): (typeof ORDER)[number] {
  switch (type) {
    case 'Float32':
    case 'Float64':
      return 'real';
    case 'Boolean':
      return 'boolean';
    case 'String':
    case 'Binary':
      return 'string';
    default:
      return 'integer';
  }
}

/** Full names of the variables, by type; undefined if the FMU cannot be read, which is reported elsewhere. */
async function toColumns(
  component: DraftComponent,
  element: XmlElement,
  named: readonly Located<string>[],
): Promise<readonly Located<string>[] | undefined> {
  const model = await modelOfFmu(component);
  if (model === undefined) return undefined;
  const { name } = component;
  const { location } = element;
  const chosen = named.length > 0 ? named : allOf(model).map((value) => ({ value, location }));
  const placeOf = ({ value }: Located<string>) => {
    const variable = model.variables.find((candidate) => candidate.name === value);
    return variable === undefined ? ORDER.length : ORDER.indexOf(orderOf(variable.type));
  };
  // A stable sort: within a type in the order of the file, or of the model.
  const sorted = [...chosen].sort((a, b) => placeOf(a) - placeOf(b));
  return sorted.map((variable) => ({ value: `${name}.${variable.value}`, location: variable.location }));
}

/** Local ones too, but no secrets, nor what libcosim has no type for. */
function allOf({ variables }: FmuModel): string[] {
  return variables
    .filter(({ name, type }) => !/password$/i.test(name) && type !== 'Enumeration' && type !== 'Clock')
    .map(({ name }) => name);
}

/** How many steps of the system one of the component is: it has a row only where it has made a step. */
function stepsOf({ step }: DraftComponent, { stepping }: Pick<SystemDraft, 'stepping'>): number {
  if (step === undefined || stepping.kind !== 'fixed' || !(stepping.size.value > 0)) return 1;
  return Math.max(1, Math.floor(step.value / stepping.size.value + 1e-6));
}

function leastCommonMultiple(a: number, b: number): number {
  let [divisor, rest] = [a, b];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return (a / divisor) * b;
}

/** Local time as libcosim writes it: 20260131_235959_123456. */
function timestamp(time: Date): string {
  const digits = (value: number, length: number = 2) => String(value).padStart(length, '0');
  const day = `${time.getFullYear()}${digits(time.getMonth() + 1)}${digits(time.getDate())}`;
  const clock = `${digits(time.getHours())}${digits(time.getMinutes())}${digits(time.getSeconds())}`;
  return `${day}_${clock}_${digits(time.getMilliseconds(), 3)}000`;
}
