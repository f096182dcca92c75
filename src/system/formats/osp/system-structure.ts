/** OspSystemStructure.xml, the system structure of the Open Simulation Platform, as libcosim 0.11 understands it. */
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InvalidFileError, type Problem } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import { readInput } from '../../../support/read-input.js';
import { AttributeReader, parseReal } from '../../../support/xml/attribute-reader.js';
import { checkElement } from '../../../support/xml/rules.js';
import { childrenIn, parseXml, type XmlElement } from '../../../support/xml/tree.js';
import type { DraftConnection, DraftRecording, DraftScenario, Located, SystemDraft } from '../../draft.js';
import { resolveSystem } from '../../resolve.js';
import type { System } from '../../system.js';
import { ConnectionReader } from './connections.js';
import { readFunctions, Signals } from './functions.js';
import { readLogConfig } from './log-config.js';
import { endedAsByLibcosim, readScenario } from './scenario.js';
import { readSimulators } from './simulators.js';
import { STRUCTURE_FILE } from './structure-file.js';
import { ECCO_SETTINGS, STRUCTURE_NAMESPACE, STRUCTURE_RULE, STRUCTURE_VERSION } from './structure-rules.js';
import { VariableGroups } from './variable-groups.js';

const LOG_CONFIG_FILE = 'LogConfig.xml';
/** s; the schema has no default, libcosim has. */
const DEFAULT_STEP_SIZE = 0.1;
const ALGORITHMS = ['fixedStep', 'ecco'] as const;

export interface OspOptions {
  /** What is written; left out: the LogConfig.xml beside the system structure, if there is one; false: none. */
  readonly logConfig?: string | false;
  /** Where what the log configuration names is written; left out: `results` beside the system structure. */
  readonly resultsFolder?: string;
  /** A scenario file, run from the start on. */
  readonly scenario?: string;
}

/** Reads the file, or that of a folder, and all it refers to. Throws `InvalidFileError` with every problem of them. */
export async function readOspSystem(path: string, options: OspOptions = {}): Promise<System> {
  return resolveSystem(await readOspSystemDraft(path, options));
}

/** What the files say, before the connections are held against the FMUs. */
export async function readOspSystemDraft(path: string, options: OspOptions = {}): Promise<SystemDraft> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, STRUCTURE_FILE) : path;
  const root = parseXml(file, await readInput(file), { namespaces: true });
  if (root.localName !== 'OspSystemStructure') {
    const message = `<${root.name}> is the root element, expected <OspSystemStructure>`;
    throw new InvalidFileError(file, [{ message, location: root.location }]);
  }
  return new DraftOfOsp(file, root).draft(options);
}

class DraftOfOsp {
  readonly #file: string;
  readonly #folder: string;
  readonly #root: XmlElement;
  readonly #problems: Problem[] = [];
  readonly #warnings: Problem[] = [];

  constructor(file: string, root: XmlElement) {
    this.#file = file;
    this.#folder = dirname(resolve(file));
    this.#root = root;
  }

  async draft(options: OspOptions): Promise<SystemDraft> {
    this.#checkRoot();
    const components = readSimulators(this.#file, this.#root, this.#problems, this.#warnings);
    const functions = readFunctions(this.#root, this.#problems);
    const connections = await this.#connections({ components, functions });
    this.#checkAlgorithm();
    const stop = this.#seconds('EndTime');
    const structure = {
      file: this.#file,
      components,
      functions,
      connections,
      algorithm: 'jacobi',
      // libcosim settles loops at the start only.
      loops: { atSteps: false },
      stepping: {
        kind: 'fixed',
        size: this.#seconds('BaseStepSize') ?? { value: DEFAULT_STEP_SIZE, location: this.#root.location },
      },
      start: this.#seconds('StartTime')?.value ?? 0,
      ...(stop === undefined ? {} : { stop }),
    } as const;
    const recordings = await this.#recordings(structure, options);
    const scenario = await this.#scenario(options.scenario, structure.stepping.size.value);
    return {
      ...structure,
      ...(recordings.length === 0 ? {} : { recordings }),
      ...(scenario === undefined ? {} : { scenario }),
      problems: this.#problems,
      warnings: this.#warnings,
    };
  }

  #checkRoot(): void {
    const { namespace, location } = this.#root;
    if (namespace !== STRUCTURE_NAMESPACE) {
      const message = `<${this.#root.name}> is of ${namespace === '' ? 'no namespace' : `the namespace '${namespace}'`}`;
      this.#report(this.#root, message, `expected xmlns="${STRUCTURE_NAMESPACE}"`);
    }
    const version = new AttributeReader(this.#root, this.#problems).required('version');
    if (version !== undefined && version.trim() !== STRUCTURE_VERSION) {
      const message = `the version is '${version}', expected '${STRUCTURE_VERSION}'`;
      this.#problems.push({ message, location });
    }
    checkElement(this.#root, STRUCTURE_RULE, this.#problems);
  }

  async #connections({
    components,
    functions,
  }: Pick<Required<SystemDraft>, 'components' | 'functions'>): Promise<DraftConnection[]> {
    const signals = new Signals(functions, this.#problems);
    const groups = new VariableGroups(this.#folder, components, this.#problems);
    return new ConnectionReader(signals, groups, this.#problems, this.#warnings).read(this.#root);
  }

  #checkAlgorithm(): void {
    const [configuration] = childrenIn(this.#root, this.#root.namespace, 'EccoConfiguration');
    const settings = new Map<string, number | undefined>();
    for (const name of ECCO_SETTINGS) {
      const [setting] = childrenIn(configuration, this.#root.namespace, name);
      if (setting !== undefined) settings.set(name, this.#number(setting)?.value);
    }
    const [element] = childrenIn(this.#root, this.#root.namespace, 'Algorithm');
    const name = element?.text.trim() ?? '';
    const algorithm = ALGORITHMS.find((known) => known.toLowerCase() === name.toLowerCase());
    if (element === undefined || name === '' || algorithm === 'fixedStep') return;
    if (algorithm === undefined) {
      const message = `the algorithm is '${name}', expected one of ${ALGORITHMS.join(', ')}${didYouMean(name, ALGORITHMS)}`;
      this.#report(element, message);
      return;
    }
    // Step sizes chosen by something other than the power in the bonds would pass for the results of ecco.
    const [first, min, max, relative, absolute] = [
      ...['StepSize', 'MinimumStepSize', 'MaximumStepSize', 'RelativeTolerance', 'AbsoluteTolerance'],
    ].map((setting) => settings.get(setting));
    const isComplete = ECCO_SETTINGS.every((setting) => settings.get(setting) !== undefined);
    const step = isComplete
      ? `step: { min: ${min}, max: ${max}, initial: ${first}, tolerance: { relative: ${relative}, absolute: ${absolute} } }`
      : 'a step with min, max and tolerance';
    const remedy = `write <Algorithm>fixedStep</Algorithm>; or, in a system file of twinbridge, ${step}, which bounds the error of each step`;
    this.#report(element, 'the energy-conserving algorithm ecco is not offered', remedy);
  }

  async #recordings(
    structure: Pick<SystemDraft, 'components' | 'stepping'>,
    { logConfig, resultsFolder }: OspOptions,
  ): Promise<readonly DraftRecording[]> {
    if (logConfig === false) return [];
    const beside = join(dirname(this.#file), LOG_CONFIG_FILE);
    const file = logConfig ?? ((await exists(beside)) ? beside : undefined);
    if (file === undefined) return [];
    const folder = resolve(resultsFolder ?? join(this.#folder, 'results'));
    const found = await this.#orReport(readLogConfig(file, structure, { folder }));
    this.#warnings.push(...(found?.warnings ?? []));
    const recordings = found?.recordings ?? [];
    // All outputs, without a file, come first: they are what is reported at the end.
    return recordings.length === 0 ? [] : [{}, ...recordings];
  }

  async #scenario(file: string | undefined, step: number): Promise<DraftScenario | undefined> {
    if (file === undefined) return undefined;
    const scenario = await this.#orReport(readScenario(file));
    return scenario === undefined ? undefined : endedAsByLibcosim(scenario, step);
  }

  /** The problems of a second file are reported together with those of this one. */
  async #orReport<T>(reading: Promise<T>): Promise<T | undefined> {
    try {
      return await reading;
    } catch (error) {
      if (!(error instanceof InvalidFileError)) throw error;
      this.#problems.push(...error.problems);
      return undefined;
    }
  }

  /** Of the schema's defaults only that of the start time is for an element that is there, but empty. */
  #seconds(name: 'StartTime' | 'EndTime' | 'BaseStepSize'): Located<number> | undefined {
    const [element] = childrenIn(this.#root, this.#root.namespace, name);
    if (element === undefined || (name === 'StartTime' && element.text === '')) return undefined;
    const number = this.#number(element);
    if (number === undefined || Number.isFinite(number.value)) return number;
    this.#report(element, `<${element.name}> is ${number.value} s`);
    return undefined;
  }

  #number(element: XmlElement): Located<number> | undefined {
    const value = parseReal(element.text.trim());
    if (value === undefined) {
      this.#report(element, `<${element.name}> holds '${element.text.trim()}', expected a number`);
      return undefined;
    }
    return { value, location: element.location };
  }

  #report({ location }: XmlElement, message: string, remedy?: string): void {
    this.#problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
