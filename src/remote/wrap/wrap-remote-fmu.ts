/**
 * Builds the FMU that stands for a remote one: any tool loads it like any other, and behind it is a process of its own or a
 * server.
 *
 * Nothing in it depends on when or where it was built: the same FMU, source and parts give the same bytes. No secret is in it.
 */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type AnyModelDescription,
  type ArchiveEntry,
  binariesFolder,
  contentToken,
  type FmuModel,
  type Heading,
  headingOf,
  hostPlatform,
  isFmi1,
  isFmi3,
  ModelExchangeOnlyError,
  modelOf,
  type Platform,
  packArchive,
  readAnyModelDescription,
  readArchive,
  type WantedPlatforms,
  writeFmi3ModelDescription,
  writeModelDescription,
} from '../../fmi/index.js';
import { twinbridgeVersion } from '../../support/version.js';
import { describeRemote } from '../client/index.js';
import { isStartedHere, type RemoteSource, resolveRemoteSource, schemeOf } from '../index.js';
import { adaptXml } from './adapt-xml.js';
import { wrappedHtml } from './documentation.js';
import { WrapError } from './errors.js';
import {
  chosenPlatforms,
  type PartEntry,
  type ProgramTuple,
  readLibraries,
  readLicence,
  readPrograms,
} from './parts.js';
import {
  type Archive,
  formatPlace,
  type Limits,
  type Place,
  placeByProgram,
  placeHere,
  placeOnServer,
} from './place.js';
import type { Promises } from './promises.js';
import { toFmi2 } from './to-fmi2.js';
import { toFmi3 } from './to-fmi3.js';
import { type Conversion, formatMapped } from './variable-map.js';

export interface WrapOptions extends Partial<Limits> {
  /** Of the wrapped FMU; default: that of the FMU behind, and 2 for one of FMI 1.0. */
  readonly fmi?: 2 | 3;
  readonly platforms?: WantedPlatforms;
  /** For an FMU on this machine: another proxyfmu for this platform, which goes into the FMU. */
  readonly program?: string;
  /** What relative paths in the source are relative to; default: where the process is. */
  readonly folder?: string;
}

export interface WrapReport {
  readonly file: string;
  readonly bytes: number;
  readonly source: string;
  readonly modelName: string;
  readonly modelIdentifier: string;
  readonly fmi: 2 | 3;
  /** Of the FMU behind. */
  readonly theirFmi: FmuModel['fmi'];
  /** Of the content (in FMI 3.0, the instantiationToken). */
  readonly guid: string;
  /** Folders below `binaries/`. */
  readonly platforms: readonly string[];
  readonly variables: number;
  /** A server has to run for it. */
  readonly needsServer: boolean;
  /** What is not as it is in the FMU behind. */
  readonly warnings: readonly string[];
}

const LIMITS: Limits = { startTimeout: 30, stepTimeout: 0 };

/**
 * Wraps what `source` names, a URI (`proxyfmu://…`, `fmu-proxy://…`) or an FMU's file, which then runs in a process of its own.
 * Builds `file`, or replaces it once the new one is whole. Throws {@link WrapError}, `WrapPartError`, `ArchiveWriteError`, and
 * the errors of reading the FMU.
 */
export async function wrapRemoteFmu(source: string, file: string, options: WrapOptions = {}): Promise<WrapReport> {
  const { platforms: wanted = 'built', startTimeout = LIMITS.startTimeout, stepTimeout = LIMITS.stepTimeout } = options;
  const remote = resolveSource(source, options.folder ?? process.cwd());
  if ('file' in remote && resolve(remote.file) === resolve(file)) {
    throw new WrapError(`${file} would take the place of the FMU that it is to stand for`, {
      details: { file },
      remedy: 'name another file with -o',
    });
  }
  const behind = 'file' in remote ? await openArchive(remote.file) : await readRemote(remote);
  if (remote.kind === 'fmu-proxy' && behind.model.fmi === '3.0') {
    throw new WrapError(`${remote.uri}: FMU-proxy has no types for FMUs of FMI 3.0`, {
      details: { source: remote.uri },
      remedy: `have the server load it, which offers it as one of 2.0, and wrap fmu-proxy://${remote.host}:${remote.port}?guid=${behind.model.token}`,
    });
  }
  const fmi = options.fmi ?? (behind.model.fmi === '3.0' ? 3 : 2);
  const modelIdentifier = behind.model.modelIdentifier ?? identifierOf(behind.model.modelName);
  const promises: Promises = {
    needsExecutionTool: !isStartedHere(remote),
    // FMU-proxy knows none.
    states: remote.kind !== 'fmu-proxy',
  };
  const { place, platforms, programs } = await settlePlace(remote, behind.archive, wanted, options.program);
  const target = formatPlace(place, { startTimeout, stepTimeout });
  const entries: PartEntry[] = [
    ...(await readLibraries(modelIdentifier, platforms, fmi, wanted)),
    ...(await readPrograms(programs, wanted)),
    ...place.entries,
    ...(behind.archive === undefined ? [] : await readShown(behind.archive)),
    await readLicence(),
  ];
  const described = describe(behind, fmi, modelIdentifier, promises);
  const parts = [described.text(''), target, described.mapLines.join('\n')];
  const guid = contentToken([...parts, ...entries.flatMap(({ name, content }) => [name, content])]);
  const texts: ArchiveEntry[] = [
    { name: 'modelDescription.xml', content: described.text(guid) },
    { name: 'resources/target.txt', content: Buffer.from(target) },
    {
      name: 'resources/wrapped.txt',
      content: Buffer.from(wrappedText(guid, remote, behind, modelIdentifier, described.mapLines)),
    },
    ...(entries.some(({ name }) => name === 'documentation/index.html')
      ? []
      : [
          {
            name: 'documentation/index.html',
            content: Buffer.from(wrappedHtml(behind.model, behind.heading, shown(remote), promises.needsExecutionTool)),
          },
        ]),
  ];
  await packArchive(file, [...entries, ...texts]);
  return {
    file,
    bytes: (await stat(file)).size,
    source: shown(remote),
    modelName: behind.model.modelName,
    modelIdentifier,
    fmi,
    theirFmi: behind.model.fmi,
    guid,
    platforms: platforms.map((platform) => binariesFolder(platform, fmi === 3 ? '3.0' : '2.0')),
    variables: described.variables,
    needsServer: promises.needsExecutionTool,
    warnings: described.warnings,
  };
}

/** Of FMUs on this machine without the folder that they were in: it is nobody's business. */
function shown(remote: RemoteSource): string {
  return isStartedHere(remote) ? 'proxyfmu://localhost' : remote.uri.replace(/\?file=.*$/s, '');
}

function resolveSource(source: string, folder: string): RemoteSource {
  const isFile = schemeOf(source) === undefined || /^file:/i.test(source);
  const uri = isFile ? `proxyfmu://localhost?file=${encodeURIComponent(source)}` : source;
  const found = resolveRemoteSource(uri, folder);
  if ('fault' in found) throw new WrapError(`what is to be wrapped ${found.fault}`, { remedy: found.remedy });
  return found;
}

/** What is known of the FMU behind. */
interface Behind {
  readonly model: FmuModel;
  readonly heading: Heading;
  /** Where its archive is on this machine. */
  readonly archive?: Archive & { readonly xml: Buffer; readonly description: AnyModelDescription };
}

function openArchive(file: string): Promise<Behind> {
  return readArchive(file, 'FMU', async ({ names, read }) => {
    const xml = names.includes('modelDescription.xml') ? await read('modelDescription.xml') : Buffer.alloc(0);
    const { description } = readAnyModelDescription(`${file}/modelDescription.xml`, xml);
    const model = modelOf(description);
    if (model.modelIdentifier === undefined) {
      throw new ModelExchangeOnlyError(`${file} offers model exchange only, not co-simulation`, {
        location: { file },
        remedy: 'export the FMU for co-simulation, with a solver in it',
      });
    }
    const contents = new Map<string, Buffer>();
    for (const name of names) if (!name.endsWith('/')) contents.set(name, await read(name));
    return {
      model,
      heading: headingOf(description),
      archive: {
        file,
        fmi: model.fmi,
        modelIdentifier: model.modelIdentifier,
        names: [...contents.keys()],
        read: async (name) => contents.get(name)!,
        whole: () => readFile(file),
        xml,
        description,
      },
    };
  });
}

async function readRemote(remote: RemoteSource): Promise<Behind> {
  if (remote.kind === 'amqp-fmu') {
    throw new WrapError(`an FMU behind a broker cannot be wrapped: ${remote.uri}`, {
      details: { source: remote.uri },
      remedy:
        "wrap its file with --program and the proxyfmu that 'twinbridge amqp-proxyfmu --install . --broker <url>' makes, or by a server: proxyfmu://host:port?file=…",
    });
  }
  return { model: await describeRemote(remote), heading: { generationTool: `twinbridge ${twinbridgeVersion()}` } };
}

function identifierOf(name: string): string {
  const identifier = name.replace(/[^A-Za-z0-9_]/g, '_').slice(0, 64);
  return /^[A-Za-z_]/.test(identifier) ? identifier : `_${identifier}`;
}

async function settlePlace(
  remote: RemoteSource,
  archive: Archive | undefined,
  wanted: WantedPlatforms,
  program: string | undefined,
): Promise<{
  readonly place: Place;
  readonly platforms: readonly Platform[];
  readonly programs: readonly ProgramTuple[];
}> {
  const platforms = chosenPlatforms(wanted);
  if (remote.kind === 'amqp-fmu') throw new TypeError('refused before');
  if (!isStartedHere(remote)) {
    if (program === undefined) return { place: await placeOnServer(remote, archive), platforms, programs: [] };
    throw new WrapError(`${shown(remote)} is a server that runs: there is no program to start`, {
      details: { program },
      remedy: "leave out '--program', or name the FMU as proxyfmu://localhost?file=…",
    });
  }
  if (program === undefined) {
    const place = await placeHere(archive!, platforms);
    return { place, platforms: place.platforms, programs: place.programs };
  }
  const host = hostPlatform();
  if (host === undefined)
    throw new WrapError(`there is no name for the platform ${process.platform} on ${process.arch}`);
  const content = await readFile(program).catch((cause: NodeJS.ErrnoException) => {
    throw new WrapError(`cannot read the program ${program}: ${cause.message}`, { cause, location: { file: program } });
  });
  return { place: await placeByProgram(archive!, content, host.tuple), platforms: [host], programs: [host.tuple] };
}

/** What tools show of an FMU. */
async function readShown(archive: Archive): Promise<PartEntry[]> {
  const names = archive.names.filter((name) => /^(?:documentation|terminalsAndIcons)\/|^model\.png$/.test(name));
  const own = 'documentation/licenses/twinbridge.txt';
  return Promise.all(
    names.filter((name) => name !== own).map(async (name) => ({ name, content: await archive.read(name) })),
  );
}

interface Described {
  /** `modelDescription.xml` with this GUID. */
  text(guid: string): Buffer;
  /** Of `resources/wrapped.txt`: variables that are others behind. */
  readonly mapLines: readonly string[];
  readonly variables: number;
  readonly warnings: readonly string[];
}

function describe(
  { model, heading, archive }: Behind,
  fmi: 2 | 3,
  modelIdentifier: string,
  promises: Promises,
): Described {
  const own = archive?.description;
  const sameVersion = own !== undefined && !isFmi1(own) && (isFmi3(own) ? 3 : 2) === fmi;
  if (archive !== undefined && sameVersion) {
    return {
      text: (guid) => adaptXml(archive.xml, fmi, guid, promises),
      mapLines: [],
      variables: model.variables.length,
      warnings: [],
    };
  }
  if (fmi === 2) {
    const converted = toFmi2(model, heading, modelIdentifier, promises);
    return describedBy(converted, (guid) => writeModelDescription({ ...converted.description, guid }));
  }
  const converted = toFmi3(model, heading, modelIdentifier, promises);
  return describedBy(converted, (instantiationToken) =>
    writeFmi3ModelDescription({ ...converted.description, instantiationToken }),
  );
}

function describedBy(
  { description, map, warnings }: Conversion<{ readonly variables: readonly unknown[] }>,
  write: (guid: string) => string,
): Described {
  return {
    text: (guid) => Buffer.from(write(guid)),
    mapLines: map.map(formatMapped),
    variables: description.variables.length,
    warnings,
  };
}

/** `resources/wrapped.txt`: what it is (fmu-shim/wrap/place.h). */
function wrappedText(
  guid: string,
  remote: RemoteSource,
  { model }: Behind,
  modelIdentifier: string,
  mapLines: readonly string[],
): string {
  return `${[
    'twinbridge-wrapped 1',
    `guid ${guid}`,
    `source ${shown(remote)}`,
    `fmi ${model.fmi[0]}`,
    `identifier ${modelIdentifier}`,
    `token ${model.token}`,
    ...mapLines,
  ].join('\n')}\n`;
}
