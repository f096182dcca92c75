/** `fmi2Status` (FMI 2.0.4, section 2.1.3) and what comes with it through the logger. */
export const FmiStatus = { ok: 0, warning: 1, discard: 2, error: 3, fatal: 4, pending: 5 } as const;
export type FmiStatus = (typeof FmiStatus)[keyof typeof FmiStatus];

const NAMES = ['fmi2OK', 'fmi2Warning', 'fmi2Discard', 'fmi2Error', 'fmi2Fatal', 'fmi2Pending'];

/** `fmi2Discard` and so on; an FMU may also answer a number that the standard does not know. */
export function fmiStatusName(status: number): string {
  return NAMES[status] ?? `the unknown status ${status}`;
}

/** One call of the FMU's logger, formatted. */
export interface FmuLogMessage {
  readonly instance: string;
  readonly status: FmiStatus;
  readonly category: string;
  readonly message: string;
}
