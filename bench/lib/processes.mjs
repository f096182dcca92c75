/** The processes that a measurement needs: peers in Node, and the importer in C. All of them end with the benchmark. */
import { fork, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const running = new Set();

/** Ends the child with the benchmark, if it has not ended by then. */
export function track(child) {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** For the benchmark's own end, however it comes. */
export function endAll() {
  for (const child of running) child.kill('SIGKILL');
}

/** A Node process that talks over IPC: `bench/peers/<name>.mjs`. */
export class Peer {
  #child;
  #name;
  #messages = [];
  #waiting;
  #ended;

  constructor(name, options) {
    this.#name = name;
    const script = fileURLToPath(new URL(`../peers/${name}.mjs`, import.meta.url));
    this.#child = track(
      fork(script, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] }),
    );
    this.#child.on('message', (message) => {
      if (this.#waiting === undefined) this.#messages.push(message);
      else this.#settle('resolve', message);
    });
    this.#child.on('exit', (code, signal) => {
      this.#ended = new Error(`the ${name} ended early (${signal ?? `exit code ${code}`})`);
      this.#settle('reject', this.#ended);
    });
  }

  #settle(how, value) {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.[how](value);
  }

  /** The next thing that it says; rejects when it ends instead. */
  next() {
    const [message] = this.#messages.splice(0, 1);
    if (message !== undefined) return Promise.resolve(message);
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  tell(message) {
    this.#child.send(message);
  }

  /** Lets go of it: a peer ends when its channel does. */
  async end() {
    if (this.#ended !== undefined) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    const impatient = setTimeout(() => {
      process.stderr.write(`the ${this.#name} does not end by itself\n`);
      this.#child.kill('SIGKILL');
    }, 5000);
    await gone;
    clearTimeout(impatient);
  }
}

/** The end of what a process said, without lines that no one reads (of a bundled backend, say). */
function lastWords(text) {
  const lines = text.trim().split('\n');
  return lines
    .slice(-12)
    .map((line) => (line.length > 300 ? `${line.slice(0, 300)} …` : line))
    .join('\n');
}

/** Collects what a child prints and says until it ends well; otherwise it is killed, and the error tells its last words. */
function ended(child, what, timeoutMs, onStderr = () => {}) {
  return new Promise((resolve, reject) => {
    const said = { stdout: '', stderr: '' };
    const abort = (error) => {
      child.kill('SIGKILL');
      reject(error);
    };
    const timer = setTimeout(() => abort(new Error(`${what} took longer than ${timeoutMs / 1000} s`)), timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      said.stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      said.stderr += chunk;
      try {
        onStderr(said.stderr);
      } catch (error) {
        abort(error);
      }
    });
    child.on('error', abort);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(said);
      else reject(new Error(`${what} failed (${signal ?? `exit code ${code}`}):\n${lastWords(said.stderr)}`));
    });
  });
}

const built = (path) => fileURLToPath(new URL(`../../build/${path}`, import.meta.url));
const IMPORTER = built('bench/importer');
const RUSAGE = built('bench-masters/rusage');

/**
 * Runs the importer; resolves with the object that it prints. `whileHolding(pid)` is called once it says that it holds
 * still; what it answers becomes `held` of the object.
 */
export async function runImporter(scenario, options, { env, timeoutMs = 120_000, whileHolding } = {}) {
  const args = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  const child = track(
    spawn(IMPORTER, [scenario, ...args], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] }),
  );
  let holds = whileHolding === undefined;
  let held;
  const { stdout } = await ended(child, `importer ${scenario}`, timeoutMs, (stderr) => {
    if (holds || !stderr.includes('holding\n')) return;
    holds = true;
    held = whileHolding(child.pid);
    child.stdin.end();
  });
  return { ...JSON.parse(stdout), held };
}

/**
 * Runs a program to its end. Resolves with what it printed (`stdout`), the instant at which it was started and the CPU
 * time that it took with all its threads, ns (`started`, `cpu`; see masters/rusage.c).
 */
export async function runCosted(program, args, { env, cwd, timeoutMs = 120_000 } = {}) {
  const child = track(
    spawn(RUSAGE, [program, ...args], {
      env: { ...process.env, ...env },
      cwd,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    }),
  );
  let report = '';
  child.stdio[3].setEncoding('utf8').on('data', (chunk) => {
    report += chunk;
  });
  const { stdout } = await ended(child, program, timeoutMs);
  return { stdout, ...JSON.parse(report) };
}
