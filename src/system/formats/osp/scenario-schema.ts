/** JSON Schema (draft 2020-12) of a scenario file. */

const changed = {
  model: { description: 'Name of a simulator.', type: 'string' },
  variable: { type: 'string' },
  action: {
    description: 'bias: the value is added to the own one; reset: the own one is given back.',
    enum: ['override', 'bias', 'reset'],
  },
};

export const SCENARIO_SCHEMA: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Scenario',
  type: 'object',
  required: ['events'],
  additionalProperties: false,
  properties: {
    description: { type: 'string' },
    defaults: {
      description: 'What events leave out.',
      type: 'object',
      additionalProperties: false,
      properties: changed,
    },
    events: {
      type: 'array',
      items: {
        type: 'object',
        required: ['time'],
        additionalProperties: false,
        properties: {
          description: { type: 'string' },
          time: { description: 's after the start', type: 'number', minimum: 0 },
          ...changed,
          value: { type: ['number', 'boolean', 'string'] },
        },
      },
    },
    end: { description: 'When all get back their own values, s after the start.', type: 'number', minimum: 0 },
  },
};
