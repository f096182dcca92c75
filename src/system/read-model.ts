/** What the FMU of a component says of itself, wherever it is. */
import { type FmuModel, type FmuModelSummary, readFmuModel } from '../fmi/index.js';
import type { RemoteSource } from '../remote/index.js';
import { type Component, isArchiveHere } from './system.js';

/** A file that is read asks once, however many of its parts have to know. */
const described = new WeakMap<RemoteSource, Promise<FmuModel>>();

/** Throws what `readFmuModel` and `describeRemote` throw. */
export async function readModelOf(fmu: string, component: Pick<Component, 'remote'>): Promise<FmuModelSummary> {
  const { remote } = component;
  if (remote === undefined || isArchiveHere(component)) return readFmuModel(fmu);
  const model = described.get(remote) ?? describe(remote);
  described.set(remote, model);
  return { file: fmu, model: await model, warnings: [], platforms: [] };
}

async function describe(remote: RemoteSource): Promise<FmuModel> {
  const { describeRemote } = await import('../remote/client/index.js');
  return describeRemote(remote);
}
