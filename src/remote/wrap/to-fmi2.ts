/**
 * A model as an FMI 2.0 description: of FMI 1.0, or of FMI 3.0, whose types become those of 2.0, whose arrays become a variable
 * each element, and whose clocks and bytes are left out.
 */
import type {
  EnumerationType,
  FmuModel,
  Heading,
  ModelDescription,
  ModelVariable,
  ScalarVariable,
  StartValue,
  Unknown,
  VariableType,
} from '../../fmi/index.js';
import { WrapError } from './errors.js';
import { type Promises, promised } from './promises.js';
import { type Conversion, type MappedVariable, mapped } from './variable-map.js';

const TYPES: Readonly<Partial<Record<ModelVariable['type'], VariableType>>> = {
  Float64: 'Real',
  Float32: 'Real',
  Int8: 'Integer',
  UInt8: 'Integer',
  Int16: 'Integer',
  UInt16: 'Integer',
  Int32: 'Integer',
  UInt32: 'Integer',
  Int64: 'Integer',
  UInt64: 'Integer',
  Boolean: 'Boolean',
  String: 'String',
  Enumeration: 'Enumeration',
};
const STORAGES = { Real: 'f64', Integer: 'i32', Boolean: 'b32', String: 'text', Enumeration: 'i32' } as const;
const LOWEST = -(2 ** 31);
const HIGHEST = 2 ** 31 - 1;
/** More variables than that nobody reads. */
const MAX_ELEMENTS = 100_000;

export function toFmi2(
  model: FmuModel,
  heading: Heading,
  modelIdentifier: string,
  promises: Promises,
): Conversion<Omit<ModelDescription, 'guid'>> {
  const warnings: string[] = [];
  const isOther = model.fmi === '3.0';
  const variables: ScalarVariable[] = [];
  const map: MappedVariable[] = [];
  /** Of each variable of the model, where its elements are among `variables`. */
  const places: number[][] = [];
  model.variables.forEach((variable) => {
    const type = typeOf(variable, warnings);
    const own: number[] = [];
    places.push(own);
    if (type === undefined) {
      warnings.push(`FMI 2.0 has no ${variable.type}: variable '${variable.name}' (${variable.causality}) is left out`);
      return;
    }
    const sizes = sizesOf(variable, model);
    const elements = sizes.reduce((all, size) => all * size, 1);
    if (elements > MAX_ELEMENTS) {
      throw new WrapError(`variable '${variable.name}' has ${elements} elements: too many for one variable each`, {
        details: { variable: variable.name, elements },
        remedy: 'wrap it as an FMU of FMI 3.0: --fmi 3',
      });
    }
    for (let element = 0; element < elements; element += 1) {
      const valueReference = isOther ? variables.length : variable.valueReference;
      own.push(variables.length);
      variables.push(scalar(variable, type, { element, isArray: sizes.length > 0, valueReference }, warnings));
      if (isOther)
        map.push(mapped(model.fmi, variable, { storage: STORAGES[type], valueReference }, elements, element));
    }
  });
  const dependencies = (indices: readonly number[] | undefined) =>
    indices === undefined
      ? {}
      : { dependencies: indices.flatMap((index) => places[index] ?? []).sort((a, b) => a - b) };
  const unknowns = (wanted: (variable: ScalarVariable) => boolean, given: FmuModel['outputs']): Unknown[] => {
    const known = new Map(
      given.flatMap((unknown) => (places[unknown.index] ?? []).map((index) => [index, unknown.dependencies] as const)),
    );
    return variables.flatMap((variable, index) =>
      wanted(variable) ? [{ index, ...dependencies(known.get(index)) }] : [],
    );
  };
  const { capabilities } = model;
  const theirs = {
    modelIdentifier,
    ...(capabilities.variableStepSize ? { canHandleVariableCommunicationStepSize: 'true' } : {}),
    ...(capabilities.getAndSetState ? { canGetAndSetFMUstate: 'true' } : {}),
    ...(capabilities.serializeState ? { canSerializeFMUstate: 'true' } : {}),
  };
  return {
    description: {
      fmiVersion: '2.0',
      modelName: model.modelName,
      ...heading,
      coSimulation: promised(2, theirs, promises) as unknown as NonNullable<ModelDescription['coSimulation']>,
      hasModelExchange: false,
      units: model.units,
      enumerations: model.enumerations.map((type) => enumeration(type, warnings)),
      logCategories: model.logCategories,
      ...(model.defaultExperiment === undefined ? {} : { defaultExperiment: model.defaultExperiment }),
      variables,
      outputs: unknowns(({ causality }) => causality === 'output', model.outputs),
      // Those whose values are computed when it is initialised (FMI 2.0.4, section 2.2.8).
      initialUnknowns: unknowns(
        ({ causality, initial }) =>
          (causality === 'output' && initial !== 'exact') || causality === 'calculatedParameter',
        model.initialUnknowns,
      ),
    },
    map,
    warnings,
  };
}

/** Of an enumeration that is known by name only, since servers do not tell its items, the numbers are left. */
function typeOf({ name, type, declaredType }: ModelVariable, warnings: string[]): VariableType | undefined {
  if (type !== 'Enumeration' || declaredType !== undefined) return TYPES[type];
  warnings.push(itemsUnknown(name));
  return 'Integer';
}

export function itemsUnknown(name: string): string {
  return `what the items of variable '${name}' are called is not told: it becomes a whole number`;
}

function sizesOf({ name, dimensions }: ModelVariable, { variables }: FmuModel): number[] {
  return dimensions.map((dimension) => {
    if ('start' in dimension) return Number(dimension.start);
    const size = variables.find(({ valueReference }) => valueReference === dimension.valueReference)?.start?.[0];
    if (size !== undefined) return Number(size);
    throw new WrapError(`the size of variable '${name}' is not known: its structural parameter has no start value`, {
      details: { variable: name },
      remedy: 'wrap it as an FMU of FMI 3.0: --fmi 3',
    });
  });
}

interface Place {
  readonly element: number;
  readonly isArray: boolean;
  readonly valueReference: number;
}

function scalar(variable: ModelVariable, type: VariableType, place: Place, warnings: string[]): ScalarVariable {
  const { name, description, unit, declaredType, min, max, nominal, initial } = variable;
  const isWhole = type === 'Integer' || type === 'Enumeration';
  const limits = {
    ...limit('min', min, isWhole),
    ...limit('max', max, isWhole),
    ...(type === 'Real' && nominal !== undefined ? { nominal } : {}),
    ...(type === 'Real' && unit !== undefined ? { unit } : {}),
  };
  // The size of an array is given by the number of its variables: it cannot be another one.
  const isSize = variable.causality === 'structuralParameter';
  const causality = isSize ? 'local' : variable.causality;
  const settled = isSize ? 'exact' : causality === 'input' || causality === 'independent' ? undefined : initial;
  const needsStart = causality === 'input' || settled === 'exact' || settled === 'approx';
  return {
    // As the master names elements, of matrices too: in the order of FMI 3.0, from 0.
    name: place.isArray ? `${name}[${place.element}]` : name,
    valueReference: place.valueReference,
    type,
    causality,
    variability: isSize ? 'constant' : variable.variability,
    ...(settled === undefined ? {} : { initial: settled }),
    ...(needsStart ? { start: start(variable, type, place.element, warnings) } : {}),
    ...(description === undefined ? {} : { description }),
    ...(declaredType === undefined || type !== 'Enumeration' ? {} : { declaredType }),
    ...limits,
  };
}

/** Those of whole numbers that FMI 2.0 cannot state are no limits there. */
function limit(
  key: 'min' | 'max',
  value: number | bigint | undefined,
  isWhole: boolean,
): { min?: number; max?: number } {
  if (value === undefined) return {};
  const number = Number(value);
  return isWhole && !(number >= LOWEST && number <= HIGHEST) ? {} : { [key]: number };
}

const DEFAULTS = { Real: 0, Integer: 0, Boolean: false, String: '', Enumeration: 1 } as const;

function start({ name, start }: ModelVariable, type: VariableType, element: number, warnings: string[]): StartValue {
  const value = start?.[start.length === 1 ? 0 : element] ?? DEFAULTS[type];
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  const number = Number(value);
  if (type === 'Real' || (number >= LOWEST && number <= HIGHEST)) return number;
  warnings.push(`the start value ${value} of variable '${name}' is too large for FMI 2.0: it is left to the FMU`);
  return Math.min(Math.max(number, LOWEST), HIGHEST);
}

function enumeration({ name, items }: FmuModel['enumerations'][number], warnings: string[]): EnumerationType {
  const kept = items.filter(({ value }) => value >= LOWEST && value <= HIGHEST);
  for (const item of items) {
    if (!kept.includes(item))
      warnings.push(`item '${item.name}' of '${name}' is too large for FMI 2.0: it is left out`);
  }
  return { name, items: kept };
}
