/** What the files beside a system structure need of an FMU: its model's name, and the types of its variables. */
import { type FmuModel, readFmuModel } from '../../../fmi/index.js';
import { TwinbridgeError } from '../../../support/errors.js';

/** Undefined if the FMU is unusable: that is reported where the system is held against its FMUs. */
export async function modelOfFmu(file: string | undefined): Promise<FmuModel | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFmuModel(file)).model;
  } catch (error) {
    if (error instanceof TwinbridgeError) return undefined;
    throw error;
  }
}
