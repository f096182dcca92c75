import { defineValidator, type RuntimeValidator } from '../../../support/validator.js';
import type { ScenarioFile } from './scenario.js';
import { SCENARIO_SCHEMA } from './scenario-schema.js';

export const scenarioValidator: RuntimeValidator<ScenarioFile> = defineValidator(SCENARIO_SCHEMA);
