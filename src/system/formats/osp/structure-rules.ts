/** What may stand in OspSystemStructure.xml: the content of libcosim's schema, version 0.1. */
import type { ElementRule } from '../../../support/xml/rules.js';

export const STRUCTURE_NAMESPACE = 'http://opensimulationplatform.com/MSMI/OSPSystemStructure';
export const STRUCTURE_VERSION = '0.1';

const TEXT: ElementRule = { text: true };
const VALUE: ElementRule = { attributes: ['value'] };
const END: ElementRule = { attributes: ['simulator', 'name', 'causality'] };
const SIGNAL_END: ElementRule = { attributes: ['function', 'name'] };

const SIMULATOR: ElementRule = {
  attributes: ['name', 'source', 'stepSize'],
  children: {
    InitialValues: {
      max: 1,
      rule: {
        children: {
          InitialValue: {
            rule: {
              attributes: ['variable'],
              choice: true,
              children: {
                Real: { rule: VALUE },
                Integer: { rule: VALUE },
                Boolean: { rule: VALUE },
                String: { rule: VALUE },
              },
            },
          },
        },
      },
    },
  },
};

const FUNCTIONS: ElementRule = {
  children: {
    LinearTransformation: { rule: { attributes: ['name', 'factor', 'offset'] } },
    Sum: { rule: { attributes: ['name', 'inputCount'] } },
    VectorSum: { rule: { attributes: ['name', 'inputCount', 'dimension'] } },
  },
};

const CONNECTIONS: ElementRule = {
  unordered: true,
  children: {
    VariableConnection: {
      rule: { attributes: ['powerBond'], children: { Variable: { rule: END, min: 2, max: 2 } } },
    },
    SignalConnection: {
      rule: {
        unordered: true,
        children: { Variable: { rule: END, min: 1, max: 1 }, Signal: { rule: SIGNAL_END, min: 1, max: 1 } },
      },
    },
    VariableGroupConnection: {
      rule: { attributes: ['powerBond'], children: { VariableGroup: { rule: END, min: 2, max: 2 } } },
    },
    SignalGroupConnection: {
      rule: {
        unordered: true,
        children: { SignalGroup: { rule: SIGNAL_END, min: 1, max: 1 }, VariableGroup: { rule: END, min: 1, max: 1 } },
      },
    },
  },
};

/** Of the energy-conserving algorithm (ecco); step sizes in s. */
export const ECCO_SETTINGS = [
  'SafetyFactor',
  'StepSize',
  'MinimumStepSize',
  'MaximumStepSize',
  'MinimumChangeRate',
  'MaximumChangeRate',
  'ProportionalGain',
  'IntegralGain',
  'RelativeTolerance',
  'AbsoluteTolerance',
] as const;

const ECCO: ElementRule = {
  unordered: true,
  children: Object.fromEntries(ECCO_SETTINGS.map((name) => [name, { rule: TEXT, min: 1, max: 1 }])),
};

export const STRUCTURE_RULE: ElementRule = {
  attributes: ['version'],
  children: {
    StartTime: { rule: TEXT, max: 1 },
    EndTime: { rule: TEXT, max: 1 },
    BaseStepSize: { rule: TEXT, max: 1 },
    Algorithm: { rule: TEXT, max: 1 },
    Simulators: { rule: { children: { Simulator: { rule: SIMULATOR } } }, min: 1, max: 1 },
    Functions: { rule: FUNCTIONS, max: 1 },
    Connections: { rule: CONNECTIONS, max: 1 },
    EccoConfiguration: { rule: ECCO, max: 1 },
  },
};
