/** The list of steps of a checkup: what was found, how long it took, and what follows from a failure. */
import { TwinbridgeError } from '../../support/errors.js';

export type StepName =
  | 'dns'
  | 'tcp'
  | 'tls'
  | 'greeting'
  | 'login'
  | 'vhost'
  | 'configure'
  | 'write'
  | 'read'
  | 'exchange'
  | 'queue'
  | 'message'
  | 'decode';

export interface CheckupStep {
  readonly name: StepName;
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly durationMs: number;
  readonly message: string;
  /** What to do. */
  readonly remedy?: string;
}

export interface Finding {
  /** Default `ok`. */
  readonly state?: 'ok' | 'warning' | 'skipped';
  readonly message: string;
  readonly remedy?: string;
}

/** A step found something wrong. */
export class CheckFailedError extends TwinbridgeError {
  override readonly code = 'TB_DOCTOR_CHECK_FAILED';

  constructor(message: string, remedy: string) {
    super(message, { remedy });
  }
}

export class Checkup {
  readonly steps: CheckupStep[] = [];
  readonly #onStep: (step: CheckupStep) => void;

  constructor(onStep: (step: CheckupStep) => void) {
    this.#onStep = onStep;
  }

  /** Whether the step of that name was taken, and nothing was wrong. */
  passed(name: StepName): boolean {
    const taken = this.steps.filter((step) => step.name === name);
    return taken.length > 0 && taken.every(({ state }) => state !== 'failed');
  }

  /** Whether it succeeded. Defects of ours are thrown, everything else is a finding. */
  async take(name: StepName, action: () => Promise<Finding>): Promise<boolean> {
    const begin = performance.now();
    const note = (found: Omit<CheckupStep, 'name' | 'durationMs'>): void =>
      this.#note({ name, durationMs: Math.round((performance.now() - begin) * 10) / 10, ...found });
    try {
      const { state = 'ok', ...found } = await action();
      note({ state, ...found });
      return true;
    } catch (error) {
      if (!(error instanceof TwinbridgeError)) throw error;
      const { message, remedy } = error;
      note({ state: 'failed', message, ...(remedy === undefined ? {} : { remedy }) });
      return false;
    }
  }

  skip(names: readonly StepName[], message: string): void {
    for (const name of names) this.#note({ name, state: 'skipped', durationMs: 0, message });
  }

  #note(step: CheckupStep): void {
    this.steps.push(step);
    this.#onStep(step);
  }
}
