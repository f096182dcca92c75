/** What the FMU of a component says of itself, wherever it is. */
import { type FmuModelSummary, readFmuModel } from '../fmi/index.js';
import { localFileOf } from '../remote/index.js';
import type { DraftComponent } from './draft.js';

/** Throws what `readFmuModel` and `describeRemote` throw. */
export async function readModelOf(fmu: string, { remote }: Pick<DraftComponent, 'remote'>): Promise<FmuModelSummary> {
  if (remote === undefined || localFileOf(remote) !== undefined) return readFmuModel(fmu);
  const { describeRemote } = await import('../remote/client/index.js');
  return { file: fmu, model: await describeRemote(remote), warnings: [], platforms: [] };
}
