/** From what a file says to a system that can run: every name looked up in the FMUs, every problem found at once. */
import {
  type EnumerationType,
  type FmuSummary,
  isSettableAtStart,
  type ModelDescription,
  platformFolders,
  readFmu,
  type ScalarVariable,
  type StartValue,
  type VariableType,
} from '../fmi/index.js';
import { InvalidFileError, type Problem, type SourceLocation, TwinbridgeError } from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import type { DraftComponent, DraftPort, DraftStart, SystemDraft } from './draft.js';
import {
  type Component,
  type Connection,
  matchPorts,
  outputPorts,
  type Port,
  portName,
  type StartAssignment,
  type System,
  splitPortName,
  variableAt,
} from './system.js';

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** Reads the FMUs and checks the draft against them. Throws {@link InvalidFileError} with every problem. */
export async function resolveSystem(draft: SystemDraft): Promise<System> {
  const resolver = new Resolver(draft);
  await resolver.readFmus();
  return resolver.resolve();
}

class Resolver {
  readonly #draft: SystemDraft;
  readonly #problems: Problem[];
  readonly #warnings: Problem[] = [];
  /** By path; undefined: the FMU is unusable, its problems are reported. */
  readonly #fmus = new Map<string, FmuSummary | undefined>();
  /** In the draft's order; those with unusable FMUs have no variables. */
  #components: readonly Component[] = [];

  constructor(draft: SystemDraft) {
    this.#draft = draft;
    this.#problems = [...draft.problems];
  }

  async readFmus(): Promise<void> {
    for (const { fmu, fmuLocation } of this.#draft.components) {
      if (!this.#fmus.has(fmu)) this.#fmus.set(fmu, await this.#readFmu(fmu, fmuLocation));
    }
  }

  resolve(): System {
    const { file, step, start, stop, pace, record } = this.#draft;
    this.#components = this.#draft.components.map((component) => this.#component(component));
    const system = {
      file,
      components: this.#components,
      connections: this.#connections(),
      step: step.value,
      start,
      ...(stop === undefined ? {} : { stop: stop.value }),
      pace,
      record: {
        ...(record.file === undefined ? {} : { file: record.file }),
        variables: record.variables === undefined ? outputPorts(this) : this.#recorded(record.variables),
      },
      warnings: this.#warnings,
    };
    this.#checkExperiment();
    if (this.#problems.length > 0) throw new InvalidFileError(file, this.#problems.sort(byPlace));
    return system;
  }

  get components(): readonly Component[] {
    return this.#components;
  }

  async #readFmu(path: string, location: SourceLocation): Promise<FmuSummary | undefined> {
    try {
      const fmu = await readFmu(path);
      const folders = platformFolders();
      if (fmu.description.coSimulation === undefined) {
        this.#report(location, `${path} offers model exchange only`, 'export the FMU for co-simulation');
        return undefined;
      }
      if (!fmu.platforms.some((platform) => folders.includes(platform))) {
        const present = fmu.platforms.length === 0 ? 'none' : fmu.platforms.join(', ');
        this.#report(
          location,
          `${path} has no library for ${folders[0]}, it has ${present}`,
          'export it for this platform',
        );
      }
      return fmu;
    } catch (error) {
      if (error instanceof InvalidFileError) this.#problems.push(...error.problems);
      else if (error instanceof TwinbridgeError) this.#report(location, error.message, error.remedy);
      else throw error;
      return undefined;
    }
  }

  #component(draft: DraftComponent): Component {
    const fmu = this.#fmus.get(draft.fmu);
    if (fmu === undefined) return { name: draft.name, fmu: draft.fmu, description: UNREADABLE, start: [] };
    const { description } = fmu;
    const { logging } = draft;
    const known = description.logCategories.map(({ name }) => name);
    for (const category of Array.isArray(logging?.categories) ? logging.categories : []) {
      if (known.includes(category)) continue;
      this.#report(
        logging!.location,
        `'${draft.name}' has no log category '${category}'${didYouMean(category, known)}`,
        known.length === 0 ? 'the FMU declares none' : `it has ${known.join(', ')}`,
      );
    }
    return {
      name: draft.name,
      fmu: draft.fmu,
      description,
      start: draft.start.flatMap((start) => this.#start(draft.name, description, start)),
      ...(logging === undefined ? {} : { logging: logging.categories }),
    };
  }

  #start(owner: string, description: ModelDescription, draft: DraftStart): StartAssignment[] {
    const { variables, enumerations } = description;
    const index = variables.findIndex(({ name }) => name === draft.variable);
    const variable = variables[index];
    if (variable === undefined) {
      const settable = variables.filter(isSettableAtStart).map(({ name }) => name);
      this.#report(
        draft.nameLocation,
        `'${owner}' has no variable '${draft.variable}'${didYouMean(draft.variable, settable)}`,
      );
      return [];
    }
    const name = `${owner}.${variable.name}`;
    if (!isSettableAtStart(variable)) {
      this.#report(draft.nameLocation, `'${name}' cannot be given a start value: ${describeRole(variable)}`);
      return [];
    }
    const items = enumerations.find((type) => type.name === variable.declaredType)?.items ?? [];
    const value = this.#startValue(name, variable, items, draft);
    return value === undefined ? [] : [{ variable: index, value }];
  }

  #startValue(
    name: string,
    variable: ScalarVariable,
    items: EnumerationType['items'],
    { value, valueLocation }: DraftStart,
  ): StartValue | undefined {
    const converted = convertStart(variable.type, value, items);
    if (converted === undefined) {
      const names = items.map((item) => item.name);
      const expected = variable.type === 'Enumeration' ? `one of ${names.join(', ')}` : EXPECTED[variable.type];
      const hint = typeof value === 'string' ? didYouMean(value, names) : '';
      this.#report(
        valueLocation,
        `'${name}' is of type ${variable.type}: ${JSON.stringify(value)} is not ${expected}${hint}`,
      );
      return undefined;
    }
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = variable;
    if (typeof converted === 'number' && (converted < min || converted > max)) {
      this.#report(valueLocation, `'${name}' is ${converted}, allowed is ${min} to ${max}`);
      return undefined;
    }
    return converted;
  }

  #connections(): Connection[] {
    const fedBy = new Map<string, string>();
    return this.#draft.connections.flatMap(({ from: source, to: target }): Connection[] => {
      const from = this.#port(source, 'output');
      const to = this.#port(target, 'input');
      if (to !== undefined) {
        const earlier = fedBy.get(target.name);
        if (earlier === undefined) fedBy.set(target.name, source.name);
        else
          this.#report(target.location, `input '${target.name}' is fed twice: by '${earlier}' and by '${source.name}'`);
      }
      if (from === undefined || to === undefined) return [];
      this.#checkTypes(from, to, target.location);
      return [{ from, to }];
    });
  }

  /** The port, if it is there and of that causality; a problem otherwise (none for a component whose FMU has one). */
  #port({ name, location }: DraftPort, causality: 'input' | 'output'): Port | undefined {
    const { component: owner, variable: wanted } = splitPortName(name);
    const component = this.#components.findIndex((candidate) => candidate.name === owner);
    if (component < 0) {
      const names = this.#components.map((candidate) => candidate.name);
      this.#report(location, `unknown component '${owner}'${didYouMean(owner, names)}`);
      return undefined;
    }
    const { description } = this.#components[component]!;
    if (description === UNREADABLE) return undefined;
    const variable = description.variables.findIndex((candidate) => candidate.name === wanted);
    if (variable < 0) {
      const names = description.variables.filter((one) => one.causality === causality).map((one) => one.name);
      const listed = names.length === 0 ? `it has no ${causality}s` : `its ${causality}s: ${shorten(names)}`;
      this.#report(location, `'${owner}' has no variable '${wanted}'${didYouMean(wanted, names)}`, listed);
      return undefined;
    }
    const found = description.variables[variable]!;
    if (found.causality !== causality) {
      const rule = causality === 'output' ? 'starts at an output' : 'ends at an input';
      this.#report(location, `a connection ${rule}, '${name}' is ${describeRole(found)}`);
      return undefined;
    }
    return { component, variable };
  }

  #checkTypes(from: Port, to: Port, location: SourceLocation): void {
    const [source, target] = [variableAt(this, from), variableAt(this, to)];
    const wire = `'${portName(this, from)}' (${source.type}) to '${portName(this, to)}' (${target.type})`;
    if (!isConvertible(source.type, target.type)) this.#report(location, `types do not match: ${wire}`);
    if (source.unit !== undefined && target.unit !== undefined && source.unit !== target.unit) {
      const message = `units differ: '${portName(this, from)}' is in ${source.unit}, '${portName(this, to)}' in ${target.unit}`;
      this.#warnings.push({ message, location });
    }
  }

  #recorded(patterns: readonly DraftPort[]): Port[] {
    const ports = new Map<string, Port>();
    for (const { name: pattern, location } of patterns) {
      const matches = matchPorts(this, pattern);
      // A component whose FMU cannot be read matches nothing, and is a problem already.
      const { component } = splitPortName(pattern);
      const blind = this.#components.some(({ name, description }) => description === UNREADABLE && name === component);
      if (matches.length === 0 && !blind) {
        const names = outputPorts(this).map((port) => portName(this, port));
        this.#report(location, `nothing to record is named '${pattern}'${didYouMean(pattern, names)}`);
      }
      for (const port of matches) {
        const name = portName(this, port);
        if (/password$/i.test(name)) this.#report(location, `'${name}' is a secret, and no secret goes into results`);
        else ports.set(name, port);
      }
    }
    return [...ports.values()];
  }

  #checkExperiment(): void {
    const { step, start, stop } = this.#draft;
    if (stop === undefined) return;
    if (stop.value <= start) {
      this.#report(stop.location, `stop (${stop.value} s) must be later than start (${start} s)`);
      return;
    }
    const steps = (stop.value - start) / step.value;
    // 1e-6 of a step: decimal fractions are not exact in binary.
    if (Math.abs(steps - Math.round(steps)) > 1e-6) {
      const end = start + Math.floor(steps) * step.value;
      const message = `the duration is no multiple of the step ${step.value} s: the run ends at ${end} s`;
      this.#warnings.push({ message, location: step.location });
    }
  }

  #report(location: SourceLocation, message: string, remedy?: string): void {
    this.#problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
  }
}

/** Stands for the description of an FMU that cannot be used, so that the other checks go on. */
const UNREADABLE: Component['description'] = {
  fmiVersion: '2.0',
  modelName: '',
  guid: '',
  hasModelExchange: false,
  units: [],
  enumerations: [],
  logCategories: [],
  variables: [],
  outputs: [],
  initialUnknowns: [],
};

const EXPECTED: Readonly<Record<Exclude<VariableType, 'Enumeration'>, string>> = {
  Real: 'a number',
  Integer: 'an integer of 32 bits',
  Boolean: 'true or false',
  String: 'a text',
};

function convertStart(type: VariableType, value: unknown, items: EnumerationType['items']): StartValue | undefined {
  const isInteger = Number.isInteger(value) && (value as number) >= INT32_MIN && (value as number) <= INT32_MAX;
  switch (type) {
    case 'Real':
      return typeof value === 'number' ? value : undefined;
    case 'Integer':
      return isInteger ? (value as number) : undefined;
    case 'Boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'String':
      return typeof value === 'string' ? value : undefined;
    case 'Enumeration':
      return items.find((item) => item.name === value || item.value === value)?.value;
  }
}

/** In the file's order, as one reads it. */
function byPlace({ location: a }: Problem, { location: b }: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** Without loss: an integer is a Real too, an Enumeration is carried as an integer. */
function isConvertible(from: VariableType, to: VariableType): boolean {
  const integral = from === 'Integer' || from === 'Enumeration';
  return from === to || (integral && (to === 'Real' || to === 'Integer' || to === 'Enumeration'));
}

function describeRole({ causality, variability, initial }: ScalarVariable): string {
  const article = /^[aeiou]/.test(causality) ? 'an' : 'a';
  const noun = causality === 'local' ? 'a local variable' : `${article} ${causality}`;
  return variability === 'constant' ? `${noun}, constant` : initial === 'calculated' ? `${noun}, calculated` : noun;
}

function shorten(names: readonly string[]): string {
  return names.length <= 12 ? names.join(', ') : `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`;
}
