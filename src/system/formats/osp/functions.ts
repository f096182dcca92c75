/** The functions of OspSystemStructure.xml, and which of their signals are connected. */
import type { Problem, SourceLocation } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import { AttributeReader } from '../../../support/xml/attribute-reader.js';
import { childrenIn, type XmlElement } from '../../../support/xml/tree.js';
import type { DraftFunction } from '../../draft.js';

const KINDS = { LinearTransformation: 'linear', Sum: 'sum', VectorSum: 'vector-sum' } as const;
/** More missing signals of a function than these are not listed one by one. */
const LISTED = 5;

export function readFunctions(structure: XmlElement, problems: Problem[]): DraftFunction[] {
  const [list] = childrenIn(structure, structure.namespace, 'Functions');
  const functions: DraftFunction[] = [];
  for (const element of list?.children ?? []) {
    const kind = KINDS[element.localName as keyof typeof KINDS];
    const name = new AttributeReader(element, problems).required('name');
    if (kind === undefined || name === undefined) continue;
    const attributes = new AttributeReader(element, problems, `function '${name}'`);
    functions.push({
      name,
      kind,
      inputs: kind === 'linear' ? 1 : readCount(attributes, 'inputCount', problems),
      dimension: kind === 'vector-sum' ? readCount(attributes, 'dimension', problems) : 1,
      factor: kind === 'linear' ? (attributes.real('factor') ?? 1) : 1,
      offset: kind === 'linear' ? (attributes.real('offset') ?? 0) : 0,
      location: element.location,
    });
  }
  return functions;
}

function readCount(attributes: AttributeReader, name: string, problems: Problem[]): number {
  if (attributes.required(name) === undefined) return 1;
  const count = attributes.unsigned(name) ?? 1;
  if (count > 0) return count;
  const message = `'${name}' of function '${attributes.string('name')}' is 0, expected at least 1`;
  problems.push({ message, location: attributes.element.location });
  return 1;
}

/** Where a connection names a signal of a function. */
export interface SignalEnd {
  readonly function: string;
  readonly name: string;
  readonly location: SourceLocation;
}

/** Each signal is connected once: libcosim passes over a second connection without a word, and over unknown names. */
export class Signals {
  readonly #functions: readonly DraftFunction[];
  readonly #problems: Problem[];
  /** By function, the names of its signals that are connected. */
  readonly #connected = new Map<string, Set<string>>();

  constructor(functions: readonly DraftFunction[], problems: Problem[]) {
    this.#functions = functions;
    this.#problems = problems;
  }

  /** The function whose signal it is; undefined, and reported, if it cannot be connected by an element of this kind. */
  connect(end: SignalEnd, by: 'SignalConnection' | 'SignalGroupConnection'): DraftFunction | undefined {
    const { name, location } = end;
    const found = this.#functions.find((candidate) => candidate.name === end.function);
    if (found === undefined) {
      const names = this.#functions.map((candidate) => candidate.name);
      return this.#report(location, `unknown function '${end.function}'${didYouMean(end.function, names)}`);
    }
    const [, digits] = /^in\[(0|[1-9]\d*)\]$/.exec(name) ?? [];
    const isInput = found.kind === 'linear' ? name === 'in' : digits !== undefined && Number(digits) < found.inputs;
    if (name !== 'out' && !isInput) {
      const [first, last] = ['in[0]', `in[${found.inputs - 1}]`];
      const inputs = found.kind === 'linear' ? 'in' : first === last ? first : `${first} to ${last}`;
      return this.#report(location, `function '${found.name}' has no signal '${name}'`, `it has ${inputs} and out`);
    }
    const connected = this.#connected.get(found.name) ?? new Set();
    this.#connected.set(found.name, connected);
    if (connected.has(name)) {
      const message = `signal '${name}' of function '${found.name}' is connected twice`;
      return this.#report(location, message, 'a signal has one connection; libcosim passes over all but the first');
    }
    connected.add(name);
    if ((found.kind === 'vector-sum') !== (by === 'SignalGroupConnection')) {
      const [what, remedy] =
        found.kind === 'vector-sum'
          ? ['a vector sum, whose signals are groups', 'use a SignalGroupConnection']
          : ['no vector sum, and has no groups', 'use a SignalConnection'];
      return this.#report(location, `function '${found.name}' is ${what}`, remedy);
    }
    return found;
  }

  /** Reports the signals that no connection names. */
  checkAll(): void {
    for (const { name, kind, inputs, location } of this.#functions) {
      const connected = this.#connected.get(name);
      const missing: string[] = [];
      for (let input = 0; input < inputs && missing.length <= LISTED; input++) {
        const signal = kind === 'linear' ? 'in' : `in[${input}]`;
        if (connected?.has(signal) !== true) missing.push(signal);
      }
      if (connected?.has('out') !== true) missing.push('out');
      if (missing.length === 0) continue;
      const listed = missing.length > LISTED ? `${missing.slice(0, LISTED).join(', ')} and others` : missing.join(', ');
      const remedy = `add a ${kind === 'vector-sum' ? 'SignalGroupConnection' : 'SignalConnection'} for each`;
      this.#report(location, `nothing is connected to ${listed} of function '${name}'`, remedy);
    }
  }

  #report(location: SourceLocation, message: string, remedy?: string): undefined {
    this.#problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
    return undefined;
  }
}
