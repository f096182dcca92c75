/** Systems written as YAML, of the FMUs of examples and tests, as simulations in the test's own thread or as whole runs. */
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { type AnyUnpackedFmu, openAnyFmu } from '#tb/fmi/index.js';
import {
  type RunError,
  type RunOptions,
  type RunReport,
  runSystem,
  Simulation,
  type SimulationOptions,
  type VariableValue,
} from '#tb/master/index.js';
import { type PreparedRemotes, prepareRemotes } from '#tb/remote/client/index.js';
import { findPort, matchPorts, parseSystemYaml, type System } from '#tb/system/index.js';
import {
  type ExampleName,
  exampleFmu,
  type FmuName,
  privateTemporaryFiles,
  TEST_FMUS,
  type TestFmuName,
  temporaryFolder,
  testFmu,
} from '../support/fmus.js';

export interface Master {
  /** Where the FMUs are, and where results go. */
  readonly folder: string;
  read(text: string): Promise<System>;
  /** Not yet initialised, with everything observed. Closed after the test. */
  create(system: string | System, options?: CreateOptions): Promise<Simulation>;
  /** At the first communication point. */
  start(system: string | System, options?: CreateOptions): Promise<Simulation>;
  run(system: string | System, options?: RunOptions): Promise<RunReport>;
  /** What a run that has to fail fails with. */
  failure(system: string | System, options?: RunOptions): Promise<RunError>;
}

export interface CreateOptions extends SimulationOptions {
  /** More lines to the targets of remote components. */
  readonly target?: string;
}

/** For one test file; after each of its tests nothing unpacked may be left. */
export function master(...fmus: readonly FmuName[]): Master {
  const folder = temporaryFolder();
  const leftBehind = privateTemporaryFiles();
  for (const name of fmus) pack(folder, name);
  const opened: AnyUnpackedFmu[] = [];
  const simulations: Simulation[] = [];
  const prepared: PreparedRemotes[] = [];
  afterEach(async () => {
    for (const simulation of simulations.splice(0)) simulation.close();
    for (const remotes of prepared.splice(0)) await remotes.close();
    for (const fmu of opened.splice(0)) await fmu.close();
    // A broker that the tests started has its folder there, too.
    expect(leftBehind().filter((name) => !name.startsWith('tb-rabbitmq-'))).toEqual([]);
  });
  const read = (text: string) => parseSystemYaml(join(folder, 'system.yaml'), `twinbridge: system\n${text}`);
  const toSystem = async (system: string | System) => (typeof system === 'string' ? read(system) : system);
  const create = async (given: string | System, { target = '', ...options }: CreateOptions = {}) => {
    const system = await toSystem(given);
    const folders = new Map<
      string,
      { file: string; directory: string; model: System['components'][number]['model'] }
    >();
    const remotes = await prepareRemotes(system.components);
    prepared.push(remotes);
    for (const { fmu, model, remote } of system.components) {
      if (folders.has(fmu) || remote !== undefined) continue;
      const unpacked = await openAnyFmu(fmu);
      opened.push(unpacked);
      folders.set(fmu, { file: fmu, directory: unpacked.directory, model });
    }
    const simulation = new Simulation(system, folders, {
      observe: matchPorts(system, '*'),
      remotes: new Map(
        [...remotes.places].map(([index, place]) => [index, { ...place, target: `${place.target}${target}` }]),
      ),
      ...options,
    });
    simulations.push(simulation);
    return simulation;
  };
  return {
    folder,
    read,
    create,
    start: async (system, options) => {
      const simulation = await create(system, options);
      simulation.initialize();
      return simulation;
    },
    run: async (system, options) => runSystem(await toSystem(system), options),
    failure: async (system, options) =>
      runSystem(await toSystem(system), options).then(
        () => {
          throw new Error('the run did not fail');
        },
        (error: RunError) => error,
      ),
  };
}

function pack(folder: string, name: FmuName): string {
  return (TEST_FMUS as readonly string[]).includes(name)
    ? testFmu(folder, name as TestFmuName)
    : exampleFmu(folder, name as ExampleName);
}

/** Steps, one or several, each of which has to be made. Rows of results are given up. */
export function step(simulation: Simulation, count: number = 1): void {
  const until = simulation.steps + count;
  while (simulation.steps < until) {
    const end = simulation.advance(until);
    if (end === 'ended') throw new Error(`'${simulation.endedBy}' ended the simulation at ${simulation.time} s`);
    for (const index of simulation.system.recordings.keys()) simulation.takeRows(index);
  }
}

/** By name, at the present communication point. */
export function value(simulation: Simulation, name: string): VariableValue {
  const port = findPort(simulation.system, name);
  if (port === undefined) throw new Error(`there is no ${name}`);
  return simulation.reader(port)();
}

export function values(simulation: Simulation, ...names: readonly string[]): VariableValue[] {
  return names.map((name) => value(simulation, name));
}

/** The values at the present communication point and after each of `count` steps. */
export function history(simulation: Simulation, count: number, ...names: readonly string[]): VariableValue[][] {
  const rows = [values(simulation, ...names)];
  for (let k = 0; k < count; k++) {
    step(simulation);
    rows.push(values(simulation, ...names));
  }
  return rows;
}

/** {@link history} of one variable. */
export function course(simulation: Simulation, count: number, name: string): VariableValue[] {
  return history(simulation, count, name).map(([only]) => only!);
}

/** `[a, b, c]` as a YAML mapping of components. */
export function components(entries: Readonly<Record<string, string>>): string {
  return `components:\n${Object.entries(entries)
    .map(([name, text]) => `  ${name}: { ${text} }\n`)
    .join('')}`;
}
