/** What the files beside a system structure need of an FMU: its model's name, and the types of its variables. */
import type { FmuModel } from '../../../fmi/index.js';
import { TwinbridgeError } from '../../../support/errors.js';
import type { DraftComponent } from '../../draft.js';
import { readModelOf } from '../../read-model.js';

/** Undefined if the FMU is unusable: that is reported where the system is held against its FMUs. */
export async function modelOfFmu(component: Pick<DraftComponent, 'fmu' | 'remote'>): Promise<FmuModel | undefined> {
  if (component.fmu === undefined) return undefined;
  try {
    return (await readModelOf(component.fmu, component)).model;
  } catch (error) {
    if (error instanceof TwinbridgeError) return undefined;
    throw error;
  }
}
