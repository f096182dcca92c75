/**
 * Who runs a ring, and where its FMUs are. Each of these answers
 *
 *   steps(folder, size, {steps, times})   µs of a communication step, `times` samples
 *   start(folder, size)                   ms from where instances begin to be made to the end of the initialisation
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { proxyfmuProgramPath } from '../../dist/native/index.js';
import { runCosted, track } from '../lib/processes.mjs';
import { missingPackages, PYTHON } from '../masters/python.mjs';
import { FMU, last, STEP, xml, yaml } from './ring.mjs';

const COMMAND = fileURLToPath(new URL('../../dist/bin/twinbridge.cjs', import.meta.url));
/** Of a run that is subtracted from another: loading, and what is slower at first. */
const SHORTER = 0.2;

async function run(file, steps, size) {
  const args = [COMMAND, 'run', file, '--stop', steps * STEP, '--quiet', '--json'];
  const { stdout } = await runCosted(process.execPath, args);
  const report = JSON.parse(stdout);
  const value = report.finalValues[last(size)];
  if (report.steps !== steps || value !== steps) {
    throw new Error(`after ${report.steps} of ${steps} steps ${last(size)} is ${value}`);
  }
  return report;
}

/** This project's master. `component(folder)`: what each component is. */
const twinbridge = (component) => {
  const write = (folder, size) => {
    const file = join(folder, `ring-${size}.yaml`);
    writeFileSync(file, yaml(size, component(folder)));
    return file;
  };
  return {
    async steps(folder, size, { steps, times }) {
      const file = write(folder, size);
      const samples = [];
      for (let i = 0; i < times; i++) {
        const shorter = Math.ceil(steps * SHORTER);
        const before = await run(file, shorter, size);
        const after = await run(file, steps, size);
        samples.push(((after.wallSeconds - before.wallSeconds) * 1e6) / (steps - shorter));
      }
      return samples;
    },
    async start(folder, size) {
      return (await run(write(folder, size), 1, size)).initializationSeconds * 1000;
    },
  };
};

export const inProcess = twinbridge(() => ({ fmu: FMU }));
export const isolated = twinbridge(() => ({ fmu: FMU, isolate: true }));
export const proxied = twinbridge(() => ({ fmu: `proxyfmu://localhost?file=${FMU}` }));
export const booted = (port) => twinbridge(() => ({ fmu: `proxyfmu://localhost:${port}?file=${FMU}` }));
export const brokered = (uri) => twinbridge(() => ({ fmu: uri }));

/** libcosim, which looks for `proxyfmu` in its working directory. */
const libcosimOf = (source) => ({
  missing: () => missingPackages('libcosimpy'),
  async steps(folder, size, { steps, times }) {
    if (!existsSync(join(folder, 'proxyfmu'))) {
      symlinkSync(proxyfmuProgramPath(), join(folder, 'proxyfmu'));
      copyFileSync(FMU, join(folder, 'ten.fmu'));
    }
    const file = join(folder, `ring-${size}.xml`);
    writeFileSync(file, xml(size, source));
    const script = fileURLToPath(new URL('libcosim_ring.py', import.meta.url));
    const { stdout } = await runCosted(PYTHON, [script, file, steps, times, last(size)], {
      env: { PYTHONDONTWRITEBYTECODE: '1' },
      cwd: folder,
    });
    return JSON.parse(stdout);
  },
});

export const libcosim = libcosimOf('proxyfmu://localhost?file=ten.fmu');
export const libcosimInProcess = libcosimOf('ten.fmu');

/** Starts `twinbridge …` on a free port, until it listens: how long that took, ms, and how to end it. */
export async function server(args) {
  const port = await freePort();
  return { port, ...(await started(args(port), () => listens(port))) };
}

/** Starts `twinbridge …`, until it says that it is ready. */
export function worker(args, ready) {
  return started(args, (said) => ready.test(said));
}

async function started(args, isReady) {
  const begun = performance.now();
  const child = track(spawn(process.execPath, [COMMAND, ...args], { stdio: ['pipe', 'pipe', 'pipe'] }));
  const closed = once(child, 'close');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  while (!(await isReady(said))) {
    if (child.exitCode !== null) throw new Error(`twinbridge ${args.join(' ')} ended: ${said}`);
    if (performance.now() - begun > 20_000) throw new Error(`twinbridge ${args.join(' ')} is not ready: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return {
    took: performance.now() - begun,
    async close() {
      child.kill('SIGINT');
      await closed;
    },
  };
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('connect', () => socket.destroy());
    socket.once('error', () => resolve(false));
  });
}

/** Time of `program -v`, ms: libcosim waits for it before each instance that it starts. */
export function versionTime() {
  const begun = performance.now();
  const { status } = spawnSync(proxyfmuProgramPath(), ['-v']);
  if (status !== 0) throw new Error(`proxyfmu -v ended with ${status}`);
  return performance.now() - begun;
}
