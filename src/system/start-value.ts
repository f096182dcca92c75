/** Start values: from what a file says to what a variable takes. */
import {
  type Fmi3StartValue,
  type Fmi3Type,
  type FmuModel,
  INTEGER_RANGE,
  type ModelVariable,
  typeName,
} from '../fmi/index.js';
import { didYouMean } from '../support/nearest.js';

const EXPECTED: Readonly<Partial<Record<Fmi3Type, string>>> = {
  Float32: 'a number',
  Float64: 'a number',
  Int32: 'an integer of 32 bits',
  Boolean: 'true or false',
  String: 'a text',
  Binary: 'a list of bytes in hexadecimal',
};

export interface StartValueRequest {
  /** For messages: `component.variable`. */
  readonly name: string;
  readonly model: FmuModel;
  readonly variable: ModelVariable;
  /** Number of elements. */
  readonly size: number;
  readonly value: unknown;
  /** Whether a text may stand for a number or truth value. */
  readonly lexical: boolean;
}

/** The values, one for each element; or what is wrong. One value for an array is that of all elements. */
export function toStartValues(request: StartValueRequest): readonly Fmi3StartValue[] | { readonly fault: string } {
  const { name, size, value, lexical, variable } = request;
  const isArray = variable.dimensions.length > 0;
  const words = lexical && isArray && typeof value === 'string' ? value.trim().split(/\s+/) : value;
  const given: readonly unknown[] = Array.isArray(words) ? words : [words];
  if (Array.isArray(words) && !isArray) return { fault: `'${name}' is no array, but is given ${given.length} values` };
  if (given.length !== size && given.length !== 1) {
    return { fault: `'${name}' has ${size} elements, but is given ${given.length} values` };
  }
  const values: Fmi3StartValue[] = [];
  for (const one of given) {
    const converted = toStartValue(request, one);
    if (typeof converted === 'object') return converted;
    values.push(converted);
  }
  return values.length === size ? values : new Array<Fmi3StartValue>(size).fill(values[0]!);
}

function toStartValue(request: StartValueRequest, value: unknown): Fmi3StartValue | { readonly fault: string } {
  const { name, model, variable, lexical } = request;
  const items = model.enumerations.find((type) => type.name === variable.declaredType)?.items ?? [];
  const converted = convert(variable.type, lexical ? fromText(variable.type, value) : value, items);
  if (converted === undefined) {
    const names = items.map((item) => item.name);
    const type = typeName(model, variable.type);
    const range = INTEGER_RANGE[variable.type];
    const expected =
      variable.type === 'Enumeration'
        ? `one of ${names.join(', ')}`
        : (EXPECTED[variable.type] ?? (range === undefined ? 'allowed' : `an integer from ${range[0]} to ${range[1]}`));
    const hint = typeof value === 'string' ? didYouMean(value, names) : '';
    return { fault: `'${name}' is of type ${type}: ${show(value)} is not ${expected}${hint}` };
  }
  const { min, max } = variable;
  if (typeof converted === 'number' || typeof converted === 'bigint') {
    if ((min !== undefined && converted < min) || (max !== undefined && converted > max)) {
      return { fault: `'${name}' is ${converted}, allowed is ${min ?? '-Infinity'} to ${max ?? 'Infinity'}` };
    }
  }
  return converted;
}

/** What a text stands for where a file has only texts (attributes of XML). */
function fromText(type: Fmi3Type, value: unknown): unknown {
  if (typeof value !== 'string' || type === 'String' || type === 'Binary') return value;
  const text = value.trim();
  if (type === 'Boolean')
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : value;
  if (type === 'Float64' || type === 'Float32') {
    if (/^[+-]?INF$/.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return text === 'NaN' || /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : value;
  }
  return /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : value;
}

function convert(
  type: Fmi3Type,
  value: unknown,
  items: FmuModel['enumerations'][number]['items'],
): Fmi3StartValue | undefined {
  switch (type) {
    case 'Float32':
    case 'Float64':
      return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;
    case 'Boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'String':
      return typeof value === 'string' ? value : undefined;
    case 'Binary':
      return typeof value === 'string' && /^(?:[0-9A-Fa-f]{2})*$/.test(value) ? value : undefined;
    case 'Enumeration':
      return items.find((item) => item.name === value || item.value === value || BigInt(item.value) === value)?.value;
    case 'Clock':
      return undefined;
    default: {
      const [low, high] = INTEGER_RANGE[type]!;
      if (typeof value === 'bigint' ? value < low || value > high : !Number.isSafeInteger(value)) return undefined;
      const integer = BigInt(value as number | bigint);
      if (integer < low || integer > high) return undefined;
      return type === 'Int64' || type === 'UInt64' ? integer : Number(integer);
    }
  }
}

function show(value: unknown): string {
  return typeof value === 'bigint' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}
