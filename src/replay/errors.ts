/** What can go wrong with a recording, one class per cause. */
import {
  type ErrorContext,
  ExitCode,
  InvalidInputError,
  type SourceLocation,
  TwinbridgeError,
} from '../support/errors.js';

/** The recording cannot be opened or read to its end. */
export class RecordingUnreadableError extends InvalidInputError {
  override readonly code: string = 'TB_REPLAY_UNREADABLE';

  constructor(file: string, cause: NodeJS.ErrnoException) {
    const why = cause.code === 'ENOENT' ? 'no such file' : cause.code === 'EISDIR' ? 'it is a folder' : cause.message;
    super(`cannot read ${file}: ${why}`, { cause, location: { file }, remedy: 'check the path' });
  }
}

/** The bytes are no UTF-8, or the quotes of a CSV file do not match; nothing after this place can be trusted. */
export class RecordingSyntaxError extends InvalidInputError {
  override readonly code: string = 'TB_REPLAY_SYNTAX';
  declare readonly location: SourceLocation;

  constructor(message: string, location: SourceLocation, remedy?: string) {
    super(message, { location, ...(remedy === undefined ? {} : { remedy }) });
  }
}

/** A column that was asked for is not there, is there twice, or cannot be used as asked. */
export class ColumnError extends InvalidInputError {
  override readonly code: string = 'TB_REPLAY_COLUMN';
}

/** Why a whole row cannot be replayed; stable words, used as counter labels. */
export type RowRejection =
  | 'ragged_row'
  | 'not_json'
  | 'not_an_object'
  | 'time_missing'
  | 'time_without_zone'
  | 'time_malformed'
  | 'time_out_of_range';

/** A row that cannot be replayed, where such rows are not to be skipped. */
export class RowError extends InvalidInputError {
  override readonly code: string = 'TB_REPLAY_ROW';
  readonly reason: RowRejection;

  constructor(reason: RowRejection, message: string, location: SourceLocation, remedy?: string) {
    super(message, {
      location,
      details: { reason },
      remedy: remedy ?? 'correct the row, or skip and count such rows with --bad-rows skip',
    });
    this.reason = reason;
  }
}

/** The recording has no row, or none in the stretch asked for. */
export class NothingToReplayError extends InvalidInputError {
  override readonly code: string = 'TB_REPLAY_EMPTY';
}

/** An option of the player is out of its range or contradicts another. */
export class ReplayOptionError extends TwinbridgeError {
  override readonly code: string = 'TB_REPLAY_OPTION';
  override readonly exitCode: ExitCode = ExitCode.usage;

  constructor(message: string, context: ErrorContext = {}) {
    super(message, context);
  }
}
