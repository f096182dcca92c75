import type { LogLevel } from '../../native/index.js';
import type { LogCategoryName } from '../../support/log-categories.js';

/** Lines of one kind that are written at once; after that, fewer and fewer, with the number of those held back. */
const BURST = 5;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

interface Kind {
  readonly level: LogLevel;
  readonly category: LogCategoryName;
  written: number;
  heldBack: number;
  nextAt: number;
}

type Sink = (level: LogLevel, category: LogCategoryName, text: string) => void;

/** The importer's log must stay readable, and the worker fast, when every message of a stream is at fault. */
export class RateLimitedLog {
  readonly #sink: Sink;
  readonly #kinds = new Map<string, Kind>();

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  write(level: LogLevel, category: LogCategoryName, text: string): void {
    this.#sink(level, category, text);
  }

  /**
   * One line of a kind. `kind` is one of a bounded number of words, none made by the sender of a message; `text` is asked
   * for only if the line is written.
   */
  limited(kind: string, level: LogLevel, category: LogCategoryName, text: () => string): void {
    const known = this.#kinds.get(kind) ?? { level, category, written: 0, heldBack: 0, nextAt: 0 };
    this.#kinds.set(kind, known);
    const now = performance.now();
    if (known.written >= BURST && now < known.nextAt) {
      known.heldBack++;
      return;
    }
    const more = known.heldBack > 0 ? ` (and ${known.heldBack} more of this kind since)` : '';
    this.#sink(level, category, text() + more);
    known.written++;
    known.heldBack = 0;
    known.nextAt = now + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, known.written - BURST));
  }

  /** Tells how many lines of each kind are still held back. */
  flush(): void {
    for (const [kind, known] of this.#kinds) {
      if (known.heldBack > 0) this.#sink(known.level, known.category, `${kind}: ${known.heldBack} more of this kind`);
      known.heldBack = 0;
    }
  }
}
