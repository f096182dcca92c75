/**
 * The configuration of a bridge whose modelDescription.xml was edited by hand, or put in from an RMQFMU, after the FMU
 * was built. Bundled by itself (`resources/rmqfmu.cjs`): the backend loads it only then.
 */
import { stringify } from 'yaml';
// Not by the folder's index: archives and instances would come into the bundle.
import { readModelDescription } from '../../fmi/read-model-description.js';
import { formatProblem, InvalidInputError } from '../../support/errors.js';
import { bridgeJson } from '../bridge-json.js';
import { type BridgeConfig, parseBridgeConfig } from '../config.js';
import { type FromDescription, fromDescription } from './from-description.js';
import { withParameters } from './stand-in.js';

export interface DescriptionFile {
  readonly file: string;
  readonly xml: Uint8Array;
}

/** A line for the importer. */
export interface Note {
  readonly level: 'info' | 'warning';
  readonly text: string;
}

export interface FoundConfiguration {
  /** As `resources/bridge.json`, with the GUID of the description. */
  readonly json: string;
  /** What the importer is to be told. */
  readonly notes: readonly Note[];
}

/** `built`: what the FMU was built with. Throws `InvalidFileError`, `InvalidInputError`. */
export function configurationOf(
  root: DescriptionFile,
  resources: DescriptionFile | undefined,
  built: BridgeConfig | undefined,
): FoundConfiguration {
  const read = readModelDescription(root.file, root.xml);
  const other = resources === undefined ? undefined : readModelDescription(resources.file, resources.xml);
  const found = fromDescription(read.description, other?.description);
  const config = toConfig(found, root.file);
  const notes: readonly Note[] = [
    { level: 'info', text: `the configuration is that of ${root.file}` },
    ...found.warnings.map((problem) => ({ level: 'warning' as const, text: formatProblem(problem) })),
  ];
  return { json: bridgeJson({ ...keep(config, built), guid: read.description.guid }), notes };
}

/** The same checks as for a bridge.yaml. */
export function toConfig({ file, rmqfmu }: FromDescription, source: string): BridgeConfig {
  try {
    return withParameters(parseBridgeConfig(stringify(file), source), rmqfmu.parameters);
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    // Its places are those of a YAML text that nobody has seen.
    const text = cause.message.replaceAll(/^(.*?):\d+:\d+: /gm, '');
    throw new InvalidInputError(`${source}: ${text}`, { cause, location: { file: source } });
  }
}

/** What a description has no word for stays as the FMU was built. */
function keep(config: BridgeConfig, built: BridgeConfig | undefined): BridgeConfig {
  if (built === undefined) return config;
  const { tls, secretFile } = built.broker;
  const broker = {
    ...config.broker,
    ...(config.broker.tls !== undefined && tls !== undefined ? { tls } : {}),
    ...(secretFile === undefined ? {} : { secretFile }),
  };
  return { ...config, broker, ...(built.compat === 'strict' ? { compat: 'strict' } : {}) };
}
