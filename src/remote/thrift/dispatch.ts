/** The server's side of a call, without a connection: from the bytes of a request to those of the answer. */
import {
  ApplicationErrorKind,
  ThriftApplicationError,
  ThriftDeclaredError,
  ThriftFieldError,
  ThriftProtocolError,
} from './errors.js';
import { encodeAnswer, encodeFailure } from './message.js';
import { MessageKind, type Protocol } from './protocol.js';
import type { Method, ThriftService } from './service.js';
import type { HandlersOf, ServiceShape } from './shape.js';

/** A request whose call has begun. */
export interface Dispatched {
  readonly method: string;
  /** Undefined: a call that wants no answer. Never rejects. */
  readonly answer: Promise<Uint8Array | undefined>;
}

export interface DispatchOptions {
  /** Is told what a handler threw that is no error of Thrift, and what does not fit its type. */
  readonly onFault?: (method: string, error: unknown) => void;
}

/**
 * Begins the call. What is no message throws {@link ThriftProtocolError}; all else is answered: an unknown method, arguments
 * that are missing, and what the handler throws, as a `TApplicationException` with its message.
 */
export function dispatch<S extends ServiceShape, Peer>(
  service: ThriftService<S>,
  handlers: HandlersOf<S, Peer>,
  protocol: Protocol,
  message: Uint8Array,
  peer: Peer,
  options: DispatchOptions = {},
): Dispatched {
  const reader = protocol.reader(message);
  const { method: name, kind, sequence } = reader.messageBegin();
  if (kind !== MessageKind.call && kind !== MessageKind.oneway) {
    throw new ThriftProtocolError('an answer came where a call was expected');
  }
  const refuse = (error: ThriftApplicationError): Dispatched => ({
    method: name,
    answer: Promise.resolve(kind === MessageKind.oneway ? undefined : encodeFailure(protocol, name, error, sequence)),
  });
  const method = service.method(name);
  if (method === undefined) {
    const what = `${service.name} has no method '${name.slice(0, 80)}'`;
    return refuse(new ThriftApplicationError(ApplicationErrorKind.unknownMethod, what));
  }
  let args: unknown;
  try {
    args = method.args.read(reader);
    reader.messageEnd();
  } catch (error) {
    if (!(error instanceof ThriftFieldError)) throw error;
    return refuse(new ThriftApplicationError(ApplicationErrorKind.protocolError, error.message));
  }
  // The codec of the arguments was made from the table that the handler's type was made from.
  const handler = handlers[name as keyof typeof handlers] as (args: unknown, peer: Peer) => unknown;
  return { method: name, answer: answerOf(protocol, method, kind, sequence, () => handler(args, peer), options) };
}

async function answerOf(
  protocol: Protocol,
  method: Method,
  kind: MessageKind,
  sequence: number,
  call: () => unknown,
  { onFault }: DispatchOptions,
): Promise<Uint8Array | undefined> {
  let failure: ThriftApplicationError;
  try {
    const value = await call();
    return kind === MessageKind.oneway ? undefined : encodeAnswer(protocol, method, { value }, sequence);
  } catch (error) {
    if (error instanceof ThriftDeclaredError && method.declares(error.exception)) {
      return encodeAnswer(protocol, method, { exception: error.exception, fields: error.value }, sequence);
    }
    if (!(error instanceof ThriftApplicationError)) onFault?.(method.name, error);
    failure =
      error instanceof ThriftApplicationError
        ? error
        : new ThriftApplicationError(
            ApplicationErrorKind.unknown,
            error instanceof Error ? error.message : String(error),
          );
  }
  return kind === MessageKind.oneway ? undefined : encodeFailure(protocol, method.name, failure, sequence);
}
