/** Writes a system as a System Structure Package that holds all it needs. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type ArchiveEntry, packArchive } from '../../../fmi/index.js';
import { InvalidInputError, type Problem } from '../../../support/errors.js';
import { isArchiveHere, type System } from '../../system.js';
import { describeSystem, type WrittenDescription } from './write-description.js';

export interface WrittenSsp {
  /** What other tools do not get, or cannot read. */
  readonly warnings: readonly Problem[];
}

/**
 * Writes an archive with the description and the FMUs: the same system gives the same bytes. What SSP has no words for is in
 * an annotation that {@link readSspSystem} understands.
 */
export async function writeSsp(system: System, file: string): Promise<WrittenSsp> {
  const { entries, names } = await packedFmus(system);
  const { xml, warnings } = describe(system, file, names);
  await packArchive(file, [{ name: 'SystemStructure.ssd', content: Buffer.from(xml) }, ...entries]);
  return { warnings: warnings.map((message) => ({ message, location: { file } })) };
}

function describe(system: System, file: string, names: ReadonlyMap<string, string>): WrittenDescription {
  try {
    return describeSystem(system, file, names);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new InvalidInputError(`cannot write ${file}: ${cause.message}`, { cause, location: { file } });
  }
}

/** Each FMU once, whatever its paths. */
async function packedFmus({ components }: System): Promise<{ entries: ArchiveEntry[]; names: Map<string, string> }> {
  const entries: ArchiveEntry[] = [];
  const names = new Map<string, string>();
  const byContent = new Map<string, string>();
  for (const component of components) {
    const { fmu } = component;
    if (names.has(fmu) || !isArchiveHere(component)) continue;
    const content = await readFile(fmu).catch((cause: NodeJS.ErrnoException) => {
      throw new InvalidInputError(`cannot read ${fmu}: ${cause.message}`, { cause, location: { file: fmu } });
    });
    const digest = createHash('sha256').update(content).digest('hex');
    const name = byContent.get(digest) ?? freeName(basename(fmu), new Set(byContent.values()));
    if (!byContent.has(digest)) entries.push({ name, content });
    byContent.set(digest, name);
    names.set(fmu, name);
  }
  return { entries, names };
}

/** Names that differ in case only are one file on some systems. */
function freeName(wanted: string, taken: ReadonlySet<string>): string {
  const lower = new Set([...taken].map((name) => name.toLowerCase()));
  const stem = wanted.replace(/\.fmu$/i, '');
  for (let number = 1; ; number++) {
    const name = `resources/${stem}${number === 1 ? '' : `-${number}`}.fmu`;
    if (!lower.has(name.toLowerCase())) return name;
  }
}
