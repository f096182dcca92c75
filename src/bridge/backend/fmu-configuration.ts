/** The configuration of the FMU whose resources these are. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { InvalidInputError } from '../../support/errors.js';
import { parseBridgeJson } from '../bridge-json.js';
import type { BridgeConfig } from '../config.js';
import type * as StartUp from '../rmqfmu/start-up.js';
import type { Note } from '../rmqfmu/start-up.js';

export interface FmuConfiguration {
  readonly config: BridgeConfig;
  /** What the importer is to be told about where it comes from. */
  readonly notes: readonly Note[];
}

/**
 * `guid`: as the importer passed it. An FMU that stands in for an RMQFMU is configured by its modelDescription.xml; what
 * was made of that when the FMU was built counts as long as nobody has changed it.
 */
export async function readConfiguration(resources: string, guid: string): Promise<FmuConfiguration> {
  const file = join(resources, 'bridge.json');
  const reader = join(resources, 'rmqfmu.cjs');
  const text = await readFile(file, 'utf8').catch(async (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' && (await readOptional(reader)) !== undefined) return undefined;
    throw cause;
  });
  const built = text === undefined ? undefined : parseBridgeJson(text, file);
  if (built !== undefined && built.rmqfmu === undefined) return checked({ config: built, notes: [] }, guid);

  const [above, ownXml] = await Promise.all([
    readOptional(join(resources, '..', 'modelDescription.xml')),
    readOptional(join(resources, 'modelDescription.xml')),
  ]);
  // Inside of another FMU, that may be the other one's.
  const rootXml = above !== undefined && hasGuid(above, guid) ? above : undefined;
  const isBuilt = (xml: Buffer | undefined) => xml === undefined || hash(xml) === built?.rmqfmu?.descriptionHash;
  if (built !== undefined && isBuilt(rootXml) && isBuilt(ownXml)) return checked({ config: built, notes: [] }, guid);

  const own = ownXml === undefined ? undefined : { file: 'resources/modelDescription.xml', xml: ownXml };
  const root = rootXml === undefined ? own : { file: 'modelDescription.xml', xml: rootXml };
  if (root === undefined) {
    throw new InvalidInputError(`there is no modelDescription.xml, neither beside nor in ${resources}`, {
      location: { file: resources },
    });
  }
  const { configurationOf } = createRequire(import.meta.url)(reader) as typeof StartUp;
  const { json, notes } = configurationOf(root, root === own ? undefined : own, built);
  return checked({ config: parseBridgeJson(json, file), notes }, guid);
}

function checked(found: FmuConfiguration, guid: string): FmuConfiguration {
  const { config } = found;
  if (config.guid === undefined || config.guid === guid) return found;
  throw new InvalidInputError(
    `the importer passed the GUID ${guid}, but this FMU has ${config.guid}: modelDescription.xml and resources are of different builds`,
    { details: { passed: guid, expected: config.guid } },
  );
}

/** The importer has it from there. */
function hasGuid(xml: Buffer, guid: string): boolean {
  return /<fmiModelDescription[^>]*?\sguid\s*=\s*["']([^"']*)["']/.exec(xml.toString('latin1'))?.[1] === guid;
}

function hash(xml: Buffer): string {
  return createHash('sha256').update(xml).digest('hex');
}

async function readOptional(file: string): Promise<Buffer | undefined> {
  return readFile(file).catch(() => undefined);
}
