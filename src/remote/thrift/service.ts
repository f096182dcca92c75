/** Makes codecs of a shape (`shape.ts`): once for each service, whatever the protocol. */
import { ThriftFieldError, ThriftValueError } from './errors.js';
import { type ProtocolReader, type ProtocolWriter, WireType } from './protocol.js';
import type { ArgsOf, FieldsShape, MethodOf, ResultOf, ServiceShape } from './shape.js';

interface Codec {
  readonly type: WireType;
  /** Throws {@link ThriftValueError}. */
  write(writer: ProtocolWriter, value: unknown): void;
  /** Throws `ThriftProtocolError`, {@link ThriftFieldError}. */
  read(reader: ProtocolReader): unknown;
}

interface Field {
  readonly name: string;
  readonly id: number;
  readonly isOptional: boolean;
  readonly codec: Codec;
}

/** The answer of a method: what it returns, or an exception that it declares, by the name of its structure. */
export type Answer = { readonly value: unknown } | { readonly exception: string; readonly fields: object };

export interface Method {
  readonly name: string;
  readonly args: StructCodec;
  readonly returnsNothing: boolean;
  writeAnswer(writer: ProtocolWriter, answer: Answer): void;
  readAnswer(reader: ProtocolReader): Answer;
  /** Whether it declares the exception. */
  declares(exception: string): boolean;
}

/** A service whose arguments and results are of the types that its shape says. */
export class ThriftService<S extends ServiceShape> {
  readonly name: string;
  /** The types of the service; not a value. */
  declare readonly shape: S;
  readonly #methods = new Map<string, Method>();

  constructor(name: string, shape: S) {
    this.name = name;
    const types = new Types(shape);
    for (const [method, { args, returns, throws = {} }] of Object.entries(shape.methods)) {
      this.#methods.set(method, new ServiceMethod(method, types, args, returns, throws));
    }
  }

  method(name: string): Method | undefined {
    return this.#methods.get(name);
  }

  methods(): readonly string[] {
    return [...this.#methods.keys()];
  }

  writeArgs<M extends MethodOf<S>>(writer: ProtocolWriter, method: M, args: ArgsOf<S, M>): void {
    this.#methods.get(method)!.args.write(writer, args);
  }

  /** What the method returns; a declared exception is thrown by `declared`. */
  readResult<M extends MethodOf<S>>(
    reader: ProtocolReader,
    method: M,
    declared: (exception: string, fields: object) => Error,
  ): ResultOf<S, M> {
    const answer = this.#methods.get(method)!.readAnswer(reader);
    if ('exception' in answer) throw declared(answer.exception, answer.fields);
    // Its codec was made from the same table as its type.
    return answer.value as ResultOf<S, M>;
  }
}

class ServiceMethod implements Method {
  readonly name: string;
  readonly args: StructCodec;
  readonly returnsNothing: boolean;
  readonly #result: StructCodec;
  /** Name of the structure → name of the field of the result. */
  readonly #exceptions = new Map<string, string>();

  constructor(name: string, types: Types, args: FieldsShape, returns: string, throws: FieldsShape) {
    this.name = name;
    this.args = new StructCodec(`the arguments of ${name}`, types.fields(args));
    this.returnsNothing = returns === 'void';
    // Of the result's fields there is one, the value with number 0.
    const fields = Object.entries(throws).map(([field, text]): [string, string] => {
      const { number, type } = parseField(text);
      this.#exceptions.set(type, field);
      return [field, `${number}: optional ${type}`];
    });
    if (!this.returnsNothing) fields.push(['', `0: optional ${returns}`]);
    this.#result = new StructCodec(`the answer of ${name}`, types.fields(Object.fromEntries(fields)));
  }

  declares(exception: string): boolean {
    return this.#exceptions.has(exception);
  }

  writeAnswer(writer: ProtocolWriter, answer: Answer): void {
    if ('exception' in answer) {
      this.#result.write(writer, { [this.#exceptions.get(answer.exception) ?? '']: answer.fields });
    } else {
      this.#result.write(writer, this.returnsNothing ? {} : { '': answer.value });
    }
  }

  readAnswer(reader: ProtocolReader): Answer {
    const result = this.#result.read(reader);
    for (const [exception, field] of this.#exceptions) {
      const fields = result[field];
      if (fields !== undefined) return { exception, fields: fields as object };
    }
    const value = result[''];
    if (value === undefined && !this.returnsNothing) {
      throw new ThriftFieldError(`${this.name} was answered with no result`, { details: { method: this.name } });
    }
    return { value };
  }
}

/** Fields by number; what is not known is passed over, as the other side may be newer. */
export class StructCodec implements Codec {
  readonly type: WireType = WireType.struct;
  readonly #name: string;
  #fields: readonly Field[];
  readonly #byId = new Map<number, Field>();
  #isUnion = false;

  constructor(name: string, fields: readonly Field[] = [], isUnion: boolean = false) {
    this.#name = name;
    this.#fields = [];
    this.define(fields, isUnion);
  }

  /** Structures may contain themselves: they are named first. */
  define(fields: readonly Field[], isUnion: boolean): void {
    this.#fields = fields;
    this.#isUnion = isUnion;
    for (const field of fields) this.#byId.set(field.id, field);
  }

  write(writer: ProtocolWriter, value: unknown): void {
    if (typeof value !== 'object' || value === null) throw unfit(value, this.#name);
    const values = value as Readonly<Record<string, unknown>>;
    writer.structBegin();
    let written = 0;
    for (const { name, id, isOptional, codec } of this.#fields) {
      const field = values[name];
      if (field === undefined) {
        if (isOptional) continue;
        throw new ThriftValueError(`${this.#name}: '${name}' is missing`, { details: { field: name } });
      }
      writer.fieldBegin(codec.type, id);
      codec.write(writer, field);
      writer.fieldEnd();
      written += 1;
    }
    if (this.#isUnion && written !== 1) throw new ThriftValueError(`${this.#name} has ${written} values, not one`);
    writer.structEnd();
  }

  read(reader: ProtocolReader): Readonly<Record<string, unknown>> {
    const values: Record<string, unknown> = {};
    reader.structBegin();
    for (let type = reader.fieldBegin(); type !== WireType.stop; type = reader.fieldBegin()) {
      const field = this.#byId.get(reader.fieldId);
      // A field of another type is not the one that is known.
      if (field === undefined || field.codec.type !== type) reader.skip(type);
      else values[field.name] = field.codec.read(reader);
      reader.fieldEnd();
    }
    for (const { name, id, isOptional } of this.#fields) {
      if (isOptional || values[name] !== undefined) continue;
      throw new ThriftFieldError(`${this.#name}: field ${id}, '${name}', is missing`, { details: { field: name, id } });
    }
    if (this.#isUnion && Object.keys(values).length !== 1) {
      throw new ThriftFieldError(`${this.#name} has ${Object.keys(values).length} values that are known, not one`);
    }
    return values;
  }
}

class Types {
  readonly #shape: ServiceShape;
  readonly #codecs = new Map<string, Codec>();

  constructor(shape: ServiceShape) {
    this.#shape = shape;
  }

  fields(shape: FieldsShape, areOptional: boolean = false): Field[] {
    return Object.entries(shape).map(([name, text]) => {
      const { number, isOptional, type } = parseField(text);
      return { name, id: number, isOptional: isOptional || areOptional, codec: this.codec(type) };
    });
  }

  codec(type: string): Codec {
    const known = SIMPLE[type] ?? this.#codecs.get(type);
    if (known !== undefined) return known;
    const made = this.#container(type) ?? this.#structure(type);
    this.#codecs.set(type, made);
    return made;
  }

  #container(type: string): Codec | undefined {
    const [, kind, inner = ''] = /^(list|set|map)<(.*)>$/s.exec(type) ?? [];
    if (kind === 'list') return listCodec(this.codec(inner));
    if (kind === 'set') return setCodec(this.codec(inner));
    if (kind !== 'map') return undefined;
    const comma = inner.indexOf(', ');
    return mapCodec(this.codec(inner.slice(0, comma)), this.codec(inner.slice(comma + 2)));
  }

  #structure(type: string): Codec {
    const { structs, unions = {} } = this.#shape;
    const struct = structs[type];
    const union = unions[type];
    const fields = struct ?? union;
    if (fields === undefined) throw new Error(`the type '${type}' is not defined`);
    const codec = new StructCodec(type);
    this.#codecs.set(type, codec);
    codec.define(this.fields(fields, union !== undefined), union !== undefined);
    return codec;
  }
}

function parseField(text: string): { number: number; isOptional: boolean; type: string } {
  const [, number, optional, type] = /^(-?\d+): (optional )?(.+)$/s.exec(text) ?? [];
  if (type === undefined) throw new Error(`'${text}' is no field`);
  return { number: Number(number), isOptional: optional !== undefined, type };
}

const SIMPLE: Readonly<Record<string, Codec>> = {
  bool: {
    type: WireType.bool,
    write: (writer, value) => writer.bool(checked(value, 'boolean')),
    read: (reader) => reader.bool(),
  },
  i8: integerCodec('i8', WireType.i8, 2 ** 7),
  i16: integerCodec('i16', WireType.i16, 2 ** 15),
  i32: integerCodec('i32', WireType.i32, 2 ** 31),
  i64: {
    type: WireType.i64,
    write: (writer, value) => {
      const number = checked(value, 'bigint');
      if (BigInt.asIntN(64, number) !== number) throw unfit(value, 'an i64');
      writer.i64(number);
    },
    read: (reader) => reader.i64(),
  },
  int53: {
    type: WireType.i64,
    write: (writer, value) => {
      if (!Number.isSafeInteger(value)) throw unfit(value, 'a whole number of up to 53 bits');
      writer.int53(value as number);
    },
    read: (reader) => {
      const value = reader.int53();
      if (value === undefined) throw new ThriftFieldError('a whole number of more than 53 bits is not supported here');
      return value;
    },
  },
  double: {
    type: WireType.double,
    write: (writer, value) => writer.double(checked(value, 'number')),
    read: (reader) => reader.double(),
  },
  string: {
    type: WireType.string,
    write: (writer, value) => writer.string(checked(value, 'string')),
    read: (reader) => reader.string(),
  },
  binary: {
    type: WireType.string,
    write: (writer, value) => {
      if (!(value instanceof Uint8Array)) throw unfit(value, 'bytes');
      writer.binary(value);
    },
    read: (reader) => reader.binary(),
  },
};

function integerCodec(name: 'i8' | 'i16' | 'i32', type: WireType, limit: number): Codec {
  return {
    type,
    write: (writer, value) => {
      if (!Number.isInteger(value) || (value as number) < -limit || (value as number) >= limit) {
        throw unfit(value, `an ${name}`);
      }
      writer.integer(name, value as number);
    },
    read: (reader) => reader.integer(name),
  };
}

function listCodec(element: Codec): Codec {
  return {
    type: WireType.list,
    write: (writer, value) => {
      if (!Array.isArray(value)) throw unfit(value, 'a list');
      writer.listBegin('list', element.type, value.length);
      for (const item of value) element.write(writer, item);
      writer.listEnd();
    },
    read: (reader) => readElements(reader, element),
  };
}

function setCodec(element: Codec): Codec {
  return {
    type: WireType.set,
    write: (writer, value) => {
      if (!(value instanceof Set)) throw unfit(value, 'a set');
      writer.listBegin('set', element.type, value.size);
      for (const item of value) element.write(writer, item);
      writer.listEnd();
    },
    read: (reader) => new Set(readElements(reader, element)),
  };
}

function readElements(reader: ProtocolReader, element: Codec): unknown[] {
  const size = reader.listBegin();
  if (size > 0 && reader.elementType !== element.type) throw otherElements();
  const list: unknown[] = [];
  for (let index = 0; index < size; index++) list.push(element.read(reader));
  reader.listEnd();
  return list;
}

function mapCodec(key: Codec, value: Codec): Codec {
  return {
    type: WireType.map,
    write: (writer, map) => {
      if (!(map instanceof Map)) throw unfit(map, 'a map');
      writer.mapBegin(key.type, value.type, map.size);
      for (const [name, item] of map) {
        key.write(writer, name);
        value.write(writer, item);
      }
      writer.mapEnd();
    },
    read: (reader) => {
      const size = reader.mapBegin();
      if (size > 0 && (reader.keyType !== key.type || reader.elementType !== value.type)) throw otherElements();
      const map = new Map<unknown, unknown>();
      for (let index = 0; index < size; index++) {
        const name = key.read(reader);
        map.set(name, value.read(reader));
      }
      reader.mapEnd();
      return map;
    },
  };
}

type Primitive = { boolean: boolean; bigint: bigint; number: number; string: string };

function checked<T extends keyof Primitive>(value: unknown, type: T): Primitive[T] {
  if (typeof value !== type) throw unfit(value, `a ${type}`);
  return value as Primitive[T];
}

function unfit(value: unknown, expected: string): ThriftValueError {
  const shown = typeof value === 'string' ? `'${value.slice(0, 40)}'` : String(value);
  return new ThriftValueError(`${shown} is not ${expected}`, { details: { value, expected } });
}

function otherElements(): ThriftFieldError {
  return new ThriftFieldError('a list has elements of another type than it should');
}
