/**
 * What the native client needs to reach remote components: made ready in the main thread, for the thread of a run.
 *
 * A server on this machine is started by the client itself; here its FMU is unpacked, as that of any component. Servers
 * elsewhere are told by the client what to run.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  archiveContent,
  type CachedFmu,
  type FmuModel,
  formatTarget,
  makeTemporaryFolder,
  openCachedFmu,
  openedRecord,
  type RemoteOptions,
  type TemporaryFolder,
} from '../../fmi/index.js';
import { isolateProgramPath, NativeLibraryError, proxyfmuProgramPath } from '../../native/index.js';
import type { Gateway, GatewayEvent, WorkerInfo } from '../broker/index.js';
import { isRunByOurs, type RemoteSource } from '../source.js';
import { proxyToken, remedyFor } from './access.js';
import { loadOnFmuProxy } from './describe.js';
import type { FmuProxyDescription } from './fmu-proxy.js';

/** A component of a system, as far as it matters here. */
export interface RemoteComponent {
  readonly name: string;
  readonly model: FmuModel;
  readonly remote?: RemoteSource;
}

/** As long as the run goes on. */
export interface PreparedRemotes {
  /** By index of the component: of those that are remote. */
  readonly places: ReadonlyMap<number, RemoteOptions>;
  /** After the run, in any case. */
  close(): Promise<void>;
}

/** What happens to a component far away, and is no matter of the run: an instance was lost and restored, say. */
export interface RemoteEvent {
  readonly component: string;
  readonly message: string;
}

/**
 * Throws the errors of opening FMUs, those of `readFmuProxyDescription` and of `openGateway`, and `NativeLibraryError` where
 * the program that runs FMUs here is missing.
 */
export async function prepareRemotes(
  components: readonly RemoteComponent[],
  onEvent?: (event: RemoteEvent) => void,
): Promise<PreparedRemotes> {
  const preparation = new Preparation(onEvent);
  try {
    const places = new Map<number, RemoteOptions>();
    const prepared = components.map(({ name, model, remote }) =>
      remote === undefined ? undefined : preparation.place(name, remote, model),
    );
    // All are waited for, whichever fails: then everything that was opened can be closed.
    await Promise.allSettled(prepared);
    for (const [index, place] of (await Promise.all(prepared)).entries())
      if (place !== undefined) places.set(index, place);
    return { places, close: () => preparation.close() };
  } catch (error) {
    await preparation.close();
    throw error;
  }
}

type OnBroker = Extract<RemoteSource, { kind: 'amqp-fmu' }>;
type OnFmuProxy = Extract<RemoteSource, { kind: 'fmu-proxy' }>;

class Preparation {
  readonly #opened: CachedFmu[] = [];
  /** By archive. */
  readonly #recorded = new Map<string, Promise<string>>();
  readonly #loading = new Map<string, Promise<FmuProxyDescription>>();
  #records: TemporaryFolder | undefined;

  readonly #gateways: Gateway[] = [];
  readonly #onEvent: ((event: RemoteEvent) => void) | undefined;

  constructor(onEvent: ((event: RemoteEvent) => void) | undefined) {
    this.#onEvent = onEvent;
  }

  async place(component: string, source: RemoteSource, model: FmuModel): Promise<RemoteOptions> {
    const { uri } = source;
    const target = await this.#target(component, source, model);
    const remedy = remedyFor(source);
    return { target: formatTarget(target), uri, ...(remedy === undefined ? {} : { remedy }) };
  }

  async #target(
    component: string,
    source: RemoteSource,
    model: FmuModel,
  ): Promise<Record<string, string | number | undefined>> {
    const token = proxyToken();
    switch (source.kind) {
      case 'proxyfmu': {
        const { host, port, file } = source;
        if (port === undefined) return { protocol: 'proxyfmu', ...(await this.#program(source, file, model)), token };
        return { protocol: 'proxyfmu', host, port, boot: 1, ...(await uploadOf(file)), token };
      }
      case 'fmu-proxy': {
        const { host, port } = source;
        const { fmuId, fmiVersion } = await this.#loaded(source);
        // One of FMI 3.0 that is only known by what its server says of it has types of FMI 2.0: those of the protocol.
        const isTranslated = !('file' in source) && fmiVersion.startsWith('3.');
        return { protocol: 'fmu-proxy', host, port, id: fmuId, token, plain: isTranslated ? 1 : 0 };
      }
      case 'amqp-fmu': {
        const { host, port, token } = await this.#gateway(component, source);
        return { protocol: 'proxyfmu', host, port, token: token || undefined };
      }
    }
  }

  /** To an instance behind the broker, which waits for its client. */
  async #gateway(component: string, source: OnBroker): Promise<Gateway> {
    const { openGateway } = await import('../broker/index.js');
    const tell = (message: string) => this.#onEvent?.({ component, message });
    const gateway = await openGateway(source, {
      instanceName: component,
      warn: tell,
      onEvent: (event) => {
        const message = describeEvent(event);
        if (message !== undefined) tell(message);
      },
    });
    this.#gateways.push(gateway);
    return gateway;
  }

  /** Each FMU is loaded once. */
  #loaded(source: OnFmuProxy): Promise<FmuProxyDescription> {
    const what = 'guid' in source ? source.guid : 'url' in source ? source.url : source.file;
    const key = JSON.stringify([source.host, source.port, what]);
    const loading = this.#loading.get(key) ?? loadOnFmuProxy(source);
    this.#loading.set(key, loading);
    return loading;
  }

  /** A server of ours is given the FMU as it is unpacked; another program its archive. */
  async #program(source: RemoteSource, file: string, model: FmuModel) {
    const program = proxyfmuProgramPath();
    if (!existsSync(program)) {
      const isOurs = isRunByOurs(source);
      throw new NativeLibraryError(`the program ${program}, which runs remote FMUs on this machine, is missing`, {
        details: { path: program },
        remedy: isOurs
          ? "run 'npm run build' (needs a C compiler and CMake)"
          : 'set TWINBRIDGE_PROXYFMU to the path of a proxyfmu program, or to nothing for the one that comes with twinbridge',
      });
    }
    // One that is not ours may outlive this process: somebody sees to it.
    if (!isRunByOurs(source)) return { program, keeper: isolateProgramPath(), fmu: file };
    return { program, opened: await this.#record(file, model) };
  }

  #record(file: string, model: FmuModel): Promise<string> {
    const record = this.#recorded.get(file) ?? this.#open(file, model);
    this.#recorded.set(file, record);
    return record;
  }

  async #open(file: string, model: FmuModel): Promise<string> {
    const fmu = await openCachedFmu(file);
    this.#opened.push(fmu);
    this.#records ??= makeTemporaryFolder('twinbridge-remote-');
    const record = join(this.#records.directory, `${this.#opened.length}.opened`);
    writeFileSync(record, openedRecord({ file, directory: fmu.directory, model }));
    return record;
  }

  async close(): Promise<void> {
    for (const fmu of this.#opened.splice(0)) fmu.release();
    await Promise.all(this.#gateways.splice(0).map((gateway) => gateway.close()));
    await this.#records?.remove();
  }
}

/** What somebody wants to know of it. */
function describeEvent(event: GatewayEvent): string | undefined {
  switch (event.type) {
    case 'lost':
      return `its worker is lost${event.worker === undefined ? '' : ` (${nameOf(event.worker)})`}: ${event.reason}`;
    case 'restored': {
      const from = event.from === 'state' ? 'its last state' : 'its start';
      return `it goes on at ${nameOf(event.worker)}, from ${from}, after ${event.calls} calls that were made again`;
    }
    case 'notRestorable':
      return `it cannot go on elsewhere if its worker is lost: ${event.reason}`;
    default:
      return undefined;
  }
}

function nameOf({ host, pid }: WorkerInfo): string {
  return `${host}, process ${pid}`;
}

async function uploadOf(file: string) {
  return { upload: file, name: basename(file).replace(/\.fmu$/i, ''), sha256: await archiveContent(file) };
}
