/** An importer in C (importer.c), running on one of the machines, told line by line what to do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { binariesFolder, PLATFORMS, type UnpackedFmu } from '#tb/fmi/index.js';
import type { Machine } from './machines.js';

export interface Answer {
  /** As FMI numbers it: 0 ok, 2 discard, 3 error. */
  readonly status: number;
  readonly ms: number;
}

let started = 0;

export class SteeredImporter {
  readonly log: string[] = [];
  readonly exited: Promise<void>;
  readonly #process: ChildProcess;
  readonly #machine: Machine;
  readonly #fmus: readonly UnpackedFmu[];
  readonly #errors: string;
  readonly #waiting: ((answer: string) => void)[] = [];

  private constructor(machine: Machine, child: ChildProcess, fmus: readonly UnpackedFmu[], errors: string) {
    this.#errors = errors;
    this.#machine = machine;
    this.#process = child;
    this.#fmus = fmus;
    // Not 'close': what Wine leaves running a while holds on to the pipes.
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.startsWith('= ')) this.#waiting.shift()?.(line.slice(2));
      else this.log.push(line);
    });
    child.stdin?.on('error', () => {});
    void this.exited.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, 200)); // for answers that are still on their way
      for (const answer of this.#waiting.splice(0)) answer('the importer is gone');
    });
  }

  /** Instance `n` will be of the FMU `fmus[n]`. `environment`: `undefined` takes a variable away. */
  static async start(
    machine: Machine,
    program: string,
    fmus: readonly UnpackedFmu[],
    environment: Readonly<Record<string, string | undefined>> = {},
  ): Promise<SteeredImporter> {
    const [command = program, ...rest] = [...machine.command, program];
    const libraries = fmus.map((fmu) => machine.path(libraryOf(fmu, machine)));
    // A file: Node.js under Wine takes no socket of this system for its standard error.
    const errors = `${program}.${started++}.err`;
    const file = openSync(errors, 'w');
    const child = spawn(command, [...rest, ...libraries], {
      stdio: ['pipe', 'pipe', file],
      env: { ...process.env, ...machine.environment, ...environment },
    });
    closeSync(file);
    return new SteeredImporter(machine, child, fmus, errors);
  }

  /** What it, and the backend, said on standard error. */
  get errors(): string {
    return readFileSync(this.#errors, 'utf8');
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Sends a command for instance `n`, and waits for the answer's text. */
  tell(command: string, n = 0): Promise<string> {
    const answer = new Promise<string>((resolve) => this.#waiting.push(resolve));
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return Promise.resolve('it is gone');
    this.#process.stdin?.write(`${n} ${command}\n`);
    return answer;
  }

  async call(command: string, n = 0): Promise<Answer> {
    const [status = Number.NaN, ms = Number.NaN] = (await this.tell(command, n)).split(' ').map(Number);
    return { status, ms };
  }

  instantiate(n = 0): Promise<Answer> {
    const { directory, description } = this.#fmus[n]!;
    return this.call(`instantiate ${this.#machine.path(join(directory, 'resources'))} ${description.guid}`, n);
  }

  set(name: string, value: string | number | boolean, n = 0): Promise<Answer> {
    const { type, reference } = this.#variable(name, n);
    return this.call(`set ${type} ${reference} ${typeof value === 'boolean' ? Number(value) : value}`, n);
  }

  get(name: string, n = 0): Promise<string> {
    const { type, reference } = this.#variable(name, n);
    return this.tell(`get ${type} ${reference}`, n);
  }

  #variable(name: string, n: number): { type: string; reference: number } {
    const variable = this.#fmus[n]!.description.variables.find((candidate) => candidate.name === name);
    if (variable === undefined) throw new Error(`no variable ${name}`);
    return { type: variable.type, reference: variable.valueReference };
  }

  said(part: string): boolean {
    return this.log.some((line) => line.includes(part));
  }

  /** Process numbers of the backends of its FMUs. */
  backends(): number[] {
    const folders = this.#fmus.map(({ directory }) => basename(directory));
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const commandLine = readFileSync(`/proc/${name}/cmdline`, 'utf8');
        const ours = commandLine.includes('backend.cjs') && folders.some((folder) => commandLine.includes(folder));
        return ours ? [Number(name)] : [];
      } catch {
        return []; // gone meanwhile
      }
    });
  }

  /** Ends it at once, like a crash. */
  kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    return this.exited;
  }

  /** Lets it end by itself: its standard input ends. */
  async end(): Promise<void> {
    this.#process.stdin?.end();
    const hard = setTimeout(() => this.#process.kill('SIGKILL'), 5000);
    await this.exited;
    clearTimeout(hard);
  }
}

function libraryOf({ directory, description }: UnpackedFmu, { tuple }: Machine): string {
  const platform = PLATFORMS.find((candidate) => candidate.tuple === tuple)!;
  const file = `${description.coSimulation?.modelIdentifier}.${platform.extension}`;
  return join(directory, 'binaries', binariesFolder(platform, '2.0'), file);
}
