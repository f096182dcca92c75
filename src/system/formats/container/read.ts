/**
 * A container run as a system: what is in it becomes components, nested containers too, and what is seen of it from
 * outside is recorded. Inputs that are seen from outside keep their start values; nothing feeds them.
 */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname } from 'node:path';
import { readTerminals } from '../../../fmi/index.js';
import { type Problem, TwinbridgeError } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import type { DraftComponent, DraftConnection, DraftStart, Located, SystemDraft } from '../../draft.js';
import { readModelOf } from '../../read-model.js';
import { resolveSystem } from '../../resolve.js';
import { isArchiveHere, type System } from '../../system.js';
import { readContainerCsv } from './csv.js';
import type { ContainedFmu, ContainerDescription, ContainerOptions } from './description.js';
import { readContainerJson } from './json.js';
import { type Place, stemOf, type WiredContainer } from './members.js';
import { type ReadFmu, wireContainer } from './wiring.js';

export interface ReadContainer {
  readonly container: WiredContainer;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Reads a description (CSV or JSON) and the FMUs it names. Throws `InvalidFileError` with every problem of all of them. */
export async function readContainerSystem(file: string, options: ContainerOptions = {}): Promise<System> {
  return resolveSystem(await readContainerDraft(file, options));
}

/** {@link readContainerSystem} before it is resolved. */
export async function readContainerDraft(file: string, options: ContainerOptions = {}): Promise<SystemDraft> {
  const { container, problems, warnings } = await readContainer(file, options);
  return new DraftOfContainer(container, problems, warnings).draft();
}

/** The container with all its rules, those that are automatic and need the FMUs too. */
export async function readContainer(file: string, options: ContainerOptions = {}): Promise<ReadContainer> {
  const read = /\.csv$/i.test(file) ? readContainerCsv : readContainerJson;
  const { description, problems: found } = await read(file, options);
  const problems = [...found];
  const warnings: Problem[] = [];
  const fmus = new Map<string, ReadFmu>();
  for (const fmu of allFmus(description)) if (!fmus.has(fmu.file)) fmus.set(fmu.file, await readOne(fmu));
  return { container: wireContainer(description, fmus, problems, warnings), problems, warnings };
}

function allFmus({ containers, fmus }: ContainerDescription): ContainedFmu[] {
  return [...containers.flatMap(allFmus), ...fmus];
}

/** What is wrong with an FMU is reported when the system is resolved. */
async function readOne(fmu: ContainedFmu): Promise<ReadFmu> {
  try {
    const { model } = await readModelOf(fmu.file, fmu);
    return { model, terminals: isArchiveHere(fmu) ? await readTerminals(fmu.file) : [] };
  } catch (error) {
    if (error instanceof TwinbridgeError) return { terminals: [] };
    throw error;
  }
}

/** A variable of a component, or one of its elements. */
interface Leaf {
  readonly component: string;
  readonly variable: string;
  readonly element?: number;
}

class DraftOfContainer {
  readonly #root: WiredContainer;
  readonly #problems: readonly Problem[];
  readonly #warnings: Problem[];
  readonly #components: DraftComponent[] = [];
  readonly #connections: DraftConnection[] = [];
  /** By component; those of outer containers come later, and count. */
  readonly #starts = new Map<string, DraftStart[]>();
  /** What stands before the names of a container's components. */
  readonly #prefixes = new Map<WiredContainer, string>();
  #base: Located<number>;

  constructor(root: WiredContainer, problems: readonly Problem[], warnings: readonly Problem[]) {
    this.#root = root;
    this.#problems = problems;
    this.#warnings = [...warnings];
    this.#base = stepOf(root);
  }

  draft(): SystemDraft {
    this.#name(this.#root, '');
    for (const container of this.#prefixes.keys()) {
      const step = stepOf(container);
      if (step.value < this.#base.value) this.#base = step;
    }
    this.#add(this.#root);
    const { description, outputs } = this.#root;
    const { multithreaded, sequential } = description.settings;
    const threads = Math.max(2, Math.min(this.#components.length, availableParallelism()));
    const { location } = description;
    return {
      file: description.file,
      components: this.#components.map((component) => ({
        ...component,
        start: this.#starts.get(component.name) ?? [],
      })),
      connections: this.#connections,
      algorithm: sequential ? 'gauss-seidel' : 'jacobi',
      // Each FMU makes a step once, whatever goes round in a circle.
      loops: { atSteps: false },
      stepping: { kind: 'fixed', size: this.#base },
      threads: multithreaded && !sequential ? threads : 1,
      ...this.#experiment(),
      ...(outputs.length === 0
        ? {}
        : {
            recordings: [
              {
                variables: outputs
                  .flatMap(({ source }) => this.#source(this.#root, source))
                  .map((leaf) => ({ value: `${leaf.component}.${spell(leaf)}`, location })),
              },
            ],
          }),
      problems: this.#problems,
      warnings: this.#warnings,
    };
  }

  /** Containers and their FMUs, the innermost first. */
  #name(container: WiredContainer, prefix: string): void {
    for (const { name, content } of container.members) {
      if (content.kind === 'container') this.#name(content.container, `${prefix}${stemOf(name)}.`);
    }
    this.#prefixes.set(container, prefix);
  }

  #componentName(container: WiredContainer, member: number): string {
    return `${this.#prefixes.get(container)!}${stemOf(container.members[member]!.name)}`;
  }

  #add(container: WiredContainer): void {
    const { members, links, starts } = container;
    const step = stepOf(container);
    for (const [index, { content }] of members.entries()) {
      if (content.kind === 'container') {
        this.#add(content.container);
        continue;
      }
      const { fmu } = content;
      this.#components.push({
        name: this.#componentName(container, index),
        fmu: fmu.file,
        ...(fmu.remote === undefined ? {} : { remote: fmu.remote }),
        fmuLocation: fmu.location,
        ...faultOf(fmu),
        start: [],
        ...(step.value === this.#base.value ? {} : { step }),
      });
    }
    for (const { from, to, location } of links) {
      for (const target of this.#targets(container, to)) {
        // Exactly one: what is shown outside stands for one variable inside.
        const [source] = this.#source(container, from);
        this.#connections.push({
          from: { owner: source!.component, variable: spell(source!), location },
          to: { owner: target.component, variable: spell(target), location },
          convertUnits: false,
        });
      }
    }
    for (const { target, start } of starts) {
      for (const leaf of this.#targets(container, target)) {
        const list = this.#starts.get(leaf.component) ?? [];
        this.#starts.set(leaf.component, [
          ...list,
          {
            variable: leaf.variable,
            value: start.value,
            lexical: true,
            nameLocation: start.target.location,
            valueLocation: start.valueLocation,
          },
        ]);
      }
    }
    this.#checkSettings(container);
  }

  /** The variables that the place stands for, through nested containers. */
  #targets(container: WiredContainer, place: Place): Leaf[] {
    const { content, variables } = container.members[place.member]!;
    const element = place.element === undefined ? {} : { element: place.element };
    if (content.kind === 'fmu') {
      const component = this.#componentName(container, place.member);
      return [{ component, variable: variables[place.variable]!.name, ...element }];
    }
    const inner = content.container;
    const input = inner.inputs[place.variable];
    const places = input?.targets ?? [inner.outputs[place.variable - inner.inputs.length]!.source];
    return places.flatMap((one) => this.#targets(inner, { ...one, ...element }));
  }

  #source(container: WiredContainer, place: Place): Leaf[] {
    return this.#targets(container, place).slice(0, 1);
  }

  #checkSettings({ description }: WiredContainer): void {
    const { settings, name, location } = description;
    const { timeMultiplier, resetPorts, profiling, sequential } = settings;
    const left = [
      ...(timeMultiplier ? ['container.ts_multiplier'] : []),
      ...(resetPorts ? ['container.reset'] : []),
      ...(profiling ? ['rt_ratio (the report tells how long steps take)'] : []),
    ];
    for (const port of left) {
      this.#warnings.push({ message: `'${name}' is run without the port ${port}`, location });
    }
    if (sequential !== this.#root.description.settings.sequential) {
      const algorithm = this.#root.description.settings.sequential ? 'sequential' : 'parallel';
      this.#warnings.push({ message: `'${name}' is run as the outermost container is: ${algorithm}`, location });
    }
  }

  /** That of the first FMU, as in the container. */
  #experiment(): Pick<SystemDraft, 'start' | 'stop'> {
    const { location } = this.#root.description;
    const first = firstModel(this.#root);
    const start = first?.startTime ?? 0;
    return { start, stop: { value: first?.stopTime ?? start + 1, location } };
  }
}

function firstModel({ members }: WiredContainer): { startTime?: number; stopTime?: number } | undefined {
  const content = members[0]?.content;
  if (content === undefined) return undefined;
  return content.kind === 'container' ? firstModel(content.container) : content.model?.defaultExperiment;
}

function stepOf({ description, step }: WiredContainer): Located<number> {
  return description.step ?? { value: step, location: description.location };
}

function spell({ variable, element }: Leaf): string {
  return element === undefined ? variable : `${variable}[${element}]`;
}

function faultOf(fmu: ContainedFmu): Pick<DraftComponent, 'fmuFault'> {
  const { name, file, fault } = fmu;
  if (fault !== undefined) return { fmuFault: { message: `'${name}' ${fault.fault}`, remedy: fault.remedy } };
  if (existsSync(file) || !isArchiveHere(fmu)) return {};
  const folder = dirname(file);
  const others = existsSync(folder) ? readdirSync(folder).filter((entry) => /\.fmu$/i.test(entry)) : [];
  const hint = didYouMean(basename(name), others);
  return { fmuFault: { message: `cannot read ${file}: no such file${hint}` } };
}
