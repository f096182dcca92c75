/** Options that all servers of FMUs have: who may come, what FMUs may do, and how their log looks. */
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_MAX_FMU_BYTES, formatEvent, type OnEvent, type PortRange } from '../remote/server/index.js';
import { InvalidInputError } from '../support/errors.js';
import { addSandboxOptions, parseBytes, parseCount, type SandboxFlags } from './sandbox-options.js';

export interface ServerFlags extends SandboxFlags {
  readonly host: string;
  readonly allow?: readonly string[];
  readonly tokenFile?: string;
  readonly maxFmu: number;
  readonly ports?: PortRange;
  readonly maxInstances: number;
  readonly idle: number;
  readonly json?: true;
  readonly verbose?: true;
}

const TOKEN_VARIABLE = 'TWINBRIDGE_PROXY_TOKEN';

/** `idleSeconds` is the default of `--idle`, `idle` what it says. */
export function addServerOptions(command: Command, idle: string, idleSeconds: number): Command {
  const asked = command
    .optionsGroup('Who may use it:')
    .option('--host <address>', 'interface to listen on', '127.0.0.1')
    .option('--allow <cidr,…>', 'only from these addresses and networks: 192.168.0.0/16,::1', list)
    .option('--token-file <path>', `file whose first line is a token that clients have to know (or ${TOKEN_VARIABLE})`)
    .option('--max-fmu <size>', 'largest FMU that is accepted', parseBytes, DEFAULT_MAX_FMU_BYTES)
    .option('--max-instances <n>', 'instances at the same time', parseCount, 256)
    .option('--ports <from-to>', 'ports of the instances (default: any)', parsePorts)
    .option('--idle <seconds>', idle, parseSeconds, idleSeconds);
  return addSandboxOptions(asked)
    .optionsGroup('Log:')
    .option('--json', 'where it listens, and what happens, as lines of JSON on stdout')
    .option('--verbose', 'connections, too');
}

/** For the help. */
export const WHY_LOCAL = `
An FMU is native code: whoever may send one may do on this machine all that this server's user may. So it is for this
machine only, unless --allow or a token says who else may come. Nothing is encrypted: over networks that others use,
go through a tunnel (ssh -L).`;

export async function readToken({ tokenFile }: ServerFlags): Promise<string | undefined> {
  if (tokenFile === undefined) return process.env[TOKEN_VARIABLE] || undefined;
  const text = await readFile(tokenFile, 'utf8').catch((cause: Error) => {
    throw new InvalidInputError(`cannot read the token: ${cause.message}`, { cause, location: { file: tokenFile } });
  });
  const token = text.split(/\r?\n/, 1)[0]!.trim();
  if (token !== '') return token;
  throw new InvalidInputError('there is no token in its first line', { location: { file: tokenFile } });
}

/** Connections come and go with each instance: they are told only if asked for. */
export function logOf({ json, verbose }: ServerFlags): OnEvent {
  return (event) => {
    const isOrdinary = event.event === 'connected' || (event.event === 'closed' && event.reason === undefined);
    if (isOrdinary && !verbose) return;
    if (json) process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
    else process.stderr.write(`${formatEvent(event)}\n`);
  };
}

/** Resolves with the first line on standard input; of one that ends never, but with `endCounts` then, too. */
export function lineOnInput(endCounts: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.on('data', (chunk: Buffer) => {
      if (chunk.includes('\n')) resolve();
    });
    process.stdin.on('error', () => {});
    if (endCounts) process.stdin.once('end', resolve);
  });
}

function list(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...text.split(',').map((part) => part.trim())];
}

function parsePorts(text: string): PortRange {
  const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  if (from !== undefined && range.from >= 1 && range.to >= range.from && range.to <= 65_535) return range;
  throw new InvalidArgumentError('expected is a range, e.g. 50000-50099.');
}

function parseSeconds(text: string): number {
  if (/^\d{1,9}(?:\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected are seconds; 0: for ever.');
}
