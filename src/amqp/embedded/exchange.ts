/** Exchanges and how each type chooses among its bindings. */

import type { Queue } from './queue.js';
import { type Field, type FieldTable, sameField } from './wire/field-table.js';

export const EXCHANGE_TYPES = ['direct', 'fanout', 'topic', 'headers'] as const;
export type ExchangeType = (typeof EXCHANGE_TYPES)[number];

export interface Binding {
  readonly destination: Queue | Exchange;
  readonly routingKey: string;
  readonly arguments: FieldTable;
  /** The routing key split at its dots, for topic exchanges. */
  readonly words: readonly string[];
}

export interface ExchangeSettings {
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: FieldTable;
}

export class Exchange {
  readonly name: string;
  readonly type: ExchangeType;
  readonly settings: ExchangeSettings;
  readonly #bindings: Binding[] = [];

  constructor(name: string, type: ExchangeType, settings: ExchangeSettings) {
    this.name = name;
    this.type = type;
    this.settings = settings;
  }

  get bindingCount(): number {
    return this.#bindings.length;
  }

  bind(destination: Queue | Exchange, routingKey: string, args: FieldTable): void {
    if (this.#find(destination, routingKey, args) >= 0) return;
    this.#bindings.push({ destination, routingKey, arguments: args, words: routingKey.split('.') });
  }

  /** Whether there was such a binding. */
  unbind(destination: Queue | Exchange, routingKey: string, args: FieldTable): boolean {
    const index = this.#find(destination, routingKey, args);
    if (index < 0) return false;
    this.#bindings.splice(index, 1);
    return true;
  }

  /** Drops all bindings to a deleted destination; whether there were any. */
  forget(destination: Queue | Exchange): boolean {
    const before = this.#bindings.length;
    for (let i = before - 1; i >= 0; i--) {
      if (this.#bindings[i]!.destination === destination) this.#bindings.splice(i, 1);
    }
    return this.#bindings.length < before;
  }

  /** Calls `visit` with the destination of each binding that matches (one destination may come more than once). */
  match(routingKey: string, headers: FieldTable, visit: (destination: Queue | Exchange) => void): void {
    switch (this.type) {
      case 'direct':
        for (const binding of this.#bindings) if (binding.routingKey === routingKey) visit(binding.destination);
        return;
      case 'fanout':
        for (const binding of this.#bindings) visit(binding.destination);
        return;
      case 'topic': {
        const words = routingKey.split('.');
        for (const binding of this.#bindings) if (matchesTopic(binding.words, words)) visit(binding.destination);
        return;
      }
      case 'headers':
        for (const binding of this.#bindings)
          if (matchesHeaders(binding.arguments, headers)) visit(binding.destination);
        return;
    }
  }

  #find(destination: Queue | Exchange, routingKey: string, args: FieldTable): number {
    return this.#bindings.findIndex(
      (binding) =>
        binding.destination === destination &&
        binding.routingKey === routingKey &&
        sameField({ type: 'F', value: binding.arguments }, { type: 'F', value: args }),
    );
  }
}

/** `*` stands for one word, `#` for any number of them, none included (section 3.1.3.3). */
export function matchesTopic(pattern: readonly string[], words: readonly string[]): boolean {
  // Greedy with one step back: where it fails, the last `#` takes one word more.
  let p = 0;
  let w = 0;
  let hashAt = -1;
  let resumeAt = 0;
  while (w < words.length) {
    if (pattern[p] === '#') {
      hashAt = p++;
      resumeAt = w;
    } else if (p < pattern.length && (pattern[p] === '*' || pattern[p] === words[w])) {
      p++;
      w++;
    } else if (hashAt >= 0) {
      p = hashAt + 1;
      w = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[p] === '#') p++;
  return p === pattern.length;
}

/** `x-match` all or any; a void value asks for presence only; `x-` keys count only with `all-with-x`, `any-with-x`. */
export function matchesHeaders(wanted: FieldTable, headers: FieldTable): boolean {
  const mode = wanted.get('x-match');
  const match = mode?.type === 'S' ? mode.value.toString('latin1') : 'all';
  const withX = match.endsWith('-with-x');
  const any = match.startsWith('any');
  for (const [key, value] of wanted) {
    if (key === 'x-match' || (!withX && key.startsWith('x-'))) continue;
    const present = headers.get(key);
    if (matchesValue(value, present) === any) return any;
  }
  return !any;
}

function matchesValue(wanted: Field, present: Field | undefined): boolean {
  if (present === undefined) return false;
  return wanted.type === 'V' || sameField(wanted, present);
}
