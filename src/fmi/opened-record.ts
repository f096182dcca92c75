/**
 * The opened record: what a program in C that serves an FMU (fmu-shim/proxyfmu) has to know of it once it is unpacked. A
 * text, one `key value` a line; fmu-shim/src/remote/opened.h reads it.
 */
import { InvalidInputError } from '../support/errors.js';
import type { ModelFolder } from './fmu-instance.js';
import { FMI_NUMBER, type FmuModel, type ModelVariable } from './fmu-model.js';
import { libraryFile } from './platform.js';
import { resourcesOf } from './resources.js';
import { storageOf } from './storage.js';

/** Throws the errors of finding the library (errors.ts), and {@link InvalidInputError} for what no line can hold. */
export function openedRecord(folder: ModelFolder): string {
  const { file, directory, model } = folder;
  const { fmi, modelIdentifier, token } = model;
  const lines = [
    ['fmi', FMI_NUMBER[fmi]],
    ['library', libraryFile(file, directory, modelIdentifier, fmi)],
    ['identifier', modelIdentifier],
    ['token', token],
    ['resources', resourcesOf(folder)],
  ].map(([key, value]) => `${key} ${oneLine(file, `${key}`, `${value}`)}`);
  return `${['twinbridge-opened 1', ...lines, ...variableLines(model)].join('\n')}\n`;
}

/** Only of FMI 3.0, whose functions want to know. */
function variableLines(model: FmuModel): string[] {
  if (model.fmi !== '3.0') return [];
  const byReference = new Map(model.variables.map((variable) => [variable.valueReference, variable]));
  return model.variables.map((variable) => {
    const { valueReference, type } = variable;
    return `variable ${valueReference} ${storageOf('3.0', type)} ${elementsOf(variable, byReference)}`;
  });
}

/** As long as no structural parameter is changed. */
function elementsOf({ dimensions }: ModelVariable, byReference: ReadonlyMap<number, ModelVariable>): bigint {
  return dimensions.reduce((size, dimension) => {
    if ('start' in dimension) return size * dimension.start;
    return size * BigInt(String(byReference.get(dimension.valueReference)?.start?.[0] ?? 0));
  }, 1n);
}

function oneLine(file: string, key: string, value: string): string {
  if (!/[\n\r\0]/.test(value)) return value;
  throw new InvalidInputError(`the ${key} of ${file} has a line break in it: ${JSON.stringify(value)}`, {
    location: { file },
    remedy: key === 'token' ? 'export the FMU anew' : 'put it where no name has a line break',
  });
}
