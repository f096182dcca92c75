/** `resources/target.txt`: where the FMU behind a wrapped one runs (fmu-shim/wrap/place.h), and what has to be in it for that. */
import { createHash } from 'node:crypto';
import { basename, extname } from 'node:path';
import { type FmiVersion, type Platform, type PlatformTuple, platformFolders } from '../../fmi/index.js';
import type { RemoteSource } from '../source.js';
import { WrapError } from './errors.js';
import { hasProgram, type PartEntry, type ProgramTuple, programName } from './parts.js';

export interface Limits {
  /** How long connecting, loading, instantiation and initialisation may take each, s. */
  readonly startTimeout: number;
  /** How long any call after may take, s; 0: as long as it likes. */
  readonly stepTimeout: number;
}

export interface Place {
  readonly lines: readonly string[];
  readonly entries: readonly PartEntry[];
}

const HEAD = `# Where the FMU behind this one runs. Host and port may be changed here, or by the environment variable
# TWINBRIDGE_REMOTE. Paths are relative to this file.
`;

export function formatPlace({ lines }: Place, { startTimeout, stepTimeout }: Limits): string {
  const limits = [`start-ms ${Math.round(startTimeout * 1000)}`, `step-ms ${Math.round(stepTimeout * 1000)}`];
  return `${HEAD}${[...lines, ...limits].join('\n')}\n`;
}

/** The archive of the FMU behind, as it is read. */
export interface Archive {
  readonly file: string;
  readonly fmi: FmiVersion;
  readonly modelIdentifier: string;
  readonly names: readonly string[];
  read(name: string): Promise<Buffer>;
  whole(): Promise<Buffer>;
}

/** Not needed to run it. */
const LEFT_OUT = /^(?:sources|documentation|terminalsAndIcons|extra)\/|^model\.png$/;

export interface PlaceHere extends Place {
  /** Those that the FMU has a library for. */
  readonly platforms: readonly Platform[];
  readonly programs: readonly ProgramTuple[];
}

/** In a process of its own on this machine: it is in the FMU, unpacked, with the program that runs it. */
export async function placeHere(archive: Archive, platforms: readonly Platform[]): Promise<PlaceHere> {
  const { names, file, modelIdentifier } = archive;
  const found = platforms.flatMap((platform) => {
    const library = libraryFor(archive, platform);
    return library === undefined ? [] : [{ platform, ...library }];
  });
  if (found.length === 0) {
    const present = [...new Set(names.flatMap((name) => /^binaries\/([^/]+)\//.exec(name)?.[1] ?? []))];
    const isOld = platforms.some((platform) => oldLibraryFor(archive, platform) !== undefined);
    throw new WrapError(
      `${file} has no library '${modelIdentifier}' for ${platforms.map(({ tuple }) => tuple).join(', ')}, only for ${present.join(', ') || 'nothing at all'}`,
      {
        location: { file },
        details: { platforms: platforms.map(({ tuple }) => tuple), present },
        remedy: isOld
          ? "for FMUs of 32 bits run 'npm run build:platforms' first"
          : "wrap it for a platform that it is for ('--platforms'), or as an FMU on another machine",
      },
    );
  }
  const inside = names.filter((name) => !LEFT_OUT.test(name) && !name.endsWith('/'));
  const entries = await Promise.all(
    inside.map(async (name) => ({ name: `resources/fmu/${name}`, content: await archive.read(name) })),
  );
  return {
    platforms: found.map(({ platform }) => platform),
    programs: found.map(({ program }) => program),
    lines: [
      'folder fmu',
      'resources fmu/resources',
      ...found.flatMap(({ platform, program, library }) => [
        `program ${platform.tuple} ${programName(program)}`,
        `library ${platform.tuple} fmu/${library}`,
      ]),
    ],
    entries,
  };
}

interface Library {
  readonly library: string;
  readonly program: ProgramTuple;
}

function libraryFor(archive: Archive, platform: Platform): Library | undefined {
  const library = find(archive, platform, platform.processor);
  if (library !== undefined) return { library, program: platform.tuple };
  const old = oldLibraryFor(archive, platform);
  return old !== undefined && hasProgram(old.program) ? old : undefined;
}

/** Of 32 bits, which a process of 64 bits cannot load, but a program of 32 bits beside it. */
function oldLibraryFor(archive: Archive, platform: Platform): Library | undefined {
  const { processor, system } = platform;
  if (processor !== 'x64' || system === 'darwin') return undefined;
  const library = find(archive, platform, 'ia32');
  return library === undefined ? undefined : { library, program: system === 'win32' ? 'x86-windows' : 'x86-linux' };
}

function find(
  { fmi, modelIdentifier, names }: Archive,
  { system, extension }: Platform,
  processor: string,
): string | undefined {
  return platformFolders(system, processor, fmi)
    .map((folder) => `binaries/${folder}/${modelIdentifier}.${extension}`)
    .find((name) => names.includes(name));
}

/**
 * By a proxyfmu that is started on this machine; both are in the FMU, and our program, which ends the other one when the tool
 * is gone.
 */
export async function placeByProgram(archive: Archive, program: Buffer, tuple: PlatformTuple): Promise<Place> {
  const fmu = basename(archive.file);
  const name = `programs/${tuple}/proxyfmu${tuple.endsWith('windows') ? '.exe' : ''}`;
  return {
    lines: ['protocol proxyfmu', `program ${tuple} ${name}`, `keeper ${tuple} ${programName(tuple)}`, `fmu ${fmu}`],
    entries: [
      { name: `resources/${name}`, content: program },
      { name: `resources/${fmu}`, content: await archive.whole() },
    ],
  };
}

type OnServer = Extract<RemoteSource, { kind: 'proxyfmu' | 'fmu-proxy' }>;

/** On a server; what it has to be sent is in the FMU. */
export async function placeOnServer(source: OnServer, archive: Archive | undefined): Promise<Place> {
  const address = [`protocol ${source.kind}`, `host ${source.host}`, `port ${source.port}`];
  if ('url' in source) return { lines: [...address, `url ${source.url}`], entries: [] };
  if ('guid' in source) return { lines: [...address, `id ${source.guid}`], entries: [] };
  const content = await archive!.whole();
  const fmu = basename(source.file);
  return {
    lines: [
      ...address,
      ...(source.kind === 'proxyfmu' ? ['boot 1'] : []),
      `upload ${fmu}`,
      `name ${basename(fmu, extname(fmu))}`,
      `sha256 ${createHash('sha256').update(content).digest('hex')}`,
    ],
    entries: [{ name: `resources/${fmu}`, content }],
  };
}
