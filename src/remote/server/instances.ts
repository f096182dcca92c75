/** The processes of a server's instances: as many as may be, on the ports that may be, reaped when they end. */
import { TwinbridgeError } from '../../support/errors.js';
import type { StoredFmu } from '../instance/fmu-store.js';
import { InstanceProcess, InstanceStartError, type SandboxOptions } from '../instance/process.js';
import type { OnEvent } from './events.js';
import { PortPool, type PortRange } from './ports.js';

export interface InstancesOptions {
  /** Where they listen. */
  readonly address: string;
  readonly allow?: readonly string[];
  readonly ports?: PortRange;
  /** At the same time; default 256. */
  readonly maxInstances?: number;
  /** How long one may be without a connection, ms; 0: for ever. */
  readonly idleMs: number;
  /** How long starting one may take, ms; default 60 s. */
  readonly startMs?: number;
  readonly sandbox?: SandboxOptions;
  readonly onEvent?: OnEvent;
}

export class TooManyInstancesError extends TwinbridgeError {
  override readonly code = 'TB_REMOTE_TOO_MANY_INSTANCES';
}

const MAX_INSTANCES = 256;
const START_MS = 60_000;

export class Instances {
  readonly #options: InstancesOptions;
  readonly #ports: PortPool;
  readonly #running = new Set<InstanceProcess>();
  #starting = 0;
  #isClosed = false;

  constructor(options: InstancesOptions) {
    this.#options = options;
    this.#ports = new PortPool(options.address, options.ports);
  }

  get running(): number {
    return this.#running.size;
  }

  /** Throws `InstanceStartError`, `NoPortError`, {@link TooManyInstancesError}. */
  async start(fmu: StoredFmu, name: string, from: string, token: string | undefined): Promise<InstanceProcess> {
    const {
      address,
      allow = [],
      maxInstances = MAX_INSTANCES,
      idleMs,
      startMs = START_MS,
      sandbox = {},
    } = this.#options;
    if (this.#running.size + this.#starting >= maxInstances) {
      throw new TooManyInstancesError(`${maxInstances} instances are running, and more may not`, {
        details: { maxInstances },
        remedy: 'end some, or start the server with a larger --max-instances',
      });
    }
    this.#starting += 1;
    const started = performance.now();
    let port = 0;
    try {
      port = await this.#ports.take();
      const instance = await InstanceProcess.start({
        record: fmu.record,
        name,
        address,
        port,
        idleSeconds: idleMs / 1000,
        allow,
        ...(token === undefined ? {} : { token }),
        sandbox,
        outlivesFmu: true,
        startMs,
        onLine: (line) => this.#tell({ event: 'said', instance: name, line }),
      });
      this.#watch(instance, fmu, name, port);
      const told = { instance: name, fmu: fmu.name, pid: instance.pid, port: instance.port, for: from };
      this.#tell({ event: 'started', ...told, ms: performance.now() - started });
      // The server has ended meanwhile.
      if (this.#isClosed) await instance.stop();
      return instance;
    } catch (error) {
      this.#ports.release(port);
      // Where it was unpacked is nobody's business.
      if (error instanceof InstanceStartError) error.message = error.message.replaceAll(fmu.directory, fmu.name);
      throw error;
    } finally {
      this.#starting -= 1;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#running].map((instance) => instance.stop()));
  }

  #watch(instance: InstanceProcess, fmu: StoredFmu, name: string, port: number): void {
    this.#running.add(instance);
    void instance.ended.then((end) => {
      this.#running.delete(instance);
      this.#ports.release(port);
      this.#tell({ event: 'ended', instance: name, fmu: fmu.name, pid: instance.pid, ...end });
    });
  }

  #tell(...[event]: Parameters<OnEvent>): void {
    this.#options.onEvent?.(event);
  }
}
