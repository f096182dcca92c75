/** JSON Schema (2020-12) of `bridge.yaml`; `twinbridge validate --print-schema bridge` prints it for editors. */
import { TIME_FORMATS } from '../support/time.js';
import { SIGNAL_TYPES } from './signals.js';

const name = { type: 'string', minLength: 1 };
const credential = (what: string) => ({
  not: {},
  description: `no ${what} stands in a file that is built into an FMU: set AMQP_URL, a secretFile or config.username and config.password at run time`,
});

const duration = {
  description: 'milliseconds, or a text with a unit: 300 ms, 1.5 s, 2 min',
  oneOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*(us|ms|s|min|h)\\s*$' },
  ],
};

const exchange = {
  exchange: { ...name, description: 'name of the exchange' },
  type: { enum: ['direct', 'fanout', 'topic', 'headers'] },
  durable: { type: 'boolean', description: 'the exchange survives a restart of the broker' },
  declare: {
    enum: ['active', 'passive', 'none'],
    description: 'create the exchange if it is missing, only check it, or neither',
  },
  key: { type: 'string', description: 'routing key' },
};

const object = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});

const signal = {
  oneOf: [
    { enum: SIGNAL_TYPES },
    object(
      {
        type: { enum: SIGNAL_TYPES },
        start: { type: ['number', 'boolean', 'string'] },
        unit: { type: 'string' },
        description: { type: 'string' },
        maxLength: { type: 'integer', minimum: 1, maximum: 1 << 20, description: 'String: most bytes of UTF-8' },
      },
      ['type'],
    ),
  ],
};

const signals = { type: 'object', additionalProperties: signal };

export const bridgeSchema: object = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'twinbridge bridge',
  ...object(
    {
      twinbridge: { const: 'bridge' },
      name: { ...name, description: 'model name of the FMU' },
      description: { type: 'string' },
      guid: { type: 'string' },
      broker: object({
        host: name,
        port: { type: 'integer', minimum: 1, maximum: 65535 },
        vhost: name,
        tls: {
          oneOf: [
            { type: 'boolean' },
            object({
              ca: { ...name, description: 'file with the certificates that are trusted' },
              cert: { ...name, description: 'file with the client certificate' },
              key: { ...name, description: "file with the client certificate's key" },
              servername: { ...name, description: 'name that the certificate has to be for' },
              verify: { type: 'boolean', description: 'false: accept any certificate; for tests only' },
            }),
          ],
        },
        secretFile: { ...name, description: 'file with credentials on the machine that runs the FMU' },
        username: credential('user name'),
        password: credential('password'),
      }),
      receive: object({
        ...exchange,
        queue: object({
          name: { type: 'string' },
          exclusive: { type: 'boolean' },
          durable: { type: 'boolean' },
          autoDelete: { type: 'boolean' },
          arguments: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
        }),
        prefetch: { type: 'integer', minimum: 1, maximum: 65535 },
        time: object({
          key: name,
          format: { enum: TIME_FORMATS },
          assumeUtc: { type: 'boolean', description: 'RFC 3339 times without a zone are UTC' },
        }),
        unknownFields: { enum: ['ignore', 'warn', 'reject'] },
        maxMessageBytes: { type: 'integer', minimum: 64 },
      }),
      send: object({
        ...exchange,
        when: { enum: ['changed', 'always'] },
        persistent: { type: 'boolean' },
        mandatory: { type: 'boolean', description: 'the broker tells when no queue takes a message' },
        announce: { type: 'boolean', description: 'publish {"internal_status":"ready", …} once messages are received' },
        expiration: duration,
      }),
      selection: object({
        behaviour: { enum: [0, 1, 2], description: 'RMQFMU 0, 1 or 2' },
        maxage: duration,
        lookahead: { type: 'integer', minimum: 1 },
        timeout: duration,
        onTimeout: { enum: ['fail', 'hold'] },
        startTime: { enum: ['ignored', 'origin'] },
      }),
      ring: object({
        capacity: { type: 'integer', minimum: 2, maximum: 1 << 20, description: 'samples' },
        whenFull: { enum: ['block', 'drop-oldest'] },
      }),
      outputs: { ...signals, description: 'signals that messages carry in' },
      inputs: { ...signals, description: 'signals that are published' },
      diagnostics: { oneOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'string' } }] },
    },
    ['twinbridge', 'name'],
  ),
};
