import { TwinbridgeError } from '../support/errors.js';

/** The native library is missing, of another version, or refused to do something that only a lack of memory explains. */
export class NativeLibraryError extends TwinbridgeError {
  override readonly code = 'TB_NATIVE_LIBRARY';
}
