/** Container descriptions in JSON: an object a container, which may hold others. */
import { basename, extname } from 'node:path';
import type { Problem, SourceLocation } from '../../../support/errors.js';
import { type JsonTree, locateJson, parseJsonTree } from '../../../support/json-tree.js';
import { checkLocated, type LocatedFile } from '../../../support/located-file.js';
import { readInput } from '../../../support/read-input.js';
import type { Located } from '../../draft.js';
import { DescriptionBuilder } from './builder.js';
import type { ContainerDescription, ContainerOptions, ContainerSettings, ReadDescription } from './description.js';
import { containerValidator } from './validator.js';

/** What the schema lets through. */
export interface ContainerEntry {
  readonly name?: string;
  readonly fmu?: readonly string[];
  readonly path?: Readonly<Record<string, string>>;
  readonly input?: readonly (readonly [string, string, string])[];
  readonly output?: readonly (readonly [string, string, string])[];
  readonly link?: readonly (readonly [string, string, string, string])[];
  readonly start?: readonly (readonly [string, string, string | number | boolean])[];
  readonly drop?: readonly (readonly [string, string])[];
  readonly container?: readonly ContainerEntry[];
  readonly mt?: boolean;
  readonly profiling?: boolean;
  readonly sequential?: boolean;
  readonly ts_multiplier?: boolean;
  readonly reset_ports?: boolean;
  readonly auto_link?: boolean;
  readonly auto_input?: boolean;
  readonly auto_output?: boolean;
  readonly auto_parameter?: boolean;
  readonly auto_local?: boolean;
  readonly step_size?: number | string | null;
}

const SETTINGS = {
  mt: 'multithreaded',
  profiling: 'profiling',
  sequential: 'sequential',
  ts_multiplier: 'timeMultiplier',
  reset_ports: 'resetPorts',
  auto_link: 'autoLink',
  auto_input: 'autoInput',
  auto_output: 'autoOutput',
  auto_parameter: 'autoParameter',
  auto_local: 'autoLocal',
} as const satisfies Partial<Record<keyof ContainerEntry, keyof ContainerSettings>>;

type Path = readonly (string | number)[];

/** Throws `InvalidInputError` if the file cannot be read, `InvalidFileError` if it is no container description. */
export async function readContainerJson(file: string, options: ContainerOptions = {}): Promise<ReadDescription> {
  return parseContainerJson(file, String(await readInput(file)), options);
}

/** {@link readContainerJson} for text at hand. */
export function parseContainerJson(file: string, content: string, options: ContainerOptions = {}): ReadDescription {
  return describeContainer(file, parseJsonTree(file, content), options);
}

function describeContainer(file: string, tree: JsonTree, options: ContainerOptions): ReadDescription {
  const source = checkLocated(locateJson(file, tree), containerValidator);
  const reader = new JsonReader(source, options);
  const description = reader.read(source.value, [], `${basename(file, extname(file))}.fmu`);
  return { description, problems: reader.problems };
}

class JsonReader {
  readonly problems: Problem[] = [];
  readonly #source: LocatedFile<ContainerEntry>;
  readonly #options: ContainerOptions;

  constructor(source: LocatedFile<ContainerEntry>, options: ContainerOptions) {
    this.#source = source;
    this.#options = options;
  }

  read(entry: ContainerEntry, path: Path, defaultName: string): ContainerDescription {
    const { file } = this.#source;
    const at = (...rest: Path): SourceLocation => this.#source.locate([...path, ...rest]);
    const builder = new DescriptionBuilder(file, at(), entry.name ?? defaultName, this.#options);
    builder.configure(settingsOf(entry), this.#step(entry, path));
    for (const [index, nested] of (entry.container ?? []).entries()) {
      builder.container(this.read(nested, [...path, 'container', index], `container${index + 1}.fmu`));
    }
    const { fmu = [], path: paths = {} } = entry;
    for (const [index, name] of fmu.entries()) {
      builder.fmu(name, at('fmu', index), Object.hasOwn(paths, name) ? paths[name] : undefined);
    }
    for (const name of Object.keys(paths)) {
      if (fmu.includes(name)) continue;
      const location = this.#source.locateKey([...path, 'path', name]);
      this.problems.push({ message: `'path' names '${name}', which is not in 'fmu'`, location });
    }
    for (const [index, [exposed, owner, port]] of (entry.input ?? []).entries()) {
      builder.input({ exposed, target: { owner, port, location: at('input', index, 2) } });
    }
    for (const [index, [owner, port, exposed]] of (entry.output ?? []).entries()) {
      builder.output({ source: { owner, port, location: at('output', index, 1) }, exposed });
    }
    for (const [index, [from, fromPort, to, toPort]] of (entry.link ?? []).entries()) {
      builder.link({
        from: { owner: from, port: fromPort, location: at('link', index, 1) },
        to: { owner: to, port: toPort, location: at('link', index, 3) },
      });
    }
    for (const [index, [owner, port]] of (entry.drop ?? []).entries()) {
      builder.drop({ owner, port, location: at('drop', index, 1) });
    }
    for (const [index, [owner, port, value]] of (entry.start ?? []).entries()) {
      const place = [...path, 'start', index, 2];
      builder.start({
        target: { owner, port, location: at('start', index, 1) },
        value: typeof value === 'number' ? (this.#source.written(place) ?? String(value)) : String(value),
        valueLocation: at('start', index, 2),
      });
    }
    return builder.finish();
  }

  /** 0, null and what is no number: to be deduced. */
  #step({ step_size: written }: ContainerEntry, path: Path): Located<number> | undefined {
    const value = typeof written === 'string' && written.trim() !== '' ? Number(written) : written;
    if (typeof value !== 'number' || value === 0 || Number.isNaN(value)) return undefined;
    return { value, location: this.#source.locate([...path, 'step_size']) };
  }
}

function settingsOf(entry: ContainerEntry): Partial<ContainerSettings> {
  const settings: Partial<Record<keyof ContainerSettings, boolean>> = {};
  for (const [key, setting] of Object.entries(SETTINGS)) {
    const value = entry[key as keyof typeof SETTINGS];
    if (value !== undefined) settings[setting] = value;
  }
  return settings;
}
