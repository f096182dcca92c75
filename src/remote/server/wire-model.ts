/**
 * What FMU-proxy's clients are told of an FMU, in the strings that libcosim 0.7.1 accepts. The types of FMI 3.0 travel as the
 * nearest of the older ones; what has none (arrays, Binary, Clock) is left out.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AnyModelDescription,
  isFmi1,
  isFmi3,
  type ModelUnknown,
  type ModelVariable,
  readAnyModelDescription,
} from '../../fmi/index.js';
import type { StoredFmu } from '../instance/fmu-store.js';
import type { FMU_PROXY_SHAPE, StructOf, ValueOf } from '../thrift/index.js';

export type WireModel = StructOf<typeof FMU_PROXY_SHAPE, 'ModelDescription'>;
type WireVariable = StructOf<typeof FMU_PROXY_SHAPE, 'ScalarVariable'>;
type WireUnknown = StructOf<typeof FMU_PROXY_SHAPE, 'Unknown'>;
type WireAttribute = ValueOf<typeof FMU_PROXY_SHAPE, 'ScalarVariableAttribute'>;

const MAX_I32 = 2 ** 31;

/** Throws the errors of reading a modelDescription.xml. */
export async function wireModelOf({ name, directory, model }: StoredFmu): Promise<WireModel> {
  const xml = await readFile(join(directory, 'modelDescription.xml'));
  const { description } = readAnyModelDescription(name, xml);
  const { license, copyright, author, version, generationTool, generationDateAndTime } = description;
  const { capabilities, defaultExperiment, modelIdentifier } = model;
  const kept = model.variables.flatMap((variable, index) => {
    const attribute = attributeOf(variable);
    return attribute === undefined ? [] : [{ index, variable: toWire(variable, attribute) }];
  });
  /** Index in the FMU → number on the wire, from 1. */
  const numbers = new Map(kept.map(({ index }, position) => [index, position + 1]));
  return {
    guid: model.token,
    fmi_version: model.fmi,
    modelName: model.modelName,
    ...(license === undefined ? {} : { license }),
    ...(copyright === undefined ? {} : { copyright }),
    ...(author === undefined ? {} : { author }),
    ...(version === undefined ? {} : { version }),
    ...(description.description === undefined ? {} : { description: description.description }),
    ...(generationTool === undefined ? {} : { generation_tool: generationTool }),
    ...(generationDateAndTime === undefined ? {} : { generation_date_and_time: generationDateAndTime }),
    ...(defaultExperiment === undefined ? {} : { default_experiment: defaultExperiment }),
    variable_naming_convention: description.variableNamingConvention ?? 'flat',
    model_variables: kept.map(({ variable }) => variable),
    model_structure: {
      outputs: toUnknowns(model.outputs, numbers),
      derivatives: [],
      initial_unknowns: toUnknowns(model.initialUnknowns, numbers),
    },
    model_identifier: modelIdentifier ?? '',
    can_get_and_set_fmu_state: capabilities.getAndSetState,
    can_serialize_fmu_state: capabilities.serializeState,
    provides_directional_derivative: capabilities.directionalDerivatives,
    can_handle_variable_communication_step_size: capabilities.variableStepSize,
    can_interpolate_inputs: interpolatesInputs(description),
    max_output_derivative_order: capabilities.maxOutputDerivativeOrder,
  };
}

function interpolatesInputs(description: AnyModelDescription): boolean {
  if (isFmi1(description) || isFmi3(description)) return false;
  return description.coSimulation?.canInterpolateInputs === true;
}

function toWire(variable: ModelVariable, attribute: WireAttribute): WireVariable {
  const { name, valueReference, description, initial, causality, variability } = variable;
  return {
    name,
    value_reference: valueReference,
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { initial }),
    causality:
      causality === 'calculatedParameter'
        ? 'calculated_parameter'
        : causality === 'structuralParameter'
          ? 'parameter'
          : causality,
    variability,
    attribute,
  };
}

function attributeOf({ type, dimensions, start, min, max }: ModelVariable): WireAttribute | undefined {
  if (dimensions.length > 0) return undefined;
  const [first] = start ?? [];
  switch (type) {
    case 'Float64':
    case 'Float32':
      return { real_attribute: { ...numbers(min, max, first, () => true) } };
    case 'Boolean':
      return { boolean_attribute: typeof first === 'boolean' ? { start: first } : {} };
    case 'String':
      return { string_attribute: typeof first === 'string' ? { start: first } : {} };
    case 'Enumeration':
      return { enumeration_attribute: { ...numbers(min, max, first, isI32) } };
    case 'Binary':
    case 'Clock':
      return undefined;
    default:
      return { integer_attribute: { ...numbers(min, max, first, isI32) } };
  }
}

/** Those that there are, and that fit. */
function numbers(
  min: unknown,
  max: unknown,
  start: unknown,
  fits: (value: number) => boolean,
): { min?: number; max?: number; start?: number } {
  const given = Object.entries({ min, max, start }).flatMap(([name, value]): [string, number][] => {
    const number = typeof value === 'bigint' ? Number(value) : value;
    return typeof number === 'number' && fits(number) ? [[name, number]] : [];
  });
  return Object.fromEntries(given);
}

function isI32(value: number): boolean {
  return Number.isInteger(value) && value >= -MAX_I32 && value < MAX_I32;
}

function toUnknowns(unknowns: readonly ModelUnknown[], numbers: ReadonlyMap<number, number>): WireUnknown[] {
  return unknowns.flatMap(({ index, dependencies }) => {
    const number = numbers.get(index);
    if (number === undefined) return [];
    // What is left out counts as all that is not known.
    const known = dependencies?.flatMap((dependency) => numbers.get(dependency) ?? []);
    const isWhole = known !== undefined && known.length === dependencies?.length;
    return [
      { index: number, ...(isWhole ? { dependencies: known, dependencies_kind: known.map(() => 'dependent') } : {}) },
    ];
  });
}
