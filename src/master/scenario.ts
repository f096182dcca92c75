/**
 * Changes at run time: those of a scenario, at their times, and those asked for while it runs.
 *
 * What the step plan moves (connected inputs, outputs) it patches on the way; other variables are set, and get back the
 * value they had when they were first touched.
 */
import type { ModelValue } from '../fmi/index.js';
import { type Port, portName, type ScenarioEvent, type System, variableAt } from '../system/index.js';
import type { VariableValue } from './report.js';
import { isReachedByPlan, type Simulation } from './simulation.js';

/** Of the step: an event so near is at the communication point. */
const NEAR = 1e-9;

export class ScenarioPlayer {
  readonly #simulation: Simulation;
  readonly #events: readonly ScenarioEvent[];
  readonly #end: number | undefined;
  /** s; what scenario times count from. */
  readonly #start: number;
  readonly #originals = new Map<string, { readonly port: Port; readonly value: ModelValue }>();
  readonly #patched = new Map<string, Port>();
  #next = 0;
  #isOver: boolean;

  constructor(simulation: Simulation) {
    const { scenario, start } = simulation.system;
    this.#simulation = simulation;
    this.#events = scenario?.events ?? [];
    this.#end = scenario?.end;
    this.#start = start;
    this.#isOver = scenario === undefined;
  }

  /** The communication point that must not be passed over, s. */
  get due(): number {
    if (this.#isOver) return Number.POSITIVE_INFINITY;
    const next = this.#events[this.#next]?.time ?? this.#end;
    return next === undefined ? Number.POSITIVE_INFINITY : this.#start + next;
  }

  /** Makes the changes that are due at the present communication point; they show in the step that begins there. */
  apply(): void {
    if (this.#isOver) return;
    const elapsed = this.#simulation.time - this.#start;
    const isDue = (time: number) => time <= elapsed + NEAR * Math.max(1, Math.abs(elapsed));
    while (this.#next < this.#events.length && isDue(this.#events[this.#next]!.time)) {
      this.#change(this.#events[this.#next]!);
      this.#next += 1;
    }
    if (this.#next < this.#events.length || this.#end === undefined || !isDue(this.#end)) return;
    for (const port of this.#patched.values()) this.#simulation.patch(port, 'off');
    for (const { port, value } of this.#originals.values()) this.#simulation.set(port, [value]);
    this.#isOver = true;
  }

  #change({ port, action, value = 0 }: ScenarioEvent): void {
    const { system } = this.#simulation;
    const name = portName(system, port);
    if (isReachedByPlan(system, port)) {
      this.#patched.set(name, port);
      this.#simulation.patch(port, action === 'reset' ? 'off' : action, value);
      return;
    }
    let original = this.#originals.get(name);
    if (original === undefined) {
      original = { port, value: this.#simulation.get(port)[0]! };
      this.#originals.set(name, original);
    }
    if (action === 'reset') this.#simulation.set(port, [original.value]);
    else if (action === 'override') this.#simulation.set(port, [value]);
    else this.#simulation.set(port, [biased(system, port, original.value, value)]);
  }
}

function biased(system: System, port: Port, original: ModelValue, bias: VariableValue): ModelValue {
  const { type } = variableAt(system, port);
  if (type === 'Int64' || type === 'UInt64') return BigInt(original as bigint) + BigInt(Math.round(Number(bias)));
  return Number(original) + Number(bias);
}
