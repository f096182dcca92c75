/** `fmi2Status` (FMI 2.0.4, section 2.1.3) and what comes with it through the logger. */
export const FmiStatus = { ok: 0, warning: 1, discard: 2, error: 3, fatal: 4, pending: 5 } as const;
export type FmiStatus = (typeof FmiStatus)[keyof typeof FmiStatus];

const NAMES = ['OK', 'Warning', 'Discard', 'Error', 'Fatal', 'Pending'];

/**
 * `fmi2Discard` and so on, of the version of FMI whose function answered it; an FMU may also answer a number that the
 * standard does not know.
 */
export function fmiStatusName(status: number, functionName: string = 'fmi2'): string {
  const name = NAMES[status];
  return name === undefined ? `the unknown status ${status}` : `${/^fmi[23]?/.exec(functionName)?.[0] ?? 'fmi'}${name}`;
}

/** One call of the FMU's logger, formatted. */
export interface FmuLogMessage {
  readonly instance: string;
  readonly status: FmiStatus;
  readonly category: string;
  readonly message: string;
}
