/** The processes that a measurement needs: peers in Node, and the importer in C. All of them end with the benchmark. */
import { fork, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const running = new Set();

function track(child) {
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

const IMPORTER = fileURLToPath(new URL('../../build/bench/importer', import.meta.url));

/**
 * Runs the importer; resolves with the object that it prints. `whileHolding(pid)` is called once it says that it holds
 * still; what it answers becomes `held` of the object.
 */
export function runImporter(scenario, options, { env, timeoutMs = 120_000, whileHolding } = {}) {
  const args = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  const child = track(
    spawn(IMPORTER, [scenario, ...args], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] }),
  );
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    const abort = (error) => {
      child.kill('SIGKILL');
      reject(error);
    };
    const timer = setTimeout(() => abort(new Error(`the importer took longer than ${timeoutMs / 1000} s`)), timeoutMs);
    let holds = whileHolding === undefined;
    let held;
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (holds || !stderr.includes('holding\n')) return;
      holds = true;
      try {
        held = whileHolding(child.pid);
        child.stdin.end();
      } catch (error) {
        abort(error);
      }
    });
    child.on('error', abort);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve({ ...JSON.parse(stdout), held });
      else reject(new Error(`importer ${scenario} failed (${signal ?? `exit code ${code}`}):\n${lastWords(stderr)}`));
    });
  });
}
