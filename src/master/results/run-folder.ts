/**
 * A folder for everything that belongs to one run: `<root>/<UTC time>-<name>/` with
 *
 *   the configuration   the files that the system was read from, without secrets
 *   versions.json       what it ran with
 *   run.log             messages of the FMUs, a line of JSON each
 *   results             where the run loop puts them
 *   report.json         how it went, also if it failed
 *   timing.json         profiles of steps
 *
 * Files that are written at once are there whole or not at all.
 */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pino } from 'pino';
import { FmiStatus, fmiStatusName, readAnyFmu, readArchive } from '../../fmi/index.js';
import { twinbridgeVersion } from '../../support/version.js';
import { type Component, isArchiveHere } from '../../system/index.js';
import { ResultsError } from '../errors.js';
import type { RunLogMessage } from '../report.js';
import { isSecretName, maskSecrets, maskUrls, secretSources, type TextFormat } from './mask-secrets.js';

/** Makes the folder, and `root` if need be; answers its path. Throws {@link ResultsError}. */
export function createRunFolder(root: string, name = 'run', now: Date = new Date()): string {
  const time = now
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-');
  const first = join(resolve(root), `${time}-${asFileName(name)}`);
  try {
    mkdirSync(root, { recursive: true });
    for (let number = 1; ; number++) {
      const path = number === 1 ? first : `${first}-${number}`;
      try {
        mkdirSync(path);
        return path;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  } catch (cause) {
    throw cannotWrite(first, cause);
  }
}

/** A configuration may hold so much, bytes; what is longer is none. */
const MAX_CONFIGURATION = 16 << 20;

/**
 * Copies what the system was read from, without secrets: files, folders of them, or SSP archives, of which the
 * descriptions are kept. Answers the copies. Throws {@link ResultsError}.
 */
export async function saveConfiguration(folder: string, files: readonly string[]): Promise<string[]> {
  const texts = new Map<string, string>();
  for (const file of files) {
    for (const [name, text] of await textsOf(file)) texts.set(freeName(name, texts), text);
  }
  const secret = new Set([...texts].flatMap(([name, text]) => (formatOf(name) === 'xml' ? secretSources(text) : [])));
  return [...texts].map(([name, text]) => {
    const path = join(folder, name);
    writeWhole(path, maskSecrets(text, formatOf(name)!, secret));
    return path;
  });
}

/**
 * Writes versions.json: of twinbridge, Node.js, the platform, and of each FMU its contents and what made it. Of one that is
 * on no disk of this machine there is what its server says.
 */
export async function saveVersions(
  folder: string,
  components: Iterable<Pick<Component, 'fmu' | 'remote' | 'model'>>,
): Promise<void> {
  const described: Record<string, unknown>[] = [];
  const places = new Map<string, Set<string>>();
  const first = new Map<string, Pick<Component, 'remote' | 'model'>>();
  for (const component of components) {
    const { fmu, remote } = component;
    if (!first.has(fmu)) first.set(fmu, component);
    if (remote !== undefined) places.set(fmu, (places.get(fmu) ?? new Set()).add(remote.uri));
  }
  for (const [file, component] of first) {
    const runsAt = places.has(file) ? { runsAt: [...places.get(file)!] } : {};
    if (!isArchiveHere(component)) {
      const { model } = component;
      described.push({ fmiVersion: model.fmi, modelName: model.modelName, token: model.token, ...runsAt });
      continue;
    }
    const { fmiVersion, modelName, version, generationTool, generationDateAndTime } = (await readAnyFmu(file))
      .description;
    const made = { fmiVersion, modelName, version, generationTool, generationDateAndTime };
    const content = { file: basename(file), sha256: await sha256(file), bytes: (await stat(file)).size };
    described.push({ ...content, ...made, ...runsAt });
  }
  saveJson(folder, 'versions.json', {
    twinbridge: twinbridgeVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    fmus: described,
  });
}

/**
 * Writes a value of the run, such as its report, as JSON: NaN and infinities are null, whole numbers of 64 bits that a
 * double does not hold are texts, values of passwords are masked, and columns that were captured are left out. Throws
 * {@link ResultsError}.
 */
export function saveJson(folder: string, name: 'report.json' | 'timing.json' | 'versions.json', value: unknown): void {
  const text = JSON.stringify(
    value,
    (key, each: unknown) => {
      if (typeof each === 'bigint') return Number.isSafeInteger(Number(each)) ? Number(each) : String(each);
      if (typeof each === 'string') return isSecretName(key) ? '***' : maskUrls(each);
      return ArrayBuffer.isView(each) ? undefined : each instanceof Map ? Object.fromEntries(each) : each;
    },
    2,
  );
  writeWhole(join(folder, name), `${text}\n`);
}

export interface RunLog {
  readonly file: string;
  /** Never throws: a log is not worth a run. */
  write(message: RunLogMessage): void;
  /** Throws {@link ResultsError} if a message could not be written. */
  close(): void;
}

/** Opens run.log: `level`, `time` (wall clock), `t` (simulated, s), `component`, `status`, `category`, `msg`. */
export function openRunLog(folder: string): RunLog {
  const file = join(folder, 'run.log');
  let failure: unknown;
  let destination: ReturnType<typeof pino.destination>;
  try {
    writeFileSync(file, '', { flag: 'a' });
    destination = pino.destination({ dest: file, sync: true });
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
  destination.on('error', (error: unknown) => {
    failure ??= error;
  });
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    destination,
  );
  return {
    file,
    write({ time, instance, status, category, message }) {
      if (failure !== undefined) return;
      const fields = { t: time, component: instance, status: fmiStatusName(status), category };
      try {
        logger[levelOf(status)](fields, maskUrls(message));
      } catch (error) {
        failure = error;
      }
    },
    close() {
      destination.end();
      if (failure !== undefined) throw cannotWrite(file, failure);
    },
  };
}

function levelOf(status: FmiStatus): 'info' | 'warn' | 'error' | 'fatal' {
  if (status === FmiStatus.ok || status === FmiStatus.pending) return 'info';
  if (status === FmiStatus.warning || status === FmiStatus.discard) return 'warn';
  return status === FmiStatus.fatal ? 'fatal' : 'error';
}

/* -- Configurations ------------------------------------------------------------------------------------------------- */

const FORMATS: Readonly<Record<string, TextFormat>> = {
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'yaml',
  '.xml': 'xml',
  '.ssd': 'xml',
  '.ssv': 'xml',
  '.ssm': 'xml',
  '.ssb': 'xml',
};

function formatOf(name: string): TextFormat | undefined {
  return FORMATS[extname(name).toLowerCase()];
}

/** The configurations that `file` is or holds, by the name of the copy. */
async function textsOf(file: string): Promise<[name: string, text: string][]> {
  const found = await stat(file);
  if (found.isDirectory()) {
    const entries = await readdir(file, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const texts = await Promise.all(paths.sort().map((path) => textsIn(path)));
    return texts.flat().map(([path, text]) => [join(basename(file), relative(file, path)), text]);
  }
  if (extname(file).toLowerCase() === '.ssp') {
    return readArchive(file, 'SSP', async ({ names, read }) => {
      const wanted = names.filter((name) => formatOf(name) !== undefined);
      const texts = await Promise.all(wanted.map(async (name) => (await read(name)).toString('utf8')));
      return wanted.map((name, i) => [join(basename(file), name), texts[i]!]);
    });
  }
  return (await textsIn(file)).map(([path, text]) => [basename(path), text]);
}

async function textsIn(path: string): Promise<[path: string, text: string][]> {
  if (formatOf(path) === undefined || (await stat(path)).size > MAX_CONFIGURATION) return [];
  return [[path, await readFile(path, 'utf8')]];
}

/** Two files of one name from different folders. */
function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  for (let number = 1; ; number++) {
    const { dir, base } = { dir: dirname(name), base: basename(name) };
    const free = number === 1 ? name : join(dir, `${number}-${base}`);
    if (!taken.has(free)) return free;
  }
}

/* -- Files ---------------------------------------------------------------------------------------------------------- */

function asFileName(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80) || 'run';
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Under another name first: whoever finds the file finds all of it. */
function writeWhole(path: string, text: string): void {
  const unfinished = `${path}.unfinished`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(unfinished, text);
    renameSync(unfinished, path);
  } catch (cause) {
    rmSync(unfinished, { force: true });
    throw cannotWrite(path, cause);
  }
}

function cannotWrite(file: string, cause: unknown): ResultsError {
  return new ResultsError(`cannot write ${file}: ${(cause as Error).message}`, {
    cause,
    location: { file },
    remedy: 'make room, or choose another folder for runs',
  });
}
