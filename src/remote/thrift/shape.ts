/**
 * How services are written down: as constants in the words of Thrift's own language, from which both the codec
 * (`service.ts`) and the types of arguments and results are made.
 *
 *   const ECHO = {
 *     structs: { Sample: { time: '1: double', values: '2: list<double>', unit: '3: optional string' } },
 *     methods: { echo: { args: { sample: '1: Sample' }, returns: 'Sample' } },
 *   } as const;
 *
 * Beside the types of Thrift there is `int53`: an i64 of the wire that is a number here, and is refused where a number
 * cannot hold it. A field is required unless it is `optional`; then it may be missing.
 */

/** name → `number: type`, or `number: optional type` */
export type FieldsShape = Readonly<Record<string, string>>;

export interface MethodShape {
  readonly args: FieldsShape;
  /** `void`, or a type. */
  readonly returns: string;
  /** Exceptions: structures by name. */
  readonly throws?: FieldsShape;
}

export interface ServiceShape {
  readonly structs: Readonly<Record<string, FieldsShape>>;
  /** Of their fields there is exactly one. */
  readonly unions?: Readonly<Record<string, FieldsShape>>;
  readonly methods: Readonly<Record<string, MethodShape>>;
}

interface Simple {
  readonly bool: boolean;
  readonly i8: number;
  readonly i16: number;
  readonly i32: number;
  readonly i64: bigint;
  readonly int53: number;
  readonly double: number;
  readonly string: string;
  readonly binary: Uint8Array;
}
export type SimpleName = keyof Simple;

/** The value that a type of a service is here. */
export type ValueOf<S extends ServiceShape, T extends string> = T extends SimpleName
  ? Simple[T]
  : T extends `list<${infer E}>`
    ? readonly ValueOf<S, E>[]
    : T extends `set<${infer E}>`
      ? ReadonlySet<ValueOf<S, E>>
      : T extends `map<${infer K extends SimpleName}, ${infer V}>`
        ? ReadonlyMap<Simple[K], ValueOf<S, V>>
        : T extends keyof S['structs']
          ? FieldsOf<S, S['structs'][T]>
          : T extends keyof S['unions']
            ? S['unions'][T] extends FieldsShape
              ? OneOf<S, S['unions'][T]>
              : never
            : never;

type OptionalNames<F extends FieldsShape> = {
  [N in keyof F]: F[N] extends `${number}: optional ${string}` ? N : never;
}[keyof F];
type TypeOf<T extends string> = T extends `${number}: optional ${infer R}`
  ? R
  : T extends `${number}: ${infer R}`
    ? R
    : never;

/** The object that fields are here. */
export type FieldsOf<S extends ServiceShape, F extends FieldsShape> = {
  readonly [N in Exclude<keyof F, OptionalNames<F>>]: ValueOf<S, TypeOf<F[N]>>;
} & { readonly [N in OptionalNames<F>]?: ValueOf<S, TypeOf<F[N]>> };

type OneOf<S extends ServiceShape, F extends FieldsShape> = {
  [N in keyof F]: { readonly [M in N]: ValueOf<S, TypeOf<F[M]>> } & { readonly [M in Exclude<keyof F, N>]?: undefined };
}[keyof F];

/** A structure of a service, by name. */
export type StructOf<S extends ServiceShape, N extends string & keyof S['structs']> = FieldsOf<S, S['structs'][N]>;

export type MethodOf<S extends ServiceShape> = string & keyof S['methods'];
export type ArgsOf<S extends ServiceShape, M extends MethodOf<S>> = FieldsOf<S, S['methods'][M]['args']>;
export type ResultOf<S extends ServiceShape, M extends MethodOf<S>> = S['methods'][M]['returns'] extends 'void'
  ? undefined
  : ValueOf<S, S['methods'][M]['returns']>;

/** What a server does: one function for each method. `Peer` is what it knows of a connection. */
export type HandlersOf<S extends ServiceShape, Peer> = {
  readonly [M in MethodOf<S>]: (args: ArgsOf<S, M>, peer: Peer) => ResultOf<S, M> | Promise<ResultOf<S, M>>;
};
