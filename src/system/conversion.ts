/** What is done to a number on its way, step by step, made one: result = factor * number + offset. */
import type { UnitDefinition } from '../fmi/index.js';
import type { DraftNumberStep } from './draft.js';
import { convertUnit, type UnitConversion } from './units.js';

/** Two units that meet on the way and cannot be converted: the value passes as it is. */
export interface UnitFault {
  readonly from: UnitDefinition;
  readonly to: UnitDefinition;
  readonly fault: 'unknown' | 'incompatible';
}

export interface Composed extends UnitConversion {
  readonly faults: readonly UnitFault[];
}

/** `first` and `last` are the units at the two ends of the way; undefined: none. */
export function composeSteps(
  steps: readonly DraftNumberStep[],
  first: UnitDefinition | undefined,
  last: UnitDefinition | undefined,
): Composed {
  let [factor, offset] = [1, 0];
  let unit = first;
  const faults: UnitFault[] = [];
  const apply = (next: UnitConversion) => {
    [factor, offset] = [next.factor * factor, next.factor * offset + next.offset];
  };
  for (const step of steps) {
    if (step.kind === 'linear') {
      apply(step);
      continue;
    }
    const to = step.to === 'end' ? last : step.to;
    if (step.convert && unit !== undefined && to !== undefined && unit.name !== to.name) {
      const conversion = convertUnit(unit, to);
      if (typeof conversion === 'string') faults.push({ from: unit, to, fault: conversion });
      else apply(conversion);
    }
    unit = to ?? unit;
  }
  return { factor, offset, faults };
}
