/** JSON Schema (draft 2020-12) of the system file; editors complete and check with it. */

const seconds = (description: string) => ({ description: `${description}, s.`, type: 'number', exclusiveMinimum: 0 });

const port = { description: 'component.variable, component.variable[element]', type: 'string' };

const value = {
  description: 'A number, truth value, text or item of an enumeration; of an array a list.',
  type: ['number', 'boolean', 'string', 'array'],
  items: { type: ['number', 'boolean', 'string'] },
};

const constraint = {
  type: 'object',
  required: ['type'],
  additionalProperties: false,
  properties: {
    type: {
      description: 'What keeps the step size small.',
      enum: ['zero-crossing', 'bounded-difference', 'sampling-rate', 'fmu-max-step-size'],
    },
    ports: {
      description: 'Of zero-crossing one or two, of bounded-difference any number.',
      type: 'array',
      items: port,
    },
    order: { description: 'zero-crossing: order of the extrapolation; default 2.', enum: [1, 2] },
    tolerance: { description: 'zero-crossing: how far from zero counts as zero.', type: 'number', exclusiveMinimum: 0 },
    absolute: { description: 'bounded-difference: greatest difference.', type: 'number', exclusiveMinimum: 0 },
    relative: { description: 'bounded-difference: greatest relative difference.', type: 'number', exclusiveMinimum: 0 },
    safety: { description: 'Part of the limit that is kept away from; default 0.', type: 'number', minimum: 0 },
    skipDiscrete: { description: 'bounded-difference: discrete variables may jump; default true.', type: 'boolean' },
    base: seconds('sampling-rate: unit of rate and start'),
    rate: {
      description: 'sampling-rate: distance of two samples, in units of base.',
      type: 'number',
      exclusiveMinimum: 0,
    },
    start: { description: 'sampling-rate: the first sample, in units of base; default 0.', type: 'number', minimum: 0 },
  },
};

const step = {
  description:
    'Communication step size, s; or min, max and initial for a variable one; or data: the bridge whose next sample is the next communication point.',
  type: ['number', 'object'],
  exclusiveMinimum: 0,
  required: ['max'],
  additionalProperties: false,
  properties: {
    min: seconds('Smallest step size; default max / 1e6'),
    max: seconds('Greatest step size'),
    initial: seconds('First step size; default max'),
    tolerance: {
      description: 'Bound on the error of a step, estimated by making it also in two halves.',
      type: ['number', 'object'],
      exclusiveMinimum: 0,
      additionalProperties: false,
      properties: {
        relative: { description: 'Default 1e-6.', type: 'number', exclusiveMinimum: 0 },
        absolute: { description: 'Default 1e-9.', type: 'number', exclusiveMinimum: 0 },
      },
    },
    constraints: { description: 'By name.', type: 'object', additionalProperties: constraint },
    data: { description: 'Component of a bridge: steps end where its next sample is due.', type: 'string' },
  },
};

const recording = {
  type: 'object',
  additionalProperties: false,
  properties: {
    file: { description: 'Relative to this file.', type: 'string', minLength: 1 },
    format: { description: "Default: by the file's extension.", enum: ['csv', 'parquet', 'mcap'] },
    variables: {
      description: "Names as component.variable, '*' for any characters; default: all outputs.",
      type: 'array',
      items: { type: 'string' },
    },
    every: { description: 'A row every so many communication points; default 1.', type: 'integer', minimum: 1 },
    roll: {
      description: 'When to go on in a new file: at the first limit that is reached.',
      type: 'object',
      minProperties: 1,
      additionalProperties: false,
      properties: {
        rows: { type: 'integer', minimum: 1 },
        megabytes: { type: 'number', exclusiveMinimum: 0 },
        seconds: seconds('Simulated'),
        keep: { description: 'Files kept, the newest; default: all.', type: 'integer', minimum: 1 },
      },
    },
  },
};

const named = (description: string, additionalProperties: object, minProperties: number = 0) => ({
  description,
  type: 'object',
  minProperties,
  propertyNames: { pattern: '^\\S(.*\\S)?$' },
  additionalProperties,
});

export const SYSTEM_SCHEMA: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'twinbridge system',
  description: 'A co-simulation: FMUs, the connections between them, and how to run them.',
  type: 'object',
  required: ['twinbridge', 'components', 'step'],
  additionalProperties: false,
  properties: {
    twinbridge: { description: 'The kind of this file.', type: 'string', enum: ['system'] },
    components: named(
      'FMU instances by name.',
      {
        type: 'object',
        required: ['fmu'],
        additionalProperties: false,
        properties: {
          fmu: {
            description: 'The archive, relative to this file; or a remote FMU: proxyfmu://, fmu-proxy://, amqp-fmu://.',
            type: 'string',
            minLength: 1,
          },
          start: {
            description: 'Start values of parameters, inputs and other variables that may have one.',
            type: 'object',
            additionalProperties: value,
          },
          step: seconds("Its own step size, a multiple of the system's"),
          isolate: {
            description: 'In a process of its own, which may crash or hang without harm to the others.',
            type: 'boolean',
          },
          deadline: seconds('How long a step of an isolated or remote component may take'),
        },
      },
      1,
    ),
    functions: named('Computed between steps, by name.', {
      type: 'object',
      required: ['type'],
      additionalProperties: false,
      properties: {
        type: {
          description: 'linear: out = factor * in + offset; sum: in[0] … to out; vector-sum: the same of vectors.',
          enum: ['linear', 'sum', 'vector-sum'],
        },
        factor: { description: 'Default 1.', type: 'number' },
        offset: { description: 'Default 0.', type: 'number' },
        inputs: { description: 'Of a sum; default 2.', type: 'integer', minimum: 1 },
        dimension: { description: 'Of a vector sum; default 3.', type: 'integer', minimum: 1 },
      },
    }),
    connections: {
      description: "'component.output -> component.input', or a mapping with from and to.",
      type: 'array',
      items: {
        type: ['string', 'object'],
        required: ['from', 'to'],
        additionalProperties: false,
        properties: {
          from: { description: 'component.output, or function.out', type: 'string' },
          to: { description: 'component.input, or function.in', type: 'string' },
          factor: { description: 'to = factor * from + offset; default 1.', type: 'number' },
          offset: { description: 'Default 0.', type: 'number' },
          map: {
            description: 'Pairs: the first value of each is replaced by the second; the rest pass as they are.',
            type: 'array',
            items: {
              type: 'array',
              minItems: 2,
              maxItems: 2,
              items: { type: ['integer', 'boolean', 'string'] },
            },
          },
          units: {
            description: "convert (the default): where the ends' units differ; ignore: values pass as they are.",
            enum: ['convert', 'ignore'],
          },
        },
      },
    },
    algorithm: {
      description:
        'jacobi (the default): all see the last communication point; gauss-seidel: those behind see the new one.',
      enum: ['jacobi', 'gauss-seidel'],
    },
    loops: {
      description: 'How algebraic loops are iterated.',
      type: 'object',
      additionalProperties: false,
      properties: {
        tolerance: { description: 'What counts as settled; default 1e-9.', type: 'number', exclusiveMinimum: 0 },
        iterations: { description: 'At most; default 100.', type: 'integer', minimum: 1 },
        atSteps: {
          description: 'At each step too, not at the start only; default with gauss-seidel.',
          type: 'boolean',
        },
      },
    },
    threads: { description: 'Threads that make steps; default 1.', type: 'integer', minimum: 1, maximum: 256 },
    step,
    start: { description: 'Start time, s; default 0.', type: 'number' },
    stop: { description: "Stop time, s, or 'never' (the default).", type: ['number', 'string'], pattern: '^never$' },
    pace: {
      description: "'fast' (the default): no waiting; 'realtime'; or simulated seconds per second.",
      type: ['number', 'string'],
      pattern: '^(fast|realtime)$',
      exclusiveMinimum: 0,
    },
    late: {
      description:
        'What a paced run does when a step ends late: catch-up (the default), slip, skip (one longer step), fail.',
      enum: ['catch-up', 'slip', 'skip', 'fail'],
    },
    record: {
      description: 'Results; a list where there are several files.',
      type: ['object', 'array'],
      items: recording,
      ...{ properties: recording.properties, additionalProperties: false },
    },
    scenario: {
      description: 'What is changed at run time.',
      type: 'object',
      required: ['events'],
      additionalProperties: false,
      properties: {
        events: {
          type: 'array',
          items: {
            type: 'object',
            required: ['time', 'set'],
            additionalProperties: false,
            properties: {
              time: { description: 's after the start', type: 'number', minimum: 0 },
              set: port,
              value: { type: ['number', 'boolean', 'string'] },
              action: { description: 'Default: override.', enum: ['override', 'bias', 'reset'] },
            },
          },
        },
        end: { description: 'When all get back their own values, s after the start.', type: 'number', minimum: 0 },
      },
    },
    logging: {
      description: 'By component: the debug categories to switch on, or true for all.',
      type: 'object',
      additionalProperties: { type: ['boolean', 'array'], items: { type: 'string' } },
    },
  },
};
