/** Steps that end where a bridge's next sample is due, within bounds. */
import {
  type Advance,
  advanceWithin,
  isLeftOver,
  type Limits,
  type Simulation,
  STEP_TOLERANCE,
  type Stepper,
} from './stepper.js';

export class DataStepper implements Stepper {
  readonly rejected = 0;
  readonly #simulation: Simulation;
  readonly #component: number;
  readonly #minimum: number;
  readonly #maximum: number;
  /** The diagnostic `next_time` of a bridge, by index; -1: it has none. */
  readonly #nextTime: number;

  constructor(simulation: Simulation, component: number, minimum: number, maximum: number) {
    this.#simulation = simulation;
    this.#component = component;
    this.#minimum = minimum;
    this.#maximum = maximum;
    this.#nextTime = simulation.system.components[component]!.model.variables.findIndex(
      ({ name, causality }) => causality === 'output' && (name === 'next_time' || name.endsWith('.next_time')),
    );
  }

  isAtEnd(end: number): boolean {
    return isLeftOver(end, this.#simulation.time, this.#minimum);
  }

  advance(limits: Limits): Advance {
    return advanceWithin(limits, this.#simulation, this.#minimum, (limit) => this.#step(limit));
  }

  #step(limit: number): Advance {
    const { time, steps } = this.#simulation;
    const wanted = Math.min(this.#maximum, Math.max(this.#minimum, this.#toNextSample()));
    // What rounding leaves over is no step of its own.
    const left = limit - time;
    this.#simulation.setGrid(time, left - wanted < STEP_TOLERANCE * this.#minimum ? left : wanted);
    return this.#simulation.advance(steps + 1);
  }

  /** s; the greatest step while no sample waits. */
  #toNextSample(): number {
    const instance = this.#simulation.instances[this.#component]!;
    const size = instance.maxStepSize();
    if (size !== undefined) return size;
    if (this.#nextTime >= 0) return Number(instance.get(this.#nextTime)[0]) - this.#simulation.time;
    // With FMI 3.0 it tells in event mode, and samples may have come since it was in it.
    if (this.#simulation.plan.eventMode[this.#component] === true) this.#simulation.handleEvents();
    const event = this.#simulation.nextEvent;
    return event === undefined ? this.#maximum : event - this.#simulation.time;
  }
}
