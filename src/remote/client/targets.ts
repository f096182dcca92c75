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
import { isRunByOurs, type RemoteSource } from '../source.js';
import { RemoteDescriptionError } from './errors.js';

/** A component of a system, as far as it matters here. */
export interface RemoteComponent {
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

/** Throws the errors of opening FMUs, and `NativeLibraryError` where the program that runs them is missing. */
export async function prepareRemotes(components: readonly RemoteComponent[]): Promise<PreparedRemotes> {
  const preparation = new Preparation();
  try {
    const places = new Map<number, RemoteOptions>();
    for (const [index, { model, remote }] of components.entries()) {
      if (remote !== undefined) places.set(index, await preparation.place(remote, model));
    }
    return { places, close: () => preparation.close() };
  } catch (error) {
    await preparation.close();
    throw error;
  }
}

class Preparation {
  readonly #opened = new Map<string, { readonly fmu: CachedFmu; readonly record: string }>();
  #records: TemporaryFolder | undefined;

  async place(source: RemoteSource, model: FmuModel): Promise<RemoteOptions> {
    const { uri } = source;
    const target = await this.#target(source, model);
    const remedy = remedyFor(source);
    return { target: formatTarget(target), uri, ...(remedy === undefined ? {} : { remedy }) };
  }

  async #target(source: RemoteSource, model: FmuModel): Promise<Record<string, string | number | undefined>> {
    // Asked of whoever wants to reach a server that is not for its own machine only.
    const token = process.env.TWINBRIDGE_PROXY_TOKEN || undefined;
    switch (source.kind) {
      case 'proxyfmu': {
        const { host, port, file } = source;
        if (port === undefined) return { protocol: 'proxyfmu', ...(await this.#program(source, file, model)), token };
        return { protocol: 'proxyfmu', host, port, boot: 1, ...(await uploadOf(file)), token };
      }
      case 'fmu-proxy': {
        const { host, port } = source;
        const fmu =
          'guid' in source ? { id: source.guid } : 'url' in source ? { url: source.url } : await uploadOf(source.file);
        return { protocol: 'fmu-proxy', host, port, ...fmu, token };
      }
      case 'amqp-fmu':
        throw new RemoteDescriptionError(`${source.uri} cannot be reached yet`);
    }
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

  async #record(file: string, model: FmuModel): Promise<string> {
    const known = this.#opened.get(file);
    if (known !== undefined) return known.record;
    const fmu = await openCachedFmu(file);
    this.#records ??= makeTemporaryFolder('twinbridge-remote-');
    const record = join(this.#records.directory, `${this.#opened.size}.opened`);
    this.#opened.set(file, { fmu, record });
    writeFileSync(record, openedRecord({ file, directory: fmu.directory, model }));
    return record;
  }

  async close(): Promise<void> {
    for (const { fmu } of this.#opened.values()) fmu.release();
    this.#opened.clear();
    await this.#records?.remove();
  }
}

async function uploadOf(file: string) {
  return { upload: file, name: basename(file).replace(/\.fmu$/i, ''), sha256: await archiveContent(file) };
}

function remedyFor(source: RemoteSource): string | undefined {
  if (source.kind === 'fmu-proxy') {
    return `check that the server runs there: twinbridge fmu-proxy -thrift/tcp ${source.port}`;
  }
  if (source.kind === 'proxyfmu' && source.port !== undefined) {
    return `check that the server runs there: twinbridge proxyfmu boot --port ${source.port}`;
  }
  return undefined;
}
