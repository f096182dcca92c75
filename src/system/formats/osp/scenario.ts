/** Scenarios as libcosim reads them, in JSON or YAML: variables that are changed while the system runs. */
import { InvalidFileError, type Problem } from '../../../support/errors.js';
import type { LocatedFile } from '../../../support/located-file.js';
import { readYamlFile } from '../../../support/yaml-file.js';
import type { DraftScenario } from '../../draft.js';
import { scenarioValidator } from './scenario-validator.js';

/** What the schema lets through. */
export interface ScenarioFile {
  readonly defaults?: Defaults;
  readonly events: readonly (Defaults & { readonly time: number; readonly value?: number | boolean | string })[];
  readonly end?: number;
}

interface Defaults {
  readonly model?: string;
  readonly variable?: string;
  readonly action?: 'override' | 'bias' | 'reset';
}

/** JSON is YAML too, so one reader does for both. Throws `InvalidFileError` with every problem. */
export async function readScenario(file: string): Promise<DraftScenario> {
  const source = await readYamlFile(file, scenarioValidator);
  const problems: Problem[] = [];
  const events = source.value.events.map((_, index) => readEvent(source, index, problems));
  if (problems.length > 0) throw new InvalidFileError(file, problems);
  const { end } = source.value;
  return { events: events.flat(), ...(end === undefined ? {} : { end }) };
}

function readEvent(
  { value: { defaults = {}, events }, locate }: LocatedFile<ScenarioFile>,
  index: number,
  problems: Problem[],
): DraftScenario['events'] {
  const location = locate(['events', index]);
  const { time, value, ...given } = events[index]!;
  const { model, variable, action } = { ...defaults, ...given };
  const missing = Object.entries({ model, variable, action }).flatMap(([key, one]) => (one === undefined ? [key] : []));
  if (action !== undefined && action !== 'reset' && value === undefined) missing.push('value');
  if (missing.length > 0) {
    const message = `the event at ${time} s lacks ${missing.join(', ')}`;
    const defaulted = missing.filter((key) => key !== 'value').join(', ');
    const remedy = defaulted === '' ? {} : { remedy: `name ${defaulted} there or in defaults` };
    problems.push({ message, location, ...remedy });
  }
  if (model === undefined || variable === undefined || action === undefined) return [];
  const port = { owner: model, variable, location };
  return [{ time, port, action, ...(value === undefined ? {} : { value, lexical: true }), location }];
}

/**
 * When libcosim gives everything back: at the first communication point behind that of the last event, but not before
 * the file's `end`. `step`: the distance of communication points, s.
 */
export function endedAsByLibcosim(scenario: DraftScenario, step: number): DraftScenario {
  if (scenario.events.length === 0 || !(step > 0)) return scenario;
  const points = scenario.events.map(({ time }) => Math.max(0, Math.ceil(time / step - 1e-6)));
  const behindLast = (Math.max(...points) + 1) * step;
  return { ...scenario, end: Math.max(scenario.end ?? 0, behindLast) };
}
