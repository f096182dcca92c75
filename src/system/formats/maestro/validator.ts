import { defineValidator, type RuntimeValidator } from '../../../support/validator.js';
import type { MaestroFile } from './read.js';
import { MAESTRO_SCHEMA } from './schema.js';

export const multiModelValidator: RuntimeValidator<MaestroFile> = defineValidator(MAESTRO_SCHEMA);
