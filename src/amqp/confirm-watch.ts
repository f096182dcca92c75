/** Notices a message that the broker does not confirm. */

export interface Watched {
  /** When the oldest message went out that awaits its confirmation, by `performance.now()`; undefined: none counts now. */
  oldestSentAt(): number | undefined;
  giveUp(silentMs: number): void;
}

/** A broker that needs long for what it is given is not to be pestered for ever. */
const MAX_DOUBLINGS = 5;

export class ConfirmWatch {
  readonly #limitMs: number;
  readonly #watched: Watched;
  #timer: NodeJS.Timeout | undefined;
  #givenUp = 0;

  constructor(limitMs: number, watched: Watched) {
    this.#limitMs = limitMs;
    this.#watched = watched;
  }

  /** A message has gone out, or the broker takes messages again. */
  start(): void {
    this.#timer ??= setTimeout(() => this.#look(), this.#patienceMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  get #patienceMs(): number {
    return this.#limitMs * 2 ** Math.min(this.#givenUp, MAX_DOUBLINGS);
  }

  #look(): void {
    this.#timer = undefined;
    const sentAt = this.#watched.oldestSentAt();
    const silentMs = sentAt === undefined ? 0 : performance.now() - sentAt;
    const leftMs = this.#patienceMs - silentMs;
    if (leftMs <= 0) {
      this.#givenUp += 1;
      this.#watched.giveUp(silentMs);
      return;
    }
    this.#givenUp = 0;
    if (sentAt !== undefined) this.#timer = setTimeout(() => this.#look(), leftMs);
  }
}
