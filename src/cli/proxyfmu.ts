/** `twinbridge proxyfmu`: the booter, and where libcosim finds the program. The program itself is in C (fmu-shim/proxyfmu). */
import { copyFile, lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { proxyfmuProgramPath } from '../native/index.js';
import { Booter } from '../remote/server/index.js';
import { InvalidInputError } from '../support/errors.js';
import { interrupted } from './interrupted.js';
import { parsePort } from './option-values.js';
import { sandboxOf } from './sandbox-options.js';
import { addServerOptions, lineOnInput, logOf, readToken, type ServerFlags, WHY_LOCAL } from './server-options.js';

interface BootFlags extends ServerFlags {
  readonly port: number;
  readonly quitOnInput?: true;
}

const EXAMPLES = `
Examples:
  serve FMUs to co-simulations on this machine
    $ twinbridge proxyfmu boot --port 9090
  to those of a laboratory, with no more than 2 GB of memory for each instance
    $ twinbridge proxyfmu boot --port 9090 --host 0.0.0.0 --allow 192.168.7.0/24 --max-memory 2G --ports 50000-50099
  use it
    proxyfmu://HOST:9090?file=robot.fmu   as a component's source in OspSystemStructure.xml, SSP and YAML
  have libcosim find the program that it starts for proxyfmu://localhost?file=…
    $ twinbridge proxyfmu install
`;

export function registerProxyfmu(program: Command): void {
  const proxyfmu = program
    .command('proxyfmu')
    .summary('run FMUs for others, as proxyfmu does')
    .description(
      'Runs FMUs for libcosim and other co-simulations (Open Simulation Platform), each in a process of its own.',
    )
    .addHelpText(
      'after',
      `${EXAMPLES}
Exit codes: 0 stopped, or put there; 1 it cannot listen there; 2 usage; 3 a file cannot be read or written.`,
    );
  const boot = proxyfmu
    .command('boot')
    .summary('serve FMUs that clients send')
    .description('Serves FMUs that clients send, until Ctrl-C. Each instance gets a process and a port of its own.')
    .requiredOption('--port <number>', 'TCP port, 0 for any free one', parsePort)
    .option('--quit-on-input', 'a line on standard input ends it, and so does its end (on a terminal: a line, always)');
  addServerOptions(boot, 'how long an instance waits for its client', 60)
    .addHelpText(
      'after',
      `${WHY_LOCAL}
${EXAMPLES}
Exit codes: 0 stopped; 1 it cannot listen there; 2 usage; 3 a file cannot be read.`,
    )
    .action(runBooter);
  proxyfmu
    .command('install')
    .summary('put the program where libcosim looks for it')
    .description(
      `Puts a link to the program into a folder. libcosim looks in the working directory, then beside the program that runs
(of Python: beside its interpreter), not in the PATH.`,
    )
    .argument('[folder]', 'where to', '.')
    .addHelpText(
      'after',
      `
Examples:
  $ twinbridge proxyfmu install
  $ twinbridge proxyfmu install "$(python3 -c 'import os, sys; print(os.path.dirname(os.path.realpath(sys.executable)))')"

Exit codes: 0 it is there; 3 it cannot be put there.`,
    )
    .action(install);
}

async function runBooter(flags: BootFlags): Promise<void> {
  const { host, port, allow, ports, maxFmu, maxInstances, idle, json, quitOnInput } = flags;
  const token = await readToken(flags);
  const booter = await Booter.listen({
    host,
    port,
    maxFmuBytes: maxFmu,
    maxInstances,
    idleMs: idle * 1000,
    sandbox: sandboxOf(flags),
    onEvent: logOf(flags),
    ...(allow === undefined ? {} : { allow }),
    ...(token === undefined ? {} : { token }),
    ...(ports === undefined ? {} : { ports }),
  });
  const isTerminal = process.stdin.isTTY === true;
  const how = isTerminal || quitOnInput ? 'Enter or Ctrl-C ends it' : 'Ctrl-C ends it';
  process.stderr.write(`proxyfmu booter ready at ${host}:${booter.port} (${how})\n`);
  if (json) {
    process.stdout.write(`${JSON.stringify({ event: 'listening', host, port: booter.port, pid: process.pid })}\n`);
  }
  // Of a service its standard input is at its end from the beginning, which says nothing.
  const input = isTerminal || quitOnInput ? [lineOnInput(quitOnInput === true)] : [];
  await Promise.race([interrupted(), ...input]);
  await booter.close();
  process.stdin.destroy();
}

async function install(folder: string): Promise<void> {
  const isWindows = process.platform === 'win32';
  const program = isWindows ? proxyfmuProgramPath() : fileURLToPath(new URL('../../bin/proxyfmu', import.meta.url));
  const place = resolve(folder, isWindows ? 'proxyfmu.exe' : 'proxyfmu');
  try {
    await mkdir(dirname(place), { recursive: true });
    const found = await lstat(place).catch(() => undefined);
    if (found !== undefined && !isWindows && !found.isSymbolicLink()) {
      throw new InvalidInputError(`${place} is there already, and no link`, {
        location: { file: place },
        remedy: 'move it away, or choose another folder',
      });
    }
    if (isWindows) {
      await copyFile(program, place);
    } else if (found === undefined || resolve(dirname(place), await readlink(place)) !== program) {
      await rm(place, { force: true });
      await symlink(program, place);
    }
  } catch (error) {
    if (error instanceof InvalidInputError) throw error;
    throw new InvalidInputError(`cannot put the program there: ${(error as Error).message}`, {
      cause: error,
      location: { file: join(folder) },
    });
  }
  process.stderr.write(
    `${place} is there: libcosim finds it when it is started in that folder, or by the program in it\n`,
  );
}
