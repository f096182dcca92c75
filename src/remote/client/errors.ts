/** Why a remote FMU cannot be got ready. */
import { InvalidInputError } from '../../support/errors.js';

/** The other side does not say what its FMU is. */
export class RemoteDescriptionError extends InvalidInputError {
  override readonly code = 'TB_REMOTE_DESCRIPTION';
}
