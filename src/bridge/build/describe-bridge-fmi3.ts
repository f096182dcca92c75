/** The model description of a bridge FMU of FMI 3.0: the variables of `bridgeLayout`, the time, and clocks. */
import type {
  Fmi3EnumerationType,
  Fmi3ModelDescription,
  Fmi3StartValue,
  Fmi3Type,
  Fmi3Variable,
} from '../../fmi/index.js';
import { LOG_CATEGORIES } from '../../support/log-categories.js';
import type { BridgeConfig } from '../config.js';
import { bridgeLayout, type LayoutVariable } from '../layout.js';
import { modelIdentifier } from './model-identifier.js';
import { unitDefinitions } from './units.js';

export function describeBridgeFmi3(config: BridgeConfig, token: string, generationTool: string): Fmi3ModelDescription {
  const layout = bridgeLayout(config);
  const clocks = layout.fmi3.filter(({ type }) => type === 'Clock');
  const variables: Fmi3Variable[] = [
    ...layout.fmi3.map(
      ({ name, valueReference, type }): Fmi3Variable =>
        type === 'Clock'
          ? {
              name,
              valueReference,
              type,
              causality: 'output',
              variability: 'discrete',
              intervalVariability: 'triggered',
              description: 'ticks when data arrive',
              dimensions: [],
            }
          : {
              name,
              valueReference,
              type: 'Float64',
              causality: 'independent',
              variability: 'continuous',
              unit: 's',
              description: 'communication point',
              dimensions: [],
            },
    ),
    ...layout.variables.map(toFmi3Variable),
  ];
  // Outputs are what was received and diagnostics what was counted: neither is computed from inputs, at any time.
  const outputs = variables.flatMap(({ causality, valueReference }) =>
    causality === 'output' ? [{ valueReference, dependencies: [] }] : [],
  );
  return {
    fmiVersion: '3.0',
    modelName: config.name,
    instantiationToken: token,
    description: config.description ?? 'Carries data between a co-simulation and an AMQP broker',
    generationTool,
    variableNamingConvention: 'flat',
    coSimulation: {
      modelIdentifier: modelIdentifier(config),
      // It needs Node.js, but no tool in the sense of the standard: no model is handed to another program.
      needsExecutionTool: false,
      canGetAndSetFMUState: true,
      canSerializeFMUState: true,
      canHandleVariableCommunicationStepSize: true,
      mightReturnEarlyFromDoStep: clocks.length > 0,
      hasEventMode: clocks.length > 0,
    },
    hasModelExchange: false,
    hasScheduledExecution: false,
    units: unitDefinitions(variables.flatMap(({ unit }) => (unit === undefined ? [] : [unit]))),
    enumerations: enumerationTypes(layout.variables),
    logCategories: Object.values(LOG_CATEGORIES),
    variables,
    outputs,
    initialUnknowns: outputs,
  };
}

/** What the types of FMI 2.0 are called in FMI 3.0. */
const NAMES: Readonly<Partial<Record<LayoutVariable['type'], Fmi3Type>>> = { Real: 'Float64', Integer: 'Int32' };

function typeOf({ type, enumeration }: LayoutVariable): Fmi3Type {
  return enumeration === undefined ? (NAMES[type] ?? (type as Fmi3Type)) : 'Enumeration';
}

function toFmi3Variable(variable: LayoutVariable): Fmi3Variable {
  const { name, valueReference, kind, unit, description, tunable, size, stringCapacity = 1, enumeration } = variable;
  const type = typeOf(variable);
  const isFloat = type === 'Float64' || type === 'Float32';
  const common = {
    name,
    valueReference,
    type,
    dimensions: size === undefined ? [] : [{ start: BigInt(size) }],
    ...(description === undefined ? {} : { description }),
    ...(enumeration === undefined ? {} : { declaredType: enumeration.name }),
    // Only a float can have one (FMI 3.0.2, section 2.4.7.5).
    ...(unit === undefined || !isFloat ? {} : { unit }),
    ...(type === 'Binary' ? { maxSize: stringCapacity - 1 } : {}),
  };
  const start = startOf(variable);
  switch (kind) {
    case 'parameter':
      return {
        ...common,
        causality: 'parameter',
        variability: tunable ? 'tunable' : 'fixed',
        initial: 'exact',
        start,
      };
    case 'input':
      // A continuous float takes connections from any float output; some importers refuse discrete ones to those.
      return { ...common, causality: 'input', variability: isFloat ? 'continuous' : 'discrete', start };
    case 'output':
    case 'diagnostic':
      // Values change at communication points only. The first ones come with the first messages: none can be given here.
      return { ...common, causality: 'output', variability: 'discrete', initial: 'calculated' };
  }
}

/** One value for each element. */
function startOf({ start, size = 1, enumeration }: LayoutVariable): Fmi3StartValue[] {
  const all = Array.isArray(start)
    ? (start as Fmi3StartValue[])
    : new Array<Fmi3StartValue>(size).fill(start as string);
  return enumeration === undefined ? all : all.map((value) => BigInt(value));
}

/** One a signal. */
function enumerationTypes(variables: readonly LayoutVariable[]): Fmi3EnumerationType[] {
  return variables.flatMap(({ enumeration }) => {
    if (enumeration === undefined) return [];
    const items = enumeration.items.map(({ name, value }) => ({ name, value: BigInt(value) }));
    return [{ name: enumeration.name, items }];
  });
}
