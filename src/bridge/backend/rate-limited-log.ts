import type { LogLevel } from '../../native/index.js';

/** Lines of one kind that are written at once; after that, one a second with the number of those held back. */
const BURST = 5;
const INTERVAL_MS = 1000;

interface Kind {
  written: number;
  heldBack: number;
  last: number;
}

/** The importer's log must stay readable, and the worker fast, when every message of a stream is at fault. */
export class RateLimitedLog {
  readonly #sink: (level: LogLevel, category: string, text: string) => void;
  readonly #kinds = new Map<string, Kind>();

  constructor(sink: (level: LogLevel, category: string, text: string) => void) {
    this.#sink = sink;
  }

  write(level: LogLevel, category: string, text: string): void {
    this.#sink(level, category, text);
  }

  /** Whether a line of this kind would be written now: for lines that cost something to make. */
  wants(kind: string): boolean {
    const known = this.#kinds.get(kind);
    return known === undefined || known.written < BURST || performance.now() - known.last >= INTERVAL_MS;
  }

  limited(kind: string, level: LogLevel, category: string, text: string): void {
    const known = this.#kinds.get(kind) ?? { written: 0, heldBack: 0, last: 0 };
    this.#kinds.set(kind, known);
    if (!this.wants(kind)) {
      known.heldBack++;
      return;
    }
    const more = known.heldBack > 0 ? ` (and ${known.heldBack} more of this kind since)` : '';
    this.#sink(level, category, text + more);
    known.written++;
    known.heldBack = 0;
    known.last = performance.now();
  }
}
