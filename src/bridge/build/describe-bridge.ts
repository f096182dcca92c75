/** The model description of a bridge FMU: its variables are those of `bridgeLayout`. */
import type { EnumerationType, ModelDescription, ScalarVariable, StartValue, VariableType } from '../../fmi/index.js';
import { LOG_CATEGORIES } from '../../support/log-categories.js';
import type { BridgeConfig } from '../config.js';
import { bridgeLayout, type LayoutVariable } from '../layout.js';
import { modelIdentifier } from './model-identifier.js';
import { unitDefinitions } from './units.js';

export function describeBridge(config: BridgeConfig, guid: string, generationTool: string): ModelDescription {
  const { variables } = bridgeLayout(config);
  const scalars = variables.map(toScalarVariable);
  // Outputs are what was received and diagnostics what was counted: neither is computed from inputs, at any time.
  const outputs = scalars.flatMap(({ causality }, index) =>
    causality === 'output' ? [{ index, dependencies: [] }] : [],
  );
  return {
    fmiVersion: '2.0',
    modelName: config.name,
    guid,
    description: config.description ?? 'Carries data between a co-simulation and an AMQP broker',
    generationTool,
    variableNamingConvention: 'flat',
    coSimulation: {
      modelIdentifier: modelIdentifier(config),
      // It needs Node.js, but no tool in the sense of the standard: no model is handed to another program.
      needsExecutionTool: false,
      canHandleVariableCommunicationStepSize: true,
      canNotUseMemoryManagementFunctions: true,
      canGetAndSetFMUstate: true,
      canSerializeFMUstate: true,
    },
    hasModelExchange: false,
    units: unitDefinitions(scalars.flatMap(({ unit }) => (unit === undefined ? [] : [unit]))),
    enumerations: enumerationTypes(variables),
    logCategories: Object.values(LOG_CATEGORIES),
    variables: scalars,
    outputs,
    initialUnknowns: outputs,
  };
}

function toScalarVariable(variable: LayoutVariable): ScalarVariable {
  const { name, valueReference, kind, unit, description, tunable, enumeration, min, max } = variable;
  const type = enumeration === undefined ? toType(variable.type) : 'Enumeration';
  const start = (typeof variable.start === 'object' ? undefined : variable.start) as StartValue | undefined;
  const common = {
    name,
    valueReference,
    type,
    ...(description === undefined ? {} : { description }),
    ...(enumeration === undefined ? {} : { declaredType: enumeration.name }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    // Only a Real can have one (FMI 2.0.4, section 2.2.3).
    ...(unit === undefined || type !== 'Real' ? {} : { unit }),
  };
  switch (kind) {
    case 'parameter':
      return {
        ...common,
        causality: 'parameter',
        variability: tunable ? 'tunable' : 'fixed',
        initial: 'exact',
        start: start!,
      };
    case 'input':
      // A continuous Real takes connections from any Real output; some importers refuse discrete ones to those.
      return {
        ...common,
        causality: 'input',
        variability: type === 'Real' ? 'continuous' : 'discrete',
        start: start!,
      };
    case 'output':
    case 'diagnostic':
      // Values change at communication points only. The first ones come with the first messages: none can be given here.
      return { ...common, causality: 'output', variability: 'discrete', initial: 'calculated' };
  }
}

/** The layout of an FMI 2.0 bridge has no others. */
function toType(type: LayoutVariable['type']): VariableType {
  if (type === 'Real' || type === 'Integer' || type === 'Boolean' || type === 'String') return type;
  throw new TypeError(`FMI 2.0 has no ${type}`);
}

/** One a signal: the elements of an array share it. */
function enumerationTypes(variables: readonly LayoutVariable[]): EnumerationType[] {
  const types = new Map(variables.flatMap(({ enumeration }) => (enumeration ? [[enumeration.name, enumeration]] : [])));
  return [...types.values()];
}
