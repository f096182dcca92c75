/**
 * A million calls, a thousand connections and a thousand instances: neither side grows. `TWINBRIDGE_SOAK` says how many times
 * as much (10 takes several minutes).
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FmuInstance, type FmuModel, readFmuModel } from '#tb/fmi/index.js';
import { proxyfmuProgramPath } from '#tb/native/index.js';
import { temporaryFolder, testFmu } from '../support/fmus.js';
import { openFiles, residentBytes } from '../support/processes.js';
import { until } from '../support/until.js';
import { endServersAfterEach, type Server, startServer } from './remote.js';
import { MARK, marked, type Started, startTwinbridge } from './remote-programs.js';

const TIMES = Number(process.env.TWINBRIDGE_SOAK ?? 1);
/** In each of two protocols. */
const CALLS = 500_000 * TIMES;
const CONNECTIONS = 1_000 * TIMES;
/** Of each of two servers. */
const INSTANCES = 500 * TIMES;
const PATIENCE_MS = 120_000 * TIMES;
/** Bytes. A process in C that does the same again and again needs no more; one of Node collects its garbage when it likes. */
const GROWTH = { c: 512 * 1024, node: 32 * 1024 * 1024 };

const folder = temporaryFolder();
const file = testFmu(folder, 'ten');
const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
/** Value references. */
const U0 = 0;
const Y0 = 10;

/** A frame with the call `read_real([])`. */
const READ_NOTHING = Buffer.from('0000001e8001000100000009726561645f7265616c000000010f00010a0000000000', 'hex');

let model: FmuModel;
beforeAll(async () => {
  ({ model } = await readFmuModel(file));
});
endServersAfterEach();

const instance = (port: number, more = '', protocol = 'proxyfmu') =>
  new FmuInstance(
    { file, directory: '', model },
    {
      name: 'x',
      remote: {
        target: `protocol ${protocol}\nhost 127.0.0.1\nport ${port}\n${more}`,
        uri: `proxyfmu://localhost:${port}`,
      },
    },
  );

const initialise = (one: FmuInstance) => {
  one.enterInitializationMode({ startTime: 0 });
  one.exitInitializationMode();
};

/** Lets timers and sockets of this process have their turn. */
const breathe = () => new Promise((resolve) => setImmediate(resolve));

interface Watched {
  readonly pid: number;
  readonly kind: keyof typeof GROWTH;
}

/** `action` is done a fifth as often first; then nothing may grow. */
async function expectNoGrowth(
  watched: Readonly<Record<string, Watched>>,
  action: (times: number) => Promise<void>,
  times: number,
): Promise<void> {
  await action(Math.ceil(times / 5));
  const state = ({ pid }: Watched) => ({ bytes: residentBytes(pid), files: openFiles(pid).length });
  const before = Object.fromEntries(Object.entries(watched).map(([name, each]) => [name, state(each)]));
  await action(times);
  for (const [name, each] of Object.entries(watched)) {
    // Pipes of a process that has just ended are closed when all that was in them is read.
    await until(
      () => state(each).files <= before[name]!.files,
      `the files of ${name} to be ${before[name]!.files} again`,
    );
    const after = state(each);
    expect(after.bytes - before[name]!.bytes, `memory of ${name}`).toBeLessThan(GROWTH[each.kind]);
  }
}

const ourselves = { pid: process.pid, kind: 'node' } as const;

describe('an instance', () => {
  let server: Server;
  const serve = async () => {
    server = await startServer(proxyfmuProgramPath(), ['--fmu', file, '--instanceName', 'x']);
    return { server: { pid: server.process.pid!, kind: 'c' }, client: ourselves } as const;
  };

  it.each([
    ['in the protocol of proxyfmu', 'plain 1\n'],
    ['in ours', ''],
  ])(
    `${CALLS} calls %s`,
    async (_, more) => {
      const watched = await serve();
      const one = instance(server.port, more);
      initialise(one);
      let steps = 0;
      await expectNoGrowth(
        watched,
        async (calls) => {
          for (let call = 0; call < calls; call += 3) {
            one.set(U0, [steps]);
            one.doStep(steps * 0.1, 0.1);
            const [y] = one.get(Y0);
            if (y !== steps + 1) throw new Error(`after ${steps} steps y0 is ${y}`);
            steps++;
            if (steps % 5000 === 0) await breathe();
          }
        },
        CALLS,
      );
      one.terminate();
      one.free();
      expect(await server.ended).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    `${CONNECTIONS} connections, one after another`,
    async () => {
      const watched = await serve();
      await expectNoGrowth(
        watched,
        async (times) => {
          for (let time = 0; time < times; time++) await ask(server.port, READ_NOTHING);
        },
        CONNECTIONS,
      );
      server.process.kill('SIGKILL');
    },
    PATIENCE_MS,
  );
});

describe('servers', () => {
  const mark = `soak-${process.pid}`;
  let booter: Started;
  let proxy: Started;
  beforeAll(async () => {
    booter = await startTwinbridge((port) => ['proxyfmu', 'boot', '--port', String(port)], { [MARK]: mark });
    proxy = await startTwinbridge((port) => ['fmu-proxy', '-thrift/tcp', String(port), file], { [MARK]: mark });
  });
  afterAll(async () => {
    await booter?.stop();
    await proxy?.stop();
  });

  it.each([
    ['the booter', 'proxyfmu', () => booter, `boot 1\nupload ${file}\nname ten\nsha256 ${sha256}\n`],
    ['FMU-proxy', 'fmu-proxy', () => proxy, 'id {7d0b6a52-1c1e-4b0e-9a55-64a3f1e90220}\n'],
  ])(
    `${INSTANCES} instances of %s`,
    async (_, protocol, which, more) => {
      const { port, pid } = which();
      const noneLeft = () =>
        until(() => marked(mark).every((one) => [booter.pid, proxy.pid].includes(one)), 'all to end');
      await expectNoGrowth(
        { server: { pid, kind: 'node' }, client: ourselves },
        async (times) => {
          for (let time = 0; time < times; time++) {
            const one = instance(port, more, protocol);
            initialise(one);
            one.doStep(0, 0.1);
            if (one.get(Y0)[0] !== 1) throw new Error('the step was not made');
            one.terminate();
            one.free();
            if (time % 10 === 0) await breathe();
          }
          await noneLeft();
        },
        INSTANCES,
      );
    },
    PATIENCE_MS,
  );
});

/** Sends a frame on a connection of its own, and waits for the answer. */
function ask(port: number, frame: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(frame));
    socket.once('data', () => socket.destroy());
    socket.once('error', reject);
    socket.once('close', () => resolve());
  });
}
