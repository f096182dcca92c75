/** The model description of a bridge FMU: its variables are those of `bridgeLayout`. */
import type { ModelDescription, ScalarVariable } from '../../fmi/index.js';
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
    enumerations: [],
    logCategories: Object.values(LOG_CATEGORIES),
    variables: scalars,
    outputs,
    initialUnknowns: outputs,
  };
}

function toScalarVariable(variable: LayoutVariable): ScalarVariable {
  const { name, valueReference, type, kind, start, unit, description, tunable } = variable;
  const common = {
    name,
    valueReference,
    type,
    ...(description === undefined ? {} : { description }),
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
        start: start as NonNullable<typeof start>,
      };
    case 'input':
      // A continuous Real takes connections from any Real output; some importers refuse discrete ones to those.
      return {
        ...common,
        causality: 'input',
        variability: type === 'Real' ? 'continuous' : 'discrete',
        start: start as NonNullable<typeof start>,
      };
    case 'output':
    case 'diagnostic':
      // Values change at communication points only. The first ones come with the first messages: none can be given here.
      return { ...common, causality: 'output', variability: 'discrete', initial: 'calculated' };
  }
}
