/**
 * A private RabbitMQ: own node name, ports, data and logs in a temporary folder, gone afterwards.
 *
 * `AMQP_URL` names a running broker to use instead; `npm test` starts one for all test files (see one-rabbitmq.ts). Where neither is to be had the tests that need one are skipped,
 * but in CI (`CI` or `TWINBRIDGE_REQUIRE_ALL` set) that is a failure.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'amqplib';

export interface RunningBroker {
  readonly url: string;
  stop(): Promise<void>;
}

/** Whether a test may be skipped for want of something on this machine. */
export const mustNotSkip: boolean = (process.env.CI ?? '') !== '' || (process.env.TWINBRIDGE_REQUIRE_ALL ?? '') !== '';

const START_TIMEOUT_MS = 60_000;

/**
 * Runs the server until standard input ends, so that it goes with the process that wanted it however that one ends, or
 * until the server itself ends. epmd is Erlang's register of nodes, a daemon that would stay; on its own port it is ours.
 */
const GUARDIAN = `
  trap : TERM
  (trap : TERM; "$0"; kill -HUP $$) &
  read -r _
  trap '' HUP
  kill -TERM 0
  wait; wait
  epmd -port "$ERL_EPMD_PORT" -kill
  rm -rf "$HOME"
`;

/** The server's own script; Debian's wrapper in the path changes the user, and with it the environment. */
function findServer(): string | undefined {
  const inPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'rabbitmq-server'));
  return ['/usr/lib/rabbitmq/bin/rabbitmq-server', ...inPath].find((file) => existsSync(file));
}

/** Whether {@link startRabbitMq} can work here. Throws where it must. */
export function rabbitMqAvailable(): boolean {
  const available = process.env.AMQP_URL !== undefined || findServer() !== undefined;
  if (!available && mustNotSkip) throw new Error('no RabbitMQ: install rabbitmq-server or set AMQP_URL');
  return available;
}

/** Whether a RabbitMQ of one's own can be started here, whatever `AMQP_URL` says. Throws where it must. */
export function ownRabbitMqAvailable(): boolean {
  const available = findServer() !== undefined;
  if (!available && mustNotSkip) throw new Error('no RabbitMQ: install rabbitmq-server');
  return available;
}

export interface RabbitMqOptions {
  readonly plugins?: readonly string[];
  /** Lines of rabbitmq.conf. */
  readonly config?: readonly string[];
  /** See https://www.rabbitmq.com/definitions.html; loaded when the server starts. */
  readonly definitions?: object;
  /** What to log in with, and where; default guest in `/`. */
  readonly credentials?: string;
  readonly vhost?: string;
  /** Configuration files to add to `config`, which goes first. */
  readonly configFiles?: readonly string[];
  /** Of a node that is part of a cluster. */
  readonly node?: ClusterNode;
}

export interface ClusterNode {
  readonly name: string;
  /** Shared by the nodes: the port of Erlang's register of names, and what they know each other by. */
  readonly epmdPort: number;
  readonly cookie: string;
}

export interface OwnRabbitMq extends RunningBroker {
  readonly port: number;
  /** Runs rabbitmqctl, and returns what it prints. */
  ctl(...args: readonly string[]): Promise<string>;
  /** Ends the server, as an operator does or as a power cut; what it has on disk stays. */
  stopServer(how: 'orderly' | 'killed'): Promise<void>;
  startServer(): Promise<void>;
}

export async function startRabbitMq(): Promise<RunningBroker> {
  const { AMQP_URL } = process.env;
  if (AMQP_URL !== undefined) return { url: AMQP_URL, stop: async () => {} };
  return startOwnRabbitMq();
}

export async function startOwnRabbitMq(options: RabbitMqOptions = {}): Promise<OwnRabbitMq> {
  const server = findServer();
  if (server === undefined) throw new Error('no rabbitmq-server on this machine');

  const home = await mkdtemp(join(tmpdir(), 'tb-rabbitmq-'));
  const [port, distPort] = [await freePort(), await freePort()];
  const epmdPort = options.node?.epmdPort ?? (await freePort());
  const nodeName = options.node?.name ?? `tb-${process.pid}-${port}@localhost`;
  if (options.node !== undefined) await writeFile(join(home, '.erlang.cookie'), options.node.cookie, { mode: 0o400 });
  await mkdir(join(home, 'data'));
  await writeFile(join(home, 'plugins'), `[${(options.plugins ?? []).join(',')}].\n`);
  const config = [`listeners.tcp.default = 127.0.0.1:${port}`, 'log.console = true', ...(options.config ?? [])];
  if (options.definitions !== undefined) {
    await writeFile(join(home, 'definitions.json'), JSON.stringify(options.definitions));
    config.push(`load_definitions = ${join(home, 'definitions.json')}`);
  }
  for (const file of options.configFiles ?? []) config.unshift(await readFile(file, 'utf8'));
  await writeFile(join(home, 'rabbitmq.conf'), `${config.join('\n')}\n`);
  const env = {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: home,
    RABBITMQ_NODENAME: nodeName,
    RABBITMQ_DIST_PORT: String(distPort),
    ERL_EPMD_PORT: String(epmdPort),
    RABBITMQ_MNESIA_BASE: join(home, 'data'),
    RABBITMQ_LOG_BASE: home,
    RABBITMQ_PID_FILE: join(home, 'pid'),
    RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'plugins'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
  };
  const url = `amqp://${options.credentials ?? 'guest:guest'}@127.0.0.1:${port}${options.vhost === undefined ? '' : `/${options.vhost}`}`;
  let child: ChildProcess | undefined;

  const startServer = async (): Promise<void> => {
    // Its own process group: all of it has to go, and Ctrl-C is not for it.
    const started = spawn('/bin/sh', ['-c', GUARDIAN, server], { detached: true, stdio: 'pipe', env });
    child = started;
    let output = '';
    const keep = (text: Buffer): void => {
      output = (output + text.toString()).slice(-4000);
    };
    started.stdout.on('data', keep);
    started.stderr.on('data', keep);
    try {
      await untilReady(url, started);
    } catch (error) {
      await stop();
      throw new Error(`RabbitMQ did not start: ${String(error)}\n${output}`);
    }
  };
  const stopServer = async (how: 'orderly' | 'killed'): Promise<void> => {
    const running = child;
    if (running === undefined) return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    // The guardian ends with the server, and leaves what there is on disk.
    process.kill(Number(await readFile(env.RABBITMQ_PID_FILE, 'utf8')), how === 'killed' ? 'SIGKILL' : 'SIGTERM');
    await exited;
    child = undefined;
  };
  const stop = async (): Promise<void> => {
    if (child !== undefined && !hasEnded(child)) return end(child);
    await promisify(execFile)('epmd', ['-port', env.ERL_EPMD_PORT, '-kill'], { env }).catch(() => {});
    await rm(home, { recursive: true, force: true });
  };
  await startServer();
  const ctl = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(join(dirname(server), 'rabbitmqctl'), args, { env });
    return stdout;
  };
  return { url, port, ctl, stop, startServer, stopServer };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const giveUpAt = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const connection = await connect(url);
      await connection.close();
      return;
    } catch (error) {
      if (hasEnded(child)) throw new Error('it ended at once');
      if (performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  const hard = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), 20_000);
  await exited;
  clearTimeout(hard);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
