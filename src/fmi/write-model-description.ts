/**
 * A {@link ModelDescription} as `modelDescription.xml` (FMI 2.0.4, section 2.2), in the order of elements that its
 * schema asks for. What is read with `readModelDescription` is what was written.
 */

import { defined } from '../support/xml/attribute-reader.js';
import { type Attributes, element, list, xmlDocument } from '../support/xml/writer.js';
import type {
  EnumerationType,
  Heading,
  ModelDescription,
  ScalarVariable,
  UnitDefinition,
  Unknown,
} from './model-description.js';

/** Throws a `RangeError` for a text that XML cannot hold (a control character). */
export function writeModelDescription(description: ModelDescription): string {
  const { fmiVersion, modelName, guid, coSimulation, defaultExperiment, variables } = description;
  const root: Attributes = {
    fmiVersion,
    modelName,
    guid,
    ...headingOf(description),
    // The schema has it optional, some importers do not.
    numberOfEventIndicators: 0,
  };
  const children = [
    ...(coSimulation === undefined ? [] : [element('CoSimulation', { ...coSimulation })]),
    ...list('UnitDefinitions', description.units.map(unit)),
    ...list('TypeDefinitions', description.enumerations.map(enumeration)),
    ...list(
      'LogCategories',
      description.logCategories.map((category) => element('Category', { ...category })),
    ),
    ...(defaultExperiment === undefined ? [] : [element('DefaultExperiment', { ...defaultExperiment })]),
    // Required, even when empty.
    element('ModelVariables', {}, variables.map(scalarVariable)),
    element('ModelStructure', {}, [
      ...list('Outputs', description.outputs.map(unknown)),
      ...list('InitialUnknowns', description.initialUnknowns.map(unknown)),
    ]),
  ];
  return xmlDocument(element('fmiModelDescription', root, children));
}

/** Nothing but the heading of a description. */
export function headingOf(heading: Heading): Heading {
  return defined({
    description: heading.description,
    author: heading.author,
    version: heading.version,
    copyright: heading.copyright,
    license: heading.license,
    generationTool: heading.generationTool,
    generationDateAndTime: heading.generationDateAndTime,
    variableNamingConvention: heading.variableNamingConvention,
  });
}

export function unit({ name, baseUnit }: UnitDefinition): string {
  return element('Unit', { name }, baseUnit === undefined ? [] : [element('BaseUnit', { ...baseUnit })]);
}

function enumeration({ name, items }: EnumerationType): string {
  const details = items.map((item) =>
    element('Item', { name: item.name, value: item.value, description: item.description }),
  );
  return element('SimpleType', { name }, [element('Enumeration', {}, details)]);
}

function scalarVariable(variable: ScalarVariable): string {
  const { name, valueReference, description, causality, variability, initial, type } = variable;
  const { declaredType, start, unit: unitName, min, max, nominal } = variable;
  // A Real is written as one even if whole: `start="0"` is a legal xs:double.
  const details: Attributes =
    type === 'Real'
      ? { declaredType, start, unit: unitName, min, max, nominal }
      : type === 'Integer' || type === 'Enumeration'
        ? { declaredType, start, min, max }
        : { declaredType, start };
  return element('ScalarVariable', { name, valueReference, description, causality, variability, initial }, [
    element(type, details),
  ]);
}

function unknown({ index, dependencies, dependenciesKind }: Unknown): string {
  return element('Unknown', {
    index: index + 1,
    dependencies: dependencies?.map((dependency) => dependency + 1).join(' '),
    dependenciesKind: dependenciesKind?.join(' '),
  });
}
