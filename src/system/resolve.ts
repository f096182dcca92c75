/** From what a file says to a system that can run: every name looked up in the FMUs, every problem found at once. */

import { extname } from 'node:path';
import {
  type Dimension,
  type FmuModel,
  type FmuModelSummary,
  INTEGER_RANGE,
  isSettable,
  type ModelVariable,
  platformFolders,
  RemoteUnreachableError,
} from '../fmi/index.js';
import { isRunByOurs, type RemoteSource } from '../remote/index.js';
import {
  ExitCode,
  formatProblem,
  InvalidFileError,
  type Problem,
  type SourceLocation,
  TwinbridgeError,
} from '../support/errors.js';
import { didYouMean } from '../support/nearest.js';
import { checkConnectors } from './check-connectors.js';
import { composeSteps } from './conversion.js';
import type {
  DraftComponent,
  DraftConstraint,
  DraftNumberStep,
  DraftRecording,
  DraftStart,
  DraftStepControl,
  Located,
  SystemDraft,
} from './draft.js';
import { indexOfName } from './names.js';
import { readModelOf } from './read-model.js';
import { describeRole, PortResolver, UNREADABLE } from './resolve-ports.js';
import { toStartValues } from './start-value.js';
import {
  type Component,
  type Connection,
  isFunctionPort,
  type LoopSettings,
  matchPorts,
  outputPorts,
  type Port,
  portName,
  RECORD_FORMATS,
  type RecordFormat,
  type Recording,
  type Scenario,
  type ScenarioEvent,
  type StartAssignment,
  type StepConstraint,
  type StepControl,
  type System,
  sizeOf,
  splitPortName,
  variableAt,
} from './system.js';

export const DEFAULT_LOOPS: Omit<LoopSettings, 'atSteps'> = { tolerance: 1e-9, iterations: 100 };
/** What is done to a start value where the file says nothing else. */
const CONVERTED: readonly DraftNumberStep[] = [{ kind: 'unit', to: 'end', convert: true }];
/** A part of a step that counts as nothing: decimal fractions are not exact in binary. */
const STEP_TOLERANCE = 1e-6;

const NO_SIZES: ReadonlyMap<number, number> = new Map();

const NO_STEP: { readonly kind: 'fixed'; readonly size: Located<number> } = {
  kind: 'fixed',
  size: { value: 1, location: { file: '' } },
};

/** FMUs that are read at the same time: enough to keep a disk busy, and few open files. */
const READERS = 8;

/** Reads the FMUs and checks the draft against them. Throws {@link InvalidFileError} with every problem. */
export async function resolveSystem(draft: SystemDraft): Promise<System> {
  const resolver = new Resolver(draft);
  await resolver.readFmus();
  return resolver.resolve();
}

/** By path or URI; each is read or has failed. */
async function readModels(
  components: ReadonlyMap<string, DraftComponent>,
): Promise<ReadonlyMap<string, Promise<FmuModelSummary>>> {
  const waiting = [...components];
  const models = new Map<string, Promise<FmuModelSummary>>();
  const reader = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [fmu, component] = next;
      const model = readModelOf(fmu, component);
      models.set(fmu, model);
      await model.catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return models;
}

class Resolver {
  readonly #draft: SystemDraft;
  readonly #problems: Problem[];
  readonly #warnings: Problem[];
  /** By path; undefined: the FMU is unusable, its problems are reported. */
  readonly #fmus = new Map<string, FmuModelSummary | undefined>();
  /** Servers and brokers that would have to say what FMUs are. */
  readonly #unreachable: TwinbridgeError[] = [];
  /** Start values for variables that their component has not, by its name. */
  readonly #unknown = new Map<string, { readonly draft: DraftStart; readonly settable: readonly string[] }[]>();
  /** What the draft leaves to the FMUs is decided once they are read. */
  #stepControl: Exclude<DraftStepControl, { kind: 'by-fmus' }>;

  constructor(draft: SystemDraft) {
    this.#draft = draft;
    this.#problems = [...draft.problems];
    this.#warnings = [...(draft.warnings ?? [])];
    this.#stepControl = NO_STEP;
  }

  async readFmus(): Promise<void> {
    const first = new Map<string, DraftComponent>();
    for (const component of this.#draft.components) {
      if (component.fmu !== undefined && !first.has(component.fmu)) first.set(component.fmu, component);
    }
    const read = await readModels(new Map([...first].filter(([, { fmuFault }]) => fmuFault === undefined)));
    // What is wrong with them is reported in the order of the file, whichever was read first.
    for (const [fmu, component] of first) {
      const { fmuLocation, fmuFault } = component;
      if (fmuFault === undefined) this.#fmus.set(fmu, await this.#checkFmu(component, fmu, read.get(fmu)!));
      else {
        this.#fmus.set(fmu, undefined);
        this.#report(fmuLocation, fmuFault.message, fmuFault.remedy);
      }
    }
    this.#checkPlatforms();
    this.#stepControl = this.#chosenStepControl();
  }

  resolve(): System {
    const { file, start, stop, functions: draftFunctions = [], scenario } = this.#draft;
    const components = this.#components();
    const functions = draftFunctions.map(({ location: _, ...definition }) => definition);
    this.#warnOfUnknown();
    this.#checkNames();
    const ports = new PortResolver(components, functions, this.#problems, this.#warnings);
    const connections = ports.connections(this.#draft.connections);
    const { algorithm = 'jacobi' } = this.#draft;
    const system: System = {
      file,
      components,
      functions,
      connections,
      algorithm,
      // Jacobi by itself is explicit: a value takes a step through each component.
      loops: { ...DEFAULT_LOOPS, atSteps: algorithm === 'gauss-seidel', ...this.#draft.loops },
      stepping: this.#stepping(ports),
      threads: this.#draft.threads ?? 1,
      start,
      ...(stop === undefined ? {} : { stop: stop.value }),
      pace: this.#draft.pace ?? 'fast',
      late: this.#draft.late ?? 'catch-up',
      recordings: this.#recordings(components, connections),
      ...(scenario === undefined ? {} : { scenario: this.#scenario(scenario, ports) }),
      warnings: this.#warnings,
    };
    this.#checkExperiment();
    if (this.#problems.length === 0) return system;
    const all = new InvalidFileError(file, this.#problems.sort(byPlace));
    if (this.#unreachable.length < this.#problems.length) throw all;
    // Nothing is wrong with the file.
    const { details, remedy } = this.#unreachable[0]!;
    throw new RemoteUnreachableError(
      this.#problems.map(({ location, message }) => formatProblem({ location, message })).join('\n'),
      {
        details,
        cause: all,
        ...(all.location === undefined ? {} : { location: all.location }),
        ...(remedy === undefined ? {} : { remedy }),
      },
    );
  }

  // -- Components -----------------------------------------------------------------------------------------------------

  async #checkFmu(
    component: DraftComponent,
    file: string,
    reading: Promise<FmuModelSummary>,
  ): Promise<FmuModelSummary | undefined> {
    const { fmuName: path = file, fmuLocation: location } = component;
    try {
      const fmu = await reading;
      if (fmu.model.modelIdentifier === undefined) {
        const message = `${path} offers model exchange only, not co-simulation`;
        this.#report(location, message, 'export the FMU for co-simulation, with a solver in it');
        return undefined;
      }
      return fmu;
    } catch (error) {
      const named = (text: string) => (path === file ? text : text.replaceAll(file, path));
      if (error instanceof InvalidFileError) {
        this.#problems.push(
          ...error.problems.map((problem) => ({
            ...problem,
            location: { ...problem.location, file: named(problem.location.file) },
          })),
        );
      } else if (error instanceof TwinbridgeError) {
        if (error.exitCode === ExitCode.brokerUnreachable) this.#unreachable.push(error);
        this.#report(location, named(error.message), error.remedy);
      } else throw error;
      return undefined;
    }
  }

  /** Of an FMU that is run elsewhere, other platforms are the server's to know. */
  #checkPlatforms(): void {
    const seen = new Set<string>();
    for (const { fmu = '', fmuName: path = fmu, fmuLocation, remote } of this.#draft.components) {
      const summary = this.#fmus.get(fmu);
      if (summary === undefined || seen.has(fmu) || (remote !== undefined && !isRunByOurs(remote))) continue;
      seen.add(fmu);
      const folders = platformFolders(process.platform, process.arch, summary.model.fmi);
      if (summary.platforms.some((platform) => folders.includes(platform))) continue;
      const present = summary.platforms.length === 0 ? 'none' : summary.platforms.join(', ');
      this.#report(
        fmuLocation,
        `${path} has no library for ${folders[0]}, it has ${present}`,
        'export it for this platform',
      );
      this.#fmus.set(fmu, undefined);
    }
  }

  #components(): Component[] {
    const seen = new Set<string>();
    return this.#draft.components.map((draft): Component => {
      const { name, fmu = '', remote, deadline, logging } = draft;
      const read = this.#fmus.get(fmu)?.model ?? UNREADABLE;
      const model = remote === undefined || read === UNREADABLE ? read : asOffered(read, remote);
      // An FMU that allows one instance in a process gets a process for each further one; a remote one has one anyway.
      const isFurther = remote === undefined && model.capabilities.oncePerProcess && seen.has(fmu);
      if (remote === undefined) seen.add(fmu);
      if (remote !== undefined && draft.isolate === true) {
        const message = `'${name}' is isolated, but its FMU is not run here: ${remote.uri}`;
        this.#report(draft.fmuLocation, message, 'leave out isolate: a remote FMU is in a process of its own');
      }
      this.#checkLogging(draft, model);
      // By variable: what the file says last counts.
      const start = new Map<number, StartAssignment>();
      const sizes = this.#sizes(draft, model, start);
      for (const one of draft.start) {
        for (const assignment of this.#start(draft, model, sizes, one, false))
          start.set(assignment.variable, assignment);
      }
      if (model !== UNREADABLE) this.#warnings.push(...checkConnectors(draft, model, sizes));
      return {
        name,
        fmu,
        ...(remote === undefined ? {} : { remote }),
        model,
        start: [...start.values()],
        sizes,
        every: this.#every(draft),
        isolate: (draft.isolate === true && remote === undefined) || isFurther,
        ...(deadline === undefined ? {} : { deadline }),
        ...(logging === undefined ? {} : { logging: logging.categories }),
      };
    });
  }

  /** One warning for each component: a set of parameters may be made for many components, each of which has but a few. */
  #warnOfUnknown(): void {
    for (const [owner, all] of this.#unknown) {
      const shown = all.slice(0, 3).map(({ draft: { variable }, settable }) => {
        return `'${variable}'${didYouMean(variable, settable)}`;
      });
      const more = all.length > shown.length ? ` and ${all.length - shown.length} more` : '';
      const message = `'${owner}' has no variable ${shown.join(', ')}${more}: start values are ignored`;
      this.#warnings.push({ message, location: all[0]!.draft.nameLocation });
    }
  }

  #checkNames(): void {
    const seen = new Set<string>();
    const functions = this.#draft.functions ?? [];
    for (const { name, location } of [
      ...this.#draft.components.map(({ name, fmuLocation }) => ({ name, location: fmuLocation })),
      ...functions,
    ]) {
      if (seen.has(name)) this.#report(location, `two components or functions are named '${name}'`);
      seen.add(name);
    }
  }

  #checkLogging({ name, logging }: DraftComponent, model: FmuModel): void {
    if (logging === undefined || logging.categories === 'all' || model === UNREADABLE) return;
    // FMI 1.0 has categories without declaring them.
    if (model.fmi === '1.0') return;
    const known = model.logCategories.map((category) => category.name);
    for (const category of logging.categories) {
      if (known.includes(category)) continue;
      this.#report(
        logging.location,
        `'${name}' has no log category '${category}'${didYouMean(category, known)}`,
        known.length === 0 ? 'the FMU declares none' : `it has ${known.join(', ')}`,
      );
    }
  }

  /** Number of elements of arrays; the start values of structural parameters go to `start`, since they come first. */
  #sizes(draft: DraftComponent, model: FmuModel, start: Map<number, StartAssignment>): ReadonlyMap<number, number> {
    if (!hasArrays(model)) return NO_SIZES;
    const sizes = new Map<number, number>();
    const structural = new Map<number, number>();
    for (const [index, variable] of model.variables.entries()) {
      if (variable.causality !== 'structuralParameter') continue;
      const given = draft.start.filter((one) => one.variable === variable.name);
      const assignment = given.flatMap((one) => this.#start(draft, model, sizes, one, true)).at(-1);
      if (assignment !== undefined) start.set(index, assignment);
      structural.set(variable.valueReference, Number((assignment?.values ?? variable.start)?.[0] ?? 0));
      if (assignment === undefined && variable.start === undefined) {
        this.#report(draft.fmuLocation, `structural parameter '${draft.name}.${variable.name}' has no start value`);
      }
    }
    const length = (size: Dimension) =>
      'start' in size ? Number(size.start) : (structural.get(size.valueReference) ?? 0);
    for (const [index, { dimensions }] of model.variables.entries()) {
      if (dimensions.length > 0)
        sizes.set(
          index,
          dimensions.reduce((product, size) => product * length(size), 1),
        );
    }
    return sizes;
  }

  #start(
    owner: DraftComponent,
    model: FmuModel,
    sizes: ReadonlyMap<number, number>,
    draft: DraftStart,
    structural: boolean,
  ): StartAssignment[] {
    if (model === UNREADABLE) return [];
    const report = (location: SourceLocation, message: string, remedy?: string) => {
      if (draft.ifUnusable === 'warn') this.#warnings.push({ message: `${message}; it is left as it is`, location });
      else this.#report(location, message, remedy);
      return [];
    };
    const index = indexOfName(model.variables, draft.variable);
    const variable = model.variables[index];
    if (variable === undefined) {
      if (structural) return [];
      const settable = model.variables.filter(isSettable).map(({ name }) => name);
      if (draft.ifUnknown === 'warn') {
        this.#unknown.set(owner.name, [...(this.#unknown.get(owner.name) ?? []), { draft, settable }]);
        return [];
      }
      return report(
        draft.nameLocation,
        `'${owner.name}' has no variable '${draft.variable}'${didYouMean(draft.variable, settable)}`,
      );
    }
    if ((variable.causality === 'structuralParameter') !== structural) return [];
    const name = `${owner.name}.${variable.name}`;
    if (!isSettable(variable)) {
      return report(draft.nameLocation, `'${name}' cannot be given a start value: ${describeRole(variable)}`);
    }
    const values = toStartValues({
      name,
      model,
      variable,
      size: sizes.get(index) ?? 1,
      value: this.#inUnitOf(model, variable, draft),
      lexical: draft.lexical === true,
    });
    if ('fault' in values) return report(draft.valueLocation, values.fault);
    return [{ variable: index, values }];
  }

  /** The value as the variable takes it: in its unit, where the file gives it in another, and scaled. */
  #inUnitOf(model: FmuModel, variable: ModelVariable, draft: DraftStart): unknown {
    const { value, unit, steps = CONVERTED, lexical, valueLocation } = draft;
    if (unit === undefined && steps === CONVERTED) return value;
    const find = (name: string) => model.units.find((definition) => definition.name === name) ?? { name };
    const isDefined = typeof unit === 'object' && unit.baseUnit !== undefined;
    const first = unit === undefined || isDefined ? unit : find(typeof unit === 'string' ? unit : unit.name);
    const last = variable.unit === undefined ? undefined : find(variable.unit);
    const { factor, offset, faults } = composeSteps(steps, first, last);
    for (const { from, to, fault } of faults) {
      const units =
        from === first && to === last
          ? `the value is in ${from.name}, '${variable.name}' in ${to.name}`
          : `${from.name} and ${to.name}, on the way to '${variable.name}'`;
      if (fault === 'incompatible') this.#report(valueLocation, `units do not go together: ${units}`);
      else this.#warnings.push({ message: `${units}, and it is taken as it is`, location: valueLocation });
    }
    if (factor === 1 && offset === 0) return value;
    const convert = (one: unknown): unknown => {
      const number = lexical === true && typeof one === 'string' ? Number(one) : one;
      // What is no number is reported by its type.
      return typeof number === 'number' || typeof number === 'bigint' ? factor * Number(number) + offset : one;
    };
    const words =
      lexical === true && typeof value === 'string' && variable.dimensions.length > 0
        ? value.trim().split(/\s+/)
        : value;
    return Array.isArray(words) ? words.map(convert) : convert(words);
  }

  /** How many steps of the system make one of the component. */
  #every({ name, step, roundsStep }: DraftComponent): number {
    if (step === undefined) return 1;
    const stepping = this.#stepControl;
    if (stepping.kind !== 'fixed') {
      this.#report(step.location, `'${name}' has a step size of its own, which needs a fixed step size of the system`);
      return 1;
    }
    this.#checkPositive(step, `the step size of '${name}'`);
    const base = stepping.size.value;
    const ratio = step.value / base;
    const rounded = Math.max(1, Math.floor(ratio + STEP_TOLERANCE));
    if (Math.abs(ratio - rounded) > STEP_TOLERANCE * rounded) {
      const fault = `the step size of '${name}', ${step.value} s, is no multiple of the system's, ${base} s`;
      if (roundsStep === true) {
        this.#warnings.push({
          message: `${fault}: it makes steps of ${readable(rounded * base)} s`,
          location: step.location,
        });
      } else {
        this.#report(step.location, fault, `choose ${readable(rounded * base)} or ${readable((rounded + 1) * base)}`);
      }
    }
    return rounded;
  }

  // -- How to run it ------------------------------------------------------------------------------------------------

  #chosenStepControl(): Exclude<DraftStepControl, { kind: 'by-fmus' }> {
    const { stepping, start, stop, components } = this.#draft;
    if (stepping.kind !== 'by-fmus') return stepping;
    const { parts, location, remedy } = stepping;
    const given = components.flatMap(({ name, fmu }) => {
      const size = this.#fmus.get(fmu ?? '')?.model.defaultExperiment?.stepSize;
      return size === undefined || !(size > 0) ? [] : [{ name, size }];
    });
    const smallest = given.sort((a, b) => a.size - b.size)[0];
    const duration = stop === undefined ? Number.NaN : stop.value - start;
    if (smallest === undefined && !(duration > 0)) {
      const isRead = components.every(({ fmu }) => this.#fmus.get(fmu ?? '') !== undefined);
      if (isRead) this.#report(location, 'there is no step size, neither here nor in the FMUs', remedy);
      return NO_STEP;
    }
    const value = smallest?.size ?? readable(duration / parts);
    const source = smallest === undefined ? `a ${parts}th of the run` : `that of the FMU of '${smallest.name}'`;
    const message = `there is no step size here: ${value} s is taken, ${source}`;
    this.#warnings.push({ message, location, remedy });
    return { kind: 'fixed', size: { value, location } };
  }

  #stepping(ports: PortResolver): StepControl {
    const stepping = this.#stepControl;
    if (stepping.kind === 'fixed') {
      this.#checkPositive(stepping.size, 'the step size');
      return { kind: 'fixed', size: stepping.size.value };
    }
    const [minimum, maximum] = [stepping.minimum.value, stepping.maximum.value];
    this.#checkPositive(stepping.minimum, 'the smallest step size');
    if (maximum < minimum) {
      const message = `the greatest step size, ${maximum} s, is less than the smallest, ${minimum} s`;
      this.#report(stepping.maximum.location, message);
    }
    this.#checkCanVary(stepping.maximum.location);
    if (stepping.kind === 'data') {
      const { value: name, location } = stepping.component;
      const component = indexOfName(ports.components, name);
      if (component < 0) {
        const names = ports.components.map((candidate) => candidate.name);
        this.#report(location, `unknown component '${name}'${didYouMean(name, names)}`);
      }
      return { kind: 'data', component: Math.max(0, component), minimum, maximum };
    }
    const initial = stepping.initial.value;
    if (minimum <= maximum && (initial < minimum || initial > maximum)) {
      const message = `the first step size, ${initial} s, is not between ${minimum} and ${maximum} s`;
      this.#report(stepping.initial.location, message);
    }
    const { tolerance } = stepping;
    const constraints = stepping.constraints.flatMap((constraint) => this.#constraint(constraint, ports));
    if (tolerance !== undefined) {
      for (const { name, model } of ports.components) {
        if (model.capabilities.getAndSetState) continue;
        const message = `the step size cannot be chosen by the error: '${name}' cannot go back, it does not save its state`;
        this.#report(stepping.maximum.location, message, 'use constraints, or a fixed step size');
      }
    }
    return {
      kind: 'variable',
      minimum,
      maximum,
      initial,
      ...(tolerance === undefined ? {} : { tolerance }),
      constraints,
    };
  }

  #checkCanVary(location: SourceLocation): void {
    for (const { name, fmu } of this.#draft.components) {
      const model = this.#fmus.get(fmu ?? '')?.model;
      if (model === undefined || model.capabilities.variableStepSize) continue;
      this.#report(location, `'${name}' cannot handle steps of different sizes`, 'use a fixed step size');
    }
  }

  #constraint(draft: DraftConstraint, ports: PortResolver): StepConstraint[] {
    if (draft.kind === 'fmu-max-step-size') return [{ kind: draft.kind, name: draft.name }];
    if (draft.kind === 'sampling-rate') {
      const { kind, name, base, rate, start } = draft;
      return [{ kind, name, base, rate, start }];
    }
    const found = draft.ports.map((port) => ports.port(port));
    if (found.some((port) => port === undefined)) return [];
    const resolved = found as Port[];
    for (const port of resolved) {
      const { type } = variableAt(ports, port);
      if (type === 'String' || type === 'Binary' || type === 'Clock' || sizeOf(ports, port) !== 1) {
        this.#report(draft.location, `constraint '${draft.name}': '${portName(ports, port)}' is no number`);
      }
    }
    if (draft.kind === 'zero-crossing') {
      const { kind, name, order = 2, safety = 0, tolerance } = draft;
      return [{ kind, name, ports: resolved, order, safety, ...(tolerance === undefined ? {} : { tolerance }) }];
    }
    const { kind, name, absolute, relative, safety = 0, skipDiscrete = true } = draft;
    return [
      {
        kind,
        name,
        ports: resolved,
        safety,
        skipDiscrete,
        ...(absolute === undefined ? {} : { absolute }),
        ...(relative === undefined ? {} : { relative }),
      },
    ];
  }

  #scenario({ events, end }: NonNullable<SystemDraft['scenario']>, ports: PortResolver): Scenario {
    const resolved = events.flatMap(({ time, port: draft, action, value, lexical, location }): ScenarioEvent[] => {
      const port = ports.port(draft);
      if (port === undefined) return [];
      const { model } = ports.components[port.component]!;
      const variable = variableAt(ports, port);
      const name = portName(ports, port);
      const fail = (message: string, remedy?: string) => {
        this.#report(location, message, remedy);
        return [];
      };
      const { causality, variability, type } = variable;
      if (causality !== 'input' && causality !== 'output' && variability !== 'tunable') {
        return fail(
          `'${name}' is ${describeRole(variable)}`,
          'a scenario changes inputs, outputs and tunable parameters',
        );
      }
      if (sizeOf(ports, port) !== 1) return fail(`'${name}' is an array`, `name one element, from 0: ${name}[0]`);
      if (action === 'reset') return [{ time, port, action }];
      if (value === undefined) return fail(`the event at ${time} s lacks a value`);
      if (action === 'bias' && !(type in INTEGER_RANGE) && type !== 'Float32' && type !== 'Float64') {
        return fail(`'${name}' is of type ${type}, to which nothing can be added`);
      }
      // What is added is not bound by the limits of the sum.
      const { min: _, max: __, ...unbounded } = variable;
      const values = toStartValues({
        name,
        model,
        variable: action === 'bias' ? unbounded : variable,
        size: 1,
        value,
        lexical: lexical === true,
      });
      if ('fault' in values) return fail(values.fault);
      const [first] = values;
      return [{ time, port, action, value: typeof first === 'bigint' ? Number(first) : first! }];
    });
    resolved.sort((a, b) => a.time - b.time);
    return { events: resolved, ...(end === undefined ? {} : { end }) };
  }

  // -- Results ------------------------------------------------------------------------------------------------------

  #recordings(components: readonly Component[], connections: readonly Connection[]): Recording[] {
    const { recordings = [] } = this.#draft;
    if (recordings.length === 0) {
      return [{ format: 'csv', variables: outputPorts({ components }), every: 1 }];
    }
    this.#checkFiles(recordings);
    return recordings.map(({ file, format, variables, connected, every = 1, roll }: DraftRecording) => ({
      ...(file === undefined ? {} : { file }),
      format: format ?? formatOf(file),
      variables:
        variables === undefined
          ? outputPorts({ components })
          : this.#recorded(components, variables, connected === true ? connections : []),
      every,
      ...(roll === undefined ? {} : { roll }),
    }));
  }

  #checkFiles(recordings: readonly DraftRecording[]): void {
    const seen = new Set<string>();
    for (const { file } of recordings) {
      if (file === undefined) continue;
      if (seen.has(file)) this.#report({ file: this.#draft.file }, `two recordings go to ${file}`);
      seen.add(file);
    }
  }

  #recorded(
    components: readonly Component[],
    patterns: readonly Located<string>[],
    connections: readonly Connection[],
  ): Port[] {
    const system = { components };
    const ports = new Map<string, Port>();
    for (const { from } of connections) {
      if (!isFunctionPort(from)) ports.set(portName(system, from), from);
    }
    // A component whose FMU cannot be read matches nothing, and is a problem already.
    const unreadable = new Set(components.filter(({ model }) => model === UNREADABLE).map(({ name }) => name));
    for (const { value: pattern, location } of patterns) {
      const matches = matchPorts(system, pattern);
      const { owner } = splitPortName(pattern, unreadable);
      const blind = unreadable.size > 0 && (pattern.includes('*') || unreadable.has(owner));
      if (matches.length === 0 && !blind) {
        const outputs = outputPorts(system).map((port) => portName(system, port));
        this.#report(location, `nothing to record is named '${pattern}'${didYouMean(pattern, outputs)}`);
      }
      for (const port of matches) {
        const name = portName(system, port);
        if (/password$/i.test(name)) this.#report(location, `'${name}' is a secret, and no secret goes into results`);
        else ports.set(name, port);
      }
    }
    return [...ports.values()];
  }

  #checkExperiment(): void {
    const stepping = this.#stepControl;
    const { start, stop } = this.#draft;
    if (!Number.isFinite(start)) this.#report({ file: this.#draft.file }, `the start time is ${start} s`);
    if (stop === undefined) return;
    if (!Number.isFinite(stop.value)) {
      this.#report(stop.location, `the stop time is ${stop.value} s`, 'leave it out to run until stopped');
      return;
    }
    if (stop.value <= start) {
      this.#report(stop.location, `stop (${stop.value} s) must be later than start (${start} s)`);
      return;
    }
    if (stepping.kind !== 'fixed') return;
    const { value: size, location } = stepping.size;
    const steps = (stop.value - start) / size;
    if (Math.abs(steps - Math.round(steps)) > STEP_TOLERANCE) {
      const end = start + Math.floor(steps) * size;
      const message = `the duration is no multiple of the step ${size} s: the run ends at ${readable(end)} s`;
      this.#warnings.push({ message, location });
    }
  }

  #checkPositive({ value, location }: Located<number>, what: string): void {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
      this.#report(location, `${what} is ${value} s, it must be greater than 0`);
    }
  }

  #report(location: SourceLocation, message: string, remedy?: string): void {
    this.#problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
  }
}

function formatOf(file: string | undefined): RecordFormat {
  const extension = extname(file ?? '')
    .slice(1)
    .toLowerCase();
  return RECORD_FORMATS.find((format) => format === extension) ?? 'csv';
}

/** Without the last digits, which come from decimal fractions that are not exact in binary. */
function readable(value: number): number {
  return Number(value.toPrecision(12));
}

/** In the file's order, as one reads it. */
function byPlace({ location: a }: Problem, { location: b }: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** What the FMU can do where it is: FMU-proxy has no states. */
const offered = new WeakMap<FmuModel, FmuModel>();

function asOffered(model: FmuModel, { kind }: RemoteSource): FmuModel {
  if (kind !== 'fmu-proxy') return model;
  const known = offered.get(model);
  if (known !== undefined) return known;
  const capabilities = { ...model.capabilities, getAndSetState: false, serializeState: false };
  const made = { ...model, capabilities };
  offered.set(model, made);
  return made;
}

/** By model: the same for all its instances. */
const arrays = new WeakMap<FmuModel, boolean>();

/** Or structural parameters, which tell how long arrays are. */
function hasArrays(model: FmuModel): boolean {
  const known = arrays.get(model);
  if (known !== undefined) return known;
  const has = model.variables.some(
    ({ causality, dimensions }) => causality === 'structuralParameter' || dimensions.length > 0,
  );
  arrays.set(model, has);
  return has;
}
