/**
 * What `modelDescription.xml` of an FMI 1.0 FMU for co-simulation says (FMI 1.0 for Co-Simulation, section 3; the common
 * part in FMI 1.0 for Model Exchange, section 3), as plain data, in the words of FMI 2.0.
 *
 * Causality and variability of FMI 1.0 are translated: `input` and `output` stay; `internal` and `none` become parameter
 * (variability parameter) or local; variability `parameter` becomes fixed, and an input of it a parameter. `initial` is
 * exact where a start value is fixed (the default), approx where it is a guess, and else calculated; a parameter that is
 * not exact is a calculated parameter.
 */
import type {
  DefaultExperiment,
  EnumerationType,
  Heading,
  ScalarVariable,
  UnitDefinition,
  Unknown,
} from '../model-description.js';

export interface Fmi1CoSimulation {
  /** `CoSimulation_StandAlone`; `CoSimulation_Tool` needs its tool. */
  readonly kind: 'standalone' | 'tool';
  readonly canHandleVariableCommunicationStepSize?: boolean;
  readonly canHandleEvents?: boolean;
  readonly canRejectSteps?: boolean;
  readonly canInterpolateInputs?: boolean;
  readonly maxOutputDerivativeOrder?: number;
  readonly canRunAsynchronuously?: boolean;
  readonly canSignalEvents?: boolean;
  readonly canBeInstantiatedOnlyOncePerProcess?: boolean;
  readonly canNotUseMemoryManagementFunctions?: boolean;
}

export interface Fmi1ModelDescription extends Heading {
  readonly fmiVersion: '1.0';
  readonly modelName: string;
  readonly modelIdentifier: string;
  readonly guid: string;
  /** Absent in an FMU for model exchange. */
  readonly coSimulation?: Fmi1CoSimulation;
  readonly hasModelExchange: boolean;
  readonly units: readonly UnitDefinition[];
  readonly enumerations: readonly EnumerationType[];
  readonly defaultExperiment?: DefaultExperiment;
  readonly variables: readonly ScalarVariable[];
  /** `DirectDependency` of the outputs. */
  readonly outputs: readonly Unknown[];
}
