/**
 * What RMQFMU (fmu-rabbitmq 2.1.6) is to those who use it: the value references 0 to 20 with their names and types, and
 * what each means where a description leaves it out. `docs/rmqfmu.md` tells line by line what is the same here.
 */
import type { BasicType, SignalValue } from '../signals.js';

/** `rmqfmu`: its messages are understood; `strict`: and sent as it sent them, byte by byte, faults included. */
export const COMPAT_LEVELS = ['rmqfmu', 'strict'] as const;
export type Compat = (typeof COMPAT_LEVELS)[number];

export interface RmqfmuParameter {
  readonly name: string;
  readonly valueReference: number;
  readonly type: BasicType;
  readonly start: SignalValue;
  readonly description?: string;
}

/** The exchange on which a peer says where it is in time. */
export interface HealthConfig {
  readonly exchange: string;
  readonly type: 'direct' | 'fanout' | 'topic' | 'headers';
}

export const RMQFMU_HEALTH: HealthConfig = { exchange: 'fmi_digital_twin_sh', type: 'direct' };

/** What a bridge FMU is besides, when it stands in for RMQFMU. */
export interface RmqfmuConfig {
  readonly modelIdentifier: string;
  /** Value references of outputs, inputs and diagnostics, by name; those not named here count as in any bridge. */
  readonly references: Readonly<Record<string, number>>;
  /** All parameters of the FMU. */
  readonly parameters: readonly RmqfmuParameter[];
  /** SHA-256 of the modelDescription.xml that this configuration belongs to; set when the FMU is built. */
  readonly descriptionHash?: string;
}

/** Names that the predecessor looks for among the outputs; both Real, in ms, fed by the health exchange. */
export const DISCREPANCIES = ['time_discrepancy', 'simtime_discrepancy'] as const;

/** The output that carries a running number, if a description has it: an output like any other. */
export const SEQNO = { name: 'seqno', valueReference: 14 } as const;

/** Boolean input: true stops all publishing. The name says the reverse; running systems rely on what it does. */
export const ENABLE_SEND = { name: 'enable send', valueReference: 15 } as const;

export const REFERENCE = {
  hostname: 0,
  port: 1,
  username: 2,
  password: 3,
  routingKey: 4,
  timeout: 5,
  precision: 6,
  maxage: 7,
  lookahead: 8,
  exchange: 9,
  exchangeType: 10,
  healthExchange: 11,
  healthExchangeType: 12,
  sendKey: 13,
  ssl: 16,
  queueBound: 17,
  vhost: 18,
  sendAlways: 19,
} as const;

/**
 * The parameters with the values that the predecessor's documentation gives them. Where the predecessor ran without one
 * (maxage 0, lookahead 1), that is what a missing one means; see `MISSING`.
 */
export const RMQFMU_PARAMETERS: readonly RmqfmuParameter[] = [
  parameter(0, 'config.hostname', 'String', 'localhost', 'host of the broker'),
  parameter(1, 'config.port', 'Integer', 5672, 'port of the broker'),
  parameter(2, 'config.username', 'String', 'guest', 'user'),
  parameter(3, 'config.password', 'String', 'guest', 'password'),
  parameter(4, 'config.routingkey', 'String', 'data.to_cosim', 'binding key of what is received, health data too'),
  parameter(5, 'config.communicationtimeout', 'Integer', 60, 'longest wait for valid data, s'),
  parameter(6, 'config.precision', 'Integer', 10, 'at least 1; without effect: times are exact to the nanosecond'),
  parameter(7, 'config.maxage', 'Integer', 1000, 'how old a value may be at the communication point, ms'),
  parameter(8, 'config.lookahead', 'Integer', 1, 'samples that a step may move on by'),
  parameter(9, 'config.exchangename', 'String', 'fmi_digital_twin', 'exchange of what is received and sent'),
  parameter(10, 'config.exchangetype', 'String', 'direct', 'its type: direct, fanout, topic, headers'),
  parameter(11, 'config.healthdata.exchangename', 'String', 'fmi_digital_twin_sh', 'exchange of health data'),
  parameter(12, 'config.healthdata.exchangetype', 'String', 'direct', 'its type'),
  parameter(13, 'config.routingkey.from_cosim', 'String', 'data.from_cosim', 'routing key of what is sent'),
  parameter(16, 'config.ssl', 'Boolean', false, 'connect with TLS; the certificate is verified'),
  parameter(17, 'config.queueupperbound', 'Integer', 100, 'samples that may wait'),
  parameter(18, 'config.vhost', 'String', '/', 'virtual host of the broker'),
  parameter(19, 'config.howtosend', 'Boolean', true, 'true: every input in every message; false: changed inputs'),
];

/** What a parameter means that the description does not have, where that is not its usual value. */
export const MISSING: Readonly<Record<number, SignalValue>> = { 7: 0 };

/** Ours, off the reserved references. A description names them to use them. */
export const OWN_PARAMETERS: Readonly<Record<'behaviour' | 'onTimeout' | 'strict', RmqfmuParameter>> = {
  behaviour: parameter(40, 'config.behaviour', 'Integer', 2, 'RMQFMU 0, 1 or 2'),
  onTimeout: parameter(
    41,
    'config.ontimeout',
    'Integer',
    0,
    'without valid data: 0 the step fails, 1 outputs are held',
  ),
  strict: parameter(50, 'config.strict', 'Boolean', false, 'true: messages byte by byte as RMQFMU wrote them'),
};

/** What stands in the messages of its peers beside values, and is no mistake. */
export const SKIPPED_KEY: RegExp = /^(internal_|simAtTime)/;

function parameter(
  valueReference: number,
  name: string,
  type: BasicType,
  start: SignalValue,
  description: string,
): RmqfmuParameter {
  return { name, valueReference, type, start, description };
}
