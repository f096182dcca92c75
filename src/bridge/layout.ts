/**
 * The variables of a bridge FMU: which value reference is what, and where its value lies in a sample.
 *
 * Parameters keep the value references and names that RMQFMU gave them, so that what sets them goes on working. Signals
 * count from 100, diagnostics from 60, what FMI 3.0 has besides from 21: none of the predecessor's references (0 to 20)
 * is taken by something else.
 */
import type { ParameterRole, RegionLayout, RegionStart, RegionVariable } from '../native/index.js';
import { parseRfc3339 } from '../support/time.js';
import { behaviourNumber } from './behaviour.js';
import type { BridgeConfig, SelectionConfig } from './config.js';
import { arrivalClocks, TIME_NAME } from './config-fmi.js';
import { DIAGNOSTICS } from './diagnostics.js';
import { rmqfmuVariables } from './rmqfmu/variables.js';
import {
  type BasicType,
  type EnumerationItem,
  elementsOf,
  INTEGER_RANGES,
  is64Bit,
  isText,
  type Signal,
  type SignalValue,
  slotCount,
} from './signals.js';

export const FIRST_DIAGNOSTIC_REFERENCE = 60;
export const FIRST_SIGNAL_REFERENCE = 100;
/** What FMI 3.0 has besides: the time, and a clock a source. */
export const TIME_REFERENCE = 21;
export const FIRST_CLOCK_REFERENCE = 22;
/** `TB_DIAG_TIME` */
const TIME_SLOT = 255;

/** A setting that an importer can make at run time. */
export interface Parameter {
  readonly name: string;
  readonly valueReference: number;
  readonly type: BasicType;
  readonly description: string;
  readonly role?: ParameterRole;
  /** May also be set while the simulation runs. */
  readonly tunable?: boolean;
  readonly start: (config: BridgeConfig) => SignalValue;
}

export const PARAMETERS: readonly Parameter[] = [
  parameter(0, 'config.hostname', 'String', 'host of the broker', (c) => c.broker.host),
  parameter(1, 'config.port', 'Integer', 'port of the broker', (c) => c.broker.port),
  parameter(2, 'config.username', 'String', 'user; empty: from AMQP_URL or the secret file', () => ''),
  parameter(3, 'config.password', 'String', 'password; empty: from AMQP_URL or the secret file', () => ''),
  parameter(4, 'config.routingkey', 'String', 'binding key of what is received', (c) => c.sources[0]!.key),
  {
    ...parameter(5, 'config.communicationtimeout', 'Integer', 'longest wait for valid data, s', (c) =>
      Math.ceil(c.selection.timeoutMs / 1000),
    ),
    role: 'timeoutSeconds',
  },
  {
    ...parameter(7, 'config.maxage', 'Integer', 'how old a value may be at the communication point, ms', (c) =>
      Math.round(c.sources[0]!.maxageMs),
    ),
    role: 'maxageMilliseconds',
    tunable: true,
  },
  {
    ...parameter(8, 'config.lookahead', 'Integer', 'samples that a step may move on by', (c) => c.selection.lookahead),
    role: 'lookahead',
    tunable: true,
  },
  parameter(9, 'config.exchangename', 'String', 'exchange of what is received and sent', (c) => c.sources[0]!.exchange),
  parameter(10, 'config.exchangetype', 'String', 'its type: direct, fanout, topic, headers', (c) => c.sources[0]!.type),
  parameter(13, 'config.routingkey.from_cosim', 'String', 'routing key of what is sent', (c) => c.send.key),
  parameter(16, 'config.ssl', 'Boolean', 'connect with TLS', (c) => c.broker.tls !== undefined),
  parameter(17, 'config.queueupperbound', 'Integer', 'samples that the ring holds', (c) => c.ring.capacity),
  parameter(18, 'config.vhost', 'String', 'virtual host of the broker', (c) => c.broker.vhost),
  {
    ...parameter(
      19,
      'config.howtosend',
      'Boolean',
      'true: every input in every message; false: changed inputs',
      (c) => c.send.when === 'always',
    ),
    role: 'sendAlways',
  },
  {
    ...parameter(40, 'config.behaviour', 'Integer', '0, 1, 2: RMQFMU 0, 1, 2; 3: complete', (c) =>
      behaviourNumber(c.selection.behaviour),
    ),
    role: 'behaviour',
  },
  {
    ...parameter(41, 'config.ontimeout', 'Integer', 'without valid data: 0 the step fails, 1 outputs are held', (c) =>
      c.selection.onTimeout === 'hold' ? 1 : 0,
    ),
    role: 'onTimeout',
  },
];

function originOf({ origin, originTime = '' }: SelectionConfig): 'first' | 'wall-clock' | bigint {
  if (origin !== 'fixed') return origin;
  const time = parseRfc3339(originTime);
  return typeof time === 'bigint' ? time : 'first';
}

function parameter(
  valueReference: number,
  name: string,
  type: BasicType,
  description: string,
  start: (config: BridgeConfig) => SignalValue,
): Parameter {
  return { valueReference, name, type, description, start };
}

/**
 * A variable of the FMU, for its modelDescription.xml and for the shared memory. FMI 2.0 has no arrays and fewer types:
 * there an array is a variable for each element, and small whole numbers are Integers with their limits.
 */
export interface LayoutVariable extends RegionVariable {
  readonly description?: string;
  readonly unit?: string;
  readonly tunable?: boolean;
  /** The variable is an Enumeration with these items; its type says how it lies in the shared memory. */
  readonly enumeration?: { readonly name: string; readonly items: readonly EnumerationItem[] };
  readonly min?: number;
  readonly max?: number;
}

export interface BridgeLayout {
  /** Parameters, diagnostics, outputs, inputs. */
  readonly variables: readonly LayoutVariable[];
  /** Of FMI 3.0: the independent variable, and the clocks that tick when a source's data arrive. */
  readonly fmi3: readonly RegionVariable[];
  readonly region: RegionLayout;
}

/** Changes that may wait for the publisher before they are merged. */
const OUTGOING_CAPACITY = 256;
const LOG_BYTES = 1 << 16;

export function bridgeLayout(config: BridgeConfig): BridgeLayout {
  const general: LayoutVariable[] = [
    ...PARAMETERS.map((p, slot) => ({
      name: p.name,
      valueReference: p.valueReference,
      type: p.type,
      kind: 'parameter' as const,
      slot,
      start: p.start(config),
      description: p.description,
      ...(p.role === undefined ? {} : { role: p.role }),
      ...(p.tunable === undefined ? {} : { tunable: p.tunable }),
    })),
    ...config.diagnostics.map((name) => {
      const slot = Object.keys(DIAGNOSTICS).indexOf(name);
      return {
        name,
        valueReference: FIRST_DIAGNOSTIC_REFERENCE + slot,
        kind: 'diagnostic' as const,
        slot,
        ...DIAGNOSTICS[name],
      };
    }),
    ...toVariables(config.outputs, 'output', FIRST_SIGNAL_REFERENCE, config.fmi),
    ...toVariables(config.inputs, 'input', FIRST_SIGNAL_REFERENCE + slotCount(config.outputs), config.fmi),
  ];
  const variables = config.rmqfmu === undefined ? general : rmqfmuVariables(general, config.rmqfmu);
  const fmi3 = config.fmi === 3 ? fmi3Variables(config) : [];
  return {
    variables,
    fmi3,
    region: {
      variables: [...variables, ...fmi3],
      settings: {
        capacity: config.ring.capacity,
        outgoingCapacity: OUTGOING_CAPACITY,
        logBytes: LOG_BYTES,
        behaviour: behaviourNumber(config.selection.behaviour),
        lookahead: config.selection.lookahead,
        sources: config.sources,
        timeoutMs: Math.round(config.selection.timeoutMs),
        onTimeout: config.selection.onTimeout,
        sendAlways: config.send.when === 'always',
        sendEveryStep: config.compat === 'strict',
        startTime: config.selection.startTime,
        start: config.selection.start,
        origin: originOf(config.selection),
        delayMs: config.selection.delayMs,
      },
    },
  };
}

function fmi3Variables(config: BridgeConfig): RegionVariable[] {
  return [
    { name: TIME_NAME, valueReference: TIME_REFERENCE, type: 'Real', kind: 'diagnostic', slot: TIME_SLOT },
    ...arrivalClocks(config).map(({ name, source }) => ({
      name,
      valueReference: FIRST_CLOCK_REFERENCE + source,
      type: 'Clock' as const,
      kind: 'diagnostic' as const,
      slot: source,
    })),
  ];
}

/** Where the texts of a row lie: each starts on a multiple of 8 bytes and has room for its closing NUL. */
export interface StringArea {
  readonly offset: number;
  readonly capacity: number;
  /** From one element of an array to the next. */
  readonly stride: number;
}

/** By signal; 0 bytes for those that are no texts. */
export function stringAreas(signals: readonly Signal[]): StringArea[] {
  let end = 0;
  return signals.map((signal) => {
    const offset = end;
    const capacity = isText(signal.type) ? (signal.maxLength ?? 0) + 1 : 0;
    const stride = Math.ceil(capacity / 8) * 8;
    end += elementsOf(signal) * stride;
    return { offset, capacity, stride };
  });
}

function toVariables(
  signals: readonly Signal[],
  kind: 'output' | 'input',
  firstReference: number,
  fmi: 2 | 3,
): LayoutVariable[] {
  const areas = stringAreas(signals);
  return signals.flatMap((signal, index): LayoutVariable[] => {
    const { name, slot, source, size, start, unit, description, items, latch } = signal;
    const { offset, capacity, stride } = areas[index]!;
    const common = {
      ...typeOf(signal, fmi),
      kind,
      source,
      stringCapacity: capacity,
      ...(latch === true ? { role: 'latch' as const } : {}),
      ...(items === undefined ? {} : { enumeration: { name, items } }),
      ...(unit === undefined ? {} : { unit }),
      ...(description === undefined ? {} : { description }),
    };
    const starts = Array.isArray(start) ? (start as readonly SignalValue[]) : undefined;
    const startOf = (value: SignalValue | undefined) => value ?? defaultStart(signal);
    if (size === undefined || fmi === 3) {
      const value =
        starts?.map((one) => toStart(signal, one)) ?? toStart(signal, startOf(start as SignalValue | undefined));
      return [
        {
          ...common,
          name,
          valueReference: firstReference + slot,
          slot,
          stringOffset: offset,
          start:
            size === undefined || isText(signal.type) || Array.isArray(value) ? value : new Array(size).fill(value),
          ...(size === undefined ? {} : { size }),
        },
      ];
    }
    return Array.from({ length: size }, (_, k) => ({
      ...common,
      name: `${name}[${k}]`,
      valueReference: firstReference + slot + k,
      slot: slot + k,
      stringOffset: offset + k * stride,
      start: toStart(
        signal,
        startOf(starts?.[k] ?? (starts === undefined ? (start as SignalValue | undefined) : undefined)),
      ),
    }));
  });
}

function typeOf({ type }: Signal, fmi: 2 | 3): Pick<LayoutVariable, 'type' | 'min' | 'max'> {
  // FMI 3.0 reads Enumerations as Int64 (section 2.2.6.2), FMI 2.0 as Integer.
  if (type === 'Enumeration') return { type: fmi === 3 ? 'Int64' : 'Integer' };
  if (fmi === 3) return { type };
  if (type === 'Float32') return { type: 'Real' };
  const range = INTEGER_RANGES[type];
  if (range === undefined || type === 'Integer') return { type };
  return { type: 'Integer', min: Number(range.min), max: Number(range.max) };
}

function toStart({ type }: Signal, start: SignalValue): RegionStart | string {
  return is64Bit(type) ? BigInt(start) : start;
}

function defaultStart({ type, items = [] }: Signal): SignalValue {
  if (type === 'Boolean') return false;
  if (type === 'Enumeration') return items[0]?.value ?? 0;
  return isText(type) ? '' : 0;
}
