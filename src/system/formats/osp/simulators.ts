/** The simulators of OspSystemStructure.xml: FMU instances with their initial values. */
import type { Problem } from '../../../support/errors.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import type { DraftComponent, DraftStart } from '../../draft.js';
import type { FmuPlace } from '../remote-place.js';
import { resolveSource } from './source.js';

/** `file` is what sources are relative to. */
export function readSimulators(
  file: string,
  structure: XmlElement,
  problems: Problem[],
  warnings: Problem[],
): DraftComponent[] {
  const [simulators] = childrenIn(structure, structure.namespace, 'Simulators');
  return childrenIn(simulators, structure.namespace, 'Simulator').flatMap((element): DraftComponent[] => {
    const name = new AttributeReader(element, problems).required('name');
    if (name === undefined) return [];
    const { location } = element;
    if (name === '') problems.push({ message: 'a simulator has an empty name', location });
    const attributes = new AttributeReader(element, problems, `simulator '${name}'`);
    const step = attributes.real('stepSize');
    if (step !== undefined && !Number.isFinite(step)) {
      problems.push({ message: `the step size of simulator '${name}' is ${step} s`, location });
    }
    return [
      {
        name,
        ...(readSource(file, attributes, problems) ?? { fmu: undefined }),
        fmuLocation: location,
        start: readInitialValues(element, problems, warnings),
        // 0 stands for the step size of the system.
        ...(step === undefined || step === 0 || !Number.isFinite(step) ? {} : { step: { value: step, location } }),
        roundsStep: true,
      },
    ];
  });
}

function readSource(file: string, attributes: AttributeReader, problems: Problem[]): FmuPlace | undefined {
  const source = attributes.required('source');
  if (source === undefined) return undefined;
  const resolved = resolveSource(source, file);
  if (!('fault' in resolved)) return resolved;
  const { fault, remedy } = resolved;
  const name = attributes.string('name') ?? '';
  problems.push({ message: `simulator '${name}' ${fault}`, location: attributes.element.location, remedy });
  return undefined;
}

function readInitialValues(simulator: XmlElement, problems: Problem[], warnings: Problem[]): DraftStart[] {
  const { namespace } = simulator;
  const values = new Map<string, DraftStart>();
  for (const list of childrenIn(simulator, namespace, 'InitialValues')) {
    for (const element of childrenIn(list, namespace, 'InitialValue')) {
      const variable = new AttributeReader(element, problems).required('variable');
      const [typed] = element.children;
      if (variable === undefined || typed === undefined) continue;
      const value = readValue(typed, problems);
      if (value === undefined) continue;
      if (values.has(variable)) {
        const message = `'${variable}' is given a second initial value, and it is the one that counts`;
        warnings.push({ message, location: element.location });
      }
      values.set(variable, { variable, value, nameLocation: element.location, valueLocation: typed.location });
    }
  }
  return [...values.values()];
}

function readValue(typed: XmlElement, problems: Problem[]): unknown {
  const attributes = new AttributeReader(typed, problems);
  if (attributes.required('value') === undefined) return undefined;
  switch (typed.localName) {
    case 'Real':
      return attributes.real('value');
    case 'Integer':
      return attributes.integer('value');
    case 'Boolean':
      return attributes.boolean('value');
    case 'String':
      return attributes.string('value');
    default:
      return undefined;
  }
}
