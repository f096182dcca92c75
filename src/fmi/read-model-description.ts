/** Reads `modelDescription.xml` of an FMI 2.0 FMU (FMI 2.0.4, section 2.2), with every problem and its place. */
import { InvalidFileError, type Problem } from '../support/errors.js';
import { AttributeReader, defined } from '../support/xml/attribute-reader.js';
import { children, parseXml, type XmlElement } from '../support/xml/tree.js';
import { type ReadFmi1ModelDescription, readFmi1ModelDescription } from './fmi1/read-model-description.js';
import { type ReadFmi3ModelDescription, readFmi3ModelDescription } from './fmi3/read-model-description.js';
import type { CoSimulation, ModelDescription, Unknown } from './model-description.js';
import {
  type Findings,
  readDependencyKinds,
  readExperiment,
  readHeading,
  readLogCategories,
  readModelIdentifier,
} from './read-parts.js';
import { readSimpleTypes, readUnits, readVariables } from './read-variables.js';

export interface ReadModelDescription {
  readonly description: ModelDescription;
  /** Where the file breaks the standard without keeping the FMU from running. */
  readonly warnings: readonly Problem[];
}

/**
 * `file` names the document in problems; `xml` is its bytes. Throws {@link InvalidFileError} with all problems at once.
 * An FMU of another FMI version is one problem; an FMU for model exchange only is read, without `coSimulation`.
 */
export function readModelDescription(file: string, xml: Uint8Array): ReadModelDescription {
  const root = parseXml(file, xml);
  if (fmiVersionOf(file, root) !== '2.0') throw otherVersion(file, root, 'FMI 2.0 is supported');
  return readFmi2(file, root);
}

/** A description of whatever version, and what is odd in it. */
export type ReadAnyModelDescription = ReadFmi1ModelDescription | ReadModelDescription | ReadFmi3ModelDescription;

/** Of FMI 1.0, 2.0 or 3.0, by its `fmiVersion`; else as {@link readModelDescription}. */
export function readAnyModelDescription(file: string, xml: Uint8Array): ReadAnyModelDescription {
  const root = parseXml(file, xml);
  const version = fmiVersionOf(file, root);
  if (version === '1.0') return readFmi1ModelDescription(file, root);
  if (version === '2.0') return readFmi2(file, root);
  if (/^3\.\d/.test(version)) return readFmi3ModelDescription(file, root);
  throw otherVersion(file, root, 'FMI 1.0, 2.0 and 3.0 are supported');
}

function readFmi2(file: string, root: XmlElement): ReadModelDescription {
  const findings: Findings = { problems: [], warnings: [] };
  const { problems } = findings;

  const attributes = new AttributeReader(root, problems);
  const modelName = attributes.required('modelName');
  const guid = attributes.required('guid');
  const part = (name: string) => root.children.find((child) => child.name === name);
  const coSimulation = readCoSimulation(part('CoSimulation'), problems);
  const hasModelExchange = part('ModelExchange') !== undefined;
  if (part('CoSimulation') === undefined && !hasModelExchange) {
    problems.push({ message: 'there is neither a <CoSimulation> nor a <ModelExchange>', location: root.location });
  }
  const units = readUnits(part('UnitDefinitions'), findings);
  const types = readSimpleTypes(part('TypeDefinitions'), findings);
  const variables = readVariables(part('ModelVariables'), types, findings);
  const structure = part('ModelStructure');
  const unknownsIn = (list: string) =>
    readUnknowns(
      structure?.children.find((child) => child.name === list),
      variables.length,
      problems,
    );
  const outputs = unknownsIn('Outputs');
  const initialUnknowns = unknownsIn('InitialUnknowns');
  const logCategories = readLogCategories(part('LogCategories'), problems);
  const experimentPart = part('DefaultExperiment');
  const defaultExperiment = experimentPart === undefined ? undefined : readExperiment(experimentPart, problems);
  const heading = readHeading(attributes);

  if (problems.length > 0) throw new InvalidFileError(file, problems);
  // Without problems, what is required was found.
  const description: ModelDescription = {
    fmiVersion: '2.0',
    modelName: modelName!,
    guid: guid!,
    ...heading,
    ...defined({
      coSimulation,
      defaultExperiment,
    }),
    hasModelExchange,
    units,
    enumerations: [...types.values()].flatMap(({ enumeration }) => (enumeration === undefined ? [] : [enumeration])),
    logCategories,
    variables: variables.map((variable) => variable!),
    outputs,
    initialUnknowns,
  };
  checkOutputs(description, root, findings.warnings);
  return { description, warnings: findings.warnings };
}

function fmiVersionOf(file: string, root: XmlElement): string {
  const { location } = root;
  if (root.name !== 'fmiModelDescription') {
    const message = `the root element is <${root.name}>, expected <fmiModelDescription>`;
    throw new InvalidFileError(file, [{ message, location }]);
  }
  const problems: Problem[] = [];
  const version = new AttributeReader(root, problems).required('fmiVersion');
  if (version === undefined) throw new InvalidFileError(file, problems);
  return version;
}

function otherVersion(file: string, root: XmlElement, supported: string): InvalidFileError {
  const message = `the FMU is of FMI version ${root.attributes.get('fmiVersion')}; ${supported}`;
  const remedy = 'export the FMU as FMI 2.0 for co-simulation';
  return new InvalidFileError(file, [{ message, location: root.location, remedy }]);
}

function readCoSimulation(element: XmlElement | undefined, problems: Problem[]): CoSimulation | undefined {
  if (element === undefined) return undefined;
  const attributes = new AttributeReader(element, problems);
  return {
    modelIdentifier: readModelIdentifier(attributes, problems),
    ...defined({
      needsExecutionTool: attributes.boolean('needsExecutionTool'),
      canHandleVariableCommunicationStepSize: attributes.boolean('canHandleVariableCommunicationStepSize'),
      canInterpolateInputs: attributes.boolean('canInterpolateInputs'),
      maxOutputDerivativeOrder: attributes.unsigned('maxOutputDerivativeOrder'),
      canRunAsynchronuously: attributes.boolean('canRunAsynchronuously'),
      canBeInstantiatedOnlyOncePerProcess: attributes.boolean('canBeInstantiatedOnlyOncePerProcess'),
      canNotUseMemoryManagementFunctions: attributes.boolean('canNotUseMemoryManagementFunctions'),
      canGetAndSetFMUstate: attributes.boolean('canGetAndSetFMUstate'),
      canSerializeFMUstate: attributes.boolean('canSerializeFMUstate'),
      providesDirectionalDerivative: attributes.boolean('providesDirectionalDerivative'),
    }),
  };
}

/** `count`: number of variables; the file's indices run from 1 to it. */
function readUnknowns(element: XmlElement | undefined, count: number, problems: Problem[]): Unknown[] {
  return children(element, 'Unknown').flatMap((unknown): Unknown[] => {
    const attributes = new AttributeReader(unknown, problems);
    attributes.required('index');
    const index = attributes.unsigned('index');
    const dependencies = attributes.unsignedList('dependencies');
    const report = (message: string) => problems.push({ message, location: unknown.location });
    for (const value of [...(index === undefined ? [] : [index]), ...(dependencies ?? [])]) {
      if (value < 1 || value > count) report(`index ${value} is out of range, there are ${count} variables (from 1)`);
    }
    const dependenciesKind = readDependencyKinds(attributes, dependencies, problems);
    if (index === undefined) return [];
    return [
      {
        index: index - 1,
        ...defined({
          dependencies: dependencies?.map((value) => value - 1),
          dependenciesKind,
        }),
      },
    ];
  });
}

/** `Outputs` lists all variables of causality output and no others (FMI 2.0.4, section 2.2.8). */
function checkOutputs({ variables, outputs }: ModelDescription, root: XmlElement, warnings: Problem[]): void {
  const listed = new Set(outputs.map(({ index }) => index));
  for (const [index, { name, causality, location = root.location }] of variables.entries()) {
    if ((causality === 'output') === listed.has(index)) continue;
    const fault = causality === 'output' ? 'is not listed' : `has causality ${causality} but is listed`;
    warnings.push({ message: `variable '${name}' ${fault} in ModelStructure/Outputs`, location });
  }
}
