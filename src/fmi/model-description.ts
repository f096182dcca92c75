/**
 * What `modelDescription.xml` of an FMI 2.0 co-simulation FMU says (FMI 2.0.4, section 2.2), as plain data.
 *
 * The reader (`read-model-description.ts`) makes it from XML, the writer (`write-model-description.ts`) turns it into XML.
 */
import type { SourceLocation } from '../support/errors.js';

export type VariableType = 'Real' | 'Integer' | 'Boolean' | 'String' | 'Enumeration';
export type Causality = 'parameter' | 'calculatedParameter' | 'input' | 'output' | 'local' | 'independent';
export type Variability = 'constant' | 'fixed' | 'tunable' | 'discrete' | 'continuous';
export type Initial = 'exact' | 'approx' | 'calculated';
export type StartValue = number | boolean | string;

export interface ScalarVariable {
  readonly name: string;
  readonly valueReference: number;
  readonly type: VariableType;
  readonly causality: Causality;
  readonly variability: Variability;
  readonly initial?: Initial;
  readonly start?: StartValue;
  readonly description?: string;
  readonly unit?: string;
  readonly declaredType?: string;
  readonly min?: number;
  readonly max?: number;
  readonly nominal?: number;
  /** Where the variable stands in the file it was read from. */
  readonly location?: SourceLocation;
}

export interface CoSimulation {
  readonly modelIdentifier: string;
  readonly needsExecutionTool?: boolean;
  readonly canHandleVariableCommunicationStepSize?: boolean;
  readonly canInterpolateInputs?: boolean;
  readonly maxOutputDerivativeOrder?: number;
  readonly canRunAsynchronuously?: boolean;
  readonly canBeInstantiatedOnlyOncePerProcess?: boolean;
  readonly canNotUseMemoryManagementFunctions?: boolean;
  readonly canGetAndSetFMUstate?: boolean;
  readonly canSerializeFMUstate?: boolean;
  readonly providesDirectionalDerivative?: boolean;
}

/** An SI unit: exponents of the base units, and `value_SI = factor * value + offset`. */
export interface UnitDefinition {
  readonly name: string;
  readonly baseUnit?: Readonly<Partial<Record<BaseUnitExponent, number>>> & {
    readonly factor?: number;
    readonly offset?: number;
  };
}
export type BaseUnitExponent = 'kg' | 'm' | 's' | 'A' | 'K' | 'mol' | 'cd' | 'rad';

export interface EnumerationType {
  readonly name: string;
  readonly items: readonly { readonly name: string; readonly value: number; readonly description?: string }[];
}

export interface LogCategory {
  readonly name: string;
  readonly description?: string;
}

/** Indices into `variables`, from 0 (in the file they count from 1). */
export interface Unknown {
  readonly index: number;
  /** `undefined`: depends on everything; `[]`: on nothing. */
  readonly dependencies?: readonly number[];
  readonly dependenciesKind?: readonly ('dependent' | 'constant' | 'fixed' | 'tunable' | 'discrete')[];
}

export interface DefaultExperiment {
  readonly startTime?: number;
  readonly stopTime?: number;
  readonly tolerance?: number;
  readonly stepSize?: number;
}

/** What is said of a model besides its names, in all versions of FMI alike. */
export interface Heading {
  readonly description?: string;
  readonly author?: string;
  readonly version?: string;
  readonly copyright?: string;
  readonly license?: string;
  readonly generationTool?: string;
  readonly generationDateAndTime?: string;
  readonly variableNamingConvention?: 'flat' | 'structured';
}

export interface ModelDescription extends Heading {
  readonly fmiVersion: string;
  readonly modelName: string;
  readonly guid: string;
  /** Absent in an FMU that offers model exchange only. */
  readonly coSimulation?: CoSimulation;
  readonly hasModelExchange: boolean;
  readonly units: readonly UnitDefinition[];
  readonly enumerations: readonly EnumerationType[];
  readonly logCategories: readonly LogCategory[];
  readonly defaultExperiment?: DefaultExperiment;
  readonly variables: readonly ScalarVariable[];
  readonly outputs: readonly Unknown[];
  readonly initialUnknowns: readonly Unknown[];
}
