/** What can go wrong with FMUs on a broker. One class per cause. */
import { InvalidInputError, TwinbridgeError } from '../../support/errors.js';

/** Nobody offers an FMU of that name, or with that guid. */
export class FmuNotOfferedError extends InvalidInputError {
  override readonly code = 'TB_BROKER_FMU_NOT_OFFERED';
}

/** Several FMUs of that name differ in their guids, and none was given. */
export class FmuAmbiguousError extends InvalidInputError {
  override readonly code = 'TB_BROKER_FMU_AMBIGUOUS';
}

/** No worker took the request in time. */
export class NoWorkerError extends TwinbridgeError {
  override readonly code = 'TB_BROKER_NO_WORKER';
}

/** A worker took the request and could not start the FMU. */
export class InstanceRefusedError extends TwinbridgeError {
  override readonly code = 'TB_BROKER_INSTANCE_REFUSED';
}

/** The worker of an instance, or the instance itself, is gone, and it cannot be restored elsewhere. */
export class InstanceLostError extends TwinbridgeError {
  override readonly code = 'TB_BROKER_INSTANCE_LOST';
}
