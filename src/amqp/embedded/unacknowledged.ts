/** The deliveries of a channel that await an answer, by delivery tag: tags are consecutive, so a window suffices. */
import { Deque } from './deque.js';
import type { Entry } from './queue.js';

export class UnacknowledgedWindow {
  readonly #window = new Deque<Entry | undefined>();
  /** The tag of the window's first place. */
  #base = 1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Returns the delivery tag; `undefined` for a delivery that needs no answer. */
  add(entry: Entry | undefined): number {
    const tag = this.#base + this.#window.length;
    this.#window.push(entry);
    if (entry === undefined) this.#trim();
    else this.#count++;
    return tag;
  }

  take(tag: number): Entry | undefined {
    const entry = this.#window.at(tag - this.#base);
    if (entry === undefined) return undefined;
    this.#window.set(tag - this.#base, undefined);
    this.#count--;
    this.#trim();
    return entry;
  }

  /** All up to and including `tag`, oldest first. */
  takeUpTo(tag: number): Entry[] {
    const entries: Entry[] = [];
    while (this.#window.length > 0 && this.#base <= tag) {
      const entry = this.#window.shift();
      this.#base++;
      if (entry !== undefined) entries.push(entry);
    }
    this.#count -= entries.length;
    this.#trim();
    return entries;
  }

  takeAll(): Entry[] {
    return this.takeUpTo(Infinity);
  }

  /** Whether the delivery awaits an answer. */
  has(tag: number): boolean {
    return this.#window.at(tag - this.#base) !== undefined;
  }

  #trim(): void {
    while (this.#window.length > 0 && this.#window.at(0) === undefined) {
      this.#window.shift();
      this.#base++;
    }
  }
}
