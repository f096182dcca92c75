/** FMUs that were unpacked from an archive, for a file that names them by their paths. */
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isTemporary } from '../../fmi/index.js';
import type { System } from '../system.js';
import { withArchiveAt } from './remote-place.js';

/** The system with those FMUs in `folder`, where they stay when the process ends. */
export async function keepFmus(system: System, folder: string): Promise<System> {
  const kept = new Map<string, string>();
  const names = new Set<string>();
  for (const { fmu } of system.components) {
    if (kept.has(fmu) || !isTemporary(fmu)) continue;
    const stem = basename(fmu).replace(/\.fmu$/i, '');
    let name = `${stem}.fmu`;
    // Names that differ in case only are one file on some systems.
    for (let number = 2; names.has(name.toLowerCase()); number++) name = `${stem}-${number}.fmu`;
    names.add(name.toLowerCase());
    await mkdir(folder, { recursive: true });
    kept.set(fmu, join(folder, name));
    await copyFile(fmu, join(folder, name));
  }
  if (kept.size === 0) return system;
  return {
    ...system,
    components: system.components.map((component) => {
      const fmu = kept.get(component.fmu);
      return fmu === undefined ? component : { ...component, ...withArchiveAt(component, fmu) };
    }),
  };
}

/** Whether the system has such FMUs. */
export function hasTemporaryFmus({ components }: System): boolean {
  return components.some(({ fmu }) => isTemporary(fmu));
}
