import { defineValidator, type RuntimeValidator } from '../../../support/validator.js';
import type { ContainerEntry } from './json.js';
import { CONTAINER_SCHEMA } from './schema.js';

export const containerValidator: RuntimeValidator<ContainerEntry> = defineValidator(CONTAINER_SCHEMA);
