/** The step size of a container that does not say one. */
import type { FmuModel } from '../../../fmi/index.js';

/** What counts of a member. */
export interface SteppedMember {
  readonly name: string;
  /** Of its default experiment, s. */
  readonly step?: number;
  readonly variableStepSize: boolean;
}

export function steppedMember(name: string, { capabilities, defaultExperiment }: FmuModel): SteppedMember {
  const { variableStepSize } = capabilities;
  const step = defaultExperiment?.stepSize;
  return { name, variableStepSize, ...(step === undefined ? {} : { step }) };
}

/**
 * The least common multiple of the step sizes that cannot be others, else the largest, else 0.1 s. `fault`: there is no
 * common multiple that anyone could want.
 */
export function deduceStep(members: readonly SteppedMember[]): { step: number; isGuess: boolean } | { fault: string } {
  const known = members.flatMap((member) => (member.step === undefined || !(member.step > 0) ? [] : [member]));
  const [first, ...others] = known.filter(({ variableStepSize }) => !variableStepSize).map(({ step }) => step!);
  if (first === undefined) {
    if (known.length === 0) return { step: 0.1, isGuess: true };
    return { step: Math.max(...known.map(({ step }) => step!)), isGuess: false };
  }
  const multiple = others.reduce((common, step) => leastCommonMultiple(common, decimal(step)), decimal(first));
  const step = toNumber(multiple);
  const largest = Math.max(first, ...others);
  if (step <= 1000 * largest) return { step, isGuess: false };
  return { fault: `the step sizes ${[first, ...others].join(', ')} s have no common multiple below ${step} s` };
}

/** `digits` * 10^-`places` */
interface Decimal {
  readonly digits: bigint;
  readonly places: number;
}

/** Exactly what the shortest notation of the number says. */
function decimal(value: number): Decimal {
  const [mantissa = '0', exponent = '0'] = String(value).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places < 0 ? { digits: digits * 10n ** BigInt(-places), places: 0 } : { digits, places };
}

function toNumber({ digits, places }: Decimal): number {
  return Number(`${digits}e-${places}`);
}

function leastCommonMultiple(a: Decimal, b: Decimal): Decimal {
  const places = Math.max(a.places, b.places);
  const [x, y] = [a, b].map((one) => one.digits * 10n ** BigInt(places - one.places)) as [bigint, bigint];
  return { digits: (x / greatestCommonDivisor(x, y)) * y, places };
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}

/** Whether `step` is a multiple of `base`, as decimal fractions. */
export function isMultiple(step: number, base: number): boolean {
  const [x, y] = [decimal(step), decimal(base)];
  const places = Math.max(x.places, y.places);
  const [a, b] = [x, y].map((one) => one.digits * 10n ** BigInt(places - one.places)) as [bigint, bigint];
  return a % b === 0n;
}
