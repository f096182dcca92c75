/**
 * A cell of shared memory by which other threads reach that of a run, whether it waits or is inside a step: its lowest bit
 * is set to stop the run, and each call adds 2. Since its value changes with each call, none that comes just before a wait
 * is slept through.
 */
export class Bell {
  /** For the step plan: it comes back when the first is no longer {@link seen}. */
  readonly cell: Int32Array;
  #seen = 0;

  constructor(cell: Int32Array = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))) {
    this.cell = cell;
    this.answer();
  }

  /** Has the run end after the present step. From any thread. */
  static stop(cell: Int32Array): void {
    Atomics.or(cell, 0, STOP);
    Atomics.notify(cell, 0);
  }

  /** Has the run look for commands. From any thread. */
  static ring(cell: Int32Array): void {
    Atomics.add(cell, 0, CALL);
    Atomics.notify(cell, 0);
  }

  get isStopped(): boolean {
    return (Atomics.load(this.cell, 0) & STOP) !== 0;
  }

  get seen(): number {
    return this.#seen;
  }

  /** What has rung until now is being seen to. */
  answer(): void {
    this.#seen = Atomics.load(this.cell, 0);
  }

  /** Sleeps for `ms`, or until it rings; not at all if it has rung since it was answered. */
  wait(ms: number): 'rung' | 'timed-out' {
    return Atomics.wait(this.cell, 0, this.#seen, ms) === 'timed-out' ? 'timed-out' : 'rung';
  }
}

const STOP = 1;
const CALL = 2;
