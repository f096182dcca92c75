/** What the protocols of Thrift have in common: a message is written, and read, as a sequence of these. */

/** Types on the wire, by the numbers of TBinaryProtocol. */
export const WireType = {
  stop: 0,
  bool: 2,
  i8: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
} as const;
export type WireType = (typeof WireType)[keyof typeof WireType];

export const MessageKind = { call: 1, reply: 2, exception: 3, oneway: 4 } as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

export interface MessageHead {
  readonly method: string;
  readonly kind: MessageKind;
  readonly sequence: number;
}

/** No description of Thrift is nested deeper; what is deeper is an attack on the stack. */
export const MAX_DEPTH = 64;

export interface ProtocolWriter {
  messageBegin(head: MessageHead): void;
  /** The whole message. */
  messageEnd(): Uint8Array;
  structBegin(): void;
  structEnd(): void;
  fieldBegin(type: WireType, id: number): void;
  fieldEnd(): void;
  listBegin(type: 'list' | 'set', element: WireType, size: number): void;
  listEnd(): void;
  mapBegin(key: WireType, value: WireType, size: number): void;
  mapEnd(): void;
  bool(value: boolean): void;
  /** In range; checked before. */
  integer(type: 'i8' | 'i16' | 'i32', value: number): void;
  i64(value: bigint): void;
  /** An i64 that is a safe integer. */
  int53(value: number): void;
  double(value: number): void;
  string(value: string): void;
  binary(value: Uint8Array): void;
}

/** Each method throws `ThriftProtocolError` where something else stands. */
export interface ProtocolReader {
  messageBegin(): MessageHead;
  /** Nothing may follow. */
  messageEnd(): void;
  structBegin(): void;
  /** The type of the next field, whose number is then in `fieldId`; `stop` after the last, which ends the structure. */
  fieldBegin(): WireType;
  readonly fieldId: number;
  fieldEnd(): void;
  /** How many elements follow: no more than can be there. Their type is then in `elementType`. */
  listBegin(): number;
  readonly elementType: WireType;
  listEnd(): void;
  /** The type of keys is then in `keyType`, that of values in `elementType`. */
  mapBegin(): number;
  readonly keyType: WireType;
  mapEnd(): void;
  bool(): boolean;
  integer(type: 'i8' | 'i16' | 'i32'): number;
  i64(): bigint;
  /** An i64; undefined if a number cannot hold it. */
  int53(): number | undefined;
  double(): number;
  string(): string;
  /** May be a part of what is read. */
  binary(): Uint8Array;
  skip(type: WireType): void;
}

/** Passes over a structure or a container, whose parts `reader` passes over; false: the type has no parts. */
export function skipParts(reader: ProtocolReader, type: WireType): boolean {
  switch (type) {
    case WireType.struct:
      reader.structBegin();
      for (let field = reader.fieldBegin(); field !== WireType.stop; field = reader.fieldBegin()) {
        reader.skip(field);
        reader.fieldEnd();
      }
      return true;
    case WireType.list:
    case WireType.set: {
      const size = reader.listBegin();
      const element = reader.elementType;
      for (let count = 0; count < size; count++) reader.skip(element);
      reader.listEnd();
      return true;
    }
    case WireType.map: {
      const size = reader.mapBegin();
      const { keyType, elementType } = reader;
      for (let count = 0; count < size; count++) {
        reader.skip(keyType);
        reader.skip(elementType);
      }
      reader.mapEnd();
      return true;
    }
    default:
      return false;
  }
}

export interface Protocol {
  readonly name: string;
  writer(): ProtocolWriter;
  reader(message: Uint8Array): ProtocolReader;
}
