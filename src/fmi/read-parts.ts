/** Parts of a modelDescription.xml that FMI 2.0 and FMI 3.0 have in common. */
import type { Problem } from '../support/errors.js';
import { AttributeReader, defined } from './attribute-reader.js';
import type { DefaultExperiment, LogCategory } from './model-description.js';
import { children } from './read-variables.js';
import type { XmlElement } from './xml.js';

export function readLogCategories(element: XmlElement | undefined, problems: Problem[]): LogCategory[] {
  return children(element, 'Category').flatMap((category): LogCategory[] => {
    const entry = new AttributeReader(category, problems);
    const name = entry.required('name');
    return name === undefined ? [] : [{ name, ...defined({ description: entry.string('description') }) }];
  });
}

export function readExperiment(element: XmlElement, problems: Problem[]): DefaultExperiment {
  const attributes = new AttributeReader(element, problems);
  return defined({
    startTime: attributes.real('startTime'),
    stopTime: attributes.real('stopTime'),
    tolerance: attributes.real('tolerance'),
    stepSize: attributes.real('stepSize'),
  });
}
