/**
 * The executable specification of selection: the paper's rules (sections 4 and 5.4 of "RMQFMU: Bridging the Real World
 * with Co-simulation") and `complete`, as plainly as they can be said, one chain per signal, nothing clever.
 *
 * A chain: incoming (order of arrival) → list (order of time, stable) → current value.
 */

export interface Message {
  /** Default: 0. */
  readonly source?: number;
  readonly time: bigint;
  /** Value by signal; a message may carry any subset of its source's. None: `time` is a watermark. */
  readonly values: ReadonlyMap<number, number>;
}

/** A watermark at this time: the stream has ended. */
export const END_OF_STREAM = 2n ** 63n - 1n;

interface Entry {
  readonly time: bigint;
  readonly value: number;
}

interface Chain {
  readonly source: number;
  incoming: Entry[];
  list: Entry[];
  current: Entry | undefined;
}

export interface Rule {
  /** 3: `complete` */
  readonly behaviour: 0 | 1 | 2 | 3;
  readonly lookahead: number;
  /** By source, or one for all. */
  readonly maxage: bigint | readonly bigint[];
  /** A signal that never came holds nothing up. */
  readonly missingIsValid?: boolean;
}

export type Verdict = 'waits' | 'valid' | 'hopeless';

/** What `complete` knows of a source. */
interface Stream {
  arrived: Message[];
  /** How many of these have been considered. */
  considered: number;
  /** No message up to this time is still to come. */
  proven: bigint;
}

const NOTHING_PROVEN = -(2n ** 63n);

export class Specification {
  readonly chains: Chain[];
  readonly #rule: Rule;
  /** RMQFMU 0 consumes message by message, whatever they carry. */
  #unread: Message[] = [];
  readonly #streams: Stream[];
  #zero: bigint | undefined;

  /** `sources`: of each signal, the source whose messages carry it. */
  constructor(sources: readonly number[], rule: Rule) {
    this.#rule = rule;
    this.chains = sources.map((source) => ({ source, incoming: [], list: [], current: undefined }));
    this.#streams = Array.from({ length: Math.max(...sources) + 1 }, () => ({
      arrived: [],
      considered: 0,
      proven: NOTHING_PROVEN,
    }));
  }

  arrive(message: Message): void {
    this.#unread.push(message);
    this.#streams[message.source ?? 0]?.arrived.push(message);
  }

  /** With the messages that have arrived; to be called again when more have. */
  initialise(): { verdict: Verdict; zero: bigint } {
    if (this.#rule.behaviour === 3) return this.#initialiseComplete();
    // Message by message, until every signal has a value within maxage of the newest.
    while (!this.#hasSet(this.chains)) {
      const message = this.#unread.shift();
      if (message === undefined) return { verdict: 'waits', zero: 0n };
      this.#deliver(message);
      for (const chain of this.chains) {
        chain.list.push(...chain.incoming.splice(0));
        this.#take(chain, undefined);
      }
    }
    return { verdict: 'valid', zero: newest(this.chains) as bigint };
  }

  /** A step to `time`. `again`: it goes on, after it had to wait. */
  step(time: bigint, { again = false }: { again?: boolean } = {}): Verdict {
    const { behaviour, lookahead } = this.#rule;
    if (behaviour === 3) return this.#stepComplete(time, again);
    if (behaviour === 0) {
      if (this.#valid(this.chains, time)) return 'valid';
      // What an earlier step consumed and could not use yet may have become due.
      for (const chain of this.chains) this.#take(chain, time);
      while (!this.#valid(this.chains, time)) {
        const message = this.#unread.shift();
        if (message === undefined) return 'waits';
        this.#deliver(message);
        for (const chain of this.chains) {
          chain.list.push(...chain.incoming.splice(0));
          this.#take(chain, time);
        }
      }
      return 'valid';
    }
    for (const message of this.#unread.splice(0)) this.#deliver(message);
    if (behaviour === 1 && this.#valid(this.chains, time)) return 'valid';
    for (;;) {
      for (const chain of this.chains) {
        chain.list.push(...chain.incoming.splice(0, lookahead));
        this.#take(chain, time);
      }
      if (this.#valid(this.chains, time)) return 'valid';
      if (this.chains.every((chain) => chain.incoming.length === 0)) return 'waits';
    }
  }

  /* ---- complete ------------------------------------------------------------------------------------------------- */

  #stepComplete(time: bigint, again: boolean): Verdict {
    for (const stream of this.#carrying()) {
      // A stream that goes on after its end has not ended.
      const goesOn = stream.considered < stream.arrived.length;
      if (!again && stream.proven === END_OF_STREAM && goesOn) stream.proven = NOTHING_PROVEN;
      while (stream.proven < time && this.#consider(stream));
    }
    for (const chain of this.chains) this.#take(chain, time);
    if (!this.#carrying().every((stream) => stream.proven >= time)) return 'waits';
    return this.#valid(this.chains, time) ? 'valid' : 'hopeless';
  }

  /** Each source by itself up to its first set; the newest stamp; with several sources, a step to it. */
  #initialiseComplete(): { verdict: Verdict; zero: bigint } {
    const streams = this.#carrying();
    if (this.#zero === undefined) {
      const found = streams.map((stream) => this.#findSet(stream));
      if (!found.every((one) => one)) return { verdict: 'waits', zero: 0n };
      this.#zero = newest(this.chains) as bigint;
    }
    if (streams.length === 1) return { verdict: 'valid', zero: this.#zero };
    for (;;) {
      const zero: bigint = this.#zero;
      const verdict = this.#stepComplete(zero, true);
      if (verdict !== 'hopeless') return { verdict, zero };
      // Sources whose values are too old there: late messages may help, else time zero moves on to their next one.
      const next = streams.map((stream) => this.#next(stream, zero));
      if (next.includes('unknown')) return { verdict: 'waits', zero };
      if (next.includes('none')) return { verdict: 'hopeless', zero };
      const times = next.filter((time) => typeof time === 'bigint');
      if (times.length > 0) this.#zero = times.reduce((a, b) => (a < b ? a : b));
    }
  }

  #findSet(stream: Stream): boolean {
    const chains = this.#chainsOf(stream);
    while (!this.#hasSet(chains)) {
      if (!this.#consider(stream)) return false;
      for (const chain of chains) this.#take(chain, undefined);
    }
    return true;
  }

  /** Considers more messages until the values are valid at `time`, or one is later: the earliest such. */
  #next(stream: Stream, time: bigint): bigint | 'valid' | 'none' | 'unknown' {
    const chains = this.#chainsOf(stream);
    for (;;) {
      for (const chain of chains) this.#take(chain, time);
      if (this.#valid(chains, time)) return 'valid';
      const later = stream.arrived
        .slice(0, stream.considered)
        .filter((message) => message.values.size > 0 && message.time > time)
        .map((message) => message.time);
      if (later.length > 0) return later.reduce((a, b) => (a < b ? a : b));
      if (stream.proven === END_OF_STREAM) return 'none';
      if (!this.#consider(stream)) return 'unknown';
    }
  }

  /** The source's next message, in order of arrival; false: it has not come yet. */
  #consider(stream: Stream): boolean {
    const message = stream.arrived[stream.considered];
    if (message === undefined) return false;
    stream.considered++;
    const proof = message.values.size === 0 ? message.time : message.time - 1n;
    if (proof > stream.proven || stream.proven === END_OF_STREAM) stream.proven = proof;
    for (const [signal, value] of message.values) this.chains[signal]?.list.push({ time: message.time, value });
    return true;
  }

  #carrying(): Stream[] {
    return this.#streams.filter((_, source) => this.chains.some((chain) => chain.source === source));
  }

  #chainsOf(stream: Stream): Chain[] {
    return this.chains.filter(({ source }) => this.#streams[source] === stream);
  }

  /* ---- All behaviours ------------------------------------------------------------------------------------------- */

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

  /** All have values, none older than maxage before the newest. */
  #hasSet(chains: readonly Chain[]): boolean {
    const time = newest(chains);
    return time !== undefined && this.#valid(chains, time);
  }

  #valid(chains: readonly Chain[], time: bigint): boolean {
    const { maxage, missingIsValid = false } = this.#rule;
    return chains.every(({ current, source }) => {
      if (current === undefined) return missingIsValid;
      const limit = typeof maxage === 'bigint' ? maxage : (maxage[source] as bigint);
      return current.time <= time && current.time + limit >= time;
    });
  }
}

function newest(chains: readonly Chain[]): bigint | undefined {
  return chains
    .flatMap(({ current }) => (current === undefined ? [] : [current.time]))
    .reduce<bigint | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined);
}
