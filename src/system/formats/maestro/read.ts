/**
 * Multi-models and simulation configurations of Maestro, the engine of INTO-CPS.
 *
 * The files given are laid over one another, so they may be two, one, or more. An instance becomes the component
 * `{key}.instance`, so that results have the names that Maestro's have. What Maestro passes over in silence, a port or
 * parameter that no FMU has, is a problem here. Other than there, a system may do without connections, a parameter may name
 * an input, and numbers are converted where their types or units differ.
 */
import { availableParallelism } from 'node:os';
import { InvalidFileError, type Problem, type SourceLocation } from '../../../support/errors.js';
import { type JsonTree, locateJson, mergeJson, readJsonTree } from '../../../support/json-tree.js';
import { checkLocated, type LocatedFile } from '../../../support/located-file.js';
import { didYouMean, nearest } from '../../../support/nearest.js';
import type {
  DraftComponent,
  DraftConnection,
  DraftConstraint,
  DraftPort,
  DraftRecording,
  DraftStart,
  DraftStepControl,
  Located,
  SystemDraft,
} from '../../draft.js';
import { resolveSystem } from '../../resolve.js';
import type { LoopSettings, System } from '../../system.js';
import { exactly } from '../exact-number.js';
import { findFmu } from './fmu-path.js';
import { MAESTRO_SCHEMA, NOT_OFFERED, WITHOUT_MEANING } from './schema.js';
import { multiModelValidator } from './validator.js';

export interface MaestroOptions {
  /** Where FMUs are looked for besides the folder of the file that names them; as `maestro -fsp`. */
  readonly searchDirectories?: readonly string[];
  /** Values of the `environmentParameters`, by the names that stand there. */
  readonly environment?: Readonly<Record<string, unknown>>;
}

/** What the schema lets through, without what is null. */
export interface MaestroFile {
  readonly fmus: Readonly<Record<string, string>>;
  readonly connections?: Names;
  readonly parameters?: Readonly<Record<string, number | boolean | string>>;
  readonly environmentParameters?: readonly string[];
  readonly logVariables?: Names;
  readonly livestream?: Names;
  readonly logLevels?: Names;
  readonly loggingOn?: boolean;
  readonly algorithm?: AlgorithmEntry;
  readonly startTime?: number;
  readonly endTime?: number;
  readonly parallelSimulation?: boolean;
  readonly stabalizationEnabled?: boolean;
  readonly convergenceAttempts?: number;
  readonly global_absolute_tolerance?: number;
  readonly global_relative_tolerance?: number;
  readonly simulationProgramDelay?: boolean;
}

type Names = Readonly<Record<string, readonly string[]>>;

interface AlgorithmEntry {
  readonly type: 'fixed-step' | 'var-step';
  readonly size: number | readonly number[];
  readonly initsize?: number | null;
  readonly constraints?: Readonly<Record<string, ConstraintEntry>> | null;
}

interface ConstraintEntry {
  readonly type: 'zerocrossing' | 'boundeddifference' | 'samplingrate' | 'fmumaxstepsize';
  readonly ports?: readonly string[];
  readonly order?: 1 | 2 | null;
  readonly abstol?: number | null;
  readonly reltol?: number | null;
  readonly safety?: number | null;
  readonly skipDiscrete?: boolean | null;
  readonly base?: number;
  readonly rate?: number;
  readonly startTime?: number;
}

type Path = readonly (string | number)[];

/** What Maestro takes where a constraint says nothing. */
const DEFAULT_TOLERANCE = { absolute: 1e-3, relative: 1e-2 };

/** Reads the files and the FMUs they name. Throws `InvalidFileError` with every problem of all of them. */
export async function readMaestroSystem(files: string | readonly string[], options?: MaestroOptions): Promise<System> {
  return resolveSystem(await readMaestroDraft(files, options));
}

/** What the files say, before the FMUs are looked at. */
export async function readMaestroDraft(
  files: string | readonly string[],
  options: MaestroOptions = {},
): Promise<SystemDraft> {
  const [first, ...others] = [files].flat();
  if (first === undefined) throw new RangeError('no file is named');
  const trees: [JsonTree, ...JsonTree[]] = [await readJsonTree(first)];
  for (const file of others) trees.push(await readJsonTree(file));
  for (const { kind, location } of trees) {
    if (kind === 'object') continue;
    throw new InvalidFileError(location.file, [{ message: 'a multi-model is a JSON object', location }]);
  }
  const tree = withoutNulls(mergeJson(trees));
  return new DraftOfMaestro(checkLocated(locateJson(first, tree), multiModelValidator), tree, options).draft();
}

/** The INTO-CPS application writes null for what is not set. */
function withoutNulls(tree: JsonTree): JsonTree {
  if (tree.kind !== 'object') return tree;
  const isSet = ({ value }: { value: JsonTree }) => value.kind !== 'scalar' || value.value !== null;
  return { ...tree, members: new Map([...tree.members].filter(([, member]) => isSet(member))) };
}

class DraftOfMaestro {
  readonly #source: LocatedFile<MaestroFile>;
  readonly #value: MaestroFile;
  readonly #tree: JsonTree;
  readonly #options: MaestroOptions;
  readonly #problems: Problem[] = [];
  readonly #warnings: Problem[] = [];
  /** `{key}.instance`, with where it is first named. */
  readonly #instances = new Map<string, SourceLocation>();

  constructor(source: LocatedFile<MaestroFile>, tree: JsonTree, options: MaestroOptions) {
    this.#source = source;
    this.#value = source.value;
    this.#tree = tree;
    this.#options = options;
  }

  draft(): SystemDraft {
    const { startTime = 0, endTime, simulationProgramDelay, parallelSimulation } = this.#value;
    this.#checkKeys();
    this.#findInstances();
    for (const name of Object.keys(this.#value.logLevels ?? {})) {
      this.#isInstance(name, this.#source.locateKey(['logLevels', name]));
    }
    const connections = this.#connections();
    const start = this.#parameters();
    const recording = this.#recording();
    const components = [...this.#instances.keys()].map((name) => this.#component(name, start.get(name) ?? []));
    return {
      file: this.#source.file,
      components,
      connections,
      loops: this.#loops(),
      stepping: this.#stepping(),
      threads: parallelSimulation === true ? Math.max(2, Math.min(components.length, availableParallelism())) : 1,
      start: startTime,
      ...(endTime === undefined ? {} : { stop: { value: endTime, location: this.#source.locate(['endTime']) } }),
      pace: simulationProgramDelay === true ? 1 : 'fast',
      recordings: [recording],
      problems: this.#problems,
      warnings: this.#warnings,
    };
  }

  // -- Instances ------------------------------------------------------------------------------------------------------

  /** They exist through the connections; where there are none, through whatever names them, or an FMU is one instance. */
  #findInstances(): void {
    const { fmus, connections = {}, parameters = {}, logVariables = {}, livestream = {}, logLevels = {} } = this.#value;
    const add = (name: string, path: Path, isKey: boolean) => {
      const split = splitName(name);
      // What is wrong with a name is reported where it is used.
      if (split === undefined || !Object.hasOwn(fmus, split.key) || this.#instances.has(split.owner)) return;
      this.#instances.set(split.owner, isKey ? this.#source.locateKey(path) : this.#source.locate(path));
    };
    for (const [from, inputs] of Object.entries(connections)) {
      add(from, ['connections', from], true);
      for (const [index, to] of inputs.entries()) add(to, ['connections', from, index], false);
    }
    if (Object.keys(connections).length === 0) {
      for (const name of Object.keys(parameters)) add(name, ['parameters', name], true);
      const lists = { logVariables, livestream, logLevels };
      for (const [key, list] of Object.entries(lists)) {
        for (const name of Object.keys(list)) add(`${name}.`, [key, name], true);
      }
    }
    const used = new Set([...this.#instances.keys()].map((name) => name.slice(0, name.indexOf('.'))));
    for (const key of Object.keys(fmus)) {
      if (used.has(key)) continue;
      const location = this.#source.locateKey(['fmus', key]);
      if (Object.keys(connections).length === 0) {
        this.#instances.set(`${key}.${key.replace(/^\{(.+)\}$/, '$1')}`, location);
      } else
        this.#warnings.push({ message: `no connection names an instance of '${key}': it takes no part`, location });
    }
  }

  #component(name: string, start: readonly DraftStart[]): DraftComponent {
    const { fmus, loggingOn = false, logLevels = {} } = this.#value;
    const key = name.slice(0, name.indexOf('.'));
    const fmuLocation = this.#source.locate(['fmus', key]);
    const found = findFmu(fmus[key]!, fmuLocation.file, this.#options.searchDirectories ?? []);
    const levels = Object.hasOwn(logLevels, name) ? logLevels[name]! : [];
    const logging = {
      categories: levels.length === 0 ? ('all' as const) : levels,
      location: this.#source.locate(levels.length === 0 ? ['loggingOn'] : ['logLevels', name]),
    };
    return { name, ...found, fmuLocation, start, ...(loggingOn ? { logging } : {}) };
  }

  // -- Ports ----------------------------------------------------------------------------------------------------------

  #connections(): DraftConnection[] {
    return Object.entries(this.#value.connections ?? {}).flatMap(([from, inputs]) => {
      const source = this.#port(from, this.#source.locateKey(['connections', from]));
      return inputs.flatMap((to, index): DraftConnection[] => {
        const target = this.#port(to, this.#source.locate(['connections', from, index]));
        // Maestro refuses units that differ.
        return source === undefined || target === undefined ? [] : [{ from: source, to: target, convertUnits: true }];
      });
    });
  }

  #port(name: string, location: SourceLocation): DraftPort | undefined {
    const split = splitName(name);
    if (split === undefined || split.variable === '') {
      this.#problem(`'${name}' is no port, expected {fmu}.instance.variable`, location);
      return undefined;
    }
    const { owner, variable } = split;
    return this.#isInstance(owner, location) ? { owner, variable, location } : undefined;
  }

  #isInstance(name: string, location: SourceLocation): boolean {
    if (this.#instances.has(name)) return true;
    const [key = ''] = name.split('.');
    const { fmus } = this.#value;
    if (!Object.hasOwn(fmus, key))
      this.#problem(`'fmus' has no '${key}'${didYouMean(key, Object.keys(fmus))}`, location);
    else
      this.#problem(`no connection names the instance '${name}'${didYouMean(name, this.#instances.keys())}`, location);
    return false;
  }

  #parameters(): Map<string, DraftStart[]> {
    const { parameters = {}, environmentParameters = [] } = this.#value;
    const start = new Map<string, DraftStart[]>();
    const add = (name: string, value: unknown, nameLocation: SourceLocation, valueLocation: SourceLocation) => {
      const port = this.#port(name, nameLocation);
      if (port === undefined) return;
      const one = { variable: port.variable, value, nameLocation, valueLocation };
      start.set(port.owner, [...(start.get(port.owner) ?? []), one]);
    };
    for (const [name, value] of Object.entries(parameters)) {
      const path = ['parameters', name];
      add(name, exactly(this.#source, value, path), this.#source.locateKey(path), this.#source.locate(path));
    }
    const { environment = {} } = this.#options;
    for (const [index, name] of environmentParameters.entries()) {
      const location = this.#source.locate(['environmentParameters', index]);
      if (Object.hasOwn(environment, name)) add(name, environment[name], location, location);
      else this.#problem(`the environment has no value for '${name}'`, location);
    }
    return start;
  }

  /** What is logged; if that is nothing, outputs that are connected and what is streamed, as in Maestro's result file. */
  #recording(): DraftRecording {
    const { connections = {}, logVariables = {}, livestream = {} } = this.#value;
    const logged = this.#listed('logVariables', logVariables);
    const streamed = this.#listed('livestream', livestream);
    if (logged.length > 0) return { variables: logged };
    // Without connections these would be no columns at all.
    if (Object.keys(connections).length === 0 && streamed.length === 0) return {};
    return { connected: true, variables: streamed };
  }

  #listed(key: string, list: Names): Located<string>[] {
    return Object.entries(list).flatMap(([instance, names]) =>
      names.flatMap((name, index) => {
        const location = this.#source.locate([key, instance, index]);
        const port = this.#port(`${instance}.${name}`, location);
        return port === undefined ? [] : [{ value: `${port.owner}.${port.variable}`, location }];
      }),
    );
  }

  // -- How to run it --------------------------------------------------------------------------------------------------

  #loops(): Partial<LoopSettings> {
    const { stabalizationEnabled = false, convergenceAttempts = 0 } = this.#value;
    const { global_absolute_tolerance: absolute = 0, global_relative_tolerance: relative = 0 } = this.#value;
    const tolerance = Math.max(absolute, relative);
    return {
      atSteps: stabalizationEnabled,
      ...(convergenceAttempts > 0 ? { iterations: convergenceAttempts } : {}),
      ...(tolerance > 0 ? { tolerance } : {}),
    };
  }

  #stepping(): DraftStepControl {
    const { algorithm } = this.#value;
    const location = this.#source.locate(['algorithm', 'size']);
    if (algorithm === undefined) {
      this.#problem(
        "there is no step size: 'algorithm' is missing",
        this.#source.locate([]),
        'name the simulation configuration as well, behind the multi-model',
      );
      return { kind: 'fixed', size: { value: 1, location } };
    }
    const { type, size, initsize, constraints } = algorithm;
    if (type === 'fixed-step') {
      if (typeof size !== 'number') this.#problem("'size' of a fixed-step algorithm is one number", location);
      return { kind: 'fixed', size: { value: typeof size === 'number' ? size : 1, location } };
    }
    const [minimum, maximum, ...rest] = typeof size === 'number' ? [] : size;
    if (minimum === undefined || maximum === undefined || rest.length > 0) {
      this.#problem("'size' of a var-step algorithm is a list of the smallest and the greatest", location);
      return { kind: 'fixed', size: { value: 1, location } };
    }
    return {
      kind: 'variable',
      minimum: { value: minimum, location },
      maximum: { value: maximum, location },
      initial: { value: initsize ?? minimum, location: this.#source.locate(['algorithm', 'initsize']) },
      constraints: Object.entries(constraints ?? {}).flatMap(([name, entry]) => this.#constraint(name, entry)),
    };
  }

  #constraint(name: string, entry: ConstraintEntry): DraftConstraint[] {
    const path = ['algorithm', 'constraints', name];
    const location = this.#source.locateKey(path);
    const fail = (message: string) => {
      this.#problem(`constraint '${name}': ${message}`, location);
      return [];
    };
    const { type, ports: written = [], base, rate, startTime = 0 } = entry;
    if (type === 'fmumaxstepsize') return [{ kind: 'fmu-max-step-size', name, location }];
    if (type === 'samplingrate') {
      if (base === undefined || rate === undefined) return fail('a sampling rate needs base and rate');
      // `base` is an exponent of ten.
      return [{ kind: 'sampling-rate', name, location, base: Number(`1e${base}`), rate, start: startTime }];
    }
    const places = written.map((port, index) => this.#port(port, this.#source.locate([...path, 'ports', index])));
    const ports = places.filter((port) => port !== undefined);
    if (ports.length < places.length) return [];
    const absolute = entry.abstol ?? DEFAULT_TOLERANCE.absolute;
    const safety = entry.safety ?? 0;
    if (type === 'zerocrossing') {
      if (ports.length < 1 || ports.length > 2) return fail('a zero crossing needs one port or two');
      const { order } = entry;
      return [{ kind: 'zero-crossing', name, location, ports, order: order ?? 2, tolerance: absolute, safety }];
    }
    if (ports.length === 0) return fail('a bounded difference needs ports');
    return [
      {
        kind: 'bounded-difference',
        name,
        location,
        ports,
        absolute,
        relative: entry.reltol ?? DEFAULT_TOLERANCE.relative,
        safety,
        skipDiscrete: entry.skipDiscrete ?? true,
      },
    ];
  }

  // -- Keys -----------------------------------------------------------------------------------------------------------

  #checkKeys(): void {
    const known = [
      ...Object.keys(MAESTRO_SCHEMA.properties as object),
      ...Object.keys(NOT_OFFERED),
      ...WITHOUT_MEANING,
    ];
    if (this.#tree.kind !== 'object') return;
    for (const [name, { key, value }] of this.#tree.members) {
      const refusal = Object.hasOwn(NOT_OFFERED, name) ? NOT_OFFERED[name] : undefined;
      if (refusal !== undefined && !isOff(value)) this.#problem(`'${name}': ${refusal}`, key);
      if (known.includes(name)) continue;
      const meant = nearest(name, known);
      if (meant === undefined) continue;
      this.#warnings.push({ message: `unknown key '${name}' is ignored (did you mean '${meant}'?)`, location: key });
    }
  }

  #problem(message: string, location: SourceLocation, remedy?: string): void {
    this.#problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
  }
}

/** The first dot ends the key, the next the instance. */
function splitName(name: string): { key: string; owner: string; variable: string } | undefined {
  const first = name.indexOf('.');
  const second = name.indexOf('.', first + 1);
  if (first < 1 || second < first + 2) return undefined;
  return { key: name.slice(0, first), owner: name.slice(0, second), variable: name.slice(second + 1) };
}

function isOff(tree: JsonTree): boolean {
  if (tree.kind === 'object') return tree.members.size === 0;
  if (tree.kind === 'array') return tree.items.length === 0;
  return tree.value === false || tree.value === '' || tree.value === null;
}
