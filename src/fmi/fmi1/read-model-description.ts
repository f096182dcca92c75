/** Reads `modelDescription.xml` of an FMI 1.0 FMU (both parts of FMI 1.0, section 3), with every problem and its place. */
import { InvalidFileError, type Problem } from '../../support/errors.js';
import { AttributeReader, defined } from '../../support/xml/attribute-reader.js';
import { children, type XmlElement } from '../../support/xml/tree.js';
import type { UnitDefinition } from '../model-description.js';
import { type Findings, readExperiment, readHeading, readModelIdentifier } from '../read-parts.js';
import type { Fmi1CoSimulation, Fmi1ModelDescription } from './model-description.js';
import { readFmi1Types, readFmi1Variables } from './read-variables.js';

export interface ReadFmi1ModelDescription {
  readonly description: Fmi1ModelDescription;
  /** Where the file breaks the standard without keeping the FMU from being used, and what cannot be used of it. */
  readonly warnings: readonly Problem[];
}

const KINDS: Readonly<Record<string, Fmi1CoSimulation['kind']>> = {
  CoSimulation_StandAlone: 'standalone',
  CoSimulation_Tool: 'tool',
};

/** `root` is the document's; its `fmiVersion` is 1.0. Throws {@link InvalidFileError} with all problems. */
export function readFmi1ModelDescription(file: string, root: XmlElement): ReadFmi1ModelDescription {
  const findings: Findings = { problems: [], warnings: [] };
  const { problems, warnings } = findings;
  const attributes = new AttributeReader(root, problems);
  const modelName = attributes.required('modelName');
  const modelIdentifier = readModelIdentifier(attributes, problems);
  const guid = attributes.required('guid');
  const part = (name: string) => root.children.find((child) => child.name === name);
  const implementation = part('Implementation');
  const coSimulation = readImplementation(implementation, problems);
  const hasModelExchange = implementation === undefined;
  if (hasModelExchange) checkSizes(attributes, warnings);
  const units = readBaseUnits(part('UnitDefinitions'), problems);
  const types = readFmi1Types(part('TypeDefinitions'), findings);
  const { variables, outputs } = readFmi1Variables(part('ModelVariables'), types, findings);
  const experimentPart = part('DefaultExperiment');
  const defaultExperiment = experimentPart === undefined ? undefined : readExperiment(experimentPart, problems);
  const heading = readHeading(attributes);

  if (problems.length > 0) throw new InvalidFileError(file, problems);
  return {
    description: {
      fmiVersion: '1.0',
      // Without problems, what is required was found.
      modelName: modelName!,
      modelIdentifier,
      guid: guid!,
      ...heading,
      ...defined({ coSimulation, defaultExperiment }),
      hasModelExchange,
      units,
      enumerations: [...types.values()].flatMap(({ enumeration }) => (enumeration === undefined ? [] : [enumeration])),
      variables,
      outputs,
    },
    warnings,
  };
}

/** Without an `Implementation` the FMU is one for model exchange. */
function readImplementation(element: XmlElement | undefined, problems: Problem[]): Fmi1CoSimulation | undefined {
  if (element === undefined) return undefined;
  const [implementation, second] = element.children.filter(({ name }) => Object.hasOwn(KINDS, name));
  if (implementation === undefined || second !== undefined) {
    const names = Object.keys(KINDS).map((name) => `<${name}>`);
    const message = `<Implementation> has ${second === undefined ? 'no' : 'more than one'} ${names.join(' or ')}`;
    problems.push({ message, location: (second ?? element).location });
    return undefined;
  }
  const kind = KINDS[implementation.name]!;
  const [capabilities] = children(implementation, 'Capabilities');
  if (capabilities === undefined) {
    problems.push({ message: `<${implementation.name}> has no <Capabilities>`, location: implementation.location });
    return { kind };
  }
  const attributes = new AttributeReader(capabilities, problems);
  const flag = (name: string) => attributes.boolean(name);
  return {
    kind,
    ...defined({
      canHandleVariableCommunicationStepSize: flag('canHandleVariableCommunicationStepSize'),
      canHandleEvents: flag('canHandleEvents'),
      canRejectSteps: flag('canRejectSteps'),
      canInterpolateInputs: flag('canInterpolateInputs'),
      maxOutputDerivativeOrder: attributes.unsigned('maxOutputDerivativeOrder'),
      canRunAsynchronuously: flag('canRunAsynchronuously'),
      canSignalEvents: flag('canSignalEvents'),
      canBeInstantiatedOnlyOncePerProcess: flag('canBeInstantiatedOnlyOncePerProcess'),
      canNotUseMemoryManagementFunctions: flag('canNotUseMemoryManagementFunctions'),
    }),
  };
}

/** What a solver has to know: of no use in co-simulation, so that wrong numbers keep no such FMU from running. */
function checkSizes(attributes: AttributeReader, warnings: Problem[]): void {
  const sizes = new AttributeReader(attributes.element, warnings);
  for (const name of ['numberOfContinuousStates', 'numberOfEventIndicators']) {
    sizes.required(name);
    sizes.unsigned(name);
  }
}

/** Units of FMI 1.0 are names: what they are in SI units is not said, only how a unit for display is converted to one. */
function readBaseUnits(element: XmlElement | undefined, problems: Problem[]): UnitDefinition[] {
  return children(element, 'BaseUnit').flatMap((unit) => {
    const name = new AttributeReader(unit, problems).required('unit');
    return name === undefined ? [] : [{ name }];
  });
}
