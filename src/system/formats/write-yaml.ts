/** Writes the system file (yaml.ts): read again, it is the same system. */
import { writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { Document, isCollection } from 'yaml';
import type { Fmi3StartValue, ModelVariable } from '../../fmi/index.js';
import { formatRemoteSource, relativeReference } from '../../remote/index.js';
import { InvalidInputError, type Problem } from '../../support/errors.js';
import { composeSteps } from '../conversion.js';
import { indicesByName } from '../names.js';
import { DEFAULT_LOOPS } from '../resolve.js';
import {
  type Component,
  type Connection,
  findPort,
  isFunctionPort,
  matchPorts,
  outputPorts,
  type Port,
  portName,
  RECORD_FORMATS,
  type Recording,
  type StepConstraint,
  type System,
  type SystemFunction,
  splitPortName,
  type Terminal,
  terminalName,
  variableAt,
} from '../system.js';
import { keepFmus } from './keep-fmus.js';

/** A system that the file has no words for. */
export class NotExpressibleError extends InvalidInputError {
  override readonly code = 'TB_SYSTEM_NOT_EXPRESSIBLE';
}

/** Longest line, as far as values can be parted. */
const LINE_WIDTH = 120;
/** More start values stand on a line each. */
const VALUES_A_LINE = 4;

/**
 * Writes `file`, which paths are relative to, and which is replaced. FMUs that were in an archive are put into the folder
 * `fmus` beside it.
 */
export async function writeSystemYaml(
  system: System,
  file: string,
): Promise<{ readonly warnings: readonly Problem[] }> {
  const lasting = await keepFmus(system, join(dirname(resolve(file)), 'fmus'));
  await writeFile(file, formatSystemYaml(lasting, file));
  return { warnings: [] };
}

/** The text of the file. Throws {@link NotExpressibleError} if a name would be read as another. */
export function formatSystemYaml(system: System, file: string): string {
  const document = new Document(new YamlOfSystem(system, dirname(resolve(file))).content());
  for (const path of [...flowPaths(system), ...recordPaths(system)]) {
    const node = document.getIn(path, true);
    if (isCollection(node)) node.flow = true;
  }
  return `# from ${basename(system.file)}\n${document.toString({ lineWidth: LINE_WIDTH, singleQuote: true })}`;
}

/** What the file holds, in its order; same errors. */
export function systemYamlContent(system: System, file: string): ReadonlyMap<string, unknown> {
  return new YamlOfSystem(system, dirname(resolve(file))).content();
}

type Entries = Map<string, unknown>;

/** A mapping, in this order, without what is undefined. */
function entries(content: Readonly<Record<string, unknown>>): Entries {
  return new Map(Object.entries(content).filter(([, value]) => value !== undefined));
}

/** What is left out where it is the default. */
function unless<T>(value: T, usual: T): T | undefined {
  return Object.is(value, usual) ? undefined : value;
}

class YamlOfSystem {
  readonly #system: System;
  readonly #folder: string;

  constructor(system: System, folder: string) {
    this.#system = system;
    this.#folder = folder;
  }

  content(): Entries {
    const { components, functions, connections, algorithm, threads, start, stop, pace, late, scenario } = this.#system;
    const logging = components.flatMap(({ name, logging }): [string, unknown][] =>
      logging === undefined ? [] : [[name, logging === 'all' ? true : logging]],
    );
    return entries({
      twinbridge: 'system',
      components: this.#named(components, (component) => this.#component(component)),
      functions: functions.length === 0 ? undefined : this.#named(functions, functionEntry),
      connections: connections.length === 0 ? undefined : connections.map((one) => this.#connection(one)),
      algorithm: unless(algorithm, 'jacobi'),
      loops: this.#loops(),
      threads: unless(threads, 1),
      step: this.#step(),
      start: unless(start, 0),
      stop,
      pace: pace === 1 ? 'realtime' : unless(pace, 'fast'),
      late: unless(late, 'catch-up'),
      record: this.#record(),
      scenario:
        scenario === undefined
          ? undefined
          : entries({
              events: scenario.events.map(({ time, port, value, action }) =>
                entries({ time, set: this.#port(port), value, action: unless(action, 'override') }),
              ),
              end: scenario.end,
            }),
      logging: logging.length === 0 ? undefined : new Map(logging),
    });
  }

  #named<T extends { readonly name: string }>(list: readonly T[], toEntry: (one: T) => unknown): Entries {
    for (const { name } of list) {
      if (/^\S(.*\S)?$/.test(name)) continue;
      throw new NotExpressibleError(`a system file has no component named ${JSON.stringify(name)}`, {
        details: { name },
        remedy: 'names have no blanks at their ends, and no line breaks',
      });
    }
    return new Map(list.map((one) => [one.name, toEntry(one)]));
  }

  // -- Components -----------------------------------------------------------------------------------------------------

  #component(component: Component): Entries {
    const { fmu, remote, start, every, isolate, deadline, model } = component;
    const { stepping } = this.#system;
    const values = start.map(({ variable, values }): [string, unknown] => {
      const definition = model.variables[variable]!;
      const written = values.map((value) => spell(value, definition, component));
      return [definition.name, definition.dimensions.length === 0 ? written[0] : written];
    });
    return entries({
      fmu: remote === undefined ? this.#localPath(fmu) : formatRemoteSource(remote, this.#path(fmu)),
      start: values.length === 0 ? undefined : new Map(values),
      step: every !== 1 && stepping.kind === 'fixed' ? every * stepping.size : undefined,
      isolate: unless(isolate, false),
      deadline,
    });
  }

  /** Relative to the file. */
  #path(path: string): string {
    return relativeReference(this.#folder, path);
  }

  /** Never taken for a URI. */
  #localPath(path: string): string {
    const found = this.#path(path);
    return /^[a-z][a-z0-9+.-]+:/i.test(found) ? `./${found}` : found;
  }

  // -- Connections ----------------------------------------------------------------------------------------------------

  #connection({ from, to, factor, offset, table }: Connection): unknown {
    const [source, target] = [this.#terminal(from), this.#terminal(to)];
    const usual = this.#usualConversion(from, to);
    const isUsual = usual !== undefined && usual.factor === factor && usual.offset === offset;
    if (isUsual && table === undefined && !/\s|->/.test(source + target)) return `${source} -> ${target}`;
    return entries({
      from: source,
      to: target,
      ...(isUsual ? {} : { factor: unless(factor, 1), offset: offset === 0 ? undefined : offset, units: 'ignore' }),
      map: table?.map((pair) => this.#mapped(pair, from, to)),
    });
  }

  /** What is read where nothing is said; undefined if that is refused. */
  #usualConversion(from: Terminal, to: Terminal): { factor: number; offset: number } | undefined {
    const way = composeSteps([{ kind: 'unit', to: 'end', convert: true }], this.#unit(from), this.#unit(to));
    return way.faults.some(({ fault }) => fault === 'incompatible') ? undefined : way;
  }

  #unit(terminal: Terminal) {
    if (isFunctionPort(terminal)) return undefined;
    const { unit } = variableAt(this.#system, terminal);
    const { units } = this.#system.components[terminal.component]!.model;
    return unit === undefined ? undefined : (units.find(({ name }) => name === unit) ?? { name: unit });
  }

  /** A pair of a table: of items by name, of truth values, else of numbers. */
  #mapped([given, taken]: readonly [number, number], from: Terminal, to: Terminal): readonly unknown[] {
    if (isFunctionPort(from) || isFunctionPort(to)) return [given, taken];
    const ends = [from, to].map((port) => ({
      variable: variableAt(this.#system, port),
      component: this.#system.components[port.component]!,
    }));
    const types = ends.map(({ variable }) => variable.type);
    if (types.every((type) => type === 'Boolean')) return [given !== 0, taken !== 0];
    if (types.some((type) => type !== 'Enumeration')) return [given, taken];
    const names = [given, taken].map((value, index) => spell(value, ends[index]!.variable, ends[index]!.component));
    return names.every((name) => typeof name === 'string') ? names : [given, taken];
  }

  #terminal(terminal: Terminal): string {
    if (!isFunctionPort(terminal)) return this.#port(terminal);
    const name = terminalName(this.#system, terminal);
    this.#checkOwner(name, this.#system.functions[terminal.function]!.name);
    return name;
  }

  #port(port: Port): string {
    const name = portName(this.#system, port);
    this.#checkOwner(name, this.#system.components[port.component]!.name);
    const read = findPort(this.#system, name);
    const isSame =
      read?.component === port.component && read.variable === port.variable && read.element === port.element;
    if (!isSame) throw ambiguous(name);
    return name;
  }

  #checkOwner(name: string, owner: string): void {
    const { components, functions } = this.#system;
    const [some, others] = [indicesByName(components), indicesByName(functions)];
    const names = { has: (one: string) => some.has(one) || others.has(one) };
    if (splitPortName(name, names).owner !== owner) throw ambiguous(name);
  }

  // -- How to run it --------------------------------------------------------------------------------------------------

  #loops(): Entries | undefined {
    const { loops, algorithm } = this.#system;
    const given = entries({
      tolerance: unless(loops.tolerance, DEFAULT_LOOPS.tolerance),
      iterations: unless(loops.iterations, DEFAULT_LOOPS.iterations),
      atSteps: unless(loops.atSteps, algorithm === 'gauss-seidel'),
    });
    return given.size === 0 ? undefined : given;
  }

  #step(): unknown {
    const { stepping, components } = this.#system;
    if (stepping.kind === 'fixed') return stepping.size;
    const { minimum: min, maximum: max } = stepping;
    if (stepping.kind === 'data') return entries({ data: components[stepping.component]!.name, min, max });
    const { initial, tolerance, constraints } = stepping;
    return entries({
      min,
      max,
      initial,
      tolerance: tolerance === undefined ? undefined : entries({ ...tolerance }),
      constraints:
        constraints.length === 0
          ? undefined
          : new Map(constraints.map((constraint) => [constraint.name, this.#constraint(constraint)])),
    });
  }

  #constraint(constraint: StepConstraint): Entries {
    const { kind: type } = constraint;
    switch (constraint.kind) {
      case 'fmu-max-step-size':
        return entries({ type });
      case 'sampling-rate': {
        const { base, rate, start } = constraint;
        return entries({ type, base, rate, start: unless(start, 0) });
      }
      case 'zero-crossing': {
        const { ports, order, tolerance, safety } = constraint;
        const names = ports.map((port) => this.#port(port));
        return entries({ type, ports: names, order: unless(order, 2), tolerance, safety: unless(safety, 0) });
      }
      case 'bounded-difference': {
        const { ports, absolute, relative, safety, skipDiscrete } = constraint;
        return entries({
          type,
          ports: ports.map((port) => this.#port(port)),
          absolute,
          relative,
          safety: unless(safety, 0),
          skipDiscrete: unless(skipDiscrete, true),
        });
      }
    }
  }

  // -- Results --------------------------------------------------------------------------------------------------------

  #record(): unknown {
    const { recordings } = this.#system;
    const written = recordings.map((recording) => this.#recording(recording));
    if (written.length > 1) return written;
    return written[0] === undefined || written[0].size === 0 ? undefined : written[0];
  }

  #recording({ file, format, variables, every, roll }: Recording): Entries {
    const { bytes, ...limits } = roll ?? {};
    const extension = extname(file ?? '')
      .slice(1)
      .toLowerCase();
    const usual = RECORD_FORMATS.find((one) => one === extension) ?? 'csv';
    return entries({
      file: file === undefined ? undefined : this.#path(file),
      format: unless(format, usual),
      variables: this.#isAllOutputs(variables) ? undefined : variables.map((port) => this.#recorded(port)),
      every: unless(every, 1),
      roll:
        roll === undefined
          ? undefined
          : entries({ ...limits, megabytes: bytes === undefined ? undefined : bytes / 1e6 }),
    });
  }

  #isAllOutputs(variables: readonly Port[]): boolean {
    const names = (ports: readonly Port[]) => ports.map((port) => portName(this.#system, port)).join('\n');
    return names(variables) === names(outputPorts(this.#system));
  }

  /** A `*` in a name would stand for others too. */
  #recorded(port: Port): string {
    const name = this.#port(port);
    if (matchPorts(this.#system, name).length !== 1) throw ambiguous(name);
    return name;
  }
}

function functionEntry({ kind, inputs, dimension, factor, offset }: SystemFunction): Entries {
  if (kind === 'linear') return entries({ type: kind, factor: unless(factor, 1), offset: unless(offset, 0) });
  return entries({
    type: kind,
    inputs: unless(inputs, 2),
    dimension: kind === 'sum' ? undefined : unless(dimension, 3),
  });
}

/** An item by its name, if that is one. */
function spell(value: Fmi3StartValue, { type, declaredType }: ModelVariable, { model }: Component): unknown {
  if (type !== 'Enumeration') return value;
  const items = model.enumerations.find(({ name }) => name === declaredType)?.items ?? [];
  const item = items.find((one) => one.value === value);
  return item === undefined || items.find(({ name }) => name === item.name) !== item ? value : item.name;
}

function ambiguous(name: string): NotExpressibleError {
  return new NotExpressibleError(`in a system file '${name}' would be read as the name of something else`, {
    details: { name },
    remedy: 'rename the components: one name is the beginning of another',
  });
}

type Path = readonly (string | number)[];

/** Mappings and lists that stand on one line. */
function flowPaths({ components, functions, connections, stepping, scenario }: System): Path[] {
  return [
    ...components.flatMap(({ name, start }): Path[] => [
      ...(start.length === 0 ? [['components', name]] : []),
      ...(start.length <= VALUES_A_LINE ? [['components', name, 'start']] : []),
      ['logging', name],
    ]),
    ...components.flatMap(({ name, model, start }) =>
      start.map(({ variable }): Path => ['components', name, 'start', model.variables[variable]!.name]),
    ),
    ...functions.map(({ name }): Path => ['functions', name]),
    ...connections.map((_, index): Path => ['connections', index]),
    ['loops'],
    ...(stepping.kind === 'variable'
      ? [['step', 'tolerance'], ...stepping.constraints.map(({ name }): Path => ['step', 'constraints', name])]
      : [['step']]),
    ...(scenario?.events ?? []).map((_, index): Path => ['scenario', 'events', index]),
  ];
}

function recordPaths({ recordings }: System): Path[] {
  const roots: Path[] = recordings.length === 1 ? [['record']] : recordings.map((_, index) => ['record', index]);
  return roots.map((root) => [...root, 'roll']);
}
