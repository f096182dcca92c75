/**
 * JSON Schema of what Maestro's multi-model and simulation configuration say together.
 *
 * Unknown keys are let through, as Maestro does; the applications that write these files leave all kinds of them.
 */

const names = { type: 'array', items: { type: 'string' } };
const byInstance = { type: 'object', additionalProperties: names };

const constraint = {
  type: 'object',
  required: ['type'],
  properties: {
    type: { enum: ['zerocrossing', 'boundeddifference', 'samplingrate', 'fmumaxstepsize'] },
    ports: names,
    order: { enum: [1, 2, null] },
    abstol: { type: ['number', 'null'], exclusiveMinimum: 0 },
    reltol: { type: ['number', 'null'], exclusiveMinimum: 0 },
    safety: { type: ['number', 'null'], minimum: 0 },
    skipDiscrete: { type: ['boolean', 'null'] },
    base: { type: 'integer' },
    rate: { type: 'integer', minimum: 1 },
    startTime: { type: 'integer', minimum: 0 },
  },
};

export const MAESTRO_SCHEMA: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['fmus'],
  properties: {
    fmus: { type: 'object', additionalProperties: { type: 'string', minLength: 1 }, minProperties: 1 },
    connections: byInstance,
    parameters: { type: 'object', additionalProperties: { type: ['number', 'boolean', 'string'] } },
    environmentParameters: names,
    logVariables: byInstance,
    livestream: byInstance,
    logLevels: byInstance,
    loggingOn: { type: 'boolean' },
    algorithm: {
      type: 'object',
      required: ['type', 'size'],
      properties: {
        type: { enum: ['fixed-step', 'var-step'] },
        size: { type: ['number', 'array'], items: { type: 'number' } },
        initsize: { type: ['number', 'null'] },
        constraints: { type: ['object', 'null'], additionalProperties: constraint },
      },
    },
    startTime: { type: 'number' },
    endTime: { type: 'number' },
    parallelSimulation: { type: 'boolean' },
    stabalizationEnabled: { type: 'boolean' },
    convergenceAttempts: { type: 'integer' },
    global_absolute_tolerance: { type: 'number', minimum: 0 },
    global_relative_tolerance: { type: 'number', minimum: 0 },
    simulationProgramDelay: { type: 'boolean' },
  },
};

/** Keys that mean something to Maestro, or to the applications around it, and nothing here. */
export const WITHOUT_MEANING: readonly string[] = [
  'visible',
  'overrideLogLevel',
  'reportProgress',
  'liveLogInterval',
  'livestreamInterval',
  'externalSpecs',
  'multimodel_path',
  'multimodel_crc',
  'liveGraphs',
  'liveGraphColumns',
  'liveGraphVisibleRowCount',
  'graphs',
  'postProcessingScript',
  'enableAllLogCategoriesPerInstance',
];

/** Keys that would change the simulation, and are not offered. */
export const NOT_OFFERED: Readonly<Record<string, string>> = {
  hasExternalSignals: 'external signals are not offered: let a bridge FMU carry them',
  faultInjectConfigurationPath: "fault injection is not offered: a system file's scenario overrides values at times",
  faultInjectInstances: "fault injection is not offered: a system file's scenario overrides values at times",
  modelSwaps: 'swapping FMUs at run time is not offered',
  modelTransfers: 'swapping FMUs at run time is not offered',
  masterModel: 'an algorithm given as a master model is not offered: what the connections say is run',
};
