/**
 * Packs a bridge FMU: the model description, the native library, the backend that it starts, its configuration.
 *
 * Nothing in it depends on when or where it was built: the same configuration and the same parts give the same bytes.
 */
import { stat } from 'node:fs/promises';
import {
  type ArchiveEntry,
  binariesFolder,
  contentToken,
  type ModelDescription,
  packArchive,
  writeFmi3ModelDescription,
  writeModelDescription,
} from '../../fmi/index.js';
import { twinbridgeVersion } from '../../support/version.js';
import { bridgeJson } from '../bridge-json.js';
import type { BridgeConfig } from '../config.js';
import { describeBridge } from './describe-bridge.js';
import { describeBridgeFmi3 } from './describe-bridge-fmi3.js';
import { documentationHtml } from './documentation.js';
import { modelIdentifier } from './model-identifier.js';
import { refuseCredentials } from './no-credentials.js';
import { type PartOptions, readParts } from './parts.js';
import { belongingTo, likeTheirs } from './stand-in.js';

export interface BuildOptions extends Omit<PartOptions, 'standsIn'> {
  /** A description made for an RMQFMU: the order, units and limits of its variables are kept. */
  readonly like?: ModelDescription;
}

export interface BuildReport {
  readonly file: string;
  readonly bytes: number;
  readonly modelName: string;
  readonly modelIdentifier: string;
  readonly fmi: BridgeConfig['fmi'];
  /** Of the content (in FMI 3.0, the instantiationToken): another configuration, library or backend gives another. */
  readonly guid: string;
  /** Folders below `binaries/`. */
  readonly platforms: readonly string[];
  /** How many variables of each kind. */
  readonly variables: {
    readonly outputs: number;
    readonly inputs: number;
    readonly diagnostics: number;
    readonly parameters: number;
  };
}

/**
 * Builds `file`, or replaces it once the new one is whole. Throws `BridgeBuildError` if the native library or the
 * backend is missing, `CredentialInFmuError`, `ArchiveWriteError`.
 */
export async function buildBridgeFmu(
  config: BridgeConfig,
  file: string,
  options: BuildOptions = {},
): Promise<BuildReport> {
  const identifier = modelIdentifier(config);
  const { platforms, entries, runtime } = await readParts(
    identifier,
    { ...options, standsIn: config.rmqfmu !== undefined },
    config.fmi,
  );
  const tool = `twinbridge ${twinbridgeVersion()}`;
  const guid =
    config.guid ?? contentToken([tool, bridgeJson(config), ...entries.map(({ content }) => content), runtime.identity]);
  const withGuid: BridgeConfig = { ...config, guid };
  const described =
    config.fmi === 3 ? describeFmi3(withGuid, guid, tool) : describeFmi2(withGuid, guid, tool, options.like);
  const { description, xml } = described;
  refuseCredentials(withGuid, description.variables);
  const whole = belongingTo(withGuid, xml);

  const texts: ArchiveEntry[] = [
    { name: 'modelDescription.xml', content: xml },
    ...(config.rmqfmu === undefined ? [] : [{ name: 'resources/modelDescription.xml', content: xml }]),
    { name: 'resources/bridge.json', content: Buffer.from(bridgeJson(whole)) },
    { name: 'documentation/index.html', content: Buffer.from(documentationHtml(withGuid, description)) },
  ];
  await packArchive(file, [...entries, ...runtime.entries, ...texts]);
  const { outputs, inputs, diagnostics } = config;
  return {
    file,
    bytes: (await stat(file)).size,
    fmi: config.fmi,
    modelName: config.name,
    modelIdentifier: identifier,
    guid,
    platforms: platforms.map((platform) => binariesFolder(platform, config.fmi === 3 ? '3.0' : '2.0')),
    variables: {
      outputs: outputs.length,
      inputs: inputs.length,
      diagnostics: diagnostics.length,
      parameters: description.variables.filter(({ causality }) => causality === 'parameter').length,
    },
  };
}

function describeFmi2(config: BridgeConfig, guid: string, tool: string, like: ModelDescription | undefined) {
  const own = describeBridge(config, guid, tool);
  const description = like === undefined ? own : likeTheirs(own, like);
  return { description, xml: Buffer.from(writeModelDescription(description)) };
}

function describeFmi3(config: BridgeConfig, token: string, tool: string) {
  const description = describeBridgeFmi3(config, token, tool);
  return { description, xml: Buffer.from(writeFmi3ModelDescription(description)) };
}
