/**
 * A {@link ModelDescription} as `modelDescription.xml` (FMI 2.0.4, section 2.2), in the order of elements that its
 * schema asks for. What is read with `readModelDescription` is what was written.
 */
import type {
  EnumerationType,
  ModelDescription,
  ScalarVariable,
  UnitDefinition,
  Unknown,
} from './model-description.js';

type AttributeValue = string | number | boolean | undefined;
type Attributes = Readonly<Record<string, AttributeValue>>;

/** Throws a `RangeError` for a text that XML cannot hold (a control character). */
export function writeModelDescription(description: ModelDescription): string {
  const { fmiVersion, modelName, guid, coSimulation, defaultExperiment, variables } = description;
  const root: Attributes = {
    fmiVersion,
    modelName,
    guid,
    description: description.description,
    author: description.author,
    version: description.version,
    copyright: description.copyright,
    license: description.license,
    generationTool: description.generationTool,
    generationDateAndTime: description.generationDateAndTime,
    variableNamingConvention: description.variableNamingConvention,
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
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('fmiModelDescription', root, children)}\n`;
}

function unit({ name, baseUnit }: UnitDefinition): string {
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

/** The schema allows no empty lists. */
function list(name: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [element(name, {}, items)];
}

function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => (value === undefined ? '' : ` ${key}="${escapeAttribute(lexical(value))}"`))
    .join('');
  if (children.length === 0) return `<${name}${written}/>`;
  const indented = children.map((child) => `\n${child}`.replaceAll('\n', '\n  ')).join('');
  return `<${name}${written}>${indented}\n</${name}>`;
}

/** XML Schema spells the numbers that are not finite in its own way. */
function lexical(value: string | number | boolean): string {
  if (value === Number.POSITIVE_INFINITY) return 'INF';
  if (value === Number.NEGATIVE_INFINITY) return '-INF';
  return Object.is(value, -0) ? '-0' : String(value);
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** White space other than blanks is written as a reference, or reading it would make it a blank (XML 1.0, 3.3.3). */
function escapeAttribute(text: string): string {
  const forbidden = NOT_XML.exec(text);
  if (forbidden !== null) {
    const code = text.codePointAt(forbidden.index) ?? 0;
    throw new RangeError(`the text ${JSON.stringify(text)} has the character U+${hex(code)}, which XML does not allow`);
  }
  return text.replace(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? `&#${character.charCodeAt(0)};`);
}

/** What `Char` of XML 1.0 leaves out: most control characters, halves of surrogate pairs, U+FFFE and U+FFFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/u;

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(4, '0');
}
