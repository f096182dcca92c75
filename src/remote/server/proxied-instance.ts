/**
 * An instance behind FMU-proxy: its process, the connection to it, and its time, which clients of FMU-proxy leave to the
 * server. Calls go on to the process as they come, without waiting for one another, and are answered in their order.
 */

import type { StoredFmu } from '../instance/fmu-store.js';
import type { InstanceProcess } from '../instance/process.js';
import {
  type ArgsOf,
  FMU_SERVICE,
  type FMU_SERVICE_SHAPE,
  type MethodOf,
  type ResultOf,
  ThriftApplicationError,
  ThriftClient,
  ThriftConnectionError,
  ThriftStatus,
} from '../thrift/index.js';

type Service = typeof FMU_SERVICE_SHAPE;

interface Running {
  readonly process: InstanceProcess;
  readonly client: ThriftClient<Service>;
}

export interface ProxiedInstanceOptions {
  readonly id: string;
  readonly name: string;
  readonly fmu: StoredFmu;
  readonly start: () => Promise<InstanceProcess>;
  readonly token: string;
}

/** How long a process may take to let itself be connected to and to instantiate, ms. */
const START_MS = 60_000;

export class ProxiedInstance {
  readonly id: string;
  readonly name: string;
  readonly fmu: StoredFmu;
  readonly #options: ProxiedInstanceOptions;
  #running: Running | undefined;
  /** While it is being reset. */
  #starting: Promise<Running> | undefined;
  #time = 0;

  /** Instantiates. Throws `InstanceStartError`, `ThriftApplicationError` with what the FMU said. */
  static async create(options: ProxiedInstanceOptions): Promise<ProxiedInstance> {
    const instance = new ProxiedInstance(options);
    instance.#running = await instance.#start();
    return instance;
  }

  private constructor(options: ProxiedInstanceOptions) {
    this.id = options.id;
    this.name = options.name;
    this.fmu = options.fmu;
    this.#options = options;
  }

  /** Throws what the process answers; where that has ended, how. */
  call<M extends MethodOf<Service>>(method: M, args: ArgsOf<Service, M>): Promise<ResultOf<Service, M>> {
    const running = this.#running;
    if (running !== undefined) return this.#ask(running, method, args);
    if (this.#starting === undefined) throw new ThriftApplicationError(0, `instance ${this.id} is gone`);
    return this.#starting.then((started) => this.#ask(started, method, args));
  }

  setTime(time: number): void {
    this.#time = time;
  }

  /** A step from where the one before ends. */
  async step(stepSize: number): Promise<{ status: number; simulation_time: number }> {
    const from = this.#time;
    // The next step may come before this one is answered.
    this.#time = from + stepSize;
    try {
      const status = await this.call('step', { currentTime: from, stepSize });
      if (status === ThriftStatus.ok) return { status, simulation_time: from + stepSize };
      this.#time = from;
      return { status, simulation_time: from };
    } catch (error) {
      this.#time = from;
      throw error;
    }
  }

  /** As `fmi2Reset` has it: as it was once it was instantiated. A new process takes the place of the old one. */
  async reset(): Promise<void> {
    const before = this.#running;
    this.#running = undefined;
    this.#time = 0;
    if (before !== undefined) this.#end(before);
    const starting = this.#start();
    this.#starting = starting;
    // Before the calls that came meanwhile, and wait for the same, so that none that comes later passes them.
    const running = await starting;
    // If it was reset once more, or freed, meanwhile, this one is nobody's.
    if (this.#starting === starting) this.#running = running;
    else this.#end(running);
  }

  /** Ends the process, in order if it will. */
  async free(): Promise<void> {
    const running = this.#running ?? (await this.#starting?.catch(() => undefined));
    this.#running = undefined;
    this.#starting = undefined;
    if (running === undefined) return;
    await running.client.call('freeInstance', {}, { deadlineMs: START_MS }).catch(() => {});
    this.#end(running);
  }

  #end({ client, process }: Running): void {
    client.close();
    void process.stop();
  }

  async #start(): Promise<Running> {
    const process = await this.#options.start();
    try {
      const client = await ThriftClient.connect(FMU_SERVICE, {
        host: '127.0.0.1',
        port: process.port,
        connectMs: START_MS,
      });
      const running = { process, client };
      await client.call('tb_authenticate', { token: this.#options.token }, { deadlineMs: START_MS });
      await this.#ask(running, 'instantiate', {});
      return running;
    } catch (error) {
      await process.stop();
      throw error;
    }
  }

  async #ask<M extends MethodOf<Service>>(
    { client, process }: Running,
    method: M,
    args: ArgsOf<Service, M>,
  ): Promise<ResultOf<Service, M>> {
    try {
      return await client.call(method, args);
    } catch (error) {
      if (!(error instanceof ThriftConnectionError)) throw error;
      const { code, signal } = await process.ended;
      const said = process.lastLines.map((line) => `; ${line.replace(/^\[proxyfmu\] /, '')}`).join('');
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      const what = `the process of instance '${this.name}' has ended ${how}`;
      throw new ThriftApplicationError(0, `${what}; ${method} was not done${said}`);
    }
  }
}
