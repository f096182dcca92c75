import { defineValidator, type RuntimeValidator } from '../../support/validator.js';
import type { SystemFile } from './yaml.js';
import { SYSTEM_SCHEMA } from './yaml-schema.js';

export const systemFileValidator: RuntimeValidator<SystemFile> = defineValidator(SYSTEM_SCHEMA, {
  allowsInfinity: true,
});
