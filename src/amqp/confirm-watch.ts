/** Notices a channel that is of no more use, though its connection lives: messages are left unconfirmed, or all refused. */

export interface Watched {
  /** When the oldest message went out that awaits its confirmation, by `performance.now()`; undefined: none counts now. */
  oldestSentAt(): number | undefined;
  giveUp(reason: string): void;
}

/** A broker that needs long for what it is given is not to be pestered for ever. */
const MAX_DOUBLINGS = 5;

export class ConfirmWatch {
  readonly #limitMs: number;
  readonly #watched: Watched;
  #timer: NodeJS.Timeout | undefined;
  /** Since when nothing was accepted, if something was refused. */
  #refusedSince: number | undefined;
  #givenUp = 0;

  constructor(limitMs: number, watched: Watched) {
    this.#limitMs = limitMs;
    this.#watched = watched;
  }

  /** A message has gone out, or the broker takes messages again. */
  start(): void {
    this.#timer ??= setTimeout(() => this.#look(), this.#patienceMs);
  }

  confirmed(accepted: boolean): void {
    if (accepted) this.#refusedSince = undefined;
    else this.#refusedSince ??= performance.now();
  }

  /** What comes is a new channel's doing. */
  renewed(): void {
    this.#refusedSince = undefined;
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
    const now = performance.now();
    const silentMs = now - (this.#watched.oldestSentAt() ?? now);
    const refusedMs = now - (this.#refusedSince ?? now);
    const waitedMs = Math.max(silentMs, refusedMs);
    if (waitedMs >= this.#patienceMs) {
      this.#givenUp += 1;
      const what = silentMs >= refusedMs ? 'has not confirmed a message' : 'has refused all messages';
      this.#watched.giveUp(`the broker ${what} for ${(waitedMs / 1000).toFixed(1)} s`);
      return;
    }
    // What was sent before was confirmed: the new channel is of use.
    if (waitedMs < this.#limitMs) this.#givenUp = 0;
    if (waitedMs > 0) this.#timer = setTimeout(() => this.#look(), this.#patienceMs - waitedMs);
  }
}
