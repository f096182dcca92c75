/**
 * What SSP leaves to annotations: how to step. Those of the Open Simulation Platform are for libcosim too, that of OMSimulator
 * is read; our own holds what no other has words for, as a system file in YAML.
 */
import { didYouMean } from '../../../support/nearest.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, isNamed, type XmlElement } from '../../../support/xml/tree.js';
import type { Located } from '../../draft.js';
import { annotationsOf, type Findings } from './document.js';

export const OSP = 'http://opensimulationplatform.com/SSP/OSPAnnotations';
export const OSP_TYPE = 'com.opensimulationplatform';
export const TWINBRIDGE = 'urn:twinbridge:ssp';
export const TWINBRIDGE_TYPE = 'twinbridge';

export interface OspStepping {
  readonly size?: Located<number>;
  readonly threads?: number;
}

/** Of a default experiment. */
export function readOspStepping(experiment: XmlElement | undefined, findings: Findings): OspStepping {
  for (const algorithm of annotationsOf(experiment, OSP_TYPE).filter((one) => isNamed(one, OSP, 'Algorithm'))) {
    const [fixed] = childrenIn(algorithm, OSP, 'FixedStepAlgorithm');
    if (fixed === undefined) {
      const [other] = algorithm.children;
      const name = other?.localName ?? '';
      const message = `<${algorithm.name}> has no <FixedStepAlgorithm>${didYouMean(name, ['FixedStepAlgorithm'])}`;
      findings.warnings.push({ message, location: algorithm.location });
      continue;
    }
    const attributes = new AttributeReader(fixed, findings.problems);
    attributes.required('baseStepSize');
    const size = attributes.real('baseStepSize');
    const threads = attributes.unsigned('numWorkerThreads');
    return {
      ...(size === undefined ? {} : { size: { value: size, location: fixed.location } }),
      ...(threads === undefined || threads === 0 ? {} : { threads }),
    };
  }
  return {};
}

const OMS = 'https://raw.githubusercontent.com/OpenModelica/OMSimulator/master/schema/oms.xsd';

/** Of a system, as OMSimulator writes it, s. */
export function readOmsStepSize(system: XmlElement, { problems }: Findings): Located<number> | undefined {
  const [master] = annotationsOf(system, 'org.openmodelica')
    .flatMap((one) => (isNamed(one, OMS, 'Annotations') ? one.children : [one]))
    .flatMap((one) => (isNamed(one, OMS, 'SimulationInformation') ? childrenIn(one, OMS, 'FixedStepMaster') : []));
  const value = master && new AttributeReader(master, problems).real('stepSize');
  return master === undefined || value === undefined ? undefined : { value, location: master.location };
}

/** Of a component, s. */
export function readStepSizeHint(component: XmlElement, { problems }: Findings): Located<number> | undefined {
  const hint = annotationsOf(component, OSP_TYPE).find((one) => isNamed(one, OSP, 'StepSizeHint'));
  if (hint === undefined) return undefined;
  const attributes = new AttributeReader(hint, problems);
  attributes.required('value');
  const value = attributes.real('value');
  return value === undefined ? undefined : { value, location: hint.location };
}

/** Our own annotation: the text of a system file. */
export function readSettings(
  description: XmlElement,
): { readonly text: string; readonly element: XmlElement } | undefined {
  const element = annotationsOf(description, TWINBRIDGE_TYPE).find((one) => isNamed(one, TWINBRIDGE, 'System'));
  const text = element?.attributes.get('settings');
  return element === undefined || text === undefined ? undefined : { text, element };
}

/** At a connection, which function it stands for in tools that do not know functions. */
export function readInstead(connection: XmlElement): string | undefined {
  const element = annotationsOf(connection, TWINBRIDGE_TYPE).find((one) => isNamed(one, TWINBRIDGE, 'Instead'));
  return element?.attributes.get('function');
}
