/**
 * What a co-simulation master has to know of an FMU, the same for FMI 1.0, 2.0 and 3.0, as plain data.
 *
 * The words are those of FMI 3.0: `Real` of the older versions is Float64, `Integer` is Int32. What a version leaves to
 * defaults is spelt out.
 */
import type { Fmi1ModelDescription } from './fmi1/model-description.js';
import type {
  Dimension,
  Fmi3Causality,
  Fmi3ModelDescription,
  Fmi3StartValue,
  Fmi3Type,
} from './fmi3/model-description.js';
import type {
  DefaultExperiment,
  Initial,
  LogCategory,
  ModelDescription,
  StartValue,
  UnitDefinition,
  Unknown,
  Variability,
  VariableType,
} from './model-description.js';
import { effectiveInitial } from './variable-rules.js';

export type FmiVersion = '1.0' | '2.0' | '3.0';
export type AnyModelDescription = Fmi1ModelDescription | ModelDescription | Fmi3ModelDescription;

/** As the library in C numbers the versions. */
export const FMI_NUMBER: Readonly<Record<FmiVersion, number>> = { '1.0': 1, '2.0': 2, '3.0': 3 };

export interface FmuModel {
  readonly fmi: FmiVersion;
  readonly modelName: string;
  /** `guid`, or `instantiationToken`. */
  readonly token: string;
  /** Names the library, and with FMI 1.0 its functions. Absent in an FMU that is not for co-simulation. */
  readonly modelIdentifier?: string;
  readonly capabilities: Capabilities;
  readonly units: readonly UnitDefinition[];
  readonly enumerations: readonly ModelEnumeration[];
  readonly logCategories: readonly LogCategory[];
  readonly defaultExperiment?: DefaultExperiment;
  readonly variables: readonly ModelVariable[];
  readonly outputs: readonly ModelUnknown[];
  readonly initialUnknowns: readonly ModelUnknown[];
}

export interface Capabilities {
  /** `canHandleVariableCommunicationStepSize` */
  readonly variableStepSize: boolean;
  /** `canBeInstantiatedOnlyOncePerProcess` */
  readonly oncePerProcess: boolean;
  readonly getAndSetState: boolean;
  readonly serializeState: boolean;
  readonly directionalDerivatives: boolean;
  readonly maxOutputDerivativeOrder: number;
  readonly eventMode: boolean;
  readonly mightReturnEarly: boolean;
}

export interface ModelVariable {
  readonly name: string;
  readonly valueReference: number;
  readonly type: Fmi3Type;
  readonly causality: Fmi3Causality;
  readonly variability: Variability;
  /** As given or by default; absent for inputs and the independent variable. */
  readonly initial?: Initial;
  /** Of an array one for each element, or one for all. */
  readonly start?: readonly Fmi3StartValue[];
  readonly description?: string;
  readonly unit?: string;
  readonly declaredType?: string;
  readonly min?: number | bigint;
  readonly max?: number | bigint;
  readonly nominal?: number;
  /** Empty: a scalar. */
  readonly dimensions: readonly Dimension[];
  /** Indices into `variables`: the clocks at whose ticks it changes. */
  readonly clocks?: readonly number[];
  readonly mimeType?: string;
  readonly intervalVariability?: string;
  /** Of a periodic Clock, where the description says it, s. */
  readonly interval?: number;
  readonly shift?: number;
}

export interface ModelEnumeration {
  readonly name: string;
  readonly items: readonly { readonly name: string; readonly value: number }[];
}

/** Indices into `variables`. */
export interface ModelUnknown {
  readonly index: number;
  /** Absent: depends on all inputs; `[]`: on nothing. */
  readonly dependencies?: readonly number[];
}

/** The model of a description of whatever version. */
export function modelOf(description: AnyModelDescription): FmuModel {
  if (isFmi3(description)) return modelOfFmi3(description);
  return isFmi1(description) ? modelOfFmi1(description) : modelOfFmi2(description);
}

export function isFmi1(description: AnyModelDescription): description is Fmi1ModelDescription {
  return description.fmiVersion === '1.0';
}

export function isFmi3(description: AnyModelDescription): description is Fmi3ModelDescription {
  return 'instantiationToken' in description;
}

/** The name of the library; undefined if the FMU is not for co-simulation. */
export function modelIdentifierOf(description: AnyModelDescription): string | undefined {
  if (!isFmi1(description)) return description.coSimulation?.modelIdentifier;
  return description.coSimulation === undefined ? undefined : description.modelIdentifier;
}

const TYPE_OF: Readonly<Record<VariableType, Fmi3Type>> = {
  Real: 'Float64',
  Integer: 'Int32',
  Boolean: 'Boolean',
  String: 'String',
  Enumeration: 'Enumeration',
};

/** As the FMU's own version of FMI calls the type: `Real` for the Float64 of an FMI 2.0 FMU. */
export function typeName({ fmi }: Pick<FmuModel, 'fmi'>, type: Fmi3Type): string {
  if (fmi === '3.0') return type;
  return type === 'Float64' ? 'Real' : type === 'Int32' ? 'Integer' : type;
}

/**
 * Whether an importer may set the variable before or in initialisation mode (FMI 2.0.4, section 4.2.4; FMI 3.0.2,
 * section 2.4.7.5).
 */
export function isSettable({ causality, variability, initial }: ModelVariable): boolean {
  if (causality === 'input' || causality === 'structuralParameter') return true;
  return variability !== 'constant' && (initial === 'exact' || initial === 'approx');
}

function modelOfFmi2(description: ModelDescription): FmuModel {
  const { coSimulation, modelName, guid, units, enumerations, logCategories, defaultExperiment } = description;
  return {
    fmi: '2.0',
    modelName,
    token: guid,
    ...(coSimulation === undefined ? {} : { modelIdentifier: coSimulation.modelIdentifier }),
    capabilities: {
      variableStepSize: coSimulation?.canHandleVariableCommunicationStepSize === true,
      oncePerProcess: coSimulation?.canBeInstantiatedOnlyOncePerProcess === true,
      getAndSetState: coSimulation?.canGetAndSetFMUstate === true,
      serializeState: coSimulation?.canSerializeFMUstate === true,
      directionalDerivatives: coSimulation?.providesDirectionalDerivative === true,
      maxOutputDerivativeOrder: coSimulation?.maxOutputDerivativeOrder ?? 0,
      eventMode: false,
      mightReturnEarly: false,
    },
    units,
    enumerations,
    logCategories,
    ...(defaultExperiment === undefined ? {} : { defaultExperiment }),
    variables: description.variables.map(({ type, initial: _, start, location: __, ...rest }, index) => {
      const initial = effectiveInitial(description.variables[index]!);
      return {
        ...rest,
        type: TYPE_OF[type],
        ...(initial === undefined ? {} : { initial }),
        ...(start === undefined ? {} : { start: [start satisfies StartValue] }),
        dimensions: [],
      };
    }),
    outputs: description.outputs.map(toUnknown),
    initialUnknowns: description.initialUnknowns.map(toUnknown),
  };
}

function toUnknown({ index, dependencies }: Unknown): ModelUnknown {
  return { index, ...(dependencies === undefined ? {} : { dependencies }) };
}

function modelOfFmi3(description: Fmi3ModelDescription): FmuModel {
  const { coSimulation, modelName, instantiationToken, units, enumerations, logCategories } = description;
  const { defaultExperiment, variables } = description;
  const indices = new Map(variables.map(({ valueReference }, index) => [valueReference, index]));
  const indicesOf = (references: readonly number[]) => references.flatMap((reference) => indices.get(reference) ?? []);
  const unknowns = (list: Fmi3ModelDescription['outputs']): ModelUnknown[] =>
    list.flatMap(({ valueReference, dependencies }) =>
      indicesOf([valueReference]).map((index) => ({
        index,
        ...(dependencies === undefined ? {} : { dependencies: indicesOf(dependencies) }),
      })),
    );
  return {
    fmi: '3.0',
    modelName,
    token: instantiationToken,
    ...(coSimulation === undefined ? {} : { modelIdentifier: coSimulation.modelIdentifier }),
    capabilities: {
      variableStepSize: coSimulation?.canHandleVariableCommunicationStepSize === true,
      oncePerProcess: coSimulation?.canBeInstantiatedOnlyOncePerProcess === true,
      getAndSetState: coSimulation?.canGetAndSetFMUState === true,
      serializeState: coSimulation?.canSerializeFMUState === true,
      directionalDerivatives: coSimulation?.providesDirectionalDerivatives === true,
      maxOutputDerivativeOrder: coSimulation?.maxOutputDerivativeOrder ?? 0,
      eventMode: coSimulation?.hasEventMode === true,
      mightReturnEarly: coSimulation?.mightReturnEarlyFromDoStep === true,
    },
    units,
    enumerations: enumerations.map(({ name, items }) => ({
      name,
      items: items.map((item) => ({ name: item.name, value: Number(item.value) })),
    })),
    logCategories,
    ...(defaultExperiment === undefined ? {} : { defaultExperiment }),
    variables: variables.map(({ location: _, maxSize: __, clocks, initial: given, ...rest }) => {
      const initial = given ?? defaultInitial(rest.causality, rest.variability);
      return {
        ...rest,
        ...(initial === undefined ? {} : { initial }),
        ...(clocks === undefined ? {} : { clocks: indicesOf(clocks) }),
      };
    }),
    outputs: unknowns(description.outputs),
    initialUnknowns: unknowns(description.initialUnknowns),
  };
}

/** The table of FMI 3.0.2, section 2.4.7.5. */
function defaultInitial(causality: Fmi3Causality, variability: Variability): Initial | undefined {
  if (causality === 'input' || causality === 'independent') return undefined;
  if (causality === 'parameter' || causality === 'structuralParameter' || variability === 'constant') return 'exact';
  return 'calculated';
}

/** FMI 1.0 knows no dependencies but direct ones, no state, and `causality` of another kind; see the reader. */
function modelOfFmi1(description: Fmi1ModelDescription): FmuModel {
  const { coSimulation, modelName, guid, units, enumerations, defaultExperiment, variables, outputs } = description;
  return {
    fmi: '1.0',
    modelName,
    token: guid,
    ...(coSimulation === undefined ? {} : { modelIdentifier: description.modelIdentifier }),
    capabilities: {
      variableStepSize: coSimulation?.canHandleVariableCommunicationStepSize === true,
      oncePerProcess: coSimulation?.canBeInstantiatedOnlyOncePerProcess === true,
      getAndSetState: false,
      serializeState: false,
      directionalDerivatives: false,
      maxOutputDerivativeOrder: coSimulation?.maxOutputDerivativeOrder ?? 0,
      eventMode: false,
      mightReturnEarly: false,
    },
    units,
    enumerations,
    logCategories: [],
    ...(defaultExperiment === undefined ? {} : { defaultExperiment }),
    variables: variables.map(({ type, start, location: _, ...rest }) => ({
      ...rest,
      type: TYPE_OF[type],
      ...(start === undefined ? {} : { start: [start satisfies StartValue] }),
      dimensions: [],
    })),
    outputs: outputs.map(toUnknown),
    initialUnknowns: outputs.map(toUnknown),
  };
}
