/**
 * Results as MCAP, which opens in Foxglove: a topic `/component` for each component, a message of JSON for each
 * communication point, with the component's recorded variables. Elements of an array that stand next to one another,
 * counted from 0 or 1, are one array.
 *
 * Log times are the simulated time in nanoseconds, from 1970 on, or from a wall clock on. JSON has no NaN and no
 * infinities: they are null. Whole numbers have all their digits; bytes are base64. JSON Schemas describe the variables;
 * the metadata `twinbridge` tell of the run, and `origin` which log time is simulated time 0.
 */
import { twinbridgeVersion } from '../../support/version.js';
import { splitPortName } from '../../system/index.js';
import { type FileSink, type SinkOptions, saveIntervalMs } from './file-sink.js';
import { McapFile } from './mcap-file.js';
import { OutputFile } from './output-file.js';
import type { CellKind, ResultColumn, RowBatch } from './rows.js';
import { decodeText, textAt } from './texts.js';

export { loadMcap } from './mcap-file.js';

/** Log times of a run, in all of its files. */
export class LogClock {
  #originNs: bigint | undefined;

  /** `originNs`: log time that belongs to simulated time 0. */
  constructor(originNs?: bigint) {
    this.#originNs = originNs;
  }

  /** MCAP knows no times before 0: a run that begins before has its log times from 0 on. */
  originAt(firstTime: number): bigint {
    this.#originNs ??= firstTime < 0 ? -toNs(firstTime) : 0n;
    return this.#originNs;
  }
}

export class McapSink implements FileSink {
  readonly #file: OutputFile;
  readonly #mcap: McapFile;
  readonly #topics: readonly Topic[];
  readonly #about: Readonly<Record<string, string>>;
  readonly #clock: LogClock;
  readonly #saveMs: number;
  #nextSaveMs: number;
  /** Undefined before the first row. */
  #originNs: bigint | undefined;
  #closed = false;

  /** Creates or empties `file`, with its folder. Throws {@link ResultsError}. */
  constructor(
    file: string,
    columns: readonly ResultColumn[],
    options: SinkOptions = {},
    clock: LogClock = new LogClock(),
  ) {
    const version = twinbridgeVersion();
    this.#about = { version, ...options.about };
    this.#clock = clock;
    this.#saveMs = saveIntervalMs(options);
    this.#nextSaveMs = performance.now() + this.#saveMs;
    this.#file = new OutputFile(file);
    this.#mcap = new McapFile(this.#file, { profile: '', library: `twinbridge ${version}` });
    this.#topics = componentsOf(columns, options.components ?? []).map(([component, variables]) => ({
      channel: this.#mcap.addChannel(
        { name: component, encoding: 'jsonschema', data: encode(JSON.stringify(jsonSchema(component, variables))) },
        { topic: `/${component}`, messageEncoding: 'json', metadata: new Map([['component', component]]) },
      ),
      parts: partsOf(variables),
    }));
  }

  get files(): readonly string[] {
    return [this.#file.path];
  }

  get bytes(): number {
    return this.#mcap.bytes;
  }

  measure(): void {
    this.flush();
  }

  write(batch: RowBatch): void {
    const { rows, cellsPerRow, floats } = batch;
    if (rows > 0) this.#describe(floats[0]!);
    for (let row = 0; row < rows; row++) {
      const first = row * cellsPerRow;
      const time = toNs(floats[first]!) + this.#originNs!;
      for (const { channel, parts } of this.#topics) this.#mcap.addMessage(channel, time, message(parts, batch, first));
    }
    if (performance.now() >= this.#nextSaveMs) this.flush();
  }

  flush(): void {
    this.#mcap.endChunk();
    this.#nextSaveMs = performance.now() + this.#saveMs;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#describe(0);
      this.#mcap.end();
    } finally {
      this.#file.close();
    }
  }

  /** Once the first time is known. */
  #describe(firstTime: number): void {
    if (this.#originNs !== undefined) return;
    this.#originNs = this.#clock.originAt(firstTime);
    const metadata = new Map([...Object.entries(this.#about), ['origin', `${this.#originNs}`]]);
    this.#mcap.addMetadata({ name: 'twinbridge', metadata });
  }
}

function toNs(seconds: number): bigint {
  return BigInt(Math.round(seconds * 1e9));
}

/* -- Variables ------------------------------------------------------------------------------------------------------ */

/** A recorded variable: one column, or those of an array's elements. */
interface Variable {
  readonly name: string;
  readonly column: ResultColumn;
  readonly isArray: boolean;
  /** Places in a row. */
  readonly cells: number[];
}

function componentsOf(columns: readonly ResultColumn[], components: readonly string[]): [string, Variable[]][] {
  const found = new Map<string, [string, ResultColumn, number][]>();
  const names = new Set(components);
  columns.forEach((column, i) => {
    const { owner, variable } = splitPortName(column.name, names);
    const list = found.get(owner) ?? [];
    list.push([variable, column, i + 1]);
    found.set(owner, list);
  });
  return [...found].map(([component, list]) => [component, joinArrays(list)]);
}

function joinArrays(columns: readonly [name: string, column: ResultColumn, cell: number][]): Variable[] {
  const variables: Variable[] = [];
  for (let at = 0; at < columns.length; ) {
    const [name, column, cell] = columns[at]!;
    const [, array, index] = /^(.*)\[([01])\]$/s.exec(name) ?? [];
    let elements = 1;
    if (array !== undefined) {
      const follows = () => {
        const next = columns[at + elements];
        return next?.[0] === `${array}[${Number(index) + elements}]` && next[1].kind === column.kind;
      };
      while (follows()) elements++;
    }
    const isArray = elements > 1;
    const cells = Array.from({ length: elements }, (_, i) => columns[at + i]![2]);
    variables.push({ name: isArray ? array! : name, column, isArray, cells: isArray ? cells : [cell] });
    at += elements;
  }
  return variables;
}

const JSON_TYPES: Readonly<Record<CellKind, Readonly<Record<string, string>>>> = {
  float: { type: 'number' },
  integer: { type: 'integer' },
  unsigned: { type: 'integer' },
  boolean: { type: 'boolean' },
  text: { type: 'string' },
  bytes: { type: 'string', contentEncoding: 'base64' },
};

function jsonSchema(component: string, variables: readonly Variable[]): unknown {
  const properties = variables.map(({ name, column, isArray }) => {
    const { kind, type, unit, description } = column;
    const value = isArray ? { type: 'array', items: JSON_TYPES[kind] } : JSON_TYPES[kind];
    // Foxglove shows descriptions; `unit` and `fmiType` are for those who know of them.
    const words = [description, unit === undefined ? undefined : `[${unit}]`].filter((word) => word !== undefined);
    return [
      name,
      {
        ...value,
        ...(words.length > 0 && { description: words.join(' ') }),
        ...(unit !== undefined && { unit }),
        fmiType: type,
      },
    ];
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: component,
    type: 'object',
    properties: Object.fromEntries(properties),
  };
}

/* -- Messages ------------------------------------------------------------------------------------------------------- */

interface Topic {
  readonly channel: number;
  readonly parts: readonly Part[];
}

/** A stretch of a message: text that is always the same, and then a value, but for the last. */
interface Part {
  readonly text: string;
  readonly cell: number;
  readonly format: ((batch: RowBatch, at: number) => string) | undefined;
}

function partsOf(variables: readonly Variable[]): Part[] {
  const parts: Part[] = [];
  let text = '{';
  for (const { name, column, isArray, cells } of variables) {
    text += `${text.endsWith('{') ? '' : ','}${JSON.stringify(name)}:${isArray ? '[' : ''}`;
    for (const cell of cells) {
      parts.push({ text, cell, format: FORMATS[column.kind] });
      text = ',';
    }
    text = isArray ? ']' : '';
  }
  return [...parts, { text: `${text}}`, cell: 0, format: undefined }];
}

function message(parts: readonly Part[], batch: RowBatch, first: number): Uint8Array {
  let json = '';
  for (const { text, cell, format } of parts) {
    json += text;
    if (format !== undefined) json += format(batch, first + cell);
  }
  return encode(json);
}

const FORMATS: Readonly<Record<CellKind, (batch: RowBatch, at: number) => string>> = {
  float: ({ floats }, at) => formatFloat(floats[at]!),
  integer: ({ integers }, at) => String(integers[at]!),
  unsigned: ({ integers }, at) => String(BigInt.asUintN(64, integers[at]!)),
  boolean: ({ integers }, at) => (integers[at] === 0n ? 'false' : 'true'),
  text: (batch, at) => JSON.stringify(decodeText(textAt(batch, at))),
  bytes: (batch, at) => `"${Buffer.from(textAt(batch, at)).toString('base64')}"`,
};

function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  // Without a point Python and others would take it for a whole number, which has no sign.
  return Object.is(value, -0) ? '-0.0' : String(value);
}

function encode(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
