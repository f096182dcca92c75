/** Why a run ended badly. */
import { FmiStatus, FmuStatusError } from '../fmi/index.js';
import { type ErrorContext, ExitCode, TwinbridgeError } from '../support/errors.js';
import { LOG_CATEGORIES } from '../support/log-categories.js';
import type { RunReport } from './report.js';

/** The values of a loop of connections without delay did not settle, at the start or in a step. */
export class AlgebraicLoopError extends TwinbridgeError {
  override readonly code = 'TB_MASTER_ALGEBRAIC_LOOP';
}

/** An event of an FMU (FMI 3.0) needs round after round. */
export class EndlessEventError extends TwinbridgeError {
  override readonly code = 'TB_MASTER_ENDLESS_EVENT';
}

/** A variable that is to be captured or watched does not exist, or has no number. */
export class UnknownVariableError extends TwinbridgeError {
  override readonly code = 'TB_MASTER_UNKNOWN_VARIABLE';
  override readonly exitCode: ExitCode = ExitCode.invalidInput;
}

/** A step needs more memory than there is. */
export class SimulationMemoryError extends TwinbridgeError {
  override readonly code = 'TB_MASTER_MEMORY';
}

/** The results file cannot be written. */
export class ResultsError extends TwinbridgeError {
  override readonly code = 'TB_MASTER_RESULTS';
}

/** A paced step ended after its due time, and the run is to fail then; exit code 5. */
export class DeadlineMissedError extends TwinbridgeError {
  override readonly code = 'TB_MASTER_DEADLINE_MISSED';
  override readonly exitCode: ExitCode = ExitCode.deadlineMissed;
}

/** What was asked of a running simulation cannot be done; the run goes on. */
export class CommandError extends TwinbridgeError {
  override readonly code = 'TB_MASTER_COMMAND';
  override readonly exitCode: ExitCode = ExitCode.usage;
}

/** A bridge has no connection to its broker; exit code 4. */
export class BrokerUnreachableError extends TwinbridgeError {
  override readonly code = 'TB_MASTER_BROKER_UNREACHABLE';
  override readonly exitCode: ExitCode = ExitCode.brokerUnreachable;
}

/** An error that crossed from the thread of the run: what remains of it. */
export interface ErrorRecord {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly exitCode: ExitCode;
  readonly remedy?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * A run that did not come to its end. `code` and `exitCode` are those of the error that ended it; `report` tells how far
 * it came, and is absent when it did not get as far as its first communication point.
 */
export class RunError extends TwinbridgeError {
  override readonly code: string;
  override readonly exitCode: ExitCode;
  readonly report: RunReport | undefined;

  constructor(record: ErrorRecord, report: RunReport | undefined, context: ErrorContext = {}) {
    const { message, code, exitCode, details, remedy } = record;
    super(message, { ...context, details, ...(remedy === undefined ? {} : { remedy }) });
    this.code = code;
    this.exitCode = exitCode;
    this.report = report;
  }
}

/** Any error as a record that can be sent to another thread. */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  const error = isOfBroker(thrown) ? new BrokerUnreachableError(thrown.message, { details: thrown.details }) : thrown;
  if (error instanceof TwinbridgeError) {
    const { name, code, message, exitCode, details, remedy } = error;
    return { name, code, message, exitCode, details, ...(remedy === undefined ? {} : { remedy }) };
  }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return { name, code: 'TB_INTERNAL', message, exitCode: ExitCode.runFailed, details: { stack } };
}

/** All that FMI lets an FMU say of an error's cause is the category of its log messages. */
function isOfBroker(error: unknown): error is FmuStatusError {
  if (!(error instanceof FmuStatusError)) return false;
  return error.call.log.some(
    ({ category, status }) => category === LOG_CATEGORIES.broker.name && status === FmiStatus.error,
  );
}
