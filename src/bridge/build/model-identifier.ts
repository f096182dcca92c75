/** The name of the library in an FMU (FMI 2.0.4, section 2.1.1), which is a C identifier. */
import type { BridgeConfig } from '../config.js';

/** `field-robot 2` → `field_robot_2`; what stands in for an RMQFMU has its name. */
export function modelIdentifier({ name, rmqfmu }: Pick<BridgeConfig, 'name' | 'rmqfmu'>): string {
  if (rmqfmu !== undefined) return rmqfmu.modelIdentifier;
  const identifier = name.replace(/[^A-Za-z0-9_]/g, '_').slice(0, MAX_IDENTIFIER_LENGTH);
  return /^\d/.test(identifier) ? `_${identifier}` : identifier;
}

/** Some file systems and importers stop at 255 characters, for the whole path below a temporary folder at worst. */
const MAX_IDENTIFIER_LENGTH = 64;
