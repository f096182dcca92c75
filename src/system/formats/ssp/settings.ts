/**
 * What a system has beyond SSP, as the text of a system file: functions, how to step and to run, results.
 *
 * It is complete as such, but for start values and the connections that SSP has words for.
 */
import { dirname, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import {
  type Component,
  type Connection,
  isFunctionPort,
  outputPorts,
  type Port,
  portName,
  type Recording,
  type StepConstraint,
  type System,
  type SystemFunction,
  terminalName,
} from '../../system.js';

type Entry = Readonly<Record<string, unknown>>;

/** undefined: SSP says it all. `file` is the archive: paths are relative to its folder; `fmus` are in it, by path. */
export function settingsOf(system: System, file: string, fmus: ReadonlyMap<string, string>): string | undefined {
  const { components, functions, algorithm, loops, stepping, pace, late, scenario } = system;
  const logging = components.flatMap(({ name, logging }) => (logging === undefined ? [] : [[name, logging] as const]));
  const extra = without({
    functions: functions.length === 0 ? undefined : Object.fromEntries(functions.map(functionEntry)),
    connections: nonEmpty(system.connections.filter(isWithFunction).map((one) => connectionEntry(system, one))),
    algorithm: algorithm === 'jacobi' ? undefined : algorithm,
    loops: isDefault(loops, { tolerance: 1e-9, iterations: 100, atSteps: true }) ? undefined : loops,
    pace: pace === 'fast' ? undefined : pace,
    late: late === 'catch-up' ? undefined : late,
    record: recordEntries(system, dirname(resolve(file))),
    scenario: scenario && {
      events: scenario.events.map(({ time, port, action, value }) =>
        without({ time, set: portName(system, port), action, value }),
      ),
      ...without({ end: scenario.end }),
    },
    logging:
      logging.length === 0
        ? undefined
        : Object.fromEntries(logging.map(([name, given]) => [name, given === 'all' ? true : given])),
  });
  const isPlain = components.every(({ isolate, deadline }) => !isolate && deadline === undefined);
  if (Object.keys(extra).length === 0 && isPlain && stepping.kind === 'fixed') return undefined;
  const value = {
    twinbridge: 'system',
    components: Object.fromEntries(components.map((component) => [component.name, componentEntry(component, fmus)])),
    ...extra,
    step: stepEntry(system),
  };
  // In one line: it becomes an attribute.
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, singleQuote: true }).trim();
}

function isWithFunction({ from, to }: Connection): boolean {
  return isFunctionPort(from) || isFunctionPort(to);
}

function componentEntry({ fmu, isolate, deadline }: Component, fmus: ReadonlyMap<string, string>): Entry {
  return without({ fmu: fmus.get(fmu) ?? fmu, isolate: isolate ? true : undefined, deadline });
}

function functionEntry({ name, kind, factor, offset, inputs, dimension }: SystemFunction): [string, Entry] {
  if (kind === 'linear') return [name, { type: kind, factor, offset }];
  return [name, { type: kind, inputs, ...(kind === 'sum' ? {} : { dimension }) }];
}

function connectionEntry(system: System, { from, to, factor, offset }: Connection): Entry {
  return {
    from: terminalName(system, from),
    to: terminalName(system, to),
    ...(factor === 1 && offset === 0 ? {} : { factor, offset }),
    units: 'ignore',
  };
}

function stepEntry(system: System): unknown {
  const { stepping } = system;
  if (stepping.kind === 'fixed') return stepping.size;
  const { minimum: min, maximum: max } = stepping;
  if (stepping.kind === 'data') return { data: system.components[stepping.component]!.name, min, max };
  const { initial, tolerance, constraints } = stepping;
  return without({
    min,
    max,
    initial,
    tolerance,
    constraints:
      constraints.length === 0
        ? undefined
        : Object.fromEntries(constraints.map((constraint) => [constraint.name, constraintEntry(system, constraint)])),
  });
}

function constraintEntry(system: System, { name: _, kind, ...rest }: StepConstraint): Entry {
  const { ports, ...others } = rest as { readonly ports?: readonly Port[] };
  return without({ type: kind, ports: ports?.map((port) => portName(system, port)), ...others });
}

/** undefined: one without a file, of all outputs. */
function recordEntries(system: System, folder: string): readonly Entry[] | undefined {
  const names = (ports: readonly Port[]) => ports.map((port) => portName(system, port));
  const all = names(outputPorts(system)).join('\n');
  const entries = system.recordings.map(({ file, format, variables, every, roll }: Recording) => {
    const { bytes, ...limits } = roll ?? {};
    return without({
      file: file === undefined ? undefined : relative(folder, file).replaceAll('\\', '/'),
      format: file === undefined && format === 'csv' ? undefined : format,
      variables: names(variables).join('\n') === all ? undefined : names(variables),
      every: every === 1 ? undefined : every,
      roll: roll && without({ ...limits, megabytes: bytes === undefined ? undefined : bytes / 1e6 }),
    });
  });
  const isAll = entries.length === 1 && Object.keys(entries[0]!).length === 0;
  return isAll ? undefined : entries;
}

function without(entry: Entry): Entry {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
}

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function isDefault<T extends object>(value: T, expected: T): boolean {
  return (Object.keys(expected) as (keyof T)[]).every((key) => value[key] === expected[key]);
}
