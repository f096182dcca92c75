/** Gathers the rules of a container description. */
import { dirname, resolve } from 'node:path';
import type { SourceLocation } from '../../../support/errors.js';
import type { Located } from '../../draft.js';
import { remotePlace } from '../remote-place.js';
import {
  type ContainedFmu,
  type ContainerDescription,
  type ContainerLink,
  type ContainerOptions,
  type ContainerPort,
  type ContainerSettings,
  type ContainerStart,
  DEFAULT_SETTINGS,
  type ExposedInput,
  type ExposedOutput,
} from './description.js';

export class DescriptionBuilder {
  readonly #file: string;
  readonly #location: SourceLocation;
  readonly #name: string;
  readonly #folder: string;
  #step: Located<number> | undefined;
  #settings: ContainerSettings;
  readonly #containers: ContainerDescription[] = [];
  readonly #fmus = new Map<string, ContainedFmu>();
  readonly #inputs: ExposedInput[] = [];
  readonly #outputs: ExposedOutput[] = [];
  readonly #links: ContainerLink[] = [];
  readonly #drops: ContainerPort[] = [];
  readonly #starts: ContainerStart[] = [];

  constructor(file: string, location: SourceLocation, name: string, options: ContainerOptions) {
    const { fmuDirectory, step } = options;
    this.#file = file;
    this.#location = location;
    this.#name = name;
    this.#folder = fmuDirectory ?? dirname(resolve(file));
    if (step !== undefined) this.#step = { value: step, location };
    const given = Object.entries(options).filter(([key, value]) => key in DEFAULT_SETTINGS && value !== undefined);
    this.#settings = { ...DEFAULT_SETTINGS, ...Object.fromEntries(given) };
  }

  /** Over what the options say. */
  configure(settings: Partial<ContainerSettings>, step?: Located<number>): void {
    this.#settings = { ...this.#settings, ...settings };
    if (step !== undefined) this.#step = step;
  }

  container(description: ContainerDescription): void {
    this.#containers.push(description);
  }

  /** The first naming decides the place in the order. `file`: of one of perhaps several instances. */
  fmu(name: string, location: SourceLocation, file?: string): void {
    if (this.#fmus.has(name)) return;
    const found = placeOf(file ?? name, this.#folder);
    this.#fmus.set(name, { name, ...found, isInstance: file !== undefined, location });
  }

  input(input: ExposedInput): void {
    this.#mention(input.target);
    this.#inputs.push(input);
  }

  output(output: ExposedOutput): void {
    this.#mention(output.source);
    this.#outputs.push(output);
  }

  link(link: ContainerLink): void {
    this.#mention(link.from);
    this.#mention(link.to);
    this.#links.push(link);
  }

  drop(port: ContainerPort): void {
    this.#mention(port);
    this.#drops.push(port);
  }

  start(start: ContainerStart): void {
    this.#mention(start.target);
    this.#starts.push(start);
  }

  finish(): ContainerDescription {
    return {
      file: this.#file,
      location: this.#location,
      name: this.#name,
      containers: this.#containers,
      fmus: [...this.#fmus.values()],
      inputs: this.#inputs,
      outputs: this.#outputs,
      links: this.#links,
      drops: this.#drops,
      starts: this.#starts,
      ...(this.#step === undefined ? {} : { step: this.#step }),
      settings: this.#settings,
    };
  }

  /** An FMU that only a rule names takes part as well. */
  #mention({ owner, location }: ContainerPort): void {
    if (!this.#containers.some(({ name }) => name === owner)) this.fmu(owner, location);
  }
}

function placeOf(text: string, folder: string): Pick<ContainedFmu, 'file' | 'remote' | 'fault'> {
  const place = remotePlace(text, folder);
  if (place === undefined) return { file: resolve(folder, text) };
  if ('fault' in place) return { file: text, fault: place };
  const { fmu: file, ...remote } = place;
  return { file, ...remote };
}
