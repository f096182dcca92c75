/** The instructions of a step plan and the numbers that they refer to, while they are put together. */
import { type PlanInstruction, poolDouble } from '../../native/index.js';

export class PlanCode {
  readonly instructions: PlanInstruction[] = [];
  readonly pool: number[] = [];
  readonly #lists = new Map<string, number>();

  get length(): number {
    return this.instructions.length;
  }

  emit(instruction: PlanInstruction): void {
    this.instructions.push(instruction);
  }

  /** Where what is filled in begins and ends. */
  section(fill: () => void): readonly [number, number] {
    const begin = this.length;
    fill();
    return [begin, this.length];
  }

  /** What is filled in is done at the steps of a period that have the phase; 1: at all. */
  every(period: number, phase: number, fill: () => void): void {
    if (period === 1) fill();
    else this.#guarded((inside) => ({ op: 'every', a: period, b: phase, c: inside }), fill);
  }

  /** What is filled in is done when the clock at this place of the arena ticks. */
  when(clock: number, fill: () => void): void {
    this.#guarded((inside) => ({ op: 'when', a: clock, c: inside }), fill);
  }

  /** What is filled in is repeated. */
  loop(fill: () => void, complete: (inside: number) => PlanInstruction): void {
    this.#guarded(complete, fill);
  }

  /** Places numbers in the pool; the same `name` only once. */
  list(name: string, numbers: () => readonly number[]): number {
    const known = this.#lists.get(name);
    if (known !== undefined) return known;
    const place = this.place(...numbers());
    this.#lists.set(name, place);
    return place;
  }

  place(...numbers: readonly number[]): number {
    const place = this.pool.length;
    for (const number of numbers) this.pool.push(number);
    return place;
  }

  placeDoubles(...numbers: readonly number[]): number {
    return this.place(...numbers.flatMap(poolDouble));
  }

  /** Nothing is left of a guard with nothing inside. */
  #guarded(complete: (inside: number) => PlanInstruction, fill: () => void): void {
    const at = this.length;
    this.emit({ op: 'every' });
    fill();
    const inside = this.length - at - 1;
    if (inside === 0) this.instructions.pop();
    else this.instructions[at] = complete(inside);
  }
}
