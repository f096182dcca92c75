/** Why a bridge FMU was not built. */
import { InvalidInputError, TwinbridgeError } from '../../support/errors.js';

/** A part that every bridge FMU needs is not there. */
export class BridgeBuildError extends TwinbridgeError {
  override readonly code = 'TB_BRIDGE_BUILD';
}

/** The FMU would carry a user name or a password to whoever gets a copy of it. */
export class CredentialInFmuError extends InvalidInputError {
  override readonly code = 'TB_BRIDGE_CREDENTIAL_IN_FMU';
}
