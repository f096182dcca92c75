/** Where an instance is told its FMU's resources are. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ModelFolder } from './fmu-instance.js';

/** By folder: what its instances are told. */
const resources = new WeakMap<ModelFolder, string>();

/** FMI 1.0: URI of the FMU's folder; 2.0: URI of its resources; 3.0: path of its resources, with a separator. */
export function resourcesOf(folder: ModelFolder): string {
  const known = resources.get(folder);
  if (known !== undefined) return known;
  const made = nameResources(folder);
  resources.set(folder, made);
  return made;
}

function nameResources({ directory, model: { fmi } }: ModelFolder): string {
  if (fmi === '1.0') return pathToFileURL(directory).href;
  const path = join(directory, 'resources');
  return fmi === '2.0' ? pathToFileURL(path).href : join(path, '/');
}
