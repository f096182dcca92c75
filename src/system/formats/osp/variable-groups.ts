/** Looks up the groups of variables that connections name, in the model descriptions of the simulators' FMUs. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FmuModel } from '../../../fmi/index.js';
import { InvalidFileError, type Problem, type SourceLocation } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import type { DraftComponent, DraftPort, Located } from '../../draft.js';
import { isArchiveHere } from '../../system.js';
import { findGroups, groupNames, parseVariableGroups, type VariableGroup } from './model-description.js';
import { modelOfFmu } from './model-of-fmu.js';

/** Where a connection names a group. */
export interface GroupEnd {
  readonly simulator: string;
  readonly name: string;
  readonly location: SourceLocation;
}

/** A group, found: its variables are there. */
export interface FoundGroup {
  readonly end: GroupEnd;
  readonly ports: readonly DraftPort[];
  readonly groups: readonly FoundGroup[];
}

interface Description {
  readonly model: FmuModel;
  readonly groups: readonly VariableGroup[];
}

export class VariableGroups {
  readonly #folder: string;
  readonly #components: readonly DraftComponent[];
  readonly #problems: Problem[];
  /** By path of the FMU. `none`: there is no such file; undefined: it is unusable, and reported. */
  readonly #descriptions = new Map<string, Description | { readonly none: string } | undefined>();

  /** `folder`: that of the system structure. */
  constructor(folder: string, components: readonly DraftComponent[], problems: Problem[]) {
    this.#folder = folder;
    this.#components = components;
    this.#problems = problems;
  }

  /** Undefined, and reported, if there is no such group, or if it is faulty. */
  async find(end: GroupEnd): Promise<FoundGroup | undefined> {
    const { simulator, name, location } = end;
    const component = this.#components.find((candidate) => candidate.name === simulator);
    if (component === undefined) {
      const names = this.#components.map((candidate) => candidate.name);
      return this.#report(location, `unknown simulator '${simulator}'${didYouMean(simulator, names)}`);
    }
    const description = await this.#description(component);
    if (description === undefined) return undefined;
    if ('none' in description) {
      const message = `'${simulator}' has no variable groups: there is no ${description.none}`;
      return this.#report(location, message, 'it is looked for beside the FMU, then beside this file');
    }
    const [group, second] = findGroups(description.groups, name);
    if (group === undefined) {
      const names = groupNames(description.groups);
      const message = `'${simulator}' has no variable group '${name}'${didYouMean(name, names)}`;
      return this.#report(location, message, names.length === 0 ? undefined : `it has ${names.join(', ')}`);
    }
    if (second !== undefined) {
      return this.#report(second.location, `a second group is named '${name}', which is used by '${simulator}'`);
    }
    return this.#found(end, description, group);
  }

  #found(end: GroupEnd, description: Description, group: VariableGroup): FoundGroup | undefined {
    const known = group.variables.map((variable) => this.#isVariable(end, description, variable));
    const groups = group.groups.map((inner) => this.#found({ ...end, name: inner.name }, description, inner));
    if (known.includes(false) || groups.includes(undefined)) return undefined;
    const { simulator: owner, location } = end;
    return {
      end,
      ports: group.variables.map(({ value: variable }) => ({ owner, variable, location })),
      groups: groups as FoundGroup[],
    };
  }

  /** A wrong name is at fault in the model description, not where the group is used. */
  #isVariable({ simulator }: GroupEnd, { model }: Description, { value, location }: Located<string>): boolean {
    const names = model.variables.map((variable) => variable.name);
    if (names.includes(value)) return true;
    const message = `'${simulator}' has no variable '${value}'${didYouMean(value, names)}`;
    if (!this.#problems.some((problem) => problem.location === location)) this.#report(location, message);
    return false;
  }

  async #description(component: DraftComponent): Promise<Description | { readonly none: string } | undefined> {
    const { fmu } = component;
    if (fmu === undefined) return undefined;
    if (!this.#descriptions.has(fmu)) this.#descriptions.set(fmu, await this.#read(fmu, component));
    return this.#descriptions.get(fmu);
  }

  async #read(fmu: string, component: DraftComponent): Promise<Description | { readonly none: string } | undefined> {
    const model = await modelOfFmu(component);
    if (model === undefined) return undefined;
    const name = `${model.modelName}_OspModelDescription.xml`;
    for (const folder of isArchiveHere(component) ? [dirname(fmu), this.#folder] : [this.#folder]) {
      const file = join(folder, name);
      const bytes = await readFile(file).catch(() => undefined);
      if (bytes === undefined) continue;
      try {
        const { groups, problems } = parseVariableGroups(file, bytes);
        this.#problems.push(...problems);
        return { model, groups };
      } catch (error) {
        if (!(error instanceof InvalidFileError)) throw error;
        this.#problems.push(...error.problems);
        return undefined;
      }
    }
    return { none: name };
  }

  #report(location: SourceLocation, message: string, remedy?: string): undefined {
    this.#problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
    return undefined;
  }
}
