/** Why an FMU was not wrapped. */
import { InvalidInputError, TwinbridgeError } from '../../support/errors.js';

/** What was asked for cannot be wrapped, or not in this way. */
export class WrapError extends InvalidInputError {
  override readonly code = 'TB_REMOTE_WRAP';
}

/** A part of every wrapped FMU is not there. */
export class WrapPartError extends TwinbridgeError {
  override readonly code = 'TB_REMOTE_WRAP_PART';
}
