/**
 * What an FMU-proxy server says of an FMU: loaded there from a file of this machine, or from a URL, or there already.
 *
 * Over this wire every FMU is one of FMI 1.0 or 2.0: the types of FMI 3.0 travel as the nearest of the older ones.
 */
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import type {
  Fmi3Causality,
  Fmi3StartValue,
  FmiVersion,
  FmuModel,
  Initial,
  ModelUnknown,
  ModelVariable,
  Variability,
} from '../../fmi/index.js';
import { archiveContent, effectiveInitial, isSettable } from '../../fmi/index.js';
import { InvalidInputError, TwinbridgeError } from '../../support/errors.js';
import type { FmuProxyFmu } from '../source.js';
import {
  FMU_PROXY,
  type FMU_PROXY_SHAPE,
  isUnknownMethod,
  type StructOf,
  ThriftApplicationError,
  ThriftClient,
  ThriftDeclaredError,
} from '../thrift/index.js';

export interface FmuProxyOptions {
  /** Of a server of ours that wants one. */
  readonly token?: string;
  /** How long connecting, and each call, may take, ms; default 30 s. */
  readonly deadlineMs?: number;
}

export interface FmuProxyDescription {
  /** By which the server makes instances. */
  readonly fmuId: string;
  readonly model: FmuModel;
  /** As the server tells it: 3.0 for one whose model is given in types of FMI 2.0. */
  readonly fmiVersion: string;
}

/** The server will not, or cannot, load the FMU, or has not got it. */
export class FmuProxyLoadError extends InvalidInputError {
  override readonly code = 'TB_REMOTE_FMU_PROXY_LOAD';
}

/** What the server says of the FMU cannot be. */
export class FmuProxyDescriptionError extends InvalidInputError {
  override readonly code = 'TB_REMOTE_FMU_PROXY_DESCRIPTION';
}

/** The server wants a token, and this is not it. */
export class FmuProxyAccessError extends TwinbridgeError {
  override readonly code = 'TB_REMOTE_FMU_PROXY_ACCESS';
}

type WireModel = StructOf<typeof FMU_PROXY_SHAPE, 'ModelDescription'>;
type WireVariable = StructOf<typeof FMU_PROXY_SHAPE, 'ScalarVariable'>;
type WireUnknown = StructOf<typeof FMU_PROXY_SHAPE, 'Unknown'>;
type Client = ThriftClient<typeof FMU_PROXY_SHAPE>;

const DEADLINE_MS = 30_000;
const MAX_VALUE_REFERENCE = 2 ** 32 - 1;

/**
 * Throws {@link FmuProxyLoadError}, {@link FmuProxyDescriptionError}, {@link FmuProxyAccessError}, `ThriftConnectionError`,
 * `ThriftDeadlineError`.
 */
export async function readFmuProxyDescription(
  host: string,
  port: number,
  what: FmuProxyFmu,
  { token, deadlineMs = DEADLINE_MS }: FmuProxyOptions = {},
): Promise<FmuProxyDescription> {
  const client = await ThriftClient.connect(FMU_PROXY, { host, port, connectMs: deadlineMs, deadlineMs });
  try {
    if (token !== undefined) await authenticate(client, token);
    const { fmuId, isOurs } = await load(client, what);
    const wire = await client.call('get_model_description', { fmuId });
    return { fmuId, model: modelOfWire(wire, { isOurs, from: client.address }), fmiVersion: wire.fmi_version };
  } catch (error) {
    throw explained(error, client.address, what);
  } finally {
    client.close();
  }
}

async function authenticate(client: Client, token: string): Promise<void> {
  const isRight = await client.call('tb_authenticate', { token }).catch((error: unknown) => {
    // One of another maker has no locks.
    if (isUnknownMethod(error)) return true;
    throw error;
  });
  if (isRight) return;
  throw new FmuProxyAccessError(`${client.address} refuses the token`, {
    remedy: 'give the token that the server was started with',
  });
}

/** A server of ours is asked first whether it has the file. */
async function load(client: Client, what: FmuProxyFmu): Promise<{ fmuId: string; isOurs: boolean }> {
  const sha256 = 'file' in what ? await archiveContent(what.file) : '';
  const known = await client.call('tb_load_known', { sha256 }).catch((error: unknown) => {
    if (isUnknownMethod(error)) return undefined;
    throw error;
  });
  const isOurs = known !== undefined;
  if ('guid' in what) return { fmuId: what.guid, isOurs };
  if ('url' in what) return { fmuId: await client.call('load_from_url', { url: what.url }), isOurs };
  if (known) return { fmuId: known, isOurs };
  const name = basename(what.file, extname(what.file));
  return { fmuId: await client.call('load_from_file', { name, data: await readArchive(what.file) }), isOurs };
}

async function readArchive(file: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file' : cause.message;
    throw new FmuProxyLoadError(`cannot read ${file}: ${reason}`, { cause, location: { file } });
  });
}

function explained(error: unknown, address: string, what: FmuProxyFmu): unknown {
  const named = 'file' in what ? what.file : 'url' in what ? what.url : `the FMU with the GUID '${what.guid}'`;
  if (error instanceof ThriftDeclaredError && error.exception === 'NoSuchFmuException') {
    return new FmuProxyLoadError(`${address} has not got ${named}: ${error.message}`, {
      cause: error,
      details: { address, ...what },
      remedy: "start the server with the FMU, or name it by 'file=' or 'url='",
    });
  }
  if (error instanceof ThriftApplicationError || error instanceof ThriftDeclaredError) {
    return new FmuProxyLoadError(`${address} cannot load ${named}: ${error.message}`, {
      cause: error,
      details: { address, ...what },
    });
  }
  return error;
}

interface Origin {
  readonly isOurs: boolean;
  readonly from: string;
}

/** Throws {@link FmuProxyDescriptionError}. */
export function modelOfWire(wire: WireModel, origin: Origin): FmuModel {
  const { default_experiment: experiment, model_variables: wireVariables, model_structure: structure } = wire;
  const variables = wireVariables.map((variable) => toVariable(variable, wire.modelName, origin));
  const unknowns = (list: readonly WireUnknown[] = []) =>
    list.flatMap((unknown) => toUnknown(unknown, variables.length, origin));
  return {
    fmi: versionOf(wire.fmi_version, origin),
    modelName: wire.modelName,
    token: wire.guid,
    modelIdentifier: wire.model_identifier || wire.modelName,
    capabilities: {
      variableStepSize: wire.can_handle_variable_communication_step_size === true,
      // Each instance has a process of its own, or whatever the server thinks right.
      oncePerProcess: false,
      // The protocol has no functions for what the FMU may have beyond this.
      getAndSetState: false,
      serializeState: false,
      directionalDerivatives: wire.provides_directional_derivative === true,
      maxOutputDerivativeOrder: 0,
      eventMode: false,
      mightReturnEarly: false,
    },
    units: [],
    enumerations: [],
    logCategories: [],
    ...(experiment === undefined ? {} : { defaultExperiment: toExperiment(experiment, origin) }),
    variables,
    outputs: unknowns(structure?.outputs),
    initialUnknowns: unknowns(structure?.initial_unknowns),
  };
}

function versionOf(text: string, { from }: Origin): FmiVersion {
  if (text.startsWith('1.')) return '1.0';
  if (text.startsWith('2.') || text.startsWith('3.')) return '2.0';
  throw new FmuProxyDescriptionError(`${from} describes an FMU of the unknown FMI version '${text}'`, {
    details: { version: text },
  });
}

/** Others send zero for what is not there. */
function toExperiment(
  { startTime, stopTime, tolerance, stepSize }: StructOf<typeof FMU_PROXY_SHAPE, 'DefaultExperiment'>,
  { isOurs }: Origin,
): NonNullable<FmuModel['defaultExperiment']> {
  const given = (value: number | undefined) => value !== undefined && (isOurs || value > 0);
  return {
    ...(startTime === undefined ? {} : { startTime }),
    ...(given(stopTime) ? { stopTime: stopTime! } : {}),
    ...(given(tolerance) ? { tolerance: tolerance! } : {}),
    ...(given(stepSize) ? { stepSize: stepSize! } : {}),
  };
}

const CAUSALITIES: Readonly<Record<string, Fmi3Causality>> = {
  input: 'input',
  output: 'output',
  parameter: 'parameter',
  calculated_parameter: 'calculatedParameter',
  calculatedParameter: 'calculatedParameter',
  local: 'local',
  independent: 'independent',
};
const VARIABILITIES: readonly string[] = ['constant', 'fixed', 'tunable', 'discrete', 'continuous'];
const INITIALS: readonly string[] = ['exact', 'approx', 'calculated'];

interface WireAttribute {
  readonly start?: Fmi3StartValue;
  readonly min?: number;
  readonly max?: number;
}

function toVariable(wire: WireVariable, model: string, { from }: Origin): ModelVariable {
  const { name, value_reference: valueReference, description } = wire;
  if (valueReference < 0 || valueReference > MAX_VALUE_REFERENCE) {
    throw new FmuProxyDescriptionError(
      `${from}: variable '${name}' of ${model} has the value reference ${valueReference}`,
      {
        details: { name, valueReference },
        remedy: 'value references are from 0 to 4294967295',
      },
    );
  }
  const [type, attribute] = attributeOf(wire);
  const causality = CAUSALITIES[wire.causality ?? ''] ?? 'local';
  const isParameter = causality === 'parameter' || causality === 'calculatedParameter';
  const fallback = isParameter ? 'fixed' : type === 'Float64' ? 'continuous' : 'discrete';
  const told = (VARIABILITIES.includes(wire.variability ?? '') ? wire.variability : fallback) as Variability;
  // A parameter of FMI 1.0 may come as one that changes.
  const variability = isParameter && told !== 'fixed' && told !== 'tunable' ? 'fixed' : told;
  const given = INITIALS.includes(wire.initial ?? '') ? (wire.initial as Initial) : undefined;
  const isInput = causality === 'input' || causality === 'independent';
  const initial = isInput
    ? undefined
    : causality === 'structuralParameter'
      ? 'exact'
      : effectiveInitial({ causality, variability, ...(given === undefined ? {} : { initial: given }) });
  const { start, min, max } = attribute;
  const variable = {
    name,
    valueReference,
    type,
    causality,
    variability,
    ...(initial === undefined ? {} : { initial }),
    ...(description ? { description } : {}),
    // Zero and zero: no limits, where the protocol has no way to say so.
    ...(min === max || min === undefined ? {} : { min }),
    ...(min === max || max === undefined ? {} : { max }),
    dimensions: [],
  };
  // Others send a start value also where there is none.
  const hasStart = start !== undefined && (isSettable(variable) || variability === 'constant');
  return { ...variable, ...(hasStart ? { start: [start] } : {}) };
}

function attributeOf({ attribute }: WireVariable): [ModelVariable['type'], WireAttribute] {
  if (attribute.real_attribute !== undefined) return ['Float64', attribute.real_attribute];
  if (attribute.integer_attribute !== undefined) return ['Int32', attribute.integer_attribute];
  if (attribute.boolean_attribute !== undefined) return ['Boolean', attribute.boolean_attribute];
  if (attribute.string_attribute !== undefined) return ['String', attribute.string_attribute];
  return ['Enumeration', attribute.enumeration_attribute];
}

/** Numbered from 1, as in FMI 2.0. An index that leads nowhere says nothing. */
function toUnknown({ index, dependencies }: WireUnknown, count: number, { isOurs }: Origin): ModelUnknown[] {
  const isThere = (number: number) => number >= 1 && number <= count;
  if (!isThere(index)) return [];
  // Others send an empty list also where all is unknown.
  if (dependencies === undefined || (dependencies.length === 0 && !isOurs)) return [{ index: index - 1 }];
  return [{ index: index - 1, dependencies: dependencies.filter(isThere).map((number) => number - 1) }];
}
