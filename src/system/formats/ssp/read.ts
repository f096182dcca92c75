/** System Structure and Parameterization 1.0 and 2.0: archives (`.ssp`), folders and descriptions (`.ssd`). */
import { InvalidFileError, type SourceLocation } from '../../../support/errors.js';
import type { DraftComponent, DraftStepControl, SystemDraft } from '../../draft.js';
import { resolveSystem } from '../../resolve.js';
import type { System } from '../../system.js';
import { parseEmbeddedSystemYaml } from '../embedded-yaml.js';
import { readOmsStepSize, readOspStepping, readSettings, readStepSizeHint } from './annotations.js';
import type { Findings } from './document.js';
import { openSsp } from './folder.js';
import { type ComponentInstance, componentsOf, instantiate } from './instances.js';
import { type LoadedSsp, loadSsp } from './load.js';
import { startValues } from './parameters.js';
import { link, Tracer, toConnection } from './signals.js';

export interface SspOptions {
  /** Name of the SSD file in an archive or folder that has several, with or without `.ssd`; default SystemStructure.ssd. */
  readonly systemStructure?: string;
  /** Step size, s: SSP has none. */
  readonly step?: number;
}

/** Without a step size anywhere, the run has so many steps. */
const PARTS = 1000;

/**
 * Reads a system and the FMUs it names. Throws `InvalidFileError` with every problem of all of them, another
 * `InvalidInputError` if the file cannot be read at all.
 */
export async function readSspSystem(file: string, options: SspOptions = {}): Promise<System> {
  return resolveSystem(await readSspSystemDraft(file, options));
}

/** What the files say, before the FMUs are looked at. */
export async function readSspSystemDraft(file: string, options: SspOptions = {}): Promise<SystemDraft> {
  const findings: Findings = { problems: [], warnings: [] };
  return openSsp(file, options.systemStructure, async (opened) => {
    const loaded = await loadSsp(opened, findings);
    if (loaded === undefined) throw new InvalidFileError(file, findings.problems);
    return toDraft(file, loaded, options, findings);
  });
}

function toDraft(file: string, loaded: LoadedSsp, options: SspOptions, findings: Findings): SystemDraft {
  const { description } = loaded;
  const own = readOwn(file, loaded, findings);
  const functions = new Set(own?.functions?.map(({ name }) => name));
  const root = instantiate(loaded, findings);
  const instances = [...componentsOf(root)];
  const links = link(root, ({ instead }) => instead !== undefined && functions.has(instead), findings);
  const tracer = new Tracer(findings);
  const usable = new Set(instances.filter(({ fmu }) => fmu !== undefined).map(({ name }) => name));
  const connections = links
    .flatMap((last) => tracer.waysInto(last))
    .flatMap((way) => toConnection(way, findings) ?? [])
    // What is wrong with a component is reported there.
    .filter(({ from, to }) => usable.has(from.owner) && usable.has(to.owner));
  const starts = startValues(root, findings);
  const components = instances.flatMap((instance) => toComponent(instance, starts.get(instance) ?? [], findings));
  if (instances.length === 0) {
    const { location } = description.system;
    findings.problems.push({ message: 'the system has no components', location });
  }
  const osp = readOspStepping(description.experiment, findings);
  const { start = 0, stop } = description;
  const draft: SystemDraft = {
    file,
    components,
    connections,
    ...(osp.threads === undefined ? {} : { threads: osp.threads }),
    stepping: toStepping(loaded, components, options, osp.size ?? readOmsStepSize(description.system.xml, findings)),
    start,
    ...(stop === undefined ? {} : { stop }),
    problems: findings.problems,
    warnings: findings.warnings,
  };
  return own === undefined ? draft : withOwn(draft, own, options);
}

function toComponent(
  { name, element, fmu }: ComponentInstance,
  start: DraftComponent['start'],
  findings: Findings,
): DraftComponent[] {
  const step = readStepSizeHint(element.xml, findings);
  if (fmu === undefined) return [];
  return [
    {
      name,
      fmu: fmu.fmu,
      ...(fmu.remote === undefined ? {} : { remote: fmu.remote }),
      fmuName: fmu.name,
      fmuLocation: element.location,
      connectors: [...(element.connectors?.values() ?? [])].map((connector) => {
        const { kind, signal, location } = connector;
        const isOpen = kind === 'inout' || kind === 'unspecified' || kind === 'constant';
        return {
          name: connector.name,
          ...(isOpen ? {} : { kind }),
          ...(signal.type === undefined ? {} : { type: signal.type }),
          ...(signal.size === undefined ? {} : { size: signal.size }),
          location,
        };
      }),
      start,
      ...(step === undefined ? {} : { step, roundsStep: true }),
    },
  ];
}

/** The option, the annotation, the smallest hint of a component, the FMUs, a part of the run. */
function toStepping(
  { description }: LoadedSsp,
  components: readonly DraftComponent[],
  { step }: SspOptions,
  annotated: { readonly value: number; readonly location: SourceLocation } | undefined,
): DraftStepControl {
  const { location } = description.experiment ?? description.xml;
  if (step !== undefined) return { kind: 'fixed', size: { value: step, location } };
  const hints = components.flatMap((component) => component.step ?? []).sort((a, b) => a.value - b.value);
  const size = annotated ?? hints[0];
  if (size !== undefined) return { kind: 'fixed', size };
  const remedy = "SSP has no step size: give one by the option 'step', or annotate it";
  return { kind: 'by-fmus', parts: PARTS, location, remedy };
}

/** What our own annotation says. */
function readOwn(file: string, { description }: LoadedSsp, { problems }: Findings): SystemDraft | undefined {
  const settings = readSettings(description.xml);
  if (settings === undefined) return undefined;
  try {
    const own = parseEmbeddedSystemYaml(file, settings.text, settings.element.location);
    problems.push(...own.problems);
    return own;
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

/** Where SSP has words for something, they count: another tool may have changed them. */
function withOwn(draft: SystemDraft, own: SystemDraft, options: SspOptions): SystemDraft {
  const { functions, algorithm, loops, threads, stepping, pace, late, recordings, scenario } = own;
  const extras = new Map(own.components.map((component) => [component.name, component]));
  const isFixed = stepping.kind === 'fixed' || options.step !== undefined;
  return {
    ...draft,
    components: draft.components.map((component): DraftComponent => {
      const { isolate, deadline, logging } = extras.get(component.name) ?? {};
      return {
        ...component,
        ...(isolate === undefined ? {} : { isolate }),
        ...(deadline === undefined ? {} : { deadline }),
        ...(logging === undefined ? {} : { logging }),
      };
    }),
    connections: [...draft.connections, ...own.connections],
    ...(functions === undefined ? {} : { functions }),
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(loops === undefined ? {} : { loops }),
    ...(threads === undefined ? {} : { threads }),
    ...(isFixed ? {} : { stepping }),
    ...(pace === undefined ? {} : { pace }),
    ...(late === undefined ? {} : { late }),
    ...(recordings === undefined ? {} : { recordings }),
    ...(scenario === undefined ? {} : { scenario }),
  };
}
