/** JSON Schema (2020-12) of `bridge.yaml`; `twinbridge validate --print-schema bridge` prints it for editors. */
import { MAX_SOURCES } from '../native/index.js';
import { TIME_FORMATS } from '../support/time.js';
import { CREDENTIAL_KEYS } from './config-broker.js';
import { CLOCK_KINDS } from './config-fmi.js';
import { PAYLOAD_KINDS } from './config-sources.js';
import { COMPAT_LEVELS } from './rmqfmu/contract.js';
import { INTEGER_MAX, INTEGER_MIN, SIGNAL_TYPES, TYPE_ALIASES } from './signals.js';

const name = { type: 'string', minLength: 1 };
const duration = {
  description: 'milliseconds, or a text with a unit: 300 ms, 1.5 s, 2 min',
  type: ['number', 'string'],
  minimum: 0,
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

const queueArguments = { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } };
const declareQueue = {
  enum: ['active', 'passive'],
  description: 'create and bind it if it is missing (default), or only check that it is there',
};

const object = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});

const queue = object({
  name: { type: 'string' },
  type: { enum: ['classic', 'quorum', 'stream'] },
  exclusive: { type: 'boolean' },
  durable: { type: 'boolean' },
  autoDelete: { type: 'boolean' },
  declare: declareQueue,
  deliveryLimit: {
    type: 'integer',
    minimum: 1,
    description: 'quorum: deliveries of a message, lost connections included, before it is dropped or dead-lettered',
  },
  arguments: queueArguments,
});

const stream = {
  ...object({
    name,
    offset: {
      type: ['string', 'integer'],
      minimum: 0,
      description: 'where to begin: first, last, next (default), the number of a message, an RFC 3339 time, or 5 min',
    },
    declare: declareQueue,
    arguments: queueArguments,
  }),
  type: ['string', 'object'],
  description: 'the stream to read instead of a queue: its name, or a mapping',
};

const TYPES = [...SIGNAL_TYPES, ...Object.keys(TYPE_ALIASES)];

/** One type for all spellings, not `oneOf`: with that, each problem would be told once for every spelling. */
const signal = {
  ...object(
    {
      type: { type: 'string', enum: TYPES },
      start: {
        type: ['number', 'boolean', 'string', 'array'],
        items: { type: ['number', 'boolean', 'string'] },
        description: 'of an array: a list, or one value for all',
      },
      unit: { type: 'string', minLength: 1 },
      description: { type: 'string' },
      source: { ...name, description: 'outputs: name of the source that carries it' },
      latch: { type: 'boolean', description: 'a Boolean input: once true it stays true, and is sent until confirmed' },
      path: { type: 'string', description: 'JSON pointer to it in messages: /pose/x; default: the key of its name' },
      size: { type: 'integer', minimum: 1, maximum: 1 << 16, description: 'an array of so many elements' },
      scale: { type: 'number', description: 'value = number in the message * scale + offset' },
      offset: { type: 'number', description: 'see scale' },
      values: {
        type: 'object',
        minProperties: 1,
        additionalProperties: { type: 'integer', minimum: INTEGER_MIN, maximum: INTEGER_MAX },
        description: 'Enumeration: the items with their numbers',
      },
      maxLength: { type: 'integer', minimum: 1, maximum: 1 << 24, description: 'String, Binary: most bytes' },
    },
    ['type'],
  ),
  type: ['string', 'object'],
  description: `${TYPES.join(', ')}, or a mapping with type and more`,
};

const signals = { type: 'object', additionalProperties: signal };

const source = object({
  ...exchange,
  queue,
  stream,
  prefetch: { type: 'integer', minimum: 1, maximum: 65535 },
  time: object({
    key: name,
    format: { enum: TIME_FORMATS },
    assumeUtc: { type: 'boolean', description: 'RFC 3339 times without a zone are UTC' },
  }),
  payload: { enum: PAYLOAD_KINDS, description: 'raw: the whole body is the value of one Binary signal' },
  unknownFields: { enum: ['ignore', 'warn', 'reject'] },
  maxMessageBytes: { type: 'integer', minimum: 64, maximum: INTEGER_MAX },
  maxage: { ...duration, description: 'how old its values may be; default: selection.maxage' },
});

export const bridgeSchema: object = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'twinbridge bridge',
  ...object(
    {
      twinbridge: { type: 'string', enum: ['bridge'], description: 'the kind of this file' },
      name: { ...name, description: 'model name of the FMU' },
      description: { type: 'string' },
      guid: { type: 'string' },
      fmi: { enum: [2, 3], description: 'version of FMI that the FMU speaks; default: 2' },
      fmi3: object({
        clock: { enum: CLOCK_KINDS, description: 'arrival: a clock ticks when data of a source arrive' },
      }),
      broker: {
        ...object({
          host: name,
          port: { type: 'integer', minimum: 1, maximum: 65535 },
          vhost: name,
          tls: {
            ...object({
              ca: { ...name, description: 'PEM file with the CA certificates to trust; becomes part of the FMU' },
              cert: { ...name, description: 'PEM file with the client certificate, on the machine that runs the FMU' },
              key: { ...name, description: 'PEM file with its private key, on the machine that runs the FMU' },
              servername: { ...name, description: 'name that the certificate has to be for' },
              verify: { type: 'boolean', description: 'false: accept any certificate; for tests only' },
            }),
            type: ['boolean', 'object'],
          },
          auth: {
            enum: ['password', 'external'],
            description: 'external: the broker takes the user from the client certificate',
          },
          secretFile: { ...name, description: 'file with credentials on the machine that runs the FMU' },
        }),
        type: ['string', 'object'],
        // Refused later, with the ways to give them.
        patternProperties: { [CREDENTIAL_KEYS]: true },
        description: 'where the broker is; credentials are given at run time',
      },
      receive: { ...source, description: 'where messages come from: short for one source' },
      sources: {
        type: 'object',
        minProperties: 1,
        maxProperties: MAX_SOURCES,
        additionalProperties: source,
        description: 'where messages come from, by name',
      },
      send: object({
        ...exchange,
        when: { enum: ['changed', 'always'] },
        persistent: { type: 'boolean' },
        mandatory: { type: 'boolean', description: 'the broker tells when no queue takes a message' },
        announce: { type: 'boolean', description: 'publish {"internal_status":"ready", …} once messages are received' },
        expiration: duration,
        resend: { ...duration, description: 'time after which a latched input that is not confirmed is sent again' },
      }),
      selection: object({
        behaviour: {
          enum: [0, 1, 2, 'complete'],
          description: 'RMQFMU 0, 1 or 2; complete: wait until a later message proves the sample set complete',
        },
        maxage: duration,
        lookahead: { type: 'integer', minimum: 1, maximum: INTEGER_MAX },
        timeout: duration,
        onTimeout: { enum: ['fail', 'hold'] },
        startTime: { enum: ['ignored', 'origin'] },
        start: { enum: ['all', 'values', 'latest'], description: 'what initialisation waits for' },
        origin: { type: 'string', description: 'time zero: first, wall-clock, or an RFC 3339 time with its zone' },
        delay: duration,
      }),
      ring: object({
        capacity: { type: 'integer', minimum: 2, maximum: 1 << 20, description: 'samples' },
        whenFull: { enum: ['block', 'drop-oldest'] },
      }),
      outputs: { ...signals, description: 'signals that messages carry in' },
      inputs: { ...signals, description: 'signals that are published' },
      diagnostics: { type: ['boolean', 'array'], items: { type: 'string' }, description: 'true: all of them' },
      compat: {
        enum: COMPAT_LEVELS,
        description: "rmqfmu: understand messages of RMQFMU's peers; strict: also send what it sent, byte by byte",
      },
      health: {
        ...object({ exchange: name, type: { enum: ['direct', 'fanout', 'topic', 'headers'] } }),
        description: 'exchange on which a peer says where it is in time (RMQFMU), bound with the key of receive',
      },
      rmqfmu: {
        ...object({
          modelIdentifier: {
            type: 'string',
            pattern: '^[A-Za-z_]\\w*$',
            description: 'name of the library in the FMU',
          },
          references: {
            type: 'object',
            additionalProperties: { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 },
            description: 'value references of outputs, inputs and diagnostics, by name',
          },
        }),
        description: 'the FMU stands in for an RMQFMU: its value references, names and defaults',
      },
    },
    ['twinbridge', 'name'],
  ),
};
