/** `twinbridge fmu-proxy`: a server of FMUs as FMU-proxy 0.6 is one. */
import { type Command, InvalidArgumentError } from 'commander';
import { checkUrlPrefix, FmuProxyServer } from '../remote/server/index.js';
import { ExitCode, TwinbridgeError } from '../support/errors.js';
import { interrupted } from './interrupted.js';
import { collect, parsePort } from './option-values.js';
import { sandboxOf } from './sandbox-options.js';
import { addServerOptions, logOf, readToken, type ServerFlags, WHY_LOCAL } from './server-options.js';

interface FmuProxyFlags extends ServerFlags {
  readonly 'thrift/tcp'?: number;
  readonly 'thrift/http'?: number;
  readonly allowUrl?: readonly string[];
  readonly origin?: readonly string[];
}

/** No server was asked for; exit code 2. */
class NoServerError extends TwinbridgeError {
  override readonly code = 'TB_FMU_PROXY_NO_SERVER';
  override readonly exitCode: ExitCode = ExitCode.usage;
}

/** With one dash, as FMU-proxy in Java has it; with two, as that in C++. */
const ONE_DASH = /^-(thrift\/(?:tcp|http)(?:=.*)?)$/;

const EXAMPLES = `
Examples:
  serve two FMUs to co-simulations on this machine
    $ twinbridge fmu-proxy -thrift/tcp 9090 robot.fmu field.fmu
  to those of a laboratory, who may also have FMUs loaded from a server of models
    $ twinbridge fmu-proxy -thrift/tcp 9090 --host 0.0.0.0 --allow 192.168.7.0/24 --allow-url https://models.lab/fmus/
  use it, as a component's source in OspSystemStructure.xml, SSP and YAML
    fmu-proxy://HOST:9090?guid={…}   an FMU that the server has
    fmu-proxy://HOST:9090?file=a.fmu   one of the client's, which is sent
    fmu-proxy://HOST:9090?url=https://models.lab/fmus/a.fmu   one that the server loads`;

export function registerFmuProxy(program: Command): void {
  const command = program
    .command('fmu-proxy')
    .summary('serve FMUs to others, as FMU-proxy does')
    .description(
      `Serves FMUs to co-simulations that speak FMU-proxy (libcosim 0.3 to 0.7, twinbridge), until Ctrl-C: those named here,
and those that clients send. Each instance runs in a process of its own. At least one of the servers has to be asked for.`,
    )
    .argument('[fmus...]', 'FMU files to begin with')
    .option('--thrift/tcp <port>', 'serve over TCP: framed, binary (also -thrift/tcp)', parsePort)
    .option('--thrift/http <port>', 'serve over HTTP: JSON, POST /thrift (also -thrift/http)', parsePort)
    .option(
      '--allow-url <prefix>',
      'load from URLs that begin so, with a slash at its end; repeat for several',
      prefixes,
    )
    .option('--origin <origin>', 'let pages of this origin use it over HTTP; repeat for several', collect)
    .version(program.version() ?? '', '-v, --version', 'display the version');
  addServerOptions(command, 'how long an instance may be without a call', 600)
    .addHelpText(
      'after',
      `${WHY_LOCAL}
Web pages may not use it, whatever address they come from, but those of an --origin.
${EXAMPLES}

Exit codes: 0 stopped; 1 it cannot listen there; 2 usage; 3 an FMU cannot be read.`,
    )
    .action(serve);
  const { parseOptions } = command;
  // Commander knows one dash with one letter only.
  command.parseOptions = (argv) =>
    parseOptions.call(
      command,
      argv.map((argument) => argument.replace(ONE_DASH, '--$1')),
    );
}

async function serve(files: readonly string[], flags: FmuProxyFlags): Promise<void> {
  const { host, allow, ports, maxFmu, maxInstances, idle, json, allowUrl, origin } = flags;
  const tcpPort = flags['thrift/tcp'];
  const httpPort = flags['thrift/http'];
  if (tcpPort === undefined && httpPort === undefined) {
    throw new NoServerError('no server is asked for', { remedy: 'give -thrift/tcp PORT, -thrift/http PORT, or both' });
  }
  const token = await readToken(flags);
  const server = new FmuProxyServer({
    host,
    maxFmuBytes: maxFmu,
    maxInstances,
    idleMs: idle * 1000,
    sandbox: sandboxOf(flags),
    onEvent: logOf(flags),
    ...(tcpPort === undefined ? {} : { tcpPort }),
    ...(httpPort === undefined ? {} : { httpPort }),
    ...(allow === undefined ? {} : { allow }),
    ...(token === undefined ? {} : { token }),
    ...(ports === undefined ? {} : { ports }),
    ...(allowUrl === undefined ? {} : { urls: allowUrl }),
    ...(origin === undefined ? {} : { origins: origin }),
  });
  try {
    const fmus: { file: string; id: string }[] = [];
    for (const file of files) fmus.push({ file, id: await server.preload(file) });
    await server.listen();
    const places = [
      ...(server.tcpPort === undefined ? [] : [`thrift/tcp ${host}:${server.tcpPort}`]),
      ...(server.httpPort === undefined ? [] : [`thrift/http http://${host}:${server.httpPort}/thrift`]),
    ];
    process.stderr.write(`FMU-proxy ready at ${places.join(' and ')} (Ctrl-C ends it)\n`);
    for (const { file, id } of fmus) process.stderr.write(`  ${file}: guid=${id}\n`);
    if (json) {
      const listening = { event: 'listening', host, tcpPort: server.tcpPort, httpPort: server.httpPort, fmus };
      process.stdout.write(`${JSON.stringify({ ...listening, pid: process.pid })}\n`);
    }
    await interrupted();
  } finally {
    await server.close();
  }
}

function prefixes(text: string, previous: readonly string[] = []): readonly string[] {
  try {
    return [...previous, checkUrlPrefix(text)];
  } catch (error) {
    const { message, remedy = '' } = error as TwinbridgeError;
    throw new InvalidArgumentError(`${message}: ${remedy}.`);
  }
}
