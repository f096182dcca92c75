/** The system file: `twinbridge: system`, in YAML. */
import { dirname, resolve } from 'node:path';
import { locateFile, type SourceFault, schemeOf, unknownScheme } from '../../remote/index.js';
import type { Problem, SourceLocation } from '../../support/errors.js';
import type { LocatedFile } from '../../support/located-file.js';
import { parseYaml, readYamlFile } from '../../support/yaml-file.js';
import type {
  DraftComponent,
  DraftConnection,
  DraftConstraint,
  DraftFunction,
  DraftPort,
  DraftRecording,
  DraftScenario,
  DraftStepControl,
  DraftTable,
  SystemDraft,
} from '../draft.js';
import { resolveSystem } from '../resolve.js';
import {
  type Algorithm,
  type LatePolicy,
  type LoopSettings,
  type Pace,
  type RecordFormat,
  type System,
  splitPortName,
} from '../system.js';
import { exactly } from './exact-number.js';
import { type FmuPlace, remotePlace } from './remote-place.js';
import { systemFileValidator } from './yaml-validator.js';

/** What the schema lets through. */
export interface SystemFile {
  readonly components: Readonly<Record<string, ComponentEntry>>;
  readonly functions?: Readonly<Record<string, FunctionEntry>>;
  readonly connections?: readonly (string | ConnectionEntry)[];
  readonly algorithm?: Algorithm;
  readonly loops?: Partial<LoopSettings>;
  readonly threads?: number;
  readonly step: number | StepEntry;
  readonly start?: number;
  readonly stop?: number | 'never';
  readonly pace?: number | 'fast' | 'realtime';
  readonly late?: LatePolicy;
  readonly record?: RecordEntry | readonly RecordEntry[];
  readonly scenario?: { events: readonly ScenarioEntry[]; end?: number };
  readonly logging?: Readonly<Record<string, boolean | readonly string[]>>;
}

interface ComponentEntry {
  readonly fmu: string;
  readonly start?: Readonly<Record<string, unknown>>;
  readonly step?: number;
  readonly isolate?: boolean;
  readonly deadline?: number;
}

interface FunctionEntry {
  readonly type: 'linear' | 'sum' | 'vector-sum';
  readonly factor?: number;
  readonly offset?: number;
  readonly inputs?: number;
  readonly dimension?: number;
}

interface ConnectionEntry {
  readonly from: string;
  readonly to: string;
  readonly factor?: number;
  readonly offset?: number;
  readonly units?: 'convert' | 'ignore';
  readonly map?: readonly TableEntry[];
}

type TableEntry = readonly [number | boolean | string, number | boolean | string];

interface StepEntry {
  readonly min?: number;
  readonly max: number;
  readonly initial?: number;
  readonly tolerance?: number | { readonly relative?: number; readonly absolute?: number };
  readonly constraints?: Readonly<Record<string, ConstraintEntry>>;
  readonly data?: string;
}

interface ConstraintEntry {
  readonly type: 'zero-crossing' | 'bounded-difference' | 'sampling-rate' | 'fmu-max-step-size';
  readonly ports?: readonly string[];
  readonly order?: 1 | 2;
  readonly tolerance?: number;
  readonly absolute?: number;
  readonly relative?: number;
  readonly safety?: number;
  readonly skipDiscrete?: boolean;
  readonly base?: number;
  readonly rate?: number;
  readonly start?: number;
}

interface RecordEntry {
  readonly file?: string;
  readonly format?: RecordFormat;
  readonly variables?: readonly string[];
  readonly every?: number;
  readonly roll?: {
    readonly rows?: number;
    readonly megabytes?: number;
    readonly seconds?: number;
    readonly keep?: number;
  };
}

interface ScenarioEntry {
  readonly time: number;
  readonly set: string;
  readonly value?: unknown;
  readonly action?: 'override' | 'bias' | 'reset';
}

/** Reads a system file and the FMUs it names. Throws `InvalidFileError` with every problem of all of them. */
export async function readSystemYaml(file: string): Promise<System> {
  return resolveSystem(await readSystemYamlDraft(file));
}

/** {@link readSystemYaml} for text at hand; `file` names it and is what relative paths are relative to. */
export async function parseSystemYaml(file: string, text: string): Promise<System> {
  return resolveSystem(draftOfYaml(parseYaml(file, text, systemFileValidator)));
}

/** What the file says, before the FMUs are looked at. */
export async function readSystemYamlDraft(file: string): Promise<SystemDraft> {
  return draftOfYaml(await readYamlFile(file, systemFileValidator));
}

export function draftOfYaml(source: LocatedFile<SystemFile>): SystemDraft {
  return new DraftOfYaml(source).draft();
}

type Path = readonly (string | number)[];

class DraftOfYaml {
  readonly #source: LocatedFile<SystemFile>;
  readonly #value: SystemFile;
  readonly #folder: string;
  readonly #owners: ReadonlySet<string>;
  readonly #problems: Problem[] = [];

  constructor(source: LocatedFile<SystemFile>) {
    this.#source = source;
    this.#value = source.value;
    this.#folder = dirname(resolve(source.file));
    this.#owners = new Set([...Object.keys(source.value.components), ...Object.keys(source.value.functions ?? {})]);
  }

  draft(): SystemDraft {
    const { algorithm, loops, threads, start = 0, stop, pace = 'fast', late, scenario } = this.#value;
    const components = this.#source.keys(['components']).map((name) => this.#component(name));
    const functions = this.#source
      .keys(['functions'])
      .map((name) => this.#function(name, this.#value.functions![name]!));
    const connections = (this.#value.connections ?? []).flatMap((written, index) => this.#connection(written, index));
    this.#checkLogging();
    return {
      file: this.#source.file,
      components,
      functions,
      connections,
      ...(algorithm === undefined ? {} : { algorithm }),
      ...(loops === undefined ? {} : { loops }),
      ...(threads === undefined ? {} : { threads }),
      stepping: this.#stepping(),
      start,
      ...(typeof stop === 'number' ? { stop: { value: stop, location: this.#at('stop') } } : {}),
      pace: toPace(pace),
      ...(late === undefined ? {} : { late }),
      recordings: this.#recordings(),
      ...(scenario === undefined ? {} : { scenario: this.#scenario(scenario) }),
      problems: this.#problems,
    };
  }

  #at(...path: Path): SourceLocation {
    return this.#source.locate(path);
  }

  #component(name: string): DraftComponent {
    const { fmu, start = {}, step, isolate, deadline } = this.#value.components[name]!;
    const path = ['components', name];
    const { logging: all = {} } = this.#value;
    const logging = Object.hasOwn(all, name) ? all[name]! : false;
    const place = this.#fmu(name, fmu);
    if (deadline !== undefined && isolate !== true && place !== undefined && place.remote === undefined) {
      this.#problems.push({
        message: `'${name}' has a deadline but is not isolated`,
        location: this.#at(...path, 'deadline'),
        remedy: 'add isolate: true; a step in the process of the run cannot be ended from outside',
      });
    }
    return {
      name,
      ...(place ?? { fmu: undefined }),
      fmuLocation: this.#at(...path, 'fmu'),
      start: this.#source.keys([...path, 'start']).map((variable) => ({
        variable,
        value: exactly(this.#source, start[variable], ['components', name, 'start', variable]),
        nameLocation: this.#source.locateKey([...path, 'start', variable]),
        valueLocation: this.#at(...path, 'start', variable),
      })),
      ...(step === undefined ? {} : { step: { value: step, location: this.#at(...path, 'step') } }),
      ...(isolate === undefined ? {} : { isolate }),
      ...(deadline === undefined ? {} : { deadline }),
      ...(logging === false
        ? {}
        : { logging: { categories: logging === true ? 'all' : logging, location: this.#at('logging', name) } }),
    };
  }

  #fmu(name: string, text: string): FmuPlace | undefined {
    const place = remotePlace(text, this.#folder) ?? localPlace(text, this.#folder);
    if (!('fault' in place)) return place;
    const location = this.#at('components', name, 'fmu');
    this.#problems.push({ message: `'${name}' ${place.fault}`, location, remedy: place.remedy });
    return undefined;
  }

  #function(name: string, entry: FunctionEntry): DraftFunction {
    const { type, factor = 1, offset = 0, inputs = 2, dimension = 3 } = entry;
    const misplaced = {
      linear: ['inputs', 'dimension'],
      sum: ['factor', 'offset', 'dimension'],
      'vector-sum': ['factor', 'offset'],
    };
    for (const key of misplaced[type]) {
      if (!(key in entry)) continue;
      const location = this.#source.locateKey(['functions', name, key]);
      this.#problems.push({ message: `function '${name}': a ${type} has no ${key}`, location });
    }
    return {
      name,
      kind: type,
      factor,
      offset,
      inputs: type === 'linear' ? 1 : inputs,
      dimension: type === 'vector-sum' ? dimension : 1,
      location: this.#source.locateKey(['functions', name]),
    };
  }

  #connection(written: string | ConnectionEntry, index: number): DraftConnection[] {
    const location = this.#at('connections', index);
    const wire = typeof written === 'string' ? parseWire(written) : written;
    if (wire === undefined) {
      const message = `'${String(written)}' is no connection, expected component.output -> component.input`;
      this.#problems.push({ message, location });
      return [];
    }
    const {
      factor,
      offset,
      units = 'convert',
      map,
    } = typeof written === 'string' ? ({} as Partial<ConnectionEntry>) : written;
    return [
      {
        from: this.#port(wire.from, location),
        to: this.#port(wire.to, location),
        ...(factor === undefined ? {} : { factor }),
        ...(offset === undefined ? {} : { offset }),
        convertUnits: units === 'convert',
        ...(map === undefined ? {} : { table: this.#table(map, index) }),
      },
    ];
  }

  #table(pairs: readonly TableEntry[], connection: number): DraftTable {
    const path = ['connections', connection, 'map'];
    const kinds = new Set(pairs.flat().map((value) => typeof value));
    if (kinds.size > 1) {
      const message = 'the values of a map are of one kind: numbers, truth values, or items of enumerations';
      this.#problems.push({ message, location: this.#at(...path) });
    }
    const [kind] = kinds;
    const exact = (value: TableEntry[number]) => (typeof value === 'number' ? BigInt(value) : value);
    return {
      of: kind === 'boolean' ? 'Boolean' : kind === 'string' ? 'Enumeration' : 'Integer',
      entries: pairs.map(([source, target], index) => ({
        source: exact(source),
        target: exact(target),
        location: this.#at(...path, index),
      })),
    };
  }

  #port(name: string, location: SourceLocation): DraftPort {
    return { ...splitPortName(name, this.#owners), location };
  }

  #stepping(): DraftStepControl {
    const { step } = this.#value;
    const at = (key: string) => this.#at('step', key);
    if (typeof step === 'number') return { kind: 'fixed', size: { value: step, location: this.#at('step') } };
    const { max, min = max / 1e6, initial = max, data, tolerance, constraints = {} } = step;
    const maximum = { value: max, location: at('max') };
    const minimum = { value: min, location: at('min') };
    if (data !== undefined) {
      for (const key of ['initial', 'tolerance', 'constraints'] as const) {
        if (step[key] === undefined) continue;
        const message = `a step size by the data of '${data}' has no ${key}`;
        this.#problems.push({ message, location: this.#source.locateKey(['step', key]) });
      }
      return { kind: 'data', component: { value: data, location: at('data') }, minimum, maximum };
    }
    const bound = typeof tolerance === 'number' ? { relative: tolerance, absolute: tolerance } : tolerance;
    return {
      kind: 'variable',
      minimum,
      maximum,
      initial: { value: initial, location: at('initial') },
      ...(bound === undefined ? {} : { tolerance: { relative: 1e-6, absolute: 1e-9, ...bound } }),
      constraints: this.#source
        .keys(['step', 'constraints'])
        .flatMap((name) => this.#constraint(name, constraints[name]!)),
    };
  }

  #constraint(name: string, entry: ConstraintEntry): DraftConstraint[] {
    const location = this.#source.locateKey(['step', 'constraints', name]);
    const fail = (message: string) => {
      this.#problems.push({ message: `constraint '${name}': ${message}`, location });
      return [];
    };
    const { type, ports = [], base, rate, start = 0 } = entry;
    for (const key of Object.keys(entry)) {
      if (key === 'type' || CONSTRAINT_KEYS[type].includes(key)) continue;
      const message = `constraint '${name}': a ${type} has no ${key}`;
      this.#problems.push({ message, location: this.#source.locateKey(['step', 'constraints', name, key]) });
    }
    const places = ports.map((port, index) => this.#port(port, this.#at('step', 'constraints', name, 'ports', index)));
    const { order, tolerance, absolute, relative, safety, skipDiscrete } = entry;
    switch (type) {
      case 'fmu-max-step-size':
        return [{ kind: type, name, location }];
      case 'sampling-rate':
        if (base === undefined || rate === undefined) return fail('a sampling rate needs base and rate');
        return [{ kind: type, name, location, base, rate, start }];
      case 'zero-crossing':
        if (places.length < 1 || places.length > 2) return fail('a zero crossing needs one port or two');
        return [
          {
            kind: type,
            name,
            location,
            ports: places,
            ...(order === undefined ? {} : { order }),
            ...(tolerance === undefined ? {} : { tolerance }),
            ...(safety === undefined ? {} : { safety }),
          },
        ];
      case 'bounded-difference':
        if (places.length === 0) return fail('a bounded difference needs ports');
        if (absolute === undefined && relative === undefined)
          return fail('a bounded difference needs absolute or relative');
        return [
          {
            kind: type,
            name,
            location,
            ports: places,
            ...(absolute === undefined ? {} : { absolute }),
            ...(relative === undefined ? {} : { relative }),
            ...(safety === undefined ? {} : { safety }),
            ...(skipDiscrete === undefined ? {} : { skipDiscrete }),
          },
        ];
    }
  }

  #recordings(): DraftRecording[] {
    const { record } = this.#value;
    if (record === undefined) return [];
    const isList = Array.isArray(record);
    return (isList ? (record as readonly RecordEntry[]) : [record as RecordEntry]).map((entry, index) => {
      const path = isList ? ['record', index] : ['record'];
      const { file, format, variables, every, roll } = entry;
      const { megabytes, ...limits } = roll ?? {};
      return {
        ...(file === undefined ? {} : { file: resolve(this.#folder, file) }),
        ...(format === undefined ? {} : { format }),
        ...(variables === undefined
          ? {}
          : {
              variables: variables.map((value, place) => ({ value, location: this.#at(...path, 'variables', place) })),
            }),
        ...(every === undefined ? {} : { every }),
        ...(roll === undefined
          ? {}
          : { roll: { ...limits, ...(megabytes === undefined ? {} : { bytes: Math.round(megabytes * 1e6) }) } }),
      };
    });
  }

  #scenario({ events, end }: NonNullable<SystemFile['scenario']>): DraftScenario {
    return {
      events: events.map(({ time, set, value, action = 'override' }, index) => {
        const location = this.#at('scenario', 'events', index);
        return { time, port: this.#port(set, location), action, value, location };
      }),
      ...(end === undefined ? {} : { end }),
    };
  }

  #checkLogging(): void {
    for (const name of Object.keys(this.#value.logging ?? {})) {
      if (Object.hasOwn(this.#value.components, name)) continue;
      const location = this.#source.locateKey(['logging', name]);
      this.#problems.push({ message: `logging names the unknown component '${name}'`, location });
    }
  }
}

const CONSTRAINT_KEYS: Readonly<Record<ConstraintEntry['type'], readonly string[]>> = {
  'zero-crossing': ['ports', 'order', 'tolerance', 'safety'],
  'bounded-difference': ['ports', 'absolute', 'relative', 'safety', 'skipDiscrete'],
  'sampling-rate': ['base', 'rate', 'start'],
  'fmu-max-step-size': [],
};

/** `a.x -> b.y` */
function parseWire(text: string): { from: string; to: string } | undefined {
  const [, from, to] = /^\s*(\S+)\s*->\s*(\S+)\s*$/.exec(text) ?? [];
  return from === undefined || to === undefined ? undefined : { from, to };
}

function toPace(pace: NonNullable<SystemFile['pace']>): Pace {
  return pace === 'realtime' ? 1 : pace;
}

/** A path, or a URI: a file of Linux may be named a:b, but not a://b. */
function localPlace(text: string, folder: string): FmuPlace | SourceFault {
  const scheme = schemeOf(text);
  if (scheme === undefined || !/^\s*[^:]+:\/\//.test(text)) return { fmu: resolve(folder, text) };
  if (scheme !== 'file') return unknownScheme(text);
  const located = locateFile(text.trim(), folder);
  return 'fault' in located ? located : { fmu: located.path };
}
