/** JSON Schema (draft 2020-12) of a container description in JSON. */

const text = { type: 'string', minLength: 1 };
const flag = { type: 'boolean' };
const rules = (count: number, last: object = text) => ({
  type: 'array',
  items: {
    type: 'array',
    prefixItems: [...new Array<object>(count - 1).fill(text), last],
    minItems: count,
    maxItems: count,
  },
});

export const CONTAINER_SCHEMA: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'twinbridge-container',
  type: 'object',
  additionalProperties: false,
  properties: {
    name: text,
    fmu: { type: 'array', items: text },
    path: { type: 'object', additionalProperties: text },
    input: rules(3),
    output: rules(3),
    link: rules(4),
    start: rules(3, { type: ['string', 'number', 'boolean'] }),
    drop: rules(2),
    container: { type: 'array', items: { $ref: '#' } },
    mt: flag,
    profiling: flag,
    sequential: flag,
    ts_multiplier: flag,
    reset_ports: flag,
    auto_link: flag,
    auto_input: flag,
    auto_output: flag,
    auto_parameter: flag,
    auto_local: flag,
    step_size: { type: ['number', 'string', 'null'] },
  },
};
