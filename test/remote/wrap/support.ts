/** Wrapped FMUs in systems, and what their instances say. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readFmuModel } from '#tb/fmi/index.js';
import { type WrapOptions, wrapRemoteFmu } from '#tb/remote/wrap/index.js';
import type { System } from '#tb/system/index.js';

/** The system with the FMU of each component wrapped. Its variables are those of the FMU, in the same order. */
export async function wrapped(system: System, folder: string, options: WrapOptions = {}): Promise<System> {
  const components = [];
  for (const component of system.components) {
    const file = join(folder, `wrapped-${options.fmi ?? ''}-${basename(component.fmu)}`);
    if (!existsSync(file)) await wrapRemoteFmu(component.fmu, file, { platforms: 'host', ...options });
    components.push({ ...component, fmu: file, model: (await readFmuModel(file)).model });
  }
  return { ...system, components };
}
