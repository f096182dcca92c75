/**
 * What `modelDescription.xml` of an FMI 3.0 FMU says (FMI 3.0.2, section 2.4), as plain data.
 *
 * The reader (`read-model-description.ts`) makes it from XML, the writer (`write-model-description.ts`) turns it into XML.
 */
import type { SourceLocation } from '../../support/errors.js';
import type {
  Causality,
  DefaultExperiment,
  Heading,
  Initial,
  LogCategory,
  UnitDefinition,
  Variability,
} from '../model-description.js';

export const FMI3_TYPES = [
  'Float32',
  'Float64',
  'Int8',
  'UInt8',
  'Int16',
  'UInt16',
  'Int32',
  'UInt32',
  'Int64',
  'UInt64',
  'Boolean',
  'String',
  'Binary',
  'Enumeration',
  'Clock',
] as const;
export type Fmi3Type = (typeof FMI3_TYPES)[number];

export type Fmi3Causality = Causality | 'structuralParameter';
/** A number (`bigint` of types with 64 bits), a truth value, a text; of a Binary, its bytes in hexadecimal. */
export type Fmi3StartValue = number | bigint | boolean | string;

/** A fixed size, or that of the structural parameter with this value reference. */
export type Dimension = { readonly start: bigint } | { readonly valueReference: number };

export const INTERVAL_VARIABILITIES = ['constant', 'fixed', 'tunable', 'changing', 'countdown', 'triggered'] as const;
export type IntervalVariability = (typeof INTERVAL_VARIABILITIES)[number];

export interface Fmi3Variable {
  readonly name: string;
  readonly valueReference: number;
  readonly type: Fmi3Type;
  readonly causality: Fmi3Causality;
  readonly variability: Variability;
  readonly initial?: Initial;
  /** Of an array, one for each element, or one for all. */
  readonly start?: readonly Fmi3StartValue[];
  readonly description?: string;
  readonly unit?: string;
  readonly declaredType?: string;
  readonly min?: number | bigint;
  readonly max?: number | bigint;
  readonly nominal?: number;
  /** Empty: a scalar. */
  readonly dimensions: readonly Dimension[];
  /** Value references of the clocks at whose ticks it changes. */
  readonly clocks?: readonly number[];
  /** Of a Binary. */
  readonly mimeType?: string;
  /** Of a Binary: bytes. */
  readonly maxSize?: number;
  /** Of a Clock. */
  readonly intervalVariability?: IntervalVariability;
  /** Of a periodic Clock, s. */
  readonly interval?: number;
  /** s; when it ticks first, after the start. */
  readonly shift?: number;
  /** Where the variable stands in the file it was read from. */
  readonly location?: SourceLocation;
}

export interface Fmi3EnumerationType {
  readonly name: string;
  readonly items: readonly { readonly name: string; readonly value: bigint; readonly description?: string }[];
}

export interface Fmi3CoSimulation {
  readonly modelIdentifier: string;
  readonly needsExecutionTool?: boolean;
  readonly canBeInstantiatedOnlyOncePerProcess?: boolean;
  readonly canGetAndSetFMUState?: boolean;
  readonly canSerializeFMUState?: boolean;
  readonly providesDirectionalDerivatives?: boolean;
  readonly providesAdjointDerivatives?: boolean;
  readonly providesPerElementDependencies?: boolean;
  readonly canHandleVariableCommunicationStepSize?: boolean;
  readonly fixedInternalStepSize?: number;
  readonly maxOutputDerivativeOrder?: number;
  readonly recommendedIntermediateInputSmoothness?: number;
  readonly providesIntermediateUpdate?: boolean;
  readonly mightReturnEarlyFromDoStep?: boolean;
  readonly canReturnEarlyAfterIntermediateUpdate?: boolean;
  readonly hasEventMode?: boolean;
  readonly providesEvaluateDiscreteStates?: boolean;
}

/** A variable that is computed, and the value references of what it depends on. */
export interface Fmi3Unknown {
  readonly valueReference: number;
  /** `undefined`: depends on everything; `[]`: on nothing. */
  readonly dependencies?: readonly number[];
  readonly dependenciesKind?: readonly ('dependent' | 'constant' | 'fixed' | 'tunable' | 'discrete')[];
}

export interface Fmi3ModelDescription extends Heading {
  readonly fmiVersion: `3.${string}`;
  readonly modelName: string;
  readonly instantiationToken: string;
  /** Absent in an FMU that is not for co-simulation. */
  readonly coSimulation?: Fmi3CoSimulation;
  readonly hasModelExchange: boolean;
  readonly hasScheduledExecution: boolean;
  readonly units: readonly UnitDefinition[];
  readonly enumerations: readonly Fmi3EnumerationType[];
  readonly logCategories: readonly LogCategory[];
  readonly defaultExperiment?: DefaultExperiment;
  readonly variables: readonly Fmi3Variable[];
  readonly outputs: readonly Fmi3Unknown[];
  readonly initialUnknowns: readonly Fmi3Unknown[];
}
