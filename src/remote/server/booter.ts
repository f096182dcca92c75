/**
 * The booter of proxyfmu: is sent an FMU, starts a process for one instance of it, and answers its port, to which the client
 * then connects.
 *
 * Where the real one answers -999, this one answers an exception with the reason: clients show it to their users.
 */

import { FmuStore, type StoredFmu } from '../instance/fmu-store.js';
import type { SandboxOptions } from '../instance/process.js';
import {
  BOOT_SERVICE,
  type BOOT_SERVICE_SHAPE,
  type Connection,
  type HandlersOf,
  ThriftApplicationError,
  ThriftServer,
} from '../thrift/index.js';
import { Access, type AccessRules } from './access.js';
import type { OnEvent } from './events.js';
import { Instances } from './instances.js';
import { authenticate, checkTrust, greet, limitOf, type Peer } from './peer.js';
import type { PortRange } from './ports.js';

export interface BooterOptions extends AccessRules {
  /** Default: this machine only. */
  readonly host?: string;
  readonly port: number;
  /** Bytes of an FMU; default 50 MiB, more than which other clients do not send. */
  readonly maxFmuBytes?: number;
  readonly ports?: PortRange;
  readonly maxInstances?: number;
  /** How long an instance waits for its client, ms; default 60 s. */
  readonly idleMs?: number;
  /** How long an instance may take to start, ms. */
  readonly startMs?: number;
  readonly sandbox?: SandboxOptions;
  readonly onEvent?: OnEvent;
}

export const DEFAULT_MAX_FMU_BYTES: number = 50 * 2 ** 20;
const IDLE_MS = 60_000;
/** How long a connection to the booter may be silent, ms: it is for one call. */
const SILENCE_MS = 60_000;
const NOT_KNOWN = -1;

export class Booter {
  readonly #server: ThriftServer<typeof BOOT_SERVICE_SHAPE, Peer>;
  readonly #store: FmuStore;
  readonly #instances: Instances;

  /** Throws `AccessError`, `CannotListenError`. */
  static async listen(options: BooterOptions): Promise<Booter> {
    const { host = '127.0.0.1', port, maxFmuBytes = DEFAULT_MAX_FMU_BYTES, idleMs = IDLE_MS, allow = [] } = options;
    const { token, ports, maxInstances, startMs, sandbox, onEvent = () => {} } = options;
    const access = new Access(host, options);
    const store = new FmuStore({ maxBytes: maxFmuBytes, isForOthers: sandbox?.user !== undefined, onEvent });
    const instances = new Instances({
      address: host,
      allow,
      idleMs,
      onEvent,
      ...(ports === undefined ? {} : { ports }),
      ...(maxInstances === undefined ? {} : { maxInstances }),
      ...(startMs === undefined ? {} : { startMs }),
      ...(sandbox === undefined ? {} : { sandbox }),
    });
    try {
      const handlers = handlersOf(access, store, instances, token, onEvent);
      const server = await ThriftServer.listen(BOOT_SERVICE, handlers, {
        host,
        port,
        idleMs: SILENCE_MS,
        frameBytes: limitOf(maxFmuBytes),
        allows: (address) => access.allows(address),
        accept: (connection: Connection) => greet(connection, access),
        onLog: onEvent,
      });
      return new Booter(server, store, instances);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private constructor(server: ThriftServer<typeof BOOT_SERVICE_SHAPE, Peer>, store: FmuStore, instances: Instances) {
    this.#server = server;
    this.#store = store;
    this.#instances = instances;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Instances that are running. */
  get running(): number {
    return this.#instances.running;
  }

  /** Ends all instances. */
  async close(): Promise<void> {
    await this.#server.close();
    await this.#instances.close();
    await this.#store.close();
  }
}

function handlersOf(
  access: Access,
  store: FmuStore,
  instances: Instances,
  token: string | undefined,
  onEvent: OnEvent,
): HandlersOf<typeof BOOT_SERVICE_SHAPE, Peer> {
  const boot = async (what: string, peer: Peer, instanceName: string, load: () => Promise<StoredFmu | undefined>) => {
    checkTrust(peer);
    try {
      const fmu = await load();
      if (fmu === undefined) return NOT_KNOWN;
      return (await instances.start(fmu, instanceName, peer.address, token)).port;
    } catch (error) {
      const reason = (error as Error).message;
      onEvent({ event: 'failed', what, for: peer.address, reason });
      throw new ThriftApplicationError(0, `instance '${instanceName}' cannot be started: ${reason}`);
    }
  };
  return {
    tb_authenticate: ({ token: given }, peer) => authenticate(peer, access, given),
    loadFromBinaryData: ({ fmuName, instanceName, data }, peer) =>
      boot(fmuName, peer, instanceName, () => store.receive(fmuName, data, peer.address)),
    tb_load_known: ({ fmuName, instanceName, sha256 }, peer) =>
      boot(fmuName, peer, instanceName, () => store.known(sha256, fmuName, peer.address)),
  };
}
