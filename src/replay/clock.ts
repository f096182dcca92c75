/** Time as the player sees it; tests put their own in its place. */
import { setTimeout as delay } from 'node:timers/promises';
import { wallClock } from '../support/time.js';

export interface ReplayClock {
  /** Monotonic, in milliseconds with a fraction. */
  now(): number;
  /** Nanoseconds since the epoch. */
  wall(): bigint;
  /** Returns about `milliseconds` later, or as soon as `signal` aborts; never throws. May return a little early. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** Node's timers take at most 2^31 - 1 ms, and a gap may be longer; the player then sleeps again. */
const LONGEST_SLEEP_MS = 3_600_000;

export const systemClock: ReplayClock = {
  now: () => performance.now(),
  wall: wallClock,
  sleep: (milliseconds, signal) =>
    delay(Math.min(milliseconds, LONGEST_SLEEP_MS), undefined, { signal }).catch((error: Error) => {
      if (error.name !== 'AbortError') throw error;
    }),
};
