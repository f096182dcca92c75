/**
 * A modelDescription.xml made for RMQFMU → what a bridge.yaml says, and what such a file has no word for.
 *
 * RMQFMU has its configuration in the start values of the copy in `resources`, and knows its parameters by value
 * reference and type alone. An importer reads the copy at the root. Where the two disagree, the root says which
 * variables there are, since the importer asks for those, and `resources` says what they start with, since runs so far
 * have used that.
 */
import type { ModelDescription, ScalarVariable } from '../../fmi/index.js';
import { InvalidFileError, type Problem, type SourceLocation } from '../../support/errors.js';
import { type BasicType, INTEGER_MAX, type SignalValue } from '../signals.js';
import {
  DISCREPANCIES,
  ENABLE_SEND,
  MISSING,
  OWN_PARAMETERS,
  REFERENCE,
  RMQFMU_PARAMETERS,
  type RmqfmuConfig,
  type RmqfmuParameter,
} from './contract.js';

/** A `bridge.yaml` as plain data, to be written or to be read at once. */
export interface BridgeFileData {
  readonly twinbridge: 'bridge';
  readonly name: string;
  readonly [part: string]: unknown;
}

export interface FromDescription {
  readonly file: BridgeFileData;
  /** User and password of the description are in its start values. */
  readonly rmqfmu: RmqfmuConfig;
  /** User and password are others than guest: secrets, perhaps. */
  readonly hasCredentials: boolean;
  readonly warnings: readonly Problem[];
}

/** Room that a text has, bytes of UTF-8; RMQFMU knows no limit. */
export const TEXT_BYTES = 4096;
/** Bytes of a message; RMQFMU reads any. */
const MESSAGE_BYTES = 32 << 20;
/** The ring holds at least this many samples: RMQFMU counts only a part of those that wait. */
const LEAST_CAPACITY = 1024;
const MOST_CAPACITY = 1 << 20;
const RING_BYTES = 2 ** 30;

/** `resources`: the other copy, if there is one. Throws {@link InvalidFileError}. */
export function fromDescription(root: ModelDescription, resources?: ModelDescription): FromDescription {
  const reader = new DescriptionReader(root, resources);
  const result = reader.read();
  if (reader.problems.length > 0) throw new InvalidFileError(reader.place.file, reader.problems);
  return result;
}

class DescriptionReader {
  readonly problems: Problem[] = [];
  readonly place: SourceLocation;
  readonly #warnings: Problem[] = [];
  readonly #root: ModelDescription;
  readonly #starts: ReadonlyMap<string, ScalarVariable>;
  readonly #missing: string[] = [];

  constructor(root: ModelDescription, resources: ModelDescription | undefined) {
    this.#root = root;
    this.place = { file: root.variables[0]?.location?.file ?? 'modelDescription.xml' };
    this.#starts = new Map((resources ?? root).variables.map((variable) => [variable.name, variable]));
    if (resources !== undefined) this.#compare(resources);
  }

  read(): FromDescription {
    const parameters = this.#root.variables.filter(({ causality }) => causality !== 'input' && causality !== 'output');
    const declared = parameters.flatMap((variable) => this.#parameter(variable));
    const value = <T extends SignalValue>(reference: number): T => this.#value(declared, reference) as T;
    const own = (parameter: RmqfmuParameter) =>
      declared.find(({ name, type }) => name === parameter.name && type === parameter.type)?.start ?? parameter.start;

    const outputs: Record<string, unknown> = {};
    const inputs: Record<string, unknown> = {};
    const diagnostics: string[] = [];
    const references: Record<string, number> = {};
    for (const variable of this.#root.variables) {
      const { name, causality, type, valueReference } = variable;
      if (causality !== 'output' && causality !== 'input') continue;
      references[name] = valueReference;
      if (causality === 'output' && type === 'Real' && (DISCREPANCIES as readonly string[]).includes(name)) {
        diagnostics.push(name);
      } else {
        (causality === 'output' ? outputs : inputs)[name] = this.#signal(variable);
      }
    }
    if (Object.keys(references).length === 0) {
      this.#problem(
        'the description has neither outputs nor inputs',
        this.place,
        'add the variables that messages carry',
      );
    }

    const maxage = Math.max(0, value<number>(REFERENCE.maxage));
    const timeout = value<number>(REFERENCE.timeout);
    if (timeout <= 0)
      this.#warn(`config.communicationtimeout is ${timeout} s, with which RMQFMU fails; it is 60 s here`);
    const bound = value<number>(REFERENCE.queueBound);
    if (bound < 1) {
      this.#warn(`config.queueupperbound is ${bound}, which would take nothing in; it is 100 here`);
    }
    const behaviour = own(OWN_PARAMETERS.behaviour);
    const username = value<string>(REFERENCE.username);
    const password = value<string>(REFERENCE.password);
    const precision = value<number>(REFERENCE.precision);
    if (precision < 1)
      this.#problem(`config.precision is ${precision}, expected 1 or more`, this.#placeOf(REFERENCE.precision));

    const file: BridgeFileData = {
      twinbridge: 'bridge',
      name: this.#root.modelName,
      ...(this.#root.description === undefined ? {} : { description: this.#root.description }),
      compat: own(OWN_PARAMETERS.strict) === true ? 'strict' : 'rmqfmu',
      broker: {
        host: value<string>(REFERENCE.hostname) || 'localhost',
        port: value<number>(REFERENCE.port),
        vhost: value<string>(REFERENCE.vhost) || '/',
        ...(value<boolean>(REFERENCE.ssl) ? { tls: true } : {}),
      },
      receive: {
        exchange: value<string>(REFERENCE.exchange),
        type: value<string>(REFERENCE.exchangeType),
        key: value<string>(REFERENCE.routingKey),
        maxMessageBytes: MESSAGE_BYTES,
      },
      send: {
        key: value<string>(REFERENCE.sendKey),
        when: value<boolean>(REFERENCE.sendAlways) ? 'always' : 'changed',
        announce: true,
      },
      health: {
        exchange: value<string>(REFERENCE.healthExchange),
        type: value<string>(REFERENCE.healthExchangeType),
      },
      selection: {
        behaviour: typeof behaviour === 'number' && behaviour >= 0 && behaviour <= 2 ? behaviour : 2,
        maxage: `${maxage} ms`,
        lookahead: Math.max(1, value<number>(REFERENCE.lookahead)),
        timeout: `${timeout > 0 ? timeout : 60} s`,
        onTimeout: own(OWN_PARAMETERS.onTimeout) === 1 ? 'hold' : 'fail',
      },
      ring: { capacity: this.#capacity(bound) },
      outputs,
      inputs,
      ...(diagnostics.length === 0 ? {} : { diagnostics }),
      rmqfmu: { modelIdentifier: this.#root.coSimulation?.modelIdentifier ?? 'rabbitmq', references },
    };
    this.#tellMissing();
    return {
      file,
      rmqfmu: {
        modelIdentifier: this.#root.coSimulation?.modelIdentifier ?? 'rabbitmq',
        references,
        parameters: declared,
      },
      hasCredentials: username !== 'guest' || password !== 'guest',
      warnings: this.#warnings,
    };
  }

  /** Samples that the ring holds: what may wait, as far as there is memory for it. */
  #capacity(bound: number): number {
    const outputs = this.#root.variables.filter(({ causality }) => causality === 'output');
    const row = outputs.reduce((sum, { type }) => sum + (type === 'String' ? TEXT_BYTES + 16 : 8), 128);
    const most = Math.min(MOST_CAPACITY, Math.floor(RING_BYTES / row));
    const wanted = Math.max(LEAST_CAPACITY, bound);
    if (bound > most) this.#warn(`config.queueupperbound is ${bound}; ${most} messages may wait here`);
    return Math.min(wanted, most);
  }

  #problem(message: string, location: SourceLocation, remedy?: string): void {
    this.problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
  }

  #warn(message: string, location: SourceLocation = this.place): void {
    this.#warnings.push({ message, location });
  }

  /** What the two copies say of the same names. */
  #compare(resources: ModelDescription): void {
    const places = (variable: ScalarVariable) => `value reference ${variable.valueReference}, ${variable.type}`;
    const onlyHere: string[] = [];
    for (const variable of this.#root.variables) {
      const other = this.#starts.get(variable.name);
      const location = variable.location ?? this.place;
      if (other === undefined) {
        onlyHere.push(variable.name);
      } else if (other.valueReference !== variable.valueReference || other.type !== variable.type) {
        this.#warn(
          `'${variable.name}' is ${places(variable)} here and ${places(other)} in resources/modelDescription.xml; the one here counts`,
          location,
        );
      } else if (other.start !== variable.start) {
        const shown = SECRETS.includes(variable.valueReference)
          ? ''
          : ` (${show(variable.start)} here, ${show(other.start)} there)`;
        this.#warn(
          `'${variable.name}' starts with another value in resources/modelDescription.xml${shown}; the one there counts, as with RMQFMU`,
          location,
        );
      }
    }
    const here = new Set(this.#root.variables.map(({ name }) => name));
    const onlyThere = resources.variables.map(({ name }) => name).filter((name) => !here.has(name));
    if (onlyHere.length > 0) this.#warn(`not in resources/modelDescription.xml: ${some(onlyHere)}`);
    if (onlyThere.length > 0) {
      this.#warn(`only in resources/modelDescription.xml, and not used: ${some(onlyThere)}`);
    }
  }

  #startOf(variable: ScalarVariable): SignalValue | undefined {
    const other = this.#starts.get(variable.name);
    return other?.type === variable.type ? other.start : variable.start;
  }

  #parameter(variable: ScalarVariable): RmqfmuParameter[] {
    const { name, valueReference, type, description, location = this.place } = variable;
    if (type === 'Enumeration') {
      this.#warn(`'${name}' is an Enumeration, which RMQFMU does not know: it is left out`, location);
      return [];
    }
    const known = RMQFMU_PARAMETERS.find((parameter) => parameter.valueReference === valueReference);
    if (known !== undefined && known.type !== type) {
      this.#warn(
        `'${name}' is of type ${type}: value reference ${valueReference} (${known.name}) counts only as ${known.type}`,
        location,
      );
    } else if (known !== undefined && known.name !== name) {
      this.#warn(`'${name}' has value reference ${valueReference}: it is taken as ${known.name}`, location);
    } else if (known === undefined && !Object.values(OWN_PARAMETERS).some((parameter) => parameter.name === name)) {
      this.#warn(`'${name}' (value reference ${valueReference}) has no meaning here, as with RMQFMU`, location);
    }
    const start = this.#startOf(variable) ?? (known?.type === type ? this.#default(known) : ZERO[type]);
    return [{ name, valueReference, type, start, ...(description === undefined ? {} : { description }) }];
  }

  #value(declared: readonly RmqfmuParameter[], reference: number): SignalValue {
    const known = RMQFMU_PARAMETERS.find(({ valueReference }) => valueReference === reference)!;
    const found = declared.find(({ valueReference, type }) => valueReference === reference && type === known.type);
    if (found === undefined) this.#missing.push(`${known.name} (${show(this.#default(known))})`);
    return found?.start ?? this.#default(known);
  }

  #default(known: RmqfmuParameter): SignalValue {
    return MISSING[known.valueReference] ?? known.start;
  }

  #tellMissing(): void {
    const names = [...new Set(this.#missing)];
    if (names.length > 0) this.#warn(`the description lacks parameters; these values count: ${names.join(', ')}`);
  }

  #placeOf(reference: number): SourceLocation {
    return this.#root.variables.find(({ valueReference }) => valueReference === reference)?.location ?? this.place;
  }

  #signal(variable: ScalarVariable): string | Readonly<Record<string, unknown>> {
    const { name, type, causality, valueReference, unit, description, location = this.place } = variable;
    if (type === 'Enumeration') {
      this.#problem(`'${name}' is an Enumeration, which RMQFMU does not know`, location, 'make it an Integer');
      return 'Integer';
    }
    const input = causality === 'input';
    const start = this.#startOf(variable);
    if (input && start === undefined) {
      this.#warn(`input '${name}' has no start value: it is ${show(ZERO[type])} until it is set`, location);
    }
    if (input && valueReference === ENABLE_SEND.valueReference && type === 'Boolean') {
      this.#warn(`'${name}' is true to stop publishing, as with RMQFMU, whatever its name says`, location);
    }
    const textBytes = type === 'String' ? textRoom(start) : undefined;
    const signal = {
      type,
      ...(input && start !== undefined ? { start } : {}),
      ...(unit === undefined || type !== 'Real' ? {} : { unit }),
      ...(description === undefined ? {} : { description }),
      ...(textBytes === undefined ? {} : { maxLength: textBytes }),
    };
    return Object.keys(signal).length === 1 ? type : signal;
  }
}

/** Value references whose values are not shown. */
const SECRETS: readonly number[] = [REFERENCE.username, REFERENCE.password];
const ZERO: Readonly<Record<BasicType, SignalValue>> = { Real: 0, Integer: 0, Boolean: false, String: '' };

function textRoom(start: SignalValue | undefined): number {
  const needed = typeof start === 'string' ? Buffer.byteLength(start) : 0;
  return Math.min(INTEGER_MAX, Math.max(TEXT_BYTES, needed));
}

function show(value: SignalValue | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
