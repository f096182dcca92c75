/** What can go wrong between us and a broker, one class per cause. */
import { ExitCode, InvalidInputError, TwinbridgeError } from '../support/errors.js';

export class InvalidBrokerUrlError extends InvalidInputError {
  override readonly code = 'TB_AMQP_INVALID_URL';

  constructor(message: string, remedy = 'write it as amqp://user:password@host:5672/vhost') {
    super(message, { remedy });
  }
}

/** No working connection to the broker; exit code 4. */
export abstract class BrokerError extends TwinbridgeError {
  override readonly exitCode: ExitCode = ExitCode.brokerUnreachable;
  /** Whether trying again can help without anyone changing anything. */
  readonly retriable: boolean = true;
}

export class UnknownHostError extends BrokerError {
  override readonly code = 'TB_AMQP_UNKNOWN_HOST';
}
export class ConnectionRefusedError extends BrokerError {
  override readonly code = 'TB_AMQP_REFUSED';
}
export class BrokerTimeoutError extends BrokerError {
  override readonly code = 'TB_AMQP_TIMEOUT';
}
/** The peer hung up, or the network failed, before the connection was open. */
export class HandshakeError extends BrokerError {
  override readonly code = 'TB_AMQP_HANDSHAKE';
}
export class NotABrokerError extends BrokerError {
  override readonly code = 'TB_AMQP_NOT_A_BROKER';
  override readonly retriable = false;
}
export class LoginRefusedError extends BrokerError {
  override readonly code = 'TB_AMQP_LOGIN_REFUSED';
  override readonly retriable = false;
}
export class VhostRefusedError extends BrokerError {
  override readonly code = 'TB_AMQP_VHOST_REFUSED';
  override readonly retriable = false;
}
/** We speak plainly to a port that wants TLS. */
export class TlsRequiredError extends BrokerError {
  override readonly code = 'TB_AMQP_TLS_REQUIRED';
  override readonly retriable = false;
}
/** We speak TLS to a port that does not. */
export class TlsNotSpokenError extends BrokerError {
  override readonly code = 'TB_AMQP_TLS_NOT_SPOKEN';
  override readonly retriable = false;
}
export class CertificateError extends BrokerError {
  override readonly code = 'TB_AMQP_CERTIFICATE';
  override readonly retriable = false;
}

/** The broker wants a certificate of ours, or does not trust the one it got. */
export class ClientCertificateError extends BrokerError {
  override readonly code = 'TB_AMQP_CLIENT_CERTIFICATE';
  override readonly retriable = false;
}

/** The broker refused an exchange, a queue or a binding. */
export class TopologyError extends BrokerError {
  override readonly code: string = 'TB_AMQP_TOPOLOGY';
  override readonly retriable = false;
}
/** It exists with other properties (406 PRECONDITION_FAILED). */
export class TopologyMismatchError extends TopologyError {
  override readonly code = 'TB_AMQP_TOPOLOGY_MISMATCH';
}
/** It was to be there already and is not (404 NOT_FOUND). */
export class TopologyMissingError extends TopologyError {
  override readonly code = 'TB_AMQP_TOPOLOGY_MISSING';
}
/** 403 ACCESS_REFUSED. */
export class PermissionError extends TopologyError {
  override readonly code = 'TB_AMQP_PERMISSION';
}
/** Another connection has the queue to itself (405 RESOURCE_LOCKED). */
export class QueueLockedError extends TopologyError {
  override readonly code = 'TB_AMQP_QUEUE_LOCKED';
}

/** The consumer or publisher was closed. */
export class LinkClosedError extends BrokerError {
  override readonly code = 'TB_AMQP_CLOSED';
  override readonly retriable = false;
}

/** A message that was not, or not for certain, taken over by the broker. */
export abstract class PublishError extends BrokerError {
  override readonly exitCode: ExitCode = ExitCode.runFailed;
}
/** Too many messages wait for confirmation; this one was not taken. */
export class PublisherFullError extends PublishError {
  override readonly code = 'TB_AMQP_PUBLISHER_FULL';
}
/** The broker said no (a full queue with overflow `reject-publish`, an internal error). */
export class PublishNackedError extends PublishError {
  override readonly code = 'TB_AMQP_NACKED';
}
/** The broker closed the channel over this message (no such exchange, no permission, too large). */
export class PublishRefusedError extends PublishError {
  override readonly code = 'TB_AMQP_PUBLISH_REFUSED';
  override readonly retriable = false;
}
/** Not to be sent again, and the connection that it was for is gone, or there is none. */
export class PublishLostError extends PublishError {
  override readonly code = 'TB_AMQP_PUBLISH_LOST';
}
/** Its expiration passed while the link was down, so it was not sent again. */
export class PublishExpiredError extends PublishError {
  override readonly code = 'TB_AMQP_PUBLISH_EXPIRED';
  override readonly retriable = false;
}
