/** FMI 3.0: clocks, and what components exchange in event mode. */
import { isElsewhere, isFunctionPort, type Port, type System } from '../../system/index.js';
import type { PlanCode } from './code.js';
import type { Layout, Window } from './layout.js';
import type { ValueCode } from './values.js';

/** By component: whether the plan handles its events. Nothing is gained of it where there are no clocks. */
export function eventModes({ components }: System): boolean[] {
  return components.map(
    (component) =>
      component.model.capabilities.eventMode &&
      !isElsewhere(component) &&
      component.model.variables.some(({ type }) => type === 'Clock'),
  );
}

/** Input clocks that tick by themselves, at intervals that the FMU tells. */
export function timersOf(system: System, eventMode: readonly boolean[]): Port[] {
  const fed = new Set(system.connections.flatMap(({ to }) => (isFunctionPort(to) ? [] : [key(to)])));
  return system.components.flatMap(({ model }, component) =>
    eventMode[component] !== true
      ? []
      : model.variables.flatMap(({ type, causality, intervalVariability }, variable) => {
          const isPeriodic = type === 'Clock' && causality === 'input' && intervalVariability !== 'triggered';
          return isPeriodic && !fed.has(key({ component, variable })) ? [{ component, variable }] : [];
        }),
  );
}

/** Of components whose clocked outputs are read: the clocks have to be asked. */
export function outputClocksOf(system: System, eventMode: readonly boolean[]): Port[] {
  return system.components.flatMap(({ model }, component) =>
    eventMode[component] !== true
      ? []
      : model.variables.flatMap(({ type, causality }, variable) =>
          type === 'Clock' && causality === 'output' ? [{ component, variable }] : [],
        ),
  );
}

export class EventCode {
  readonly #system: System;
  readonly #code: PlanCode;
  readonly #layout: Layout;
  readonly #values: ValueCode;

  constructor(system: System, code: PlanCode, layout: Layout, values: ValueCode) {
    this.#system = system;
    this.#code = code;
    this.#layout = layout;
    this.#values = values;
  }

  /** Of these components, those that give before those that take, whatever the algorithm: an event takes no time. */
  exchange(components: readonly number[]): void {
    for (const component of components) {
      const { takes, gives } = this.#layout.components[component]!;
      const clocksFirst = (windows: readonly Window[]) =>
        windows
          .filter(({ inEvents }) => inEvents)
          .toSorted((a, b) => Number(b.storage === 'clock') - Number(a.storage === 'clock'));
      // One that is in the middle of a longer step takes no part.
      this.#code.every(this.#system.components[component]!.every, 0, () => {
        for (const window of clocksFirst(takes)) {
          this.#whenTicking(component, window, () => this.#values.setWindow(component, window));
        }
        for (const window of clocksFirst(gives)) {
          this.#whenTicking(component, window, () => this.#values.getWindow(component, window));
        }
        for (const window of gives) if (!window.inEvents) this.#values.getWindow(component, window);
      });
    }
  }

  #whenTicking(component: number, { clock }: Window, fill: () => void): void {
    if (clock === undefined) {
      fill();
      return;
    }
    const port = { component, variable: clock };
    const slot = this.#layout.taken(port) ?? this.#layout.given(port);
    // Without a slot it is a clock that never ticks.
    if (slot !== undefined) this.#code.when(slot.offset, fill);
  }
}

function key({ component, variable }: Port): string {
  return `${component} ${variable}`;
}
