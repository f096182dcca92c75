/** A double-ended queue in a circular array: every operation but {@link Deque.insertBefore} takes constant time. */
export class Deque<T> {
  #items: (T | undefined)[] = new Array(16);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item;
    this.#length++;
  }

  unshift(item: T): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#items.length - 1);
    this.#items[this.#head] = item;
    this.#length++;
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length--;
    return item;
  }

  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    return this.#items[(this.#head + index) & (this.#items.length - 1)];
  }

  set(index: number, item: T): void {
    this.#items[(this.#head + index) & (this.#items.length - 1)] = item;
  }

  /** Inserts before the first item for which `isLater` holds, searching from the front; the last place if none. */
  insertBefore(isLater: (item: T) => boolean, item: T): void {
    let index = 0;
    while (index < this.#length && !isLater(this.at(index)!)) index++;
    this.unshift(item);
    for (let i = 0; i < index; i++) this.set(i, this.at(i + 1)!);
    this.set(index, item);
  }

  clear(): void {
    this.#items = new Array(16);
    this.#head = 0;
    this.#length = 0;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#length; i++) yield this.at(i)!;
  }

  #grow(): void {
    const old = this.#items;
    const grown: (T | undefined)[] = new Array(old.length * 2);
    for (let i = 0; i < this.#length; i++) grown[i] = old[(this.#head + i) & (old.length - 1)];
    this.#items = grown;
    this.#head = 0;
  }
}
