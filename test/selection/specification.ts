/**
 * The executable specification of selection: the paper's rules (sections 4 and 5.4 of "RMQFMU: Bridging the Real World
 * with Co-simulation") as plainly as they can be said, one chain per signal, nothing clever.
 *
 * A chain: incoming (order of arrival) → list (order of time, stable) → current value.
 */

export interface Message {
  readonly time: bigint;
  /** Value by signal; a message may carry any subset. */
  readonly values: ReadonlyMap<number, number>;
}

interface Entry {
  readonly time: bigint;
  readonly value: number;
}

interface Chain {
  incoming: Entry[];
  list: Entry[];
  current: Entry | undefined;
}

export interface Rule {
  readonly behaviour: 0 | 1 | 2;
  readonly lookahead: number;
  readonly maxage: bigint;
}

export class Specification {
  readonly chains: Chain[];
  /** RMQFMU 0 consumes message by message, whatever they carry. */
  #unread: Message[] = [];

  constructor(signals: number) {
    this.chains = Array.from({ length: signals }, () => ({ incoming: [], list: [], current: undefined }));
  }

  arrive(message: Message): void {
    this.#unread.push(message);
  }

  /** Message by message, until every signal has a value within maxage of the newest. */
  initialise(maxage: bigint): boolean {
    for (;;) {
      const times = this.chains.map((chain) => chain.current?.time);
      if (times.every((time) => time !== undefined)) {
        const newest = times.reduce((a, b) => (a > b ? a : b));
        if (times.every((time) => time + maxage >= newest)) return true;
      }
      const message = this.#unread.shift();
      if (message === undefined) return false;
      this.#deliver(message);
      for (const chain of this.chains) {
        chain.list.push(...chain.incoming.splice(0));
        this.#take(chain, undefined);
      }
    }
  }

  /** A step to `time` with the messages that have arrived; false: it would have to wait. */
  step(time: bigint, rule: Rule): boolean {
    if (rule.behaviour === 0) {
      if (this.#valid(time, rule.maxage)) return true;
      // What an earlier step consumed and could not use yet may have become due.
      for (const chain of this.chains) this.#take(chain, time);
      while (!this.#valid(time, rule.maxage)) {
        const message = this.#unread.shift();
        if (message === undefined) return false;
        this.#deliver(message);
        for (const chain of this.chains) {
          chain.list.push(...chain.incoming.splice(0));
          this.#take(chain, time);
        }
      }
      return true;
    }
    for (const message of this.#unread.splice(0)) this.#deliver(message);
    if (rule.behaviour === 1 && this.#valid(time, rule.maxage)) return true;
    for (;;) {
      for (const chain of this.chains) {
        chain.list.push(...chain.incoming.splice(0, rule.lookahead));
        this.#take(chain, time);
      }
      if (this.#valid(time, rule.maxage)) return true;
      if (this.chains.every((chain) => chain.incoming.length === 0)) return false;
    }
  }

  #deliver(message: Message): void {
    for (const [signal, value] of message.values) this.chains[signal]?.incoming.push({ time: message.time, value });
  }

  /** Takes what is due off the list; an entry becomes the current value if it is strictly newer. */
  #take(chain: Chain, time: bigint | undefined): void {
    chain.list.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    while (chain.list[0] !== undefined && (time === undefined || chain.list[0].time <= time)) {
      const entry = chain.list.shift() as Entry;
      if (chain.current === undefined || entry.time > chain.current.time) chain.current = entry;
    }
  }

  #valid(time: bigint, maxage: bigint): boolean {
    return this.chains.every(
      ({ current }) => current !== undefined && current.time <= time && current.time + maxage >= time,
    );
  }
}
