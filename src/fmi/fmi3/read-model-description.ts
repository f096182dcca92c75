/** Reads `modelDescription.xml` of an FMI 3.0 FMU (FMI 3.0.2, section 2.4), with every problem and its place. */
import { InvalidFileError, type Problem } from '../../support/errors.js';
import { AttributeReader, defined } from '../../support/xml/attribute-reader.js';
import { children, type XmlElement } from '../../support/xml/tree.js';
import {
  type Findings,
  readDependencyKinds,
  readExperiment,
  readHeading,
  readLogCategories,
  readModelIdentifier,
} from '../read-parts.js';
import { readUnits } from '../read-variables.js';
import type { Fmi3CoSimulation, Fmi3ModelDescription, Fmi3Unknown, Fmi3Variable } from './model-description.js';
import { readEnumerations, readFmi3Variables } from './read-variables.js';

export interface ReadFmi3ModelDescription {
  readonly description: Fmi3ModelDescription;
  /** Where the file breaks the standard without keeping the FMU from being used. */
  readonly warnings: readonly Problem[];
}

/** `root` is the document's; its `fmiVersion` begins with `3.`. Throws {@link InvalidFileError} with all problems. */
export function readFmi3ModelDescription(file: string, root: XmlElement): ReadFmi3ModelDescription {
  const findings: Findings = { problems: [], warnings: [] };
  const { problems } = findings;
  const attributes = new AttributeReader(root, problems);
  const modelName = attributes.required('modelName');
  const instantiationToken = attributes.required('instantiationToken');
  const part = (name: string) => root.children.find((child) => child.name === name);
  const coSimulation = readCoSimulation(part('CoSimulation'), problems);
  const hasModelExchange = part('ModelExchange') !== undefined;
  const hasScheduledExecution = part('ScheduledExecution') !== undefined;
  if (part('CoSimulation') === undefined && !hasModelExchange && !hasScheduledExecution) {
    problems.push({
      message: 'there is none of <CoSimulation>, <ModelExchange> and <ScheduledExecution>',
      location: root.location,
    });
  }
  const units = readUnits(part('UnitDefinitions'), findings);
  const types = readEnumerations(part('TypeDefinitions'), findings);
  const variables = readFmi3Variables(part('ModelVariables'), types, findings);
  const structure = part('ModelStructure');
  const known = new Set(variables.map(({ valueReference }) => valueReference));
  const outputs = readUnknowns(structure, 'Output', known, problems);
  const initialUnknowns = readUnknowns(structure, 'InitialUnknown', known, problems);
  const experimentPart = part('DefaultExperiment');
  const description: Fmi3ModelDescription = {
    fmiVersion: root.attributes.get('fmiVersion') as `3.${string}`,
    modelName: modelName ?? '',
    instantiationToken: instantiationToken ?? '',
    ...readHeading(attributes),
    ...defined({
      coSimulation,
      defaultExperiment: experimentPart === undefined ? undefined : readExperiment(experimentPart, problems),
    }),
    hasModelExchange,
    hasScheduledExecution,
    units,
    enumerations: [...types.values()].flatMap(({ enumeration }) => (enumeration === undefined ? [] : [enumeration])),
    logCategories: readLogCategories(part('LogCategories'), problems),
    variables,
    outputs,
    initialUnknowns,
  };
  if (problems.length > 0) throw new InvalidFileError(file, problems);
  checkStructure(description, root, findings.warnings);
  return { description, warnings: findings.warnings };
}

function readCoSimulation(element: XmlElement | undefined, problems: Problem[]): Fmi3CoSimulation | undefined {
  if (element === undefined) return undefined;
  const attributes = new AttributeReader(element, problems);
  const flag = (name: string) => attributes.boolean(name);
  return {
    modelIdentifier: readModelIdentifier(attributes, problems),
    ...defined({
      needsExecutionTool: flag('needsExecutionTool'),
      canBeInstantiatedOnlyOncePerProcess: flag('canBeInstantiatedOnlyOncePerProcess'),
      canGetAndSetFMUState: flag('canGetAndSetFMUState'),
      canSerializeFMUState: flag('canSerializeFMUState'),
      providesDirectionalDerivatives: flag('providesDirectionalDerivatives'),
      providesAdjointDerivatives: flag('providesAdjointDerivatives'),
      providesPerElementDependencies: flag('providesPerElementDependencies'),
      canHandleVariableCommunicationStepSize: flag('canHandleVariableCommunicationStepSize'),
      fixedInternalStepSize: attributes.real('fixedInternalStepSize'),
      maxOutputDerivativeOrder: attributes.unsigned('maxOutputDerivativeOrder'),
      recommendedIntermediateInputSmoothness: attributes.integer('recommendedIntermediateInputSmoothness'),
      providesIntermediateUpdate: flag('providesIntermediateUpdate'),
      mightReturnEarlyFromDoStep: flag('mightReturnEarlyFromDoStep'),
      canReturnEarlyAfterIntermediateUpdate: flag('canReturnEarlyAfterIntermediateUpdate'),
      hasEventMode: flag('hasEventMode'),
      providesEvaluateDiscreteStates: flag('providesEvaluateDiscreteStates'),
    }),
  };
}

function readUnknowns(
  structure: XmlElement | undefined,
  name: string,
  known: ReadonlySet<number>,
  problems: Problem[],
): Fmi3Unknown[] {
  return children(structure, name).flatMap((element): Fmi3Unknown[] => {
    const attributes = new AttributeReader(element, problems);
    attributes.required('valueReference');
    const valueReference = attributes.unsigned('valueReference');
    const dependencies = attributes.unsignedList('dependencies');
    const report = (message: string) => problems.push({ message, location: element.location });
    for (const reference of [...(valueReference === undefined ? [] : [valueReference]), ...(dependencies ?? [])]) {
      if (!known.has(reference)) report(`<${name}> refers to the value reference ${reference}, which no variable has`);
    }
    const dependenciesKind = readDependencyKinds(attributes, dependencies, problems);
    if (valueReference === undefined) return [];
    return [{ valueReference, ...defined({ dependencies, dependenciesKind }) }];
  });
}

/** One independent variable (section 2.4.7.4), unique value references, and all outputs among the outputs (2.4.8). */
function checkStructure({ variables, outputs }: Fmi3ModelDescription, root: XmlElement, warnings: Problem[]): void {
  const independent = variables.filter(({ causality }) => causality === 'independent').length;
  if (independent !== 1) {
    warnings.push({ message: `there are ${independent} independent variables, expected one`, location: root.location });
  }
  const listed = new Set(outputs.map(({ valueReference }) => valueReference));
  const byReference = new Map<number, Fmi3Variable>();
  for (const variable of variables) {
    const { name, valueReference, causality, location = root.location } = variable;
    const earlier = byReference.get(valueReference);
    if (earlier !== undefined) {
      warnings.push({ message: `variable '${name}' has the value reference of '${earlier.name}'`, location });
    }
    byReference.set(valueReference, variable);
    if ((causality === 'output') === listed.has(valueReference)) continue;
    const fault = causality === 'output' ? 'is not listed' : `has causality ${causality} but is listed`;
    warnings.push({ message: `variable '${name}' ${fault} as <Output> in ModelStructure`, location });
  }
}
