/**
 * Checks of values by JSON Schema.
 *
 * Validators stand in modules of their own, named `validator.ts` or `…-validator.ts`: where the command line is bundled,
 * what ajv makes of their schemas at build time takes their place (tools/bundle-cli.mjs), and ajv stays out.
 */
import { Ajv2020, type Options, type ValidateFunction } from 'ajv/dist/2020.js';

export interface Validator<T> {
  /** Whether a value is a `T`; if not, `errors` of the function tell why. */
  readonly validate: ValidateFunction<T>;
}

/** One that is compiled when it is first used; what it is made of, for the build. */
export interface RuntimeValidator<T> extends Validator<T> {
  readonly schema: object;
  readonly options: Options;
}

export interface ValidatorOptions {
  /** Whether `.inf` and `.nan` are numbers; default no. */
  readonly allowsInfinity?: boolean;
}

/** By options. */
const compilers = new Map<Options, Ajv2020>();

const OPTIONS: Options = { allErrors: true, allowUnionTypes: true, verbose: true, useDefaults: true, strict: true };
const WITH_INFINITY: Options = { ...OPTIONS, strictNumbers: false };

/** `T` is what a value is known to be after it passed. */
export function defineValidator<T>(
  schema: object,
  { allowsInfinity = false }: ValidatorOptions = {},
): RuntimeValidator<T> {
  const options: Options = allowsInfinity ? WITH_INFINITY : OPTIONS;
  let validate: ValidateFunction<T> | undefined;
  return {
    schema,
    options,
    get validate() {
      validate ??= compilerFor(options).compile<T>(schema);
      return validate;
    },
  };
}

function compilerFor(options: Options): Ajv2020 {
  const known = compilers.get(options);
  if (known !== undefined) return known;
  const compiler = new Ajv2020(options);
  compilers.set(options, compiler);
  return compiler;
}
