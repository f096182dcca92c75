/** Where the player's messages go. */

export interface SinkCounts {
  /** Taken over by the receiver for good (with a broker: confirmed). */
  readonly confirmed: number;
  /** Of these, handed back because no queue was bound for them. */
  readonly returned: number;
  /** Sent once more after the connection was lost; receivers may see these twice. */
  readonly resent: number;
  /** Taken from the player and not confirmed yet. */
  readonly unconfirmed: number;
}

export interface Sink {
  /**
   * Takes the body at once. A promise asks the caller to wait before the next one; it rejects if nothing more can be
   * sent.
   */
  send(body: Buffer): void | Promise<void>;
  /** Waits until nothing is unconfirmed, at most `timeoutMs`. Rejects if what is unconfirmed cannot be confirmed any more. */
  drain(timeoutMs: number): Promise<void>;
  readonly counts: SinkCounts;
}
