/** An RMQFMU, by its modelDescription.xml or as the .fmu it is in, for those who build from it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type ModelDescription, openFmu, readModelDescription } from '../../fmi/index.js';
import { InvalidInputError, type Problem } from '../../support/errors.js';
import type { BridgeConfig } from '../config.js';
import { type Compat, REFERENCE, type RmqfmuParameter } from './contract.js';
import { type FromDescription, fromDescription } from './from-description.js';
import { withParameters } from './stand-in.js';
import { toConfig } from './start-up.js';

export interface Rmqfmu {
  readonly description: ModelDescription;
  /** Without user and password, unless they are guest's. */
  readonly config: BridgeConfig;
  /** The same as a bridge.yaml. */
  readonly yaml: string;
  /** What is odd, and what could not be taken over. */
  readonly warnings: readonly Problem[];
}

/** Throws `InvalidFileError` with every problem and its place, and as `openFmu` does. */
export async function readRmqfmu(file: string, options: { readonly compat?: Compat } = {}): Promise<Rmqfmu> {
  const { root, resources, warnings } = await (/\.fmu$/i.test(file) ? readArchive(file) : readXml(file));
  const read = fromDescription(root, resources);
  const { compat } = options;
  const found = compat === undefined ? read : { ...read, file: { ...read.file, compat } };
  const secrets: readonly Problem[] = found.hasCredentials
    ? [
        {
          message: 'user and password are left out: they would be in every copy of what is made of this',
          location: root.variables.find(isCredential)?.location ?? { file },
          remedy: 'give them at run time: AMQP_URL, a secret file, or config.username and config.password',
        },
      ]
    : [];
  const config = toConfig(found, file);
  return {
    description: root,
    config: found.hasCredentials ? withoutCredentials(config) : config,
    yaml: toYaml(found, file),
    warnings: [...warnings, ...found.warnings, ...secrets],
  };
}

interface Descriptions {
  readonly root: ModelDescription;
  readonly resources?: ModelDescription;
  readonly warnings: readonly Problem[];
}

async function readXml(file: string): Promise<Descriptions> {
  const xml = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new InvalidInputError(`cannot read ${file}: ${cause.code === 'ENOENT' ? 'no such file' : cause.message}`, {
      cause,
      location: { file },
      remedy: 'name a modelDescription.xml or an .fmu',
    });
  });
  const { description, warnings } = readModelDescription(file, xml);
  return { root: description, warnings };
}

async function readArchive(file: string): Promise<Descriptions> {
  const fmu = await openFmu(file);
  try {
    const xml = await readFile(join(fmu.directory, 'resources', 'modelDescription.xml')).catch(() => undefined);
    const own = xml === undefined ? undefined : readModelDescription(`${file}/resources/modelDescription.xml`, xml);
    return {
      root: fmu.description,
      warnings: fmu.warnings,
      ...(own === undefined ? {} : { resources: own.description }),
    };
  } finally {
    await fmu.close();
  }
}

function isCredential({ valueReference, type }: { readonly valueReference: number; readonly type: string }): boolean {
  return type === 'String' && (valueReference === REFERENCE.username || valueReference === REFERENCE.password);
}

function withoutCredentials(config: BridgeConfig): BridgeConfig {
  const parameters = config.rmqfmu?.parameters ?? [];
  return withParameters(
    config,
    parameters.map((parameter): RmqfmuParameter => (isCredential(parameter) ? { ...parameter, start: '' } : parameter)),
  );
}

const COMMENTS: Readonly<Record<string, string>> = {
  compat: "# Messages of RMQFMU's peers are understood. strict: they also get what RMQFMU sent, byte by byte.",
  broker: '# User and password come at run time: AMQP_URL, a secret file, or config.username and config.password.',
  health: '# Where a peer says where it is in time; see docs/rmqfmu.md.',
  rmqfmu:
    '# The FMU has the value references of the RMQFMU, and its parameters. Without this part it is like any other bridge.',
};

function toYaml({ file }: FromDescription, source: string): string {
  const shown = source.replaceAll(/[\r\n]/g, ' ');
  const parts = Object.entries(file).map(([part, value]) => {
    const comment = COMMENTS[part];
    const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (isEmpty) return '';
    return `${comment === undefined ? '' : `${comment}\n`}${stringify({ [part]: value }, { lineWidth: 0 })}`;
  });
  return `# Made of ${shown}, which was made for RMQFMU.\n${parts.join('')}`;
}
