/** The variables of a bridge FMU that stands in for RMQFMU: those of any bridge, under the predecessor's references. */
import type { ParameterRole } from '../../native/index.js';
import { behaviourNumber } from '../behaviour.js';
import type { BridgeConfig } from '../config.js';
import type { LayoutVariable } from '../layout.js';
import type { SignalValue } from '../signals.js';
import {
  ENABLE_SEND,
  MISSING,
  OWN_PARAMETERS,
  REFERENCE,
  RMQFMU_PARAMETERS,
  type RmqfmuConfig,
  type RmqfmuParameter,
  SEQNO,
} from './contract.js';

/** What a parameter starts with in a bridge of this configuration. */
function startOf(reference: number, otherwise: SignalValue, config: BridgeConfig): SignalValue {
  const { broker, sources, send, selection, health } = config;
  const first = sources[0]!;
  switch (reference) {
    case REFERENCE.hostname:
      return broker.host;
    case REFERENCE.port:
      return broker.port;
    case REFERENCE.routingKey:
      return first.key;
    case REFERENCE.timeout:
      return Math.ceil(selection.timeoutMs / 1000);
    case REFERENCE.maxage:
      return Math.round(first.maxageMs);
    case REFERENCE.lookahead:
      return selection.lookahead;
    case REFERENCE.exchange:
      return first.exchange;
    case REFERENCE.exchangeType:
      return first.type;
    case REFERENCE.healthExchange:
      return health?.exchange ?? otherwise;
    case REFERENCE.healthExchangeType:
      return health?.type ?? otherwise;
    case REFERENCE.sendKey:
      return send.key;
    case REFERENCE.ssl:
      return broker.tls !== undefined;
    case REFERENCE.queueBound:
      return config.ring.capacity;
    case REFERENCE.vhost:
      return broker.vhost;
    case REFERENCE.sendAlways:
      return send.when === 'always';
    case OWN_PARAMETERS.behaviour.valueReference:
      return behaviourNumber(selection.behaviour);
    case OWN_PARAMETERS.onTimeout.valueReference:
      return selection.onTimeout === 'hold' ? 1 : 0;
    case OWN_PARAMETERS.strict.valueReference:
      return config.compat === 'strict';
    default:
      return otherwise;
  }
}

/** The parameters of a drop-in that was not made from a description. */
export function ownParameters(config: BridgeConfig): RmqfmuParameter[] {
  return [...RMQFMU_PARAMETERS, ...Object.values(OWN_PARAMETERS)].map((parameter) => ({
    ...parameter,
    start: startOf(parameter.valueReference, parameter.start, config),
  }));
}

/** Value references of the signals of a drop-in that was not made from a description. */
export function ownReferences({ outputs, inputs }: BridgeConfig): Record<string, number> {
  const seqno = outputs.some(({ name }) => name === SEQNO.name) ? { [SEQNO.name]: SEQNO.valueReference } : {};
  const gate = inputs.some(({ name, type }) => name === ENABLE_SEND.name && type === 'Boolean')
    ? { [ENABLE_SEND.name]: ENABLE_SEND.valueReference }
    : {};
  return { ...seqno, ...gate };
}

const ROLES: Readonly<Record<number, ParameterRole>> = {
  [REFERENCE.timeout]: 'timeoutSeconds',
  [REFERENCE.maxage]: 'maxageMilliseconds',
  [REFERENCE.lookahead]: 'lookahead',
  [REFERENCE.sendAlways]: 'sendAlways',
};
const OWN_ROLES: Readonly<Record<string, ParameterRole>> = {
  [OWN_PARAMETERS.behaviour.name]: 'behaviour',
  [OWN_PARAMETERS.onTimeout.name]: 'onTimeout',
  [OWN_PARAMETERS.strict.name]: 'sendEveryStep',
};

/** `variables`: those of any bridge with this configuration. */
export function rmqfmuVariables(
  variables: readonly LayoutVariable[],
  { references, parameters }: RmqfmuConfig,
): LayoutVariable[] {
  const others = variables
    .filter(({ kind }) => kind !== 'parameter')
    .map((variable): LayoutVariable => {
      const valueReference = references[variable.name] ?? variable.valueReference;
      const isGate =
        variable.kind === 'input' && variable.type === 'Boolean' && valueReference === ENABLE_SEND.valueReference;
      return { ...variable, valueReference, ...(isGate ? { role: 'sendOff' as const } : {}) };
    });
  const taken = new Set(others.map(({ valueReference, type }) => `${valueReference} ${type}`));
  // An importer may set what the description leaves out: RMQFMU takes any value for any reference.
  const declared = new Set(parameters.map(({ valueReference, type }) => `${valueReference} ${type}`));
  const undeclared = RMQFMU_PARAMETERS.filter(
    ({ valueReference, type }) => !declared.has(`${valueReference} ${type}`),
  ).map((parameter) => ({ ...parameter, start: MISSING[parameter.valueReference] ?? parameter.start }));
  const all = [...parameters, ...undeclared].filter(
    ({ valueReference, type }) => !taken.has(`${valueReference} ${type}`),
  );
  return [
    ...all.map((parameter, slot): LayoutVariable => {
      const role = roleOf(parameter);
      return {
        ...parameter,
        kind: 'parameter',
        slot,
        ...(role === undefined ? {} : { role }),
        ...(role === 'maxageMilliseconds' || role === 'lookahead' ? { tunable: true } : {}),
      };
    }),
    ...others,
  ];
}

function roleOf({ name, valueReference, type }: RmqfmuParameter): ParameterRole | undefined {
  const known = RMQFMU_PARAMETERS.find((parameter) => parameter.valueReference === valueReference);
  if (known !== undefined) return known.type === type ? ROLES[valueReference] : undefined;
  const own = Object.values(OWN_PARAMETERS).find((parameter) => parameter.name === name);
  return own?.type === type ? OWN_ROLES[name] : undefined;
}
