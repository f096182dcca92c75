/** What a run keeps of its values: files of results, and columns in memory. */
import { typeName } from '../fmi/index.js';
import { type Port, portName, type System, variableAt } from '../system/index.js';
import type { Captured } from './report.js';
import {
  type CellKind,
  openSink,
  type ResultColumn,
  type ResultSink,
  type RowBatch,
  type SinkOptions,
} from './results/index.js';
import type { Simulation } from './simulation.js';

/** Recordings of a system, and behind them one more for the columns that are captured. */
export function withCapture(system: System, captured: readonly Port[]): System {
  if (captured.length === 0) return system;
  return {
    ...system,
    recordings: [...system.recordings, { format: 'csv', variables: captured, every: 1, captured: true }],
  };
}

export class Recorder {
  readonly #simulation: Simulation;
  readonly #sinks: (ResultSink | undefined)[] = [];
  #capture: Capture | undefined;
  /** ms spent on writing. */
  spentMs = 0;

  private constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Opens the files. Throws `ResultsError`, with nothing left open. */
  static async open(simulation: Simulation, options: SinkOptions): Promise<Recorder> {
    const { system } = simulation;
    const recorder = new Recorder(simulation);
    try {
      for (const { file, format, variables, roll, captured } of system.recordings) {
        const columns = variables.flatMap((port) => simulation.scalars(port).map((scalar) => columnOf(system, scalar)));
        const recording = file === undefined ? undefined : { file, format, ...(roll === undefined ? {} : { roll }) };
        if (captured === true) recorder.#capture = new Capture(columns);
        recorder.#sinks.push(recording === undefined ? undefined : await openSink(recording, columns, options));
      }
    } catch (error) {
      recorder.close();
      throw error;
    }
    return recorder;
  }

  get files(): string[] {
    return this.#sinks.flatMap((sink) => sink?.files ?? []);
  }

  get captured(): Captured | undefined {
    return this.#capture?.columns();
  }

  /** Takes the rows that have come together. */
  drain(): void {
    const before = performance.now();
    const { recordings } = this.#simulation.system;
    for (const [index, { captured }] of recordings.entries()) {
      const rows = this.#simulation.takeRows(index);
      if (rows.rows === 0) continue;
      this.#sinks[index]?.write(rows);
      if (captured === true) this.#capture!.add(rows);
    }
    this.spentMs += performance.now() - before;
  }

  flush(): void {
    this.drain();
    for (const sink of this.#sinks) sink?.flush();
  }

  /** Completes the files; all of them, whatever one of them says. */
  close(): void {
    const errors: unknown[] = [];
    for (const sink of this.#sinks) {
      try {
        sink?.close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

const KINDS: Readonly<Record<string, CellKind>> = {
  Float32: 'float',
  Float64: 'float',
  UInt64: 'unsigned',
  Boolean: 'boolean',
  Clock: 'boolean',
  String: 'text',
  Binary: 'bytes',
};

function columnOf(system: System, port: Port): ResultColumn {
  const { type, unit, description } = variableAt(system, port);
  return {
    name: portName(system, port),
    kind: KINDS[type] ?? 'integer',
    type: typeName(system.components[port.component]!.model, type),
    ...(unit === undefined ? {} : { unit }),
    ...(description === undefined ? {} : { description }),
  };
}

const FIRST_CAPACITY = 1024;

/** Values kept in memory, a column a variable, growing with the run. */
class Capture {
  readonly #described: readonly ResultColumn[];
  /** The time first, then the columns. */
  #columns: Float64Array[];
  #rows = 0;

  constructor(columns: readonly ResultColumn[]) {
    this.#described = columns;
    this.#columns = Array.from({ length: columns.length + 1 }, () => new Float64Array(FIRST_CAPACITY));
  }

  add({ rows, cellsPerRow, floats, integers }: RowBatch): void {
    while (this.#rows + rows > this.#columns[0]!.length) this.#grow();
    for (const [index, column] of this.#columns.entries()) {
      const kind = index === 0 ? 'float' : this.#described[index - 1]!.kind;
      for (let row = 0; row < rows; row++) {
        const at = row * cellsPerRow + index;
        if (kind === 'float') column[this.#rows + row] = floats[at]!;
        else column[this.#rows + row] = Number(kind === 'unsigned' ? BigInt.asUintN(64, integers[at]!) : integers[at]);
      }
    }
    this.#rows += rows;
  }

  columns(): Captured {
    const [time, ...columns] = this.#columns.map((column) => column.slice(0, this.#rows));
    return { time: time!, columns: Object.fromEntries(this.#described.map(({ name }, i) => [name, columns[i]!])) };
  }

  #grow(): void {
    this.#columns = this.#columns.map((column) => {
      const larger = new Float64Array(column.length * 2);
      larger.set(column);
      return larger;
    });
  }
}
