/** What can go wrong between two sides that speak Thrift. One class per cause. */
import { ExitCode, TwinbridgeError } from '../../support/errors.js';

/** What came is not Thrift, or not as strict as it has to be. The connection is of no more use. */
export class ThriftProtocolError extends TwinbridgeError {
  override readonly code: string = 'TB_THRIFT_PROTOCOL';
}

/** A frame, or something in it, is larger than allowed. */
export class ThriftTooLargeError extends ThriftProtocolError {
  override readonly code = 'TB_THRIFT_TOO_LARGE';
}

/** A message in order lacks a field that it must have, or has a value there that cannot be. The connection goes on. */
export class ThriftFieldError extends TwinbridgeError {
  override readonly code = 'TB_THRIFT_FIELD';
}

/** A value that is to be sent does not fit its type. */
export class ThriftValueError extends TwinbridgeError {
  override readonly code = 'TB_THRIFT_VALUE';
}

/** `TApplicationExceptionType` of Thrift. */
export const ApplicationErrorKind = {
  unknown: 0,
  unknownMethod: 1,
  invalidMessageType: 2,
  wrongMethodName: 3,
  badSequenceId: 4,
  missingResult: 5,
  internalError: 6,
  protocolError: 7,
} as const;
export type ApplicationErrorKind = (typeof ApplicationErrorKind)[keyof typeof ApplicationErrorKind];

/** A `TApplicationException`: the other side did not do the call. Its message is for people. */
export class ThriftApplicationError extends TwinbridgeError {
  override readonly code = 'TB_THRIFT_APPLICATION';
  /** Mostly one of {@link ApplicationErrorKind}. */
  readonly kind: number;

  constructor(kind: number, message: string, method?: string) {
    super(message, { details: { kind, ...(method === undefined ? {} : { method }) } });
    this.kind = kind;
  }
}

/** Whether the other side has not got the method. Apache's runtime for Node says so in words only. */
export function isUnknownMethod(error: unknown): boolean {
  if (!(error instanceof ThriftApplicationError)) return false;
  if (error.kind === ApplicationErrorKind.unknownMethod) return true;
  return error.kind === ApplicationErrorKind.unknown && /^Unknown function /.test(error.message);
}

/** An exception that the service declares, by the name of its structure. */
export class ThriftDeclaredError extends TwinbridgeError {
  override readonly code = 'TB_THRIFT_EXCEPTION';
  readonly exception: string;
  readonly value: Readonly<Record<string, unknown>>;

  constructor(exception: string, value: Readonly<Record<string, unknown>>) {
    const { message } = value;
    super(typeof message === 'string' && message !== '' ? message : exception, { details: { exception, value } });
    this.exception = exception;
    this.value = value;
  }
}

/** There is no connection, or no more. */
export class ThriftConnectionError extends TwinbridgeError {
  override readonly code = 'TB_THRIFT_CONNECTION';
}

/** An answer, or a connection, did not come in time. */
export class ThriftDeadlineError extends TwinbridgeError {
  override readonly code = 'TB_THRIFT_DEADLINE';
  override readonly exitCode: ExitCode = ExitCode.deadlineMissed;
}
