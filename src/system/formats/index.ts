/**
 * Which format a file has, by its name and what it holds, and who reads and writes it.
 *
 * A format is one entry of {@link FORMATS}; one that can be written has an entry of {@link WRITERS} as well. Each is loaded
 * when it is asked for.
 */
import { readdir, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { ExitCode, InvalidInputError, type Problem } from '../../support/errors.js';
import { readInput } from '../../support/read-input.js';
import type { SystemDraft } from '../draft.js';
import { resolveSystem } from '../resolve.js';
import type { System } from '../system.js';
import type { ContainerOptions } from './container/description.js';
import type { MaestroOptions } from './maestro/read.js';
import type { OspOptions } from './osp/index.js';
import { STRUCTURE_FILE } from './osp/structure-file.js';
import type { SspOptions } from './ssp/index.js';
import { readSystemYamlDraft } from './yaml.js';

/** What the formats can be told; each takes what it knows. */
export interface SystemOptions extends MaestroOptions, ContainerOptions, OspOptions, SspOptions {}

/** No format is known for the file. */
export class UnknownFormatError extends InvalidInputError {
  override readonly code = 'TB_SYSTEM_FORMAT';
}

/** No format is known for the name of a file to be written. */
export class UnknownOutputError extends InvalidInputError {
  override readonly code = 'TB_SYSTEM_OUTPUT_FORMAT';
  override readonly exitCode: ExitCode = ExitCode.usage;
}

interface SystemFormat {
  readonly name: string;
  /** For the list of formats. */
  readonly files: string;
  readonly matches: (input: Input) => boolean | Promise<boolean>;
  readonly read: (files: readonly [string, ...string[]], options: SystemOptions) => Promise<SystemDraft>;
  /** Whether a system may stand in several files. */
  readonly takesSeveral?: true;
}

const FORMATS: readonly SystemFormat[] = [
  {
    name: 'system file',
    files: '.yaml',
    matches: ({ extension }) => extension === '.yaml' || extension === '.yml',
    read: ([file]) => readSystemYamlDraft(file),
  },
  {
    name: 'Maestro multi-model and simulation configuration',
    files: '.json, several',
    matches: async (input) => hasKey(await input.jsonKeys(), 'fmus', 'connections', 'algorithm'),
    read: async (files, options) => (await import('./maestro/read.js')).readMaestroDraft(files, options),
    takesSeveral: true,
  },
  {
    name: 'container description',
    files: '.json or .csv',
    matches: async (input) =>
      input.extension === '.csv' ||
      hasKey(await input.jsonKeys(), 'fmu', 'link', 'container', 'input', 'output', 'start', 'drop', 'path'),
    read: async ([file], options) => (await import('./container/read.js')).readContainerDraft(file, options),
  },
  {
    name: 'OSP system structure',
    files: `${STRUCTURE_FILE} or its folder`,
    matches: async (input) => input.names?.includes(STRUCTURE_FILE) ?? (await input.xmlRoot()) === 'OspSystemStructure',
    read: async ([path], options) => (await import('./osp/index.js')).readOspSystemDraft(path, options),
  },
  {
    name: 'System Structure and Parameterization',
    files: '.ssp, .ssd or its folder',
    matches: ({ extension, names }) =>
      names?.some((name) => name.endsWith('.ssd')) ?? (extension === '.ssp' || extension === '.ssd'),
    read: async ([path], options) => (await import('./ssp/index.js')).readSspSystemDraft(path, options),
  },
];

interface SystemWriter {
  readonly name: string;
  readonly extensions: readonly string[];
  /** Replaces the file. Answers what others do not get of the system. */
  readonly write: (system: System, file: string) => Promise<{ readonly warnings: readonly Problem[] }>;
}

const WRITERS: readonly SystemWriter[] = [
  {
    name: 'system file',
    extensions: ['.yaml', '.yml'],
    write: async (system, file) => (await import('./write-yaml.js')).writeSystemYaml(system, file),
  },
  {
    name: 'System Structure and Parameterization',
    extensions: ['.ssp'],
    write: async (system, file) => (await import('./ssp/index.js')).writeSsp(system, file),
  },
];

/** Reads a system and its FMUs. Throws `InvalidFileError` with every problem, {@link UnknownFormatError}. */
export async function readSystem(paths: string | readonly string[], options: SystemOptions = {}): Promise<System> {
  return resolveSystem(await readSystemDraft(paths, options));
}

/** {@link readSystem} before the FMUs are looked at. */
export async function readSystemDraft(
  paths: string | readonly string[],
  options: SystemOptions = {},
): Promise<SystemDraft> {
  const [first, ...others] = [paths].flat();
  if (first === undefined) throw new RangeError('no file is named');
  const format = await findFormat(first);
  if (format === undefined) throw unknownFormat(first);
  if (others.length > 0 && format.takesSeveral !== true) {
    throw new UnknownFormatError(`${first} is a system by itself: ${others.join(', ')} cannot be added`, {
      location: { file: first },
      remedy: `several files can be one ${list(FORMATS.filter(({ takesSeveral }) => takesSeveral))}`,
    });
  }
  return format.read([first, ...others], options);
}

/** Name of the format of a file or folder; undefined: it is no system. */
export async function systemFormatOf(path: string): Promise<string | undefined> {
  return (await findFormat(path))?.name;
}

/** Which of the files are one system each: a multi-model of Maestro goes with the configurations behind or before it. */
export async function groupSystemFiles(paths: readonly string[]): Promise<readonly string[][]> {
  const groups: { files: string[]; isOpen: boolean; hasFmus: boolean }[] = [];
  for (const path of paths) {
    // One that cannot be read is told when it is.
    const format = await findFormat(path).catch(() => undefined);
    const isPart = format?.takesSeveral === true;
    const hasFmus = isPart && (await (await Input.open(path)).jsonKeys()).includes('fmus');
    const last = groups.at(-1);
    if (last?.isOpen && isPart && !(last.hasFmus && hasFmus)) {
      last.files.push(path);
      last.hasFmus ||= hasFmus;
    } else groups.push({ files: [path], isOpen: isPart, hasFmus });
  }
  return groups.map(({ files }) => files);
}

/** Writes a system in the format that the name of the file asks for. */
export async function writeSystem(system: System, file: string): Promise<{ readonly warnings: readonly Problem[] }> {
  return writerOf(file).write(system, file);
}

/** Throws {@link UnknownOutputError} if no format has the extension. */
export function checkSystemOutput(file: string): void {
  writerOf(file);
}

function writerOf(file: string): SystemWriter {
  const extension = extname(file).toLowerCase();
  const writer = WRITERS.find(({ extensions }) => extensions.includes(extension));
  if (writer !== undefined) return writer;
  const known = WRITERS.map(({ name, extensions }) => `${name} (${extensions[0]})`).join(', ');
  throw new UnknownOutputError(`no format is known for ${file}`, { remedy: `formats are: ${known}` });
}

async function findFormat(path: string): Promise<SystemFormat | undefined> {
  const input = await Input.open(path);
  for (const format of FORMATS) if (await format.matches(input)) return format;
  return undefined;
}

function unknownFormat(path: string): UnknownFormatError {
  const isFmu = /\.fmu$/i.test(path);
  return new UnknownFormatError(`${path} is ${isFmu ? 'an FMU, which is ' : ''}no system that can be read`, {
    location: { file: path },
    remedy: `formats are: ${list(FORMATS)}`,
  });
}

function list(formats: readonly SystemFormat[]): string {
  return formats.map(({ name, files }) => `${name} (${files})`).join(', ');
}

function hasKey(keys: readonly string[], ...wanted: readonly string[]): boolean {
  return wanted.some((key) => keys.includes(key));
}

/** A file or folder, looked at as far as it is asked. */
class Input {
  readonly path: string;
  /** In small letters; of a folder empty. */
  readonly extension: string;
  /** Of a folder: what is in it. */
  readonly names: readonly string[] | undefined;
  #text: Promise<string> | undefined;

  private constructor(path: string, names: readonly string[] | undefined) {
    this.path = path;
    this.extension = names === undefined ? extname(path).toLowerCase() : '';
    this.names = names;
  }

  static async open(path: string): Promise<Input> {
    const isFolder = await stat(path).then(
      (entry) => entry.isDirectory(),
      () => false,
    );
    if (isFolder) return new Input(path, await readdir(path));
    const input = new Input(path, undefined);
    // One that is not there is told as that, whatever its name.
    if (!/\.(fmu|ssp)$/i.test(path)) await input.text();
    return input;
  }

  text(): Promise<string> {
    this.#text ??= readInput(this.path).then(String);
    return this.#text;
  }

  /** Of the object in a JSON file. Throws `InvalidFileError` if a `.json` file is no JSON. */
  async jsonKeys(): Promise<readonly string[]> {
    if (this.extension !== '.json') return [];
    const { parseJsonTree } = await import('../../support/json-tree.js');
    const tree = parseJsonTree(this.path, await this.text());
    return tree.kind === 'object' ? [...tree.members.keys()] : [];
  }

  async xmlRoot(): Promise<string | undefined> {
    if (this.extension !== '.xml') return undefined;
    return /<(?:[\w.-]+:)?([\w.-]+)(?=[\s/>])/.exec((await this.text()).replaceAll(/<!--.*?-->/gs, ''))?.[1];
  }
}
