/**
 * Where the values of a system lie: one arena of native memory, in it for each component the values that it gives and
 * those that it takes, variables of one type side by side, so that one call of the FMU moves them all.
 */
import { type ModelVariable, storageOf } from '../../fmi/index.js';
import { STORAGE_SIZE, type Storage, textsBegin } from '../../native/index.js';
import { type Component, isFunctionPort, type Port, type System, type Terminal } from '../../system/index.js';

/** A place in the arena: `count` values side by side. */
export interface Slot {
  readonly storage: Storage;
  /** Bytes. */
  readonly offset: number;
  readonly count: number;
}

/** Variables of one component that one call sets or gets. */
export interface Window extends Slot {
  /** By index. */
  readonly variables: readonly number[];
  /** The clock (a variable, by index) at whose ticks they may be touched. */
  readonly clock?: number;
  /** Whether only event mode may touch them. */
  readonly inEvents: boolean;
}

export interface ComponentLayout {
  readonly gives: readonly Window[];
  readonly takes: readonly Window[];
}

/** Doubles of a function: all inputs one after the other, then the output. */
export interface FunctionLayout {
  readonly inputs: Slot;
  readonly output: Slot;
}

type Direction = 'gives' | 'takes';

/** What is kept apart: by type, by clock, by when it may be touched. */
interface Draft {
  readonly component: number;
  readonly direction: Direction;
  readonly storage: Storage;
  readonly clock: number | undefined;
  readonly inEvents: boolean;
  readonly variables: number[];
}

export class Layout {
  readonly components: readonly ComponentLayout[];
  readonly functions: readonly FunctionLayout[];
  /** Bytes of numbers; texts lie behind them. */
  readonly arenaSize: number;
  readonly texts: number;
  readonly #system: System;
  readonly #slots = new Map<string, Slot>();

  /**
   * `given`: variables that are read; `taken`: variables that are set at steps. `eventMode`: by component. What is taken
   * lies in the order in which it is listed.
   */
  constructor(system: System, given: readonly Port[], taken: readonly Port[], eventMode: readonly boolean[]) {
    this.#system = system;
    const drafts = [...this.#collect(given, 'gives', eventMode), ...this.#collect(taken, 'takes', eventMode)];
    const numbers = drafts.filter(({ storage }) => !isText(storage));
    const texts = drafts.filter(({ storage }) => isText(storage));
    let size = 0;
    const reserve = (bytes: number) => {
      // Every window begins on 8 bytes, whatever is in it.
      const offset = (size + 7) & ~7;
      size = offset + bytes;
      return offset;
    };
    const windows: { draft: Draft; window: Window }[] = numbers.map((draft) => {
      const count = this.#count(draft);
      return { draft, window: this.#window(draft, reserve(count * STORAGE_SIZE[draft.storage]), count) };
    });
    this.functions = system.functions.map(({ inputs, dimension }) => ({
      inputs: { storage: 'f64', offset: reserve(8 * inputs * dimension), count: inputs * dimension },
      output: { storage: 'f64', offset: reserve(8 * dimension), count: dimension },
    }));
    this.arenaSize = (size + 7) & ~7;
    let text = 0;
    for (const draft of texts) {
      const count = this.#count(draft);
      windows.push({ draft, window: this.#window(draft, textsBegin(this.arenaSize) + 8 * text, count) });
      text += count;
    }
    this.texts = text;
    const components = system.components.map(() => ({ gives: [] as Window[], takes: [] as Window[] }));
    for (const { draft, window } of windows) components[draft.component]![draft.direction].push(window);
    this.components = components;
  }

  /** The place of what a connection begins at, or of any variable that is read. Undefined: it is not. */
  given(terminal: Terminal): Slot | undefined {
    if (isFunctionPort(terminal)) return elementOf(this.functions[terminal.function]!.output, terminal.element);
    return elementOf(this.#slots.get(key(terminal, 'gives')), terminal.element);
  }

  /** The place of what a connection ends at. */
  taken(terminal: Terminal): Slot | undefined {
    if (!isFunctionPort(terminal)) return elementOf(this.#slots.get(key(terminal, 'takes')), terminal.element);
    const { dimension } = this.#system.functions[terminal.function]!;
    const { inputs } = this.functions[terminal.function]!;
    const offset = inputs.offset + 8 * dimension * (terminal.input ?? 0);
    return elementOf({ storage: 'f64', offset, count: dimension }, terminal.element);
  }

  /** Which of the texts, from 0, lies in a slot. */
  textNumber({ offset }: Slot): number {
    return (offset - textsBegin(this.arenaSize)) / 8;
  }

  #collect(ports: readonly Port[], direction: Direction, eventMode: readonly boolean[]): Draft[] {
    const drafts = new Map<string, Draft>();
    const seen = new Set<string>();
    for (const { component, variable } of ports) {
      const name = key({ component, variable }, direction);
      if (seen.has(name)) continue;
      seen.add(name);
      const owner = this.#system.components[component]!;
      const declared = owner.model.variables[variable]!;
      const storage = storageOf(owner.model.fmi, declared.type);
      const inEvents = eventMode[component] === true && isOfEvents(declared);
      const clock = inEvents ? declared.clocks?.[0] : undefined;
      const group = `${component} ${storage} ${clock} ${inEvents}`;
      const draft = drafts.get(group);
      if (draft === undefined)
        drafts.set(group, { component, direction, storage, clock, inEvents, variables: [variable] });
      else draft.variables.push(variable);
    }
    return [...drafts.values()];
  }

  #count({ component, variables }: Draft): number {
    const owner = this.#system.components[component]!;
    return variables.reduce((sum, variable) => sum + elements(owner, variable), 0);
  }

  /** Notes the places of its variables, too. */
  #window({ component, direction, storage, clock, inEvents, variables }: Draft, offset: number, count: number): Window {
    let at = offset;
    for (const variable of variables) {
      const size = elements(this.#system.components[component]!, variable);
      this.#slots.set(key({ component, variable }, direction), { storage, offset: at, count: size });
      at += size * STORAGE_SIZE[storage];
    }
    return { storage, offset, count, variables, inEvents, ...(clock === undefined ? {} : { clock }) };
  }
}

/** In event mode only: clocks, what changes at their ticks, and discrete inputs (FMI 3.0.2, section 4.2.2). */
function isOfEvents({ type, clocks, causality, variability }: ModelVariable): boolean {
  return type === 'Clock' || (clocks?.length ?? 0) > 0 || (causality === 'input' && variability === 'discrete');
}

function elements(component: Component, variable: number): number {
  return component.sizes.get(variable) ?? 1;
}

function elementOf(slot: Slot | undefined, element: number | undefined): Slot | undefined {
  if (slot === undefined || element === undefined) return slot;
  return { storage: slot.storage, offset: slot.offset + element * STORAGE_SIZE[slot.storage], count: 1 };
}

export function isText(storage: Storage): boolean {
  return storage === 'text' || storage === 'bytes';
}

function key({ component, variable }: Pick<Port, 'component' | 'variable'>, direction: Direction): string {
  return `${direction} ${component} ${variable}`;
}
