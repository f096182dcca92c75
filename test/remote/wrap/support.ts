/** Wrapped FMUs in systems, and servers for them. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { readFmuModel } from '#tb/fmi/index.js';
import { type WrapOptions, wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import type { System } from '#tb/system/index.js';
import { type Running, startCli } from '../../support/cli.js';
import { until } from '../../support/until.js';

/**
 * The system with the FMU of each component wrapped, at `place` such as `proxyfmu://host:1`. Its variables are those of the
 * FMU, in the same order.
 */
export async function wrapped(
  system: System,
  folder: string,
  options: WrapOptions = {},
  place: string = 'proxyfmu://localhost',
): Promise<System> {
  const components = [];
  for (const component of system.components) {
    const file = join(folder, `wrapped-${options.fmi ?? ''}-${place.replace(/\W/g, '')}-${basename(component.fmu)}`);
    const source = `${place}?file=${encodeURIComponent(component.fmu)}`;
    if (!existsSync(file)) await wrapRemoteFmu(source, file, { platforms: 'host', ...options });
    components.push({ ...component, fmu: file, model: (await readFmuModel(file)).model });
  }
  return { ...system, components };
}

/** Before a test has its own. */
const TEMPORARY = tmpdir();

export interface Server {
  readonly place: string;
  readonly port: number;
  /** What it has told, as lines of JSON. */
  events(): Record<string, unknown>[];
  end(): Promise<void>;
}

/** A server of ours in a process of its own, which a thread that waits inside an FMU can reach. */
export async function serve(
  kind: 'proxyfmu' | 'fmu-proxy',
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Server> {
  // What it unpacks is its own business, not that of the test's own temporary files.
  const folder = mkdtempSync(join(TEMPORARY, 'twinbridge-test-server-'));
  const command = kind === 'proxyfmu' ? ['proxyfmu', 'boot', '--port', '0'] : ['fmu-proxy', '--thrift/tcp', '0'];
  const running: Running = startCli([...command, '--json', ...args], { env: { TMPDIR: folder, ...env } });
  let said = '';
  running.process.stdout!.on('data', (chunk) => {
    said += String(chunk);
  });
  const events = () =>
    said
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const portOf = () => {
    const told = events().find(({ event }) => event === 'listening');
    return (told?.port ?? told?.tcpPort) as number | undefined;
  };
  await until(() => portOf() !== undefined);
  const port = portOf()!;
  const end = async () => {
    running.process.kill('SIGTERM');
    await running.finished;
    rmSync(folder, { recursive: true, force: true });
  };
  return { place: `${kind}://127.0.0.1:${port}`, port, events, end };
}
