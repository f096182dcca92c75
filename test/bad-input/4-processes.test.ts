/** What dies, stops or is missing: the importer, the backend, Node.js; and what is left when all goes well. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FmuDiscardError, FmuInstantiationError, FmuStatusError, openFmu, type UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, Peer, stamp, temporaryFolder, until } from '../support/bridge.js';
import { type BrokerProcess, startBroker } from '../support/broker-process.js';
import { Feeder } from '../support/feeder.js';
import { backends, isRunning, openFiles } from '../support/processes.js';

const folder = temporaryFolder();
const RECEIVING = `
send: { announce: true }
selection: { maxage: 1 s, lookahead: 100, timeout: 1 s }
outputs: { x: Real }
diagnostics: true
`;
const SENDING = 'inputs: { y: Integer }\n';

let broker: BrokerProcess;
let feeder: Feeder;
let receiving: UnpackedFmu;
let patient: UnpackedFmu;
let sending: UnpackedFmu;
const alive: Bridge[] = [];

beforeAll(async () => {
  broker = await startBroker();
  process.env.AMQP_URL = broker.url;
  feeder = await Feeder.start(broker.url);
  receiving = await bridgeFmu(RECEIVING, folder);
  patient = await bridgeFmu(RECEIVING.replace('timeout: 1 s', 'timeout: 60 s'), folder);
  sending = await bridgeFmu(SENDING, folder);
});
afterEach(() => {
  for (const bridge of alive.splice(0)) bridge.instance.free();
  expect(backends()).toEqual([]);
});
afterAll(async () => {
  await feeder?.stop();
  await receiving?.close();
  await patient?.close();
  await sending?.close();
  await broker?.kill();
  delete process.env.AMQP_URL;
});

function bridgeOf(fmu: UnpackedFmu, name?: string): Bridge {
  const bridge = new Bridge(fmu, name);
  alive.push(bridge);
  return bridge;
}

async function start(name?: string, fmu = patient): Promise<Bridge> {
  await feeder.onReady({ x: 1, time: stamp(0) });
  const bridge = bridgeOf(fmu, name);
  bridge.initialise();
  return bridge;
}

const theBackend = () => {
  const [pid, ...more] = backends();
  expect(more).toEqual([]);
  return pid as number;
};

function took(action: () => void): number {
  const before = performance.now();
  action();
  return performance.now() - before;
}

describe('1 the importer is killed', () => {
  const script = fileURLToPath(new URL('../support/importer.mjs', import.meta.url));
  const signal = join(folder, 'be-stuck');
  /** In the backend's main thread, the event loop stops turning when the signal is there; elsewhere nothing happens. */
  const STUCK = `
const { existsSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');
const check = () => { while (existsSync(${JSON.stringify(signal)})); };
if (isMainThread && /backend\\.cjs$/.test(process.argv[1] ?? '')) setInterval(check, 20).unref();
`;

  async function importer(...args: string[]): Promise<{ child: ChildProcess; backend: number }> {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the importer ended with ${code}`)));
    ended.catch(() => {}); // being killed is its fate
    const [line] = (await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), ended])) as [Buffer];
    const backend = Number(line);
    expect(isRunning(backend)).toBe(true);
    return { child, backend };
  }

  /** How long the backend outlives it, ms. */
  async function killed({ child, backend }: { child: ChildProcess; backend: number }): Promise<number> {
    child.kill('SIGKILL');
    await once(child, 'exit');
    const before = performance.now();
    await until(() => !isRunning(backend));
    return performance.now() - before;
  }

  it('idle, or within a step: the backend is gone within a second', async () => {
    expect(await killed(await importer(sending.file))).toBeLessThan(1000);
    await feeder.onReady({ x: 1, time: stamp(0) });
    const waiting = await importer(patient.file, 'step');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await killed(waiting)).toBeLessThan(1000);
  });

  it('while the event loop of the backend is stuck: likewise', async () => {
    const preload = join(folder, 'stuck.cjs');
    writeFileSync(preload, STUCK);
    process.env.NODE_OPTIONS = `--require=${preload}`;
    try {
      const stuck = await importer(sending.file);
      writeFileSync(signal, '');
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await killed(stuck)).toBeLessThan(1000);
    } finally {
      delete process.env.NODE_OPTIONS;
    }
  });

  it('while messages flood in: likewise', async () => {
    await feeder.onReady({ x: 1, time: stamp(0) });
    const flooded = await importer(patient.file);
    const slow = JSON.stringify({ x: 1, time: stamp(1), filler: 'ä"\n'.repeat(100_000) });
    void feeder.send(...Array.from({ length: 300 }, () => slow));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await killed(flooded)).toBeLessThan(1000);
  });
});

describe('2 the backend is killed', () => {
  const GONE = /^backend process \d+ was ended by signal 9 \(Killed\), and with it the link to the broker; free this/;
  const said = (bridge: Bridge) => bridge.log.map(({ message }) => message).filter((message) => GONE.test(message));

  it('while a step waits: the step fails within 100 ms and says so', async () => {
    const bridge = await start();
    const when = join(folder, 'killed-at');
    spawn('sh', ['-c', `sleep 0.15; date +%s%N > ${when}; kill -9 ${theBackend()}`], { stdio: 'ignore' });
    expect(() => bridge.instance.doStep(0, 5)).toThrow(FmuStatusError);
    const ended = Date.now();
    await until(() => readdirSync(folder).includes('killed-at'));
    expect(ended - Number(readFileSync(when, 'utf8')) / 1e6).toBeLessThan(100);
    expect(said(bridge)).toHaveLength(1);
  });

  it('while data is ready: the next step fails at once, and a new instance works', async () => {
    const bridge = await start();
    await feeder.send({ x: 2, time: stamp(100) });
    await until(() => bridge.integer('received') === 2);
    process.kill(theBackend(), 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(took(() => expect(() => bridge.instance.doStep(0, 0.1)).toThrow(FmuStatusError))).toBeLessThan(100);
    expect(said(bridge)).toHaveLength(1);
    expect(bridge.real('x')).toBe(1); // what was output last can still be read
    const next = await start('next');
    expect(next.real('x')).toBe(1);
    expect(took(() => bridge.instance.free())).toBeLessThan(100);
    next.instance.doStep(0, 0.1);
  });

  it('between instantiation and initialisation: that fails at once', async () => {
    const bridge = bridgeOf(receiving);
    process.kill(theBackend(), 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(took(() => expect(() => bridge.initialise()).toThrow(FmuStatusError))).toBeLessThan(300);
    expect(said(bridge)).toHaveLength(1);
  });

  it('and reset gives the instance a new one', async () => {
    const bridge = await start();
    process.kill(theBackend(), 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(() => bridge.instance.doStep(0, 0.1)).toThrow(FmuStatusError);
    bridge.instance.reset();
    await feeder.onReady({ x: 5, time: stamp(0) });
    bridge.initialise();
    expect(bridge.real('x')).toBe(5);
  });
});

describe('3 the backend is stopped', () => {
  it('a step ends at its deadline, and instances can be freed in a few seconds', async () => {
    const bridges = [await start('a', receiving), await start('b', receiving), await start('c', receiving)];
    const backend = theBackend();
    process.kill(backend, 'SIGSTOP');
    for (const bridge of bridges) {
      const ms = took(() => expect(() => bridge.instance.doStep(0, 5)).toThrow(FmuDiscardError));
      expect(ms).toBeGreaterThan(990);
      expect(ms).toBeLessThan(1300);
    }
    const ms = took(() => {
      for (const bridge of bridges) bridge.instance.free();
    });
    expect(ms).toBeLessThan(4000);
    expect(isRunning(backend)).toBe(false);
  });

  it('and goes on: so do the steps', async () => {
    const bridge = await start('interrupted', receiving);
    const backend = theBackend();
    process.kill(backend, 'SIGSTOP');
    expect(() => bridge.instance.doStep(0, 5)).toThrow(FmuDiscardError);
    process.kill(backend, 'SIGCONT');
    await feeder.send({ x: 6, time: stamp(5000) });
    await until(() => bridge.integer('received') === 2);
    bridge.instance.doStep(0, 5);
    expect(bridge.real('x')).toBe(6);
  });
});

describe('4 what the FMU needs is missing', () => {
  /** What instantiation says. */
  function refusal(fmu: UnpackedFmu): string {
    try {
      bridgeOf(fmu);
    } catch (error) {
      expect(error).toBeInstanceOf(FmuInstantiationError);
      return (error as Error).message;
    }
    throw new Error('it could be instantiated');
  }
  async function changed(change: (resources: string) => void): Promise<string> {
    const fmu = await openFmu(receiving.file);
    change(join(fmu.directory, 'resources'));
    const said = refusal(fmu);
    await fmu.close();
    return said;
  }

  it('Node.js', () => {
    process.env.TWINBRIDGE_NODE = '/nonexistent/node';
    try {
      expect(refusal(receiving)).toContain(
        'there is no /nonexistent/node, which TWINBRIDGE_NODE names; install Node.js 20 or newer, set TWINBRIDGE_NODE to its program, or build the FMU with --bundle-runtime',
      );
    } finally {
      delete process.env.TWINBRIDGE_NODE;
    }
  });

  it('a program that is not Node.js', () => {
    process.env.TWINBRIDGE_NODE = '/bin/true';
    try {
      expect(took(() => expect(refusal(receiving)).toContain('exited with code 0 before it answered'))).toBeLessThan(
        1000,
      );
    } finally {
      delete process.env.TWINBRIDGE_NODE;
    }
  });

  it('the backend', async () => {
    expect(await changed((resources) => rmSync(join(resources, 'backend.cjs')))).toMatch(
      /resources\/backend\.cjs is missing: the FMU is incomplete; build it again with 'twinbridge build'/,
    );
  });

  it('a whole backend', async () => {
    const said = await changed((resources) => writeFileSync(join(resources, 'backend.cjs'), 'process.exit(3)'));
    expect(said).toMatch(/the backend process exited with code 3 before it answered; its last words are on this/);
  });

  it('its configuration, whole and of the same build', async () => {
    const configuration = (resources: string) => join(resources, 'bridge.json');
    expect(await changed((resources) => rmSync(configuration(resources)))).toMatch(/resources\/bridge\.json/);
    expect(await changed((resources) => writeFileSync(configuration(resources), '{"name":'))).toMatch(
      /resources\/bridge\.json/,
    );
    const said = await changed((resources) => {
      const file = configuration(resources);
      writeFileSync(file, readFileSync(file, 'utf8').replace(receiving.description.guid, '{another}'));
    });
    expect(said).toMatch(
      /the importer passed the GUID .*, but this FMU has \{another\}: modelDescription\.xml and resources are of different builds/,
    );
  });
});

describe('5 a reset that fails', () => {
  it('leaves an instance that says so, can be reset once more, and freed', async () => {
    const fmu = await openFmu(receiving.file);
    const bridge = bridgeOf(fmu);
    const state = bridge.instance.getState();
    const configuration = join(fmu.directory, 'resources', 'bridge.json');
    const before = readFileSync(configuration);
    writeFileSync(configuration, '{');
    expect(() => bridge.instance.reset()).toThrow(FmuStatusError);
    expect(() => bridge.real('x')).toThrow(FmuStatusError);
    expect(bridge.said('must not be called when the FMU is of no more use, since fmi2Reset failed')).toBe(true);
    expect(() => bridge.set('config.maxage', 1)).toThrow(FmuStatusError);
    expect(() => bridge.instance.doStep(0, 1)).toThrow(FmuStatusError);
    bridge.instance.freeState(state);
    writeFileSync(configuration, before);
    bridge.instance.reset();
    await feeder.onReady({ x: 3, time: stamp(0) });
    bridge.initialise();
    expect(bridge.real('x')).toBe(3);
    bridge.instance.free();
    await fmu.close();
  });
});

describe('6 several instances in one process', () => {
  it('of one FMU and of two, share one backend, which ends with the last of them', async () => {
    const before = openFiles();
    const shared = readdirSync('/dev/shm');
    const first = await start('first');
    const backend = theBackend();
    const second = await start('second');
    const third = bridgeOf(sending, 'third');
    third.initialise();
    expect(backends()).toEqual([backend]);
    // The library that started the backend goes first.
    first.instance.free();
    second.instance.free();
    expect(backends()).toEqual([backend]);
    const peer = await Peer.connect(broker.url);
    third.set('y', 3);
    third.instance.doStep(0, 0.1);
    expect((await peer.receive(1))[0]).toMatchObject({ y: 3 });
    await peer.close();
    third.instance.free();
    expect(backends()).toEqual([]);
    expect(isRunning(backend)).toBe(false);
    expect(readdirSync('/dev/shm')).toEqual(shared);
    await until(() => openFiles().length <= before.length);
  });

  describe('of an importer in C', () => {
    const program = join(folder, 'importer');
    let peer: Peer;

    beforeAll(async () => {
      const source = fileURLToPath(new URL('../support/importer.c', import.meta.url));
      const include = fileURLToPath(new URL('../../fmu-shim/include', import.meta.url));
      execFileSync('cc', ['-std=gnu11', '-Wall', '-I', include, source, '-o', program, '-lpthread', '-ldl']);
      peer = await Peer.connect(broker.url);
    });
    afterAll(() => peer?.close());

    interface Left {
      readonly failures: number;
      readonly childless: boolean;
      readonly fdsBefore: number;
      readonly fdsWarm: number;
      readonly fdsAfter: number;
      readonly kibWarm: number;
      readonly kibAfter: number;
    }

    async function run(threads: number, rounds: number): Promise<Left> {
      const library = join(sending.directory, 'binaries/linux64/bridge.so');
      const resources = pathToFileURL(join(sending.directory, 'resources')).href;
      const y = sending.description.variables.find(({ name }) => name === 'y')?.valueReference;
      const args = [library, resources, sending.description.guid, String(y), String(threads), String(rounds)];
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += String(chunk);
      });
      await once(child, 'close');
      return JSON.parse(text) as Left;
    }

    it('eight threads at once: nothing fails, every message arrives, nothing is left', {
      timeout: 60_000,
    }, async () => {
      peer.received.length = 0;
      const left = await run(8, 3);
      expect(left).toMatchObject({ failures: 0, childless: true });
      expect(left.fdsAfter).toBe(left.fdsBefore);
      const messages = await peer.receive(8 * 3 * 5);
      const expected = Array.from({ length: 8 }, (_, t) =>
        Array.from({ length: 15 }, (_, k) => 10_000 * t + k + 1),
      ).flat();
      expect(messages.map(({ y }) => y as number).sort((a, b) => a - b)).toEqual(expected);
    });

    it('thirty lives in a row: no file descriptor and no memory is left behind', { timeout: 60_000 }, async () => {
      const left = await run(1, 30);
      expect(left).toMatchObject({ failures: 0, childless: true });
      expect(left.fdsWarm).toBe(left.fdsBefore);
      expect(left.fdsAfter).toBe(left.fdsBefore);
      expect(left.kibAfter - left.kibWarm).toBeLessThan(512);
    });
  });
});
