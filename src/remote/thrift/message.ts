/** Whole messages: calls and their answers, as bytes. */
import { ApplicationErrorKind, ThriftApplicationError, ThriftDeclaredError, ThriftProtocolError } from './errors.js';
import { MessageKind, type Protocol, type ProtocolReader, WireType } from './protocol.js';
import type { Answer, Method, ThriftService } from './service.js';
import type { ArgsOf, MethodOf, ResultOf, ServiceShape } from './shape.js';

export function encodeCall<S extends ServiceShape, M extends MethodOf<S>>(
  service: ThriftService<S>,
  protocol: Protocol,
  method: M,
  args: ArgsOf<S, M>,
  sequence: number,
): Uint8Array {
  const writer = protocol.writer();
  writer.messageBegin({ method, kind: MessageKind.call, sequence });
  service.writeArgs(writer, method, args);
  return writer.messageEnd();
}

export function encodeAnswer(protocol: Protocol, method: Method, answer: Answer, sequence: number): Uint8Array {
  const writer = protocol.writer();
  writer.messageBegin({ method: method.name, kind: MessageKind.reply, sequence });
  method.writeAnswer(writer, answer);
  return writer.messageEnd();
}

/** A `TApplicationException`. */
export function encodeFailure(
  protocol: Protocol,
  method: string,
  { kind, message }: ThriftApplicationError,
  sequence: number,
): Uint8Array {
  const writer = protocol.writer();
  writer.messageBegin({ method, kind: MessageKind.exception, sequence });
  writer.structBegin();
  writer.fieldBegin(WireType.string, 1);
  writer.string(message);
  writer.fieldEnd();
  writer.fieldBegin(WireType.i32, 2);
  writer.integer('i32', kind);
  writer.fieldEnd();
  writer.structEnd();
  return writer.messageEnd();
}

/** Reads a message with a `TApplicationException` behind its head. */
function readFailure(reader: ProtocolReader, method: string): ThriftApplicationError {
  let message = '';
  let kind: number = ApplicationErrorKind.unknown;
  reader.structBegin();
  for (let type = reader.fieldBegin(); type !== WireType.stop; type = reader.fieldBegin()) {
    if (reader.fieldId === 1 && type === WireType.string) message = reader.string();
    else if (reader.fieldId === 2 && type === WireType.i32) kind = reader.integer('i32');
    else reader.skip(type);
    reader.fieldEnd();
  }
  reader.messageEnd();
  return new ThriftApplicationError(
    kind,
    message === '' ? `${method} failed, and the other side says not why` : message,
  );
}

/** An answer, of which only its head is read: which call it belongs to. */
export class IncomingAnswer {
  readonly sequence: number;
  readonly method: string;
  readonly #kind: MessageKind;
  readonly #reader: ProtocolReader;

  constructor(protocol: Protocol, message: Uint8Array) {
    this.#reader = protocol.reader(message);
    const { kind, sequence, method } = this.#reader.messageBegin();
    if (kind !== MessageKind.reply && kind !== MessageKind.exception) {
      throw new ThriftProtocolError('a call came where an answer was expected');
    }
    this.#kind = kind;
    this.sequence = sequence;
    this.method = method;
  }

  /** What the method returned. Throws {@link ThriftApplicationError}, {@link ThriftDeclaredError}. */
  read<S extends ServiceShape, M extends MethodOf<S>>(service: ThriftService<S>, method: M): ResultOf<S, M> {
    if (this.#kind === MessageKind.exception) throw readFailure(this.#reader, method);
    if (this.method !== method) {
      throw new ThriftProtocolError(`an answer of ${this.method} came where one of ${method} was expected`);
    }
    const result = service.readResult(this.#reader, method, declared);
    this.#reader.messageEnd();
    return result;
  }
}

function declared(exception: string, fields: object): ThriftDeclaredError {
  return new ThriftDeclaredError(exception, fields as Readonly<Record<string, unknown>>);
}
