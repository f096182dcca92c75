/** RMQFMUs as their users have them: descriptions written by hand, put at the root and into resources. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFmu, readModelDescription, type UnpackedFmu } from '#tb/fmi/index.js';
import { MAIN } from './cli.js';

type Type = 'Real' | 'Integer' | 'Boolean' | 'String';

export interface HandWritten {
  readonly name: string;
  readonly vr: number;
  readonly type: Type;
  readonly causality?: 'output' | 'input' | 'parameter';
  /** As it stands in the file. */
  readonly start?: string;
}

/** The start values that RMQFMU's documentation gives, for 0 to 13, which is what its releases were packed with. */
export const PARAMETERS: readonly HandWritten[] = [
  { name: 'config.hostname', vr: 0, type: 'String', start: 'localhost' },
  { name: 'config.port', vr: 1, type: 'Integer', start: '5672' },
  { name: 'config.username', vr: 2, type: 'String', start: 'guest' },
  { name: 'config.password', vr: 3, type: 'String', start: 'guest' },
  { name: 'config.routingkey', vr: 4, type: 'String', start: 'data.to_cosim' },
  { name: 'config.communicationtimeout', vr: 5, type: 'Integer', start: '60' },
  { name: 'config.precision', vr: 6, type: 'Integer', start: '10' },
  { name: 'config.maxage', vr: 7, type: 'Integer', start: '1000' },
  { name: 'config.lookahead', vr: 8, type: 'Integer', start: '1' },
  { name: 'config.exchangename', vr: 9, type: 'String', start: 'fmi_digital_twin' },
  { name: 'config.exchangetype', vr: 10, type: 'String', start: 'direct' },
  { name: 'config.healthdata.exchangename', vr: 11, type: 'String', start: 'fmi_digital_twin_sh' },
  { name: 'config.healthdata.exchangetype', vr: 12, type: 'String', start: 'direct' },
  { name: 'config.routingkey.from_cosim', vr: 13, type: 'String', start: 'data.from_cosim' },
];

/** Those that users had to add for it to start at all. */
export const ADDED_PARAMETERS: readonly HandWritten[] = [
  { name: 'config.ssl', vr: 16, type: 'Boolean', start: '0' },
  { name: 'config.queueupperbound', vr: 17, type: 'Integer', start: '100' },
  { name: 'config.vhost', vr: 18, type: 'String', start: '/' },
  { name: 'config.howtosend', vr: 19, type: 'Boolean', start: '1' },
];

/** `signals`, then the parameters, with other start values for some. A variable a line, from line 4 on. */
export function handWritten(
  signals: readonly HandWritten[],
  starts: Readonly<Record<string, string>> = {},
  parameters: readonly HandWritten[] = [...PARAMETERS, ...ADDED_PARAMETERS],
): string {
  const known = new Set(parameters.map(({ name }) => name));
  const unknown = Object.keys(starts).filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Error(`no parameter ${unknown.join(', ')}`);
  const lines = [...signals, ...parameters].map(({ name, vr, type, causality = 'parameter', start }) => {
    const value = starts[name] ?? start;
    const variability = causality === 'parameter' ? 'fixed' : type === 'Real' ? 'continuous' : 'discrete';
    const initial = value === undefined ? '' : ` start="${value}"`;
    return `<ScalarVariable name="${name}" valueReference="${vr}" variability="${variability}" causality="${causality}"><${type}${initial}/></ScalarVariable>`;
  });
  const outputs = signals.flatMap(({ causality }, k) =>
    causality === 'output' ? [`<Unknown index="${k + 1}"/>`] : [],
  );
  return `<?xml version="1.0" encoding="ISO-8859-1"?>
<fmiModelDescription fmiVersion="2.0" modelName="RabbitMq" guid="{by-hand}" numberOfEventIndicators="0"><CoSimulation modelIdentifier="rabbitmq" needsExecutionTool="true" canBeInstantiatedOnlyOncePerProcess="true"/>
<ModelVariables>
${lines.join('\n')}
</ModelVariables>
<ModelStructure>${outputs.length === 0 ? '' : `<Outputs>${outputs.join('')}</Outputs>`}</ModelStructure>
</fmiModelDescription>
`;
}

/** `twinbridge build --rmqfmu …`; answers what it said. */
export function buildRmqfmu(folder: string, file: string, ...args: readonly string[]): string {
  return execFileSync(process.execPath, [MAIN, 'build', '--rmqfmu', ...args, '-o', file], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString();
}

let blank: Promise<UnpackedFmu> | undefined;

/**
 * The FMU of `build --rmqfmu` unzipped, with these descriptions put in, and nothing else done: what someone has who swaps
 * the binary.
 */
export async function swapped(
  folder: string,
  root: string | undefined,
  resources: string | undefined = root,
  change: (directory: string) => void = () => {},
): Promise<UnpackedFmu> {
  blank ??= (async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'twinbridge-test-')), 'blank.fmu');
    buildRmqfmu(folder, file);
    const unpacked = await openFmu(file);
    rmSync(join(file, '..'), { recursive: true });
    return unpacked;
  })();
  const directory = mkdtempSync(join(folder, 'swapped-'));
  cpSync((await blank).directory, directory, { recursive: true });
  if (root === undefined) rmSync(join(directory, 'modelDescription.xml'));
  else writeFileSync(join(directory, 'modelDescription.xml'), root);
  if (resources !== undefined) writeFileSync(join(directory, 'resources', 'modelDescription.xml'), resources);
  change(directory);
  const { description } = readModelDescription('modelDescription.xml', Buffer.from(root ?? resources ?? ''));
  return { file: directory, directory, description, warnings: [], close: async () => {} };
}
