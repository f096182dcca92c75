import { defineValidator, type RuntimeValidator } from '../support/validator.js';
import type { BridgeFile } from './config.js';
import { bridgeSchema } from './config-schema.js';

export const bridgeFileValidator: RuntimeValidator<BridgeFile> = defineValidator(bridgeSchema);
