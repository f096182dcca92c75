/** What a program that serves an FMU has to know of it once it is unpacked: a text for fmu-shim/src/remote/opened.h. */
import { type ModelFolder, resourcesOf } from './fmu-instance.js';
import type { FmuModel, ModelVariable } from './fmu-model.js';
import { FMI_NUMBER } from './model-library.js';
import { libraryFile } from './platform.js';
import { storageOf } from './storage.js';

/** Throws `FmuPlatformError`, and RangeError where a path or a name has a line break. */
export function openedRecord(folder: ModelFolder): string {
  const { file, directory, model } = folder;
  const { fmi, token, modelIdentifier = '', variables } = model;
  const entries: [string, string][] = [
    ['twinbridge-opened', '1'],
    ['fmi', String(FMI_NUMBER[fmi])],
    ['library', libraryFile(file, directory, modelIdentifier, fmi)],
    ['identifier', modelIdentifier],
    ['token', token],
    ['resources', resourcesOf(folder)],
  ];
  if (fmi === '3.0') {
    for (const variable of variables) {
      const { valueReference, type } = variable;
      entries.push(['variable', `${valueReference} ${storageOf(fmi, type)} ${elementsOf(model, variable)}`]);
    }
  }
  return entries
    .map(([key, value]) => {
      if (/[\r\n\0]/.test(value)) throw new RangeError(`the ${key} of ${file} has a line break in it`);
      return `${key} ${value}\n`;
    })
    .join('');
}

/** As long as structural parameters have the values that the FMU declares. */
function elementsOf({ variables }: FmuModel, { dimensions }: ModelVariable): number {
  return dimensions.reduce((product, dimension) => {
    if ('start' in dimension) return product * Number(dimension.start);
    const parameter = variables.find(({ valueReference }) => valueReference === dimension.valueReference);
    return product * Number(parameter?.start?.[0] ?? 0);
  }, 1);
}
