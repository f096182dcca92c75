/**
 * A {@link Fmi3ModelDescription} as `modelDescription.xml` (FMI 3.0.2, section 2.4), in the order of elements that its
 * schema asks for. What is read with `readFmi3ModelDescription` is what was written.
 */

import { type Attributes, element, lexical, list, xmlDocument } from '../../support/xml/writer.js';
import { headingOf, unit } from '../write-model-description.js';
import type {
  Dimension,
  Fmi3EnumerationType,
  Fmi3ModelDescription,
  Fmi3Unknown,
  Fmi3Variable,
} from './model-description.js';

/** Throws a `RangeError` for a text that XML cannot hold (a control character). */
export function writeFmi3ModelDescription(description: Fmi3ModelDescription): string {
  const { fmiVersion, modelName, instantiationToken, coSimulation, defaultExperiment, variables } = description;
  const root: Attributes = {
    fmiVersion,
    modelName,
    instantiationToken,
    ...headingOf(description),
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
    element('ModelVariables', {}, variables.map(variableElement)),
    element('ModelStructure', {}, [
      ...description.outputs.map((output) => unknown('Output', output)),
      ...description.initialUnknowns.map((initial) => unknown('InitialUnknown', initial)),
    ]),
  ];
  return xmlDocument(element('fmiModelDescription', root, children));
}

function enumeration({ name, items }: Fmi3EnumerationType): string {
  return element(
    'EnumerationType',
    { name },
    items.map((item) => element('Item', { name: item.name, value: item.value, description: item.description })),
  );
}

function variableElement(variable: Fmi3Variable): string {
  const { name, valueReference, description, causality, variability, initial, type, start, clocks } = variable;
  const { declaredType, unit: unitName, min, max, nominal, mimeType, maxSize, intervalVariability } = variable;
  // Texts may have blanks in them: they are elements, not a list in an attribute.
  const startsAreElements = type === 'String' || type === 'Binary';
  const attributes: Attributes = {
    name,
    valueReference,
    description,
    causality,
    variability,
    clocks: clocks?.join(' '),
    declaredType,
    initial,
    unit: unitName,
    min,
    max,
    nominal,
    start: startsAreElements ? undefined : start?.map(lexical).join(' '),
    mimeType,
    maxSize,
    intervalVariability,
  };
  const starts = startsAreElements ? (start ?? []).map((value) => element('Start', { value })) : [];
  return element(type, attributes, [...variable.dimensions.map(dimension), ...starts]);
}

function dimension(size: Dimension): string {
  return element('Dimension', { ...size });
}

function unknown(name: string, { valueReference, dependencies, dependenciesKind }: Fmi3Unknown): string {
  return element(name, {
    valueReference,
    dependencies: dependencies?.join(' '),
    dependenciesKind: dependenciesKind?.join(' '),
  });
}
