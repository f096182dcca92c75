/**
 * Values that go round a loop: from what went in and what came out, what goes in next.
 *
 * The loop's response to its inputs is learnt from all rounds so far by least squares (J. Degroote, K.-J. Bathe and J.
 * Vierendeels, Performance of a new partitioned procedure versus a monolithic procedure in fluid-structure interaction,
 * 2009, section 3.2): a linear loop of n values settles in n + 2 rounds, whatever its gain, where passing on the values
 * alone would diverge. fmu-shim/src/plan/fixed_point.c does the same at steps.
 */

/** Differences remembered: a round costs their number times that of the values. */
const MAX_DIFFERENCES = 32;
/** A difference that has so little of its own, relatively, is made of the others and rounding. */
const INDEPENDENT = 1e-10;

export class FixedPoint {
  /** Of the residuals and of what came out, between rounds; the newest first. */
  readonly #residuals: Float64Array[] = [];
  readonly #results: Float64Array[] = [];
  #last: { readonly residual: Float64Array; readonly came: Float64Array } | undefined;

  /** What goes in next. */
  next(used: Float64Array, came: Float64Array): Float64Array {
    const residual = came.map((value, k) => value - used[k]!);
    const last = this.#last;
    this.#last = { residual, came };
    if (last !== undefined) {
      this.#residuals.unshift(residual.map((value, k) => value - last.residual[k]!));
      this.#results.unshift(came.map((value, k) => value - last.came[k]!));
      const room = Math.min(MAX_DIFFERENCES, used.length);
      this.#residuals.splice(room);
      this.#results.splice(room);
    }
    const next = came.slice();
    const factors = leastSquares(this.#residuals, residual);
    for (const [j, factor] of factors.entries()) {
      for (let k = 0; k < next.length; k++) next[k] = next[k]! + factor * this.#results[j]![k]!;
    }
    return next.every(Number.isFinite) ? next : came;
  }
}

/** The factors c of the columns with which |columns c + target| is smallest; 0 where a column is no news. */
function leastSquares(columns: readonly Float64Array[], target: Float64Array): number[] {
  const basis: { readonly of: number; readonly q: Float64Array; readonly r: number[] }[] = [];
  for (const [of, column] of columns.entries()) {
    const q = column.slice();
    const size = norm(column);
    const r = basis.map(({ q: other }) => {
      const part = dot(other, q);
      for (let k = 0; k < q.length; k++) q[k] = q[k]! - part * other[k]!;
      return part;
    });
    const own = norm(q);
    if (!(own > INDEPENDENT * size)) continue;
    for (let k = 0; k < q.length; k++) q[k] = q[k]! / own;
    basis.push({ of, q, r: [...r, own] });
  }
  const factors = new Array<number>(columns.length).fill(0);
  const right = basis.map(({ q }) => -dot(q, target));
  for (let j = basis.length - 1; j >= 0; j--) {
    let sum = right[j]!;
    for (let i = j + 1; i < basis.length; i++) sum -= basis[i]!.r[j]! * factors[basis[i]!.of]!;
    factors[basis[j]!.of] = sum / basis[j]!.r[j]!;
  }
  return factors;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}
