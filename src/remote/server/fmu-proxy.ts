/**
 * FMU-proxy: many FMUs and many instances behind one port, each instance in a process of its own. Spoken over TCP (framed,
 * binary) and HTTP (JSON).
 */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { FmuStore, type StoredFmu } from '../instance/fmu-store.js';
import type { SandboxOptions } from '../instance/process.js';
import {
  type Connection,
  FMU_PROXY,
  type FMU_PROXY_SHAPE,
  type HandlersOf,
  isUnknownMethod,
  ThriftApplicationError,
  ThriftDeclaredError,
  ThriftServer,
} from '../thrift/index.js';
import { Access, type AccessRules } from './access.js';
import type { OnEvent } from './events.js';
import { fetchFmu } from './fmu-source.js';
import { HttpServer } from './http.js';
import { Instances } from './instances.js';
import { authenticate, checkTrust, greet, limitOf, type Peer } from './peer.js';
import type { PortRange } from './ports.js';
import { ProxiedInstance } from './proxied-instance.js';
import { type WireModel, wireModelOf } from './wire-model.js';

export interface FmuProxyServerOptions extends AccessRules {
  /** Default: this machine only. */
  readonly host?: string;
  /** At least one of the two. */
  readonly tcpPort?: number;
  readonly httpPort?: number;
  /** Origins of web pages that may use it over HTTP; default: none. */
  readonly origins?: readonly string[];
  /** Beginnings of URLs that FMUs may be loaded from; default: none. */
  readonly urls?: readonly string[];
  /** Bytes of an FMU. */
  readonly maxFmuBytes: number;
  readonly ports?: PortRange;
  readonly maxInstances?: number;
  /** How long an instance may be without a call, ms; 0: for ever. */
  readonly idleMs: number;
  readonly sandbox?: SandboxOptions;
  readonly onEvent?: OnEvent;
}

/** A connection; over HTTP a request. */
export interface ProxyPeer extends Peer {
  /** Made by it, and used by nobody else so far: they end with it. */
  readonly own: Set<string>;
  isGone: boolean;
}

interface Offer {
  readonly fmu: StoredFmu;
  readonly model: WireModel;
}

type Shape = typeof FMU_PROXY_SHAPE;
/** Calls of one connection that are on their way to processes. */
const CONCURRENCY = 64;
const URL_DEADLINE_MS = 60_000;

export class FmuProxyServer {
  readonly #options: FmuProxyServerOptions;
  readonly #access: Access;
  readonly #store: FmuStore;
  readonly #processes: Instances;
  /** By what clients call it: the FMU's GUID. */
  readonly #offers = new Map<string, Offer>();
  readonly #instances = new Map<
    string,
    { readonly instance: ProxiedInstance; owner: ProxyPeer | undefined; timer?: NodeJS.Timeout }
  >();
  /** That only this process knows: instances are for nobody else. */
  readonly #secret = randomBytes(24).toString('hex');
  #tcp: ThriftServer<Shape, ProxyPeer> | undefined;
  #http: HttpServer | undefined;
  #serial = 0;

  /** Throws `AccessError`. */
  constructor(options: FmuProxyServerOptions) {
    const { host = '127.0.0.1', maxFmuBytes, ports, maxInstances, sandbox, onEvent } = options;
    this.#options = options;
    this.#access = new Access(host, options);
    const told = onEvent === undefined ? {} : { onEvent };
    this.#store = new FmuStore({ maxBytes: maxFmuBytes, isForOthers: sandbox?.user !== undefined, ...told });
    this.#processes = new Instances({
      // They are this process's only.
      address: '127.0.0.1',
      idleMs: 60_000,
      ...told,
      ...(ports === undefined ? {} : { ports }),
      ...(maxInstances === undefined ? {} : { maxInstances }),
      ...(sandbox === undefined ? {} : { sandbox }),
    });
  }

  /** Loads an FMU before anybody asks for it; answers its id. Throws the errors of opening an FMU. */
  async preload(file: string): Promise<string> {
    return this.#offer(await this.#store.open(file, basename(file).replace(/\.fmu$/i, ''), 'the command line'));
  }

  /** Throws `CannotListenError`. */
  async listen(): Promise<void> {
    const { host = '127.0.0.1', tcpPort, httpPort, maxFmuBytes, idleMs, origins = [], onEvent } = this.#options;
    const handlers = this.#handlers();
    const allows = (address: string) => this.#access.allows(address);
    if (tcpPort !== undefined) {
      this.#tcp = await ThriftServer.listen(FMU_PROXY, handlers, {
        host,
        port: tcpPort,
        concurrency: CONCURRENCY,
        frameBytes: limitOf(maxFmuBytes),
        // By then its instances have ended, too.
        ...(idleMs === 0 ? {} : { idleMs: idleMs + 1000 }),
        allows,
        accept: (connection: Connection) =>
          Object.assign(greet(connection, this.#access), { own: new Set<string>(), isGone: false }),
        onClose: (peer) => this.#forget(peer),
        ...(onEvent === undefined ? {} : { onLog: onEvent }),
      });
    }
    if (httpPort !== undefined) {
      this.#http = await HttpServer.listen({
        service: FMU_PROXY,
        handlers,
        host,
        port: httpPort,
        origins,
        // Base64.
        maxBytes: limitOf(Math.ceil((maxFmuBytes * 4) / 3)),
        allows,
        isToken: (token) => this.#access.isToken(token),
        accept: (address, isTrusted) => ({ address, isTrusted, own: new Set<string>(), isGone: false }),
        ...(onEvent === undefined ? {} : { onEvent }),
      });
    }
  }

  get tcpPort(): number | undefined {
    return this.#tcp?.port;
  }

  get httpPort(): number | undefined {
    return this.#http?.port;
  }

  /** Ids of the FMUs that are here. */
  get fmus(): readonly string[] {
    return [...this.#offers.keys()];
  }

  get running(): number {
    return this.#processes.running;
  }

  /** Ends all instances. */
  async close(): Promise<void> {
    await Promise.all([this.#tcp?.close(), this.#http?.close()]);
    for (const { timer } of this.#instances.values()) clearTimeout(timer);
    this.#instances.clear();
    await this.#processes.close();
    await this.#store.close();
  }

  #handlers(): HandlersOf<Shape, ProxyPeer> {
    const find = (id: string, peer: ProxyPeer) => this.#find(id, peer);
    return {
      tb_authenticate: ({ token }, peer) => authenticate(peer, this.#access, token),
      tb_load_known: async ({ sha256 }, peer) => {
        checkTrust(peer);
        const fmu = await this.#store.known(sha256, 'fmu', peer.address);
        return fmu === undefined ? '' : this.#offer(fmu);
      },
      load_from_file: ({ name, data }, peer) => this.#load(name, peer, async () => ({ name, data })),
      load_from_url: ({ url }, peer) =>
        this.#load(url, peer, () =>
          fetchFmu(url, {
            allowed: this.#options.urls ?? [],
            maxBytes: this.#options.maxFmuBytes,
            deadlineMs: URL_DEADLINE_MS,
          }),
        ),
      get_model_description: ({ fmuId }, peer) => {
        checkTrust(peer);
        return this.#offered(fmuId).model;
      },
      create_instance: ({ fmuId }, peer) => this.#create(fmuId, peer),
      setup_experiment: ({ instanceId, ...experiment }, peer) => {
        const instance = find(instanceId, peer);
        instance.setTime(experiment.start);
        return instance.call('setup_experiment', experiment);
      },
      enter_initialization_mode: ({ instanceId }, peer) => find(instanceId, peer).call('enter_initialization_mode', {}),
      exit_initialization_mode: ({ instanceId }, peer) => find(instanceId, peer).call('exit_initialization_mode', {}),
      step: ({ instanceId, stepSize }, peer) => find(instanceId, peer).step(stepSize),
      reset: async ({ instanceId }, peer) => {
        await find(instanceId, peer).reset();
        return 0;
      },
      terminate: ({ instanceId }, peer) => find(instanceId, peer).call('terminate', {}),
      freeInstance: async ({ instanceId }, peer) => {
        const instance = find(instanceId, peer);
        this.#remove(instanceId);
        await instance.free();
        return undefined;
      },
      read_integer: ({ instanceId, vr }, peer) => find(instanceId, peer).call('read_integer', { vr }),
      read_real: ({ instanceId, vr }, peer) => find(instanceId, peer).call('read_real', { vr }),
      read_string: ({ instanceId, vr }, peer) => find(instanceId, peer).call('read_string', { vr }),
      read_boolean: ({ instanceId, vr }, peer) => find(instanceId, peer).call('read_boolean', { vr }),
      write_integer: ({ instanceId, vr, value }, peer) => find(instanceId, peer).call('write_integer', { vr, value }),
      write_real: ({ instanceId, vr, value }, peer) => find(instanceId, peer).call('write_real', { vr, value }),
      write_string: ({ instanceId, vr, value }, peer) => find(instanceId, peer).call('write_string', { vr, value }),
      write_boolean: ({ instanceId, vr, value }, peer) => find(instanceId, peer).call('write_boolean', { vr, value }),
      get_directional_derivative: async ({ instanceId, vUnknownRef, vKnownRef, dvKnownRef }, peer) => {
        const instance = find(instanceId, peer);
        const { name, model } = instance.fmu;
        if (!model.capabilities.directionalDerivatives) {
          const message = `${name} has no directional derivatives`;
          throw new ThriftDeclaredError('UnsupportedOperationException', { message });
        }
        const args = { unknowns: vUnknownRef, knowns: vKnownRef, seeds: dvKnownRef };
        const { value, status } = await instance.call('tb_directional_derivative', args);
        return { dv_unknown_ref: value, status };
      },
    };
  }

  async #load(what: string, peer: ProxyPeer, get: () => Promise<{ name: string; data: Uint8Array }>): Promise<string> {
    checkTrust(peer);
    return this.#telling(what, peer, async () => {
      const { name, data } = await get();
      return this.#offer(await this.#store.receive(name, data, peer.address));
    });
  }

  async #offer(fmu: StoredFmu): Promise<string> {
    if (!this.#offers.has(this.#idOf(fmu))) {
      const model = await wireModelOf(fmu);
      // Its id may have been taken meanwhile.
      this.#offers.set(this.#idOf(fmu), { fmu, model });
    }
    return this.#idOf(fmu);
  }

  /** Two FMUs that say they are the same are not: the second has a part of its hash in its id. */
  #idOf(fmu: StoredFmu): string {
    const { token } = fmu.model;
    const isFree = (id: string) => (this.#offers.get(id)?.fmu.sha256 ?? fmu.sha256) === fmu.sha256;
    return isFree(token) ? token : `${token}#${fmu.sha256.slice(0, 16)}`;
  }

  #offered(fmuId: string): Offer {
    const offer = this.#offers.get(fmuId);
    if (offer !== undefined) return offer;
    throw new ThriftDeclaredError('NoSuchFmuException', { message: `there is no FMU with the id '${fmuId}' here` });
  }

  async #create(fmuId: string, peer: ProxyPeer): Promise<string> {
    checkTrust(peer);
    const { fmu } = this.#offered(fmuId);
    const id = randomBytes(16).toString('hex');
    const name = `${fmu.model.modelName}-${++this.#serial}`;
    return this.#telling(fmu.name, peer, async () => {
      const instance = await ProxiedInstance.create({
        id,
        name,
        fmu,
        token: this.#secret,
        start: () => this.#processes.start(fmu, name, peer.address, this.#secret),
      });
      this.#instances.set(id, { instance, owner: peer });
      peer.own.add(id);
      this.#touch(id);
      if (peer.isGone) this.#forget(peer);
      return id;
    });
  }

  async #telling<T>(what: string, peer: ProxyPeer, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const reason = (error as Error).message;
      this.#options.onEvent?.({ event: 'failed', what, for: peer.address, reason });
      if (error instanceof ThriftApplicationError && !isUnknownMethod(error)) throw error;
      throw new ThriftApplicationError(0, reason);
    }
  }

  /** Throws `NoSuchInstanceException`. */
  #find(id: string, peer: ProxyPeer): ProxiedInstance {
    checkTrust(peer);
    const entry = this.#instances.get(id);
    if (entry === undefined) {
      throw new ThriftDeclaredError('NoSuchInstanceException', {
        message: `there is no instance with the id '${id}' here`,
      });
    }
    // It is shared: it does not end with the connection that made it.
    if (entry.owner !== undefined && entry.owner !== peer) {
      entry.owner.own.delete(id);
      entry.owner = undefined;
    }
    entry.timer?.refresh();
    return entry.instance;
  }

  #touch(id: string): void {
    const { idleMs } = this.#options;
    const entry = this.#instances.get(id);
    if (idleMs === 0 || entry === undefined) return;
    entry.timer = setTimeout(() => {
      this.#remove(id);
      void entry.instance.free();
    }, idleMs).unref();
  }

  #remove(id: string): void {
    const entry = this.#instances.get(id);
    clearTimeout(entry?.timer);
    entry?.owner?.own.delete(id);
    this.#instances.delete(id);
  }

  /** Its connection is gone. */
  #forget(peer: ProxyPeer): void {
    peer.isGone = true;
    for (const id of peer.own) {
      const instance = this.#instances.get(id)?.instance;
      this.#remove(id);
      void instance?.free();
    }
  }
}
