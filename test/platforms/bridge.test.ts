/** One FMU, on every machine that there is here: values, waiting, deadlines, deaths, Node.js found or not. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BuildOptions, buildBridgeFmu, parseBridgeConfig } from '#tb/bridge/index.js';
import { openFmu, type UnpackedFmu } from '#tb/fmi/index.js';
import { Peer, stamp, temporaryFolder, until } from '../support/bridge.js';
import { type BrokerProcess, startBroker } from '../support/broker-process.js';
import { isRunning } from '../support/processes.js';
import { compile, MACHINES, type Machine } from './machines.js';
import { SteeredImporter } from './steered-importer.js';

const folder = temporaryFolder();
const BRIDGE = `
selection: { maxage: 1 s, lookahead: 10, timeout: 100 s }
ring: { capacity: 4, whenFull: block }
outputs: { r: Real, i: Integer, b: Boolean, s: { type: String, maxLength: 20 } }
inputs: { ri: Real, ii: Integer, bi: Boolean, si: { type: String, maxLength: 20 } }
`;
/** Emulated processors are slow, and so is the first start of Wine. */
const PATIENCE_MS = 120_000;
/** A wait that ends by what it waits for, and not by the deadline, ends before this. */
const WELL_BEFORE_MS = 50_000;

let broker: BrokerProcess;
let peer: Peer;
let fmu: UnpackedFmu;
let other: UnpackedFmu;

async function build(name: string, options: BuildOptions = {}): Promise<UnpackedFmu> {
  const file = join(folder, `${name}.fmu`);
  await buildBridgeFmu(parseBridgeConfig(`twinbridge: bridge\nname: ${name}\n${BRIDGE}`, 'test.yaml'), file, options);
  return openFmu(file);
}

beforeAll(async () => {
  mkdirSync(join(folder, 'empty'));
  broker = await startBroker();
  peer = await Peer.connect(broker.url);
  fmu = await build('everywhere');
  other = await build('beside');
}, PATIENCE_MS);
afterAll(async () => {
  await peer?.close();
  await broker?.kill();
  await fmu?.close();
  await other?.close();
});

const sample = (ms: number, over: Record<string, unknown> = {}) => ({
  r: 1.25,
  i: -7,
  b: true,
  s: 'hé',
  time: stamp(ms),
  ...over,
});

describe.each(MACHINES)('on $name', (machine) => {
  const { missing } = machine;
  let program: string;
  let node: string;
  let importer: SteeredImporter | undefined;

  beforeAll(async () => {
    if (missing !== undefined) return;
    program = compile(machine, 'importer', folder);
    node = await machine.node(folder);
    machine.boot?.();
  }, 300_000);
  afterAll(() => {
    if (missing === undefined) machine.shutDown?.();
  }, PATIENCE_MS);
  afterEach(async () => {
    await importer?.end();
    peer.received.length = 0;
  }, PATIENCE_MS);

  async function start(fmus = [fmu], environment: Record<string, string | undefined> = {}): Promise<SteeredImporter> {
    importer = await SteeredImporter.start(machine, program, fmus, {
      AMQP_URL: broker.url,
      TWINBRIDGE_NODE: node,
      ...environment,
    });
    return importer;
  }

  /** Instantiated, and initialised with a message that is sent again and again until somebody listens. */
  async function started(
    fmus = [fmu],
    environment: Record<string, string> = {},
    parameters: Record<string, number> = {},
  ): Promise<SteeredImporter> {
    const running = await start(fmus, environment);
    for (let n = 0; n < fmus.length; n++) {
      expect(await running.instantiate(n), running.log.join('\n') + running.errors).toMatchObject({ status: 0 });
      for (const [name, value] of Object.entries(parameters)) await running.set(name, value, n);
      const initialised = running.call('initialise', n);
      const feeding = setInterval(() => void peer.send(sample(0)), 300);
      try {
        expect(await initialised, running.log.join('\n') + running.errors).toMatchObject({ status: 0 });
      } finally {
        clearInterval(feeding);
      }
    }
    return running;
  }

  async function allGone(pids: readonly number[]): Promise<void> {
    await until(() => pids.every((pid) => !isRunning(pid)), 10_000);
  }

  it.skipIf(missing)(
    'values of all types come in and go out',
    async () => {
      const running = await started();
      expect([await running.get('r'), await running.get('i'), await running.get('b'), await running.get('s')]).toEqual([
        '1.25',
        '-7',
        '1',
        'hé',
      ]);
      await running.set('ri', 0.1);
      await running.set('ii', 42);
      await running.set('bi', true);
      await running.set('si', 'wörd');
      await peer.send(sample(100, { r: 2.5 }));
      expect(await running.call('step 0 0.1')).toMatchObject({ status: 0 });
      await until(() => peer.received.length > 0);
      expect(peer.received[0]?.body).toMatchObject({ ri: 0.1, ii: 42, bi: true, si: 'wörd' });
      expect(running.backends()).toHaveLength(1);
      const backends = running.backends();
      expect(await running.call('terminate')).toMatchObject({ status: 0 });
      expect(await running.call('free')).toMatchObject({ status: 0 });
      await allGone(backends);
    },
    PATIENCE_MS,
  );

  it.skipIf(missing)(
    'a step that waits is woken by the message',
    async () => {
      const running = await started();
      await running.set('ii', 0);
      await running.call('step 0 0.1');
      const step = running.call('step 0.1 5');
      await new Promise((resolve) => setTimeout(resolve, 300));
      await peer.send(sample(5100, { r: 3 }));
      const { status, ms } = await step;
      expect(status).toBe(0);
      expect(ms).toBeLessThan(WELL_BEFORE_MS);
      expect(await running.get('r')).toBe('3');
    },
    PATIENCE_MS,
  );

  it.skipIf(missing)(
    'a step without data ends at its deadline, names what is missing, and can be made again',
    async () => {
      const running = await started([fmu], {}, { 'config.communicationtimeout': 8 });
      const { status, ms } = await running.call('step 0 50');
      expect(status).toBe(2);
      expect(ms).toBeGreaterThan(7900);
      expect(running.said('no valid data within 8.000 s')).toBe(true);
      await peer.send(sample(50_000, { i: 5 }));
      expect(await running.call('step 0 50')).toMatchObject({ status: 0 });
      expect(await running.get('i')).toBe('5');
    },
    PATIENCE_MS,
  );

  it.skipIf(missing)(
    'a backend that dies ends a waiting step at once, and fails the next one',
    async () => {
      const running = await started();
      const step = running.call('step 0 50');
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (const pid of running.backends()) process.kill(pid, 'SIGKILL');
      const { status, ms } = await step;
      expect(status).toBe(3);
      expect(ms).toBeLessThan(WELL_BEFORE_MS);
      expect(running.said('and with it the link to the broker; free this instance and start again')).toBe(true);
      expect(await running.call('step 0 50')).toMatchObject({ status: 3 });
      await running.call('free');
      expect(await running.instantiate(), 'a new instance gets a new backend').toMatchObject({ status: 0 });
    },
    PATIENCE_MS,
  );

  it.skipIf(missing)(
    'a backend that dies while it waits for room takes nothing with it',
    async () => {
      const running = await started();
      for (let k = 1; k <= 40; k++) await peer.send(sample(k));
      await new Promise((resolve) => setTimeout(resolve, 500));
      const backends = running.backends();
      for (const pid of backends) process.kill(pid, 'SIGKILL');
      await allGone(backends);
      expect(await running.call('step 0 50')).toMatchObject({ status: 3 });
      await running.set('ii', 9);
      expect(await running.call('step 0 50')).toMatchObject({ status: 3 });
      expect(await running.call('free')).toMatchObject({ status: 0 });
    },
    PATIENCE_MS,
  );

  it.skipIf(missing)(
    'an importer that is killed leaves no backend, and what it had handed over is published',
    async () => {
      const running = await started();
      const backends = running.backends();
      await running.set('ii', 77);
      await peer.send(sample(100));
      expect(await running.call('step 0 0.1')).toMatchObject({ status: 0 });
      await running.kill();
      await until(() => peer.received.some(({ body }) => body.ii === 77));
      await allGone(backends);
    },
    PATIENCE_MS,
  );

  it.skipIf(missing)(
    'two FMUs in one importer share a backend',
    async () => {
      const running = await started([fmu, other]);
      expect(running.backends()).toHaveLength(1);
      await running.call('free', 0);
      await peer.send(sample(5000, { i: 3 }));
      expect(await running.call('step 0 5', 1)).toMatchObject({ status: 0 });
      expect(await running.get('i', 1)).toBe('3');
    },
    PATIENCE_MS,
  );

  it.skipIf(missing)(
    'Node.js may be started by a program in its place',
    async () => {
      const launcher = machine.launcher(folder, node);
      const running = await started([fmu], { TWINBRIDGE_NODE: launcher.program, ...launcher.environment });
      const backends = running.backends();
      expect(backends).toHaveLength(2);
      await peer.send(sample(5000, { i: 3 }));
      expect(await running.call('step 0 5')).toMatchObject({ status: 0 });
      await running.kill();
      await allGone(backends);
    },
    PATIENCE_MS,
  );

  it.skipIf(missing)(
    'without Node.js the log says so, and what to do',
    async () => {
      const without = await start([fmu], { TWINBRIDGE_NODE: undefined, PATH: join(folder, 'empty') });
      expect(await without.instantiate()).toMatchObject({ status: 3 });
      expect(without.log.join('\n')).toMatch(
        new RegExp(
          `there is no Node.js to run the bridge with: not in the PATH, none in the FMU for ${machine.tuple}, and ` +
            'TWINBRIDGE_NODE is not set; install Node.js 20 or newer, set TWINBRIDGE_NODE to its program, or build the FMU with --bundle-runtime',
        ),
      );
      await without.end();

      const wrong = await start([fmu], { TWINBRIDGE_NODE: machine.path('/nowhere/node') });
      expect(await wrong.instantiate()).toMatchObject({ status: 3 });
      expect(wrong.log.join('\n')).toContain('which TWINBRIDGE_NODE names; install Node.js 20 or newer');
    },
    PATIENCE_MS,
  );

  // The kernel does not start a program of another processor by itself.
  if (machine.tuple === 'aarch64-linux') return;
  it.skipIf(missing)(
    'with a Node.js inside, the FMU needs no other',
    async () => {
      const { tuple } = machine;
      const whole = await build(`whole-${tuple}`, { platforms: [tuple], bundleRuntime: true });
      try {
        expect(existsSync(join(whole.directory, 'documentation/licenses/node.txt'))).toBe(true);
        const running = await start([whole], { TWINBRIDGE_NODE: undefined, PATH: join(folder, 'empty') });
        expect(await running.instantiate(), running.log.join('\n') + running.errors).toMatchObject({ status: 0 });
        expect(readFileSync(`/proc/${running.backends()[0]}/cmdline`, 'utf8')).toContain(`runtime/${tuple}/node`);
      } finally {
        await whole.close();
      }
    },
    240_000,
  );
});

it.skipIf(MACHINES[0]?.missing)(
  'a Node.js that is too old says so, and what to do',
  async () => {
    const [machine] = MACHINES as [Machine];
    const pretends = join(folder, 'pretends.cjs');
    writeFileSync(pretends, "Object.defineProperty(process.versions, 'node', { value: '18.20.8' });\n");
    const old = join(folder, 'old-node');
    writeFileSync(old, `#!/bin/sh\nexec '${process.execPath}' -r '${pretends}' "$@"\n`, { mode: 0o755 });
    const importer = await SteeredImporter.start(machine, compile(machine, 'importer', folder), [fmu], {
      TWINBRIDGE_NODE: old,
    });
    expect(await importer.instantiate()).toMatchObject({ status: 3 });
    expect(importer.log.join('\n')).toMatch(
      /Node\.js v.* \(.*\) is too old: the bridge needs 20 or newer; install it, or set TWINBRIDGE_NODE to its program/,
    );
    await importer.end();
  },
  PATIENCE_MS,
);
