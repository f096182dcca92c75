/** A model of FMI 1.0 or 2.0 as an FMI 3.0 description: types by their new names, a value reference for each variable. */
import {
  type Fmi3ModelDescription,
  type Fmi3Type,
  type Fmi3Variable,
  type FmuModel,
  type Heading,
  type ModelVariable,
  storageOf,
} from '../../fmi/index.js';
import { type Promises, promised } from './promises.js';
import { itemsUnknown } from './to-fmi2.js';
import { type Conversion, type MappedVariable, mapped } from './variable-map.js';

export function toFmi3(
  model: FmuModel,
  heading: Heading,
  modelIdentifier: string,
  promises: Promises,
): Conversion<Omit<Fmi3ModelDescription, 'instantiationToken'>> {
  const warnings: string[] = [];
  const isUnknown = ({ type, declaredType }: ModelVariable) => type === 'Enumeration' && declaredType === undefined;
  const given = model.variables.map((variable): ModelVariable => {
    if (!isUnknown(variable)) return variable;
    warnings.push(itemsUnknown(variable.name));
    return { ...variable, type: 'Int32' };
  });
  const own = given.map((variable, index) => variableOf(variable, index));
  const map = given.map(
    (variable, index): MappedVariable =>
      mapped(model.fmi, variable, { storage: storageOf('3.0', variable.type), valueReference: index }),
  );
  const time = own.some(({ causality }) => causality === 'independent') ? [] : [timeVariable(own)];
  const unknowns = (wanted: (variable: Fmi3Variable) => boolean, given: FmuModel['outputs']) => {
    const known = new Map(given.map(({ index, dependencies }) => [index, dependencies]));
    return own.flatMap((variable, index) => {
      const dependencies = known.get(index);
      return wanted(variable)
        ? [{ valueReference: index, ...(dependencies === undefined ? {} : { dependencies }) }]
        : [];
    });
  };
  const { capabilities } = model;
  const theirs = {
    modelIdentifier,
    ...(capabilities.variableStepSize ? { canHandleVariableCommunicationStepSize: 'true' } : {}),
    ...(capabilities.getAndSetState ? { canGetAndSetFMUState: 'true' } : {}),
    ...(capabilities.serializeState ? { canSerializeFMUState: 'true' } : {}),
  };
  return {
    description: {
      fmiVersion: '3.0',
      modelName: model.modelName,
      ...heading,
      coSimulation: promised(3, theirs, promises) as unknown as NonNullable<Fmi3ModelDescription['coSimulation']>,
      hasModelExchange: false,
      hasScheduledExecution: false,
      units: model.units,
      enumerations: model.enumerations.map(({ name, items }) => ({
        name,
        items: items.map((item) => ({ name: item.name, value: BigInt(item.value) })),
      })),
      logCategories: model.logCategories,
      ...(model.defaultExperiment === undefined ? {} : { defaultExperiment: model.defaultExperiment }),
      variables: [...own, ...time],
      outputs: unknowns(({ causality }) => causality === 'output', model.outputs),
      // Those whose values are computed when it is initialised (FMI 3.0.2, section 2.4.8).
      initialUnknowns: unknowns(
        ({ causality, initial }) =>
          (causality === 'output' && initial !== 'exact') || causality === 'calculatedParameter',
        model.initialUnknowns,
      ),
    },
    map: [
      ...map,
      ...time.map(
        ({ valueReference }): MappedVariable => ({
          storage: 'f64',
          valueReference,
          theirStorage: 'time',
          theirReference: 0,
          elements: 1,
          element: 0,
        }),
      ),
    ],
    warnings,
  };
}

const DEFAULTS: Readonly<Partial<Record<Fmi3Type, Fmi3Variable['start']>>> = {
  Float64: [0],
  Int32: [0],
  Boolean: [false],
  String: [''],
  Enumeration: [1n],
};

function variableOf(variable: ModelVariable, valueReference: number): Fmi3Variable {
  const { type, causality, initial, start: given, min, max, ...others } = variable;
  const { clocks: _, mimeType: __, intervalVariability: ___, ...kept } = others;
  const settled = causality === 'input' || causality === 'independent' ? undefined : initial;
  const needsStart = causality === 'input' || settled === 'exact' || settled === 'approx';
  const isEnumeration = type === 'Enumeration';
  const start = isEnumeration ? given?.map((value) => BigInt(value as number)) : given;
  return {
    ...kept,
    type,
    causality,
    valueReference,
    ...(settled === undefined ? {} : { initial: settled }),
    ...(needsStart ? { start: start ?? DEFAULTS[type]! } : {}),
    ...(min === undefined ? {} : { min: isEnumeration ? BigInt(min) : min }),
    ...(max === undefined ? {} : { max: isEnumeration ? BigInt(max) : max }),
  };
}

/** FMI 3.0 wants one, which FMI 2.0 leaves free: the wrapped FMU answers it by itself. */
function timeVariable(variables: readonly Fmi3Variable[]): Fmi3Variable {
  const names = new Set(variables.map(({ name }) => name));
  let name = 'time';
  while (names.has(name)) name = `_${name}`;
  return {
    name,
    valueReference: variables.length,
    type: 'Float64',
    causality: 'independent',
    variability: 'continuous',
    description: 'communication point, s',
    dimensions: [],
  };
}
