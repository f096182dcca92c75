/** Conversion between units that FMUs define by SI base units (FMI 2.0.4, section 2.2.2; the same in FMI 3.0 and SSP). */
import type { UnitDefinition } from '../fmi/index.js';

/** value in `to` = factor * value in `from` + offset */
export interface UnitConversion {
  readonly factor: number;
  readonly offset: number;
}

/** `unknown`: one of the two has no base units; `incompatible`: they measure different quantities. */
export function convertUnit(from: UnitDefinition, to: UnitDefinition): UnitConversion | 'unknown' | 'incompatible' {
  if (from.baseUnit === undefined || to.baseUnit === undefined) return 'unknown';
  const { factor: fromFactor = 1, offset: fromOffset = 0, ...fromExponents } = from.baseUnit;
  const { factor: toFactor = 1, offset: toOffset = 0, ...toExponents } = to.baseUnit;
  for (const exponent of EXPONENTS) {
    if ((fromExponents[exponent] ?? 0) !== (toExponents[exponent] ?? 0)) return 'incompatible';
  }
  // base = fromFactor * x + fromOffset = toFactor * y + toOffset
  return { factor: fromFactor / toFactor, offset: (fromOffset - toOffset) / toFactor };
}

/** Not `rad`, which SI counts as 1 and many tools leave out. */
const EXPONENTS = ['kg', 'm', 's', 'A', 'K', 'mol', 'cd'] as const;
