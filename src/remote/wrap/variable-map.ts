/** Which variable of the FMU behind a variable of the wrapped one is (fmu-shim/wrap/variables.h). */
import { type FmiVersion, type ModelVariable, storageOf } from '../../fmi/index.js';
import type { Storage } from '../../native/index.js';

export interface MappedVariable {
  readonly storage: Storage;
  readonly valueReference: number;
  /** `time`: there is none, it is the communication point. */
  readonly theirStorage: Storage | 'time';
  readonly theirReference: number;
  /** Of the variable behind, and which of them it is, from 0. */
  readonly elements: number;
  readonly element: number;
}

/** What a description was made for, and what it leaves out. */
export interface Conversion<Description> {
  readonly description: Description;
  /** Empty: each is what it is behind. */
  readonly map: readonly MappedVariable[];
  readonly warnings: readonly string[];
}

export function formatMapped(variable: MappedVariable): string {
  const { storage, valueReference, theirStorage, theirReference, elements, element } = variable;
  return `variable ${storage} ${valueReference} ${theirStorage} ${theirReference} ${elements} ${element}`;
}

export function mapped(
  fmi: FmiVersion,
  { type, valueReference: theirReference }: ModelVariable,
  own: { readonly storage: Storage; readonly valueReference: number },
  elements: number = 1,
  element: number = 0,
): MappedVariable {
  return { ...own, theirStorage: storageOf(fmi, type), theirReference, elements, element };
}
