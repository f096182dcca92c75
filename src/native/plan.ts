/** Step plans in the library (fmu-shim/src/plan/plan.h): packing, running, rows of results, times. */
import { NativeLibraryError } from './errors.js';
import { STORAGES, type Storage } from './importer.js';
import { loadKoffi } from './koffi.js';
import { type Address, bindNative } from './library.js';
import type { CellMatrix } from './results.js';

interface PlanFunctions {
  tb_plan_create(spec: Uint32Array, code: Uint8Array, pool: Uint32Array, instances: BigUint64Array): Address;
  tb_plan_destroy(plan: Address): void;
  tb_plan_control(plan: Address): Address;
  tb_plan_arena(plan: Address): Address;
  tb_plan_watch(plan: Address, calls: Int32Array): void;
  tb_plan_run(plan: Address): number;
  tb_plan_execute(plan: Address, begin: number, end: number): number;
  tb_plan_events(plan: Address, entered: number): number;
  tb_plan_put_text(plan: Address, text: number, bytes: Uint8Array, size: number): number;
  tb_plan_patch(plan: Address, patch: number, mode: number, value: number, text: number): void;
  tb_plan_save(plan: Address, place: number): number;
  tb_plan_restore(plan: Address, place: number): number;
  tb_plan_record(plan: Address): number;
  tb_plan_take_rows(
    plan: Address,
    recorder: number,
    rows: Uint32Array,
    texts: BigUint64Array,
    textsSize: Uint32Array,
  ): Address;
  tb_plan_component_times(plan: Address): Address;
  tb_plan_own_times(plan: Address): Address;
  tb_plan_profile(plan: Address, all: number): void;
}

const PROTOTYPES: Readonly<Record<keyof PlanFunctions, string>> = {
  tb_plan_create: 'uintptr_t tb_plan_create(void *spec, void *code, void *pool, void *instances)',
  tb_plan_destroy: 'void tb_plan_destroy(uintptr_t plan)',
  tb_plan_control: 'uintptr_t tb_plan_control(uintptr_t plan)',
  tb_plan_arena: 'uintptr_t tb_plan_arena(uintptr_t plan)',
  tb_plan_watch: 'void tb_plan_watch(uintptr_t plan, void *calls)',
  tb_plan_run: 'int tb_plan_run(uintptr_t plan)',
  tb_plan_execute: 'int tb_plan_execute(uintptr_t plan, uint32_t begin, uint32_t end)',
  tb_plan_events: 'int tb_plan_events(uintptr_t plan, int entered)',
  tb_plan_put_text: 'int tb_plan_put_text(uintptr_t plan, uint32_t text, void *bytes, uint32_t size)',
  tb_plan_patch: 'void tb_plan_patch(uintptr_t plan, uint32_t patch, int mode, double value, uint32_t text)',
  tb_plan_save: 'int tb_plan_save(uintptr_t plan, uint32_t place)',
  tb_plan_restore: 'int tb_plan_restore(uintptr_t plan, uint32_t place)',
  tb_plan_record: 'int tb_plan_record(uintptr_t plan)',
  tb_plan_take_rows:
    'uintptr_t tb_plan_take_rows(uintptr_t plan, uint32_t recorder, void *rows, void *texts, void *texts_size)',
  tb_plan_component_times: 'uintptr_t tb_plan_component_times(uintptr_t plan)',
  tb_plan_own_times: 'uintptr_t tb_plan_own_times(uintptr_t plan)',
  tb_plan_profile: 'void tb_plan_profile(uintptr_t plan, int all)',
};

// -- The packed form ------------------------------------------------------------------------------------------------

/** In the order of `tb_op`. */
export const PLAN_OPS = [
  'set',
  'get',
  'step',
  'move',
  'sum',
  'every',
  'loop',
  'patch',
  'table',
  'when',
  'begin',
  'await',
] as const;
export type PlanOp = (typeof PLAN_OPS)[number];

/** What `a` to `f` mean for each operation says plan.h. */
export interface PlanInstruction {
  readonly op: PlanOp;
  readonly component?: number;
  readonly a?: number;
  readonly b?: number;
  readonly c?: number;
  readonly d?: number;
  readonly e?: number;
  readonly f?: number;
  readonly scale?: { readonly factor: number; readonly offset: number };
}

export interface PlanSpec {
  /** Bytes of numbers; texts lie behind them. */
  readonly arenaSize: number;
  readonly texts: number;
  readonly components: number;
  readonly patches: number;
  /** Number of stages, and where in the pool they are. */
  readonly stages: readonly [count: number, place: number];
  readonly recorders: readonly [count: number, place: number];
  readonly threads: number;
  readonly mayGoBack: boolean;
  /** Instructions of a step are `[0, codeEnd)`. */
  readonly codeEnd: number;
  readonly events: readonly [begin: number, end: number];
  readonly afterEvents: readonly [begin: number, end: number];
  /** In the pool. */
  readonly eventComponents: number;
  readonly timers: number;
  readonly clocks: number;
  readonly alwaysEvents: boolean;
  readonly code: readonly PlanInstruction[];
  readonly pool: readonly number[];
}

const INSTRUCTION_BYTES = 48;
const SCALED = 1;

export function storageNumber(storage: Storage): number {
  return STORAGES.indexOf(storage);
}

/** In the order of `tb_timer_kind`. */
export const TIMER_KINDS = ['constant', 'fixed', 'tunable', 'changing', 'countdown'] as const;

/** A double as the pool holds it. */
export function poolDouble(value: number): readonly number[] {
  return [...new Uint32Array(Float64Array.of(value).buffer)];
}

/** Where texts and byte strings begin in the arena, behind `arenaSize` bytes of numbers. */
export function textsBegin(arenaSize: number): number {
  return (arenaSize + 15) & ~15;
}

function packCode(code: readonly PlanInstruction[]): Uint8Array {
  const bytes = new Uint8Array(Math.max(1, code.length) * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { op, component = 0, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, scale }] of code.entries()) {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, PLAN_OPS.indexOf(op), true);
    view.setUint16(at + 2, scale === undefined ? 0 : SCALED, true);
    view.setUint32(at + 4, component, true);
    for (const [place, value] of [a, b, c, d, e, f].entries()) view.setUint32(at + 8 + 4 * place, value, true);
    view.setFloat64(at + 32, scale?.factor ?? 1, true);
    view.setFloat64(at + 40, scale?.offset ?? 0, true);
  }
  return bytes;
}

function packSpec(spec: PlanSpec): Uint32Array {
  return Uint32Array.of(
    spec.arenaSize,
    spec.texts,
    spec.components,
    spec.code.length,
    spec.pool.length,
    spec.patches,
    ...spec.stages,
    ...spec.recorders,
    spec.threads,
    spec.mayGoBack ? 1 : 0,
    spec.codeEnd,
    ...spec.events,
    ...spec.afterEvents,
    spec.eventComponents,
    spec.timers,
    spec.clocks,
    spec.alwaysEvents ? 1 : 0,
  );
}

// -- Running --------------------------------------------------------------------------------------------------------

/** In the order of `tb_run_end`. */
export const RUN_ENDS = [
  'done',
  'deadline',
  'attention',
  'rows-full',
  'failed',
  'terminated',
  'unsettled',
  'no-memory',
  'endless-event',
] as const;
export type RunEnd = (typeof RUN_ENDS)[number];

/** Offsets in `tb_run`. */
const RUN = {
  origin: 0,
  size: 8,
  first: 16,
  until: 24,
  deadline: 32,
  step: 40,
  time: 48,
  nextEvent: 56,
  attention: 64,
  end: 68,
  failedComponent: 72,
  failedStatus: 76,
  failedFunction: 80,
  warnings: 88,
  quiet: 96,
  callsSeen: 100,
  bytes: 104,
} as const;

/** fmi2Fatal, fmi3Fatal */
const FATAL = 4;
const BUCKETS = 256;
const COMPONENT_TIMES_BYTES = 32 + 4 * BUCKETS;
/** Larger than any distance of time: none. */
const NO_EVENT = 1.7e308;

/** Of one component, ns; those steps that were timed. */
export interface ComponentTimes {
  readonly steps: number;
  readonly stepNs: number;
  readonly maxNs: number;
  readonly accessNs: number;
  /** Number of steps by duration: linear to 8 ns, then 8 buckets a doubling. */
  readonly histogram: Uint32Array;
}

/** Rows that a recorder gave up: native memory, valid until its next are taken. */
export interface NativeRows extends CellMatrix {
  /** The memory of `integers`. */
  readonly floats: Float64Array;
}

/** A step plan in native memory. Its instances must outlive it; {@link destroy} it before they are freed. */
export class NativePlan {
  readonly #functions = bindNative<PlanFunctions>(PROTOTYPES);
  readonly #plan: Address;
  readonly #run: DataView;
  readonly #columns: readonly number[];
  /** Numbers between components, and behind them the pointers of texts. */
  readonly arena: ArrayBuffer;
  readonly #components: number;
  readonly #addressOfRun: Address;

  /** `instances`: addresses by component; `columns`: of each recorder. Throws {@link NativeLibraryError}. */
  constructor(spec: PlanSpec, instances: readonly Address[], columns: readonly number[]) {
    const koffi = loadKoffi();
    this.#components = spec.components;
    this.#columns = columns;
    this.#plan = this.#functions.tb_plan_create(
      packSpec(spec),
      packCode(spec.code),
      Uint32Array.from(spec.pool.length === 0 ? [0] : spec.pool),
      BigUint64Array.from(instances.length === 0 ? [0n] : instances.map(BigInt)),
    );
    if (Number(this.#plan) === 0) throw new NativeLibraryError('out of memory for the step plan');
    this.#addressOfRun = this.#functions.tb_plan_control(this.#plan);
    this.#run = new DataView(koffi.view(BigInt(this.#addressOfRun), RUN.bytes));
    this.arena = koffi.view(
      BigInt(this.#functions.tb_plan_arena(this.#plan)),
      Math.max(8, textsBegin(spec.arenaSize) + 16 * spec.texts),
    );
  }

  /** `abandonStates`: an FMU in this process had a fatal error, and its states are left to it. */
  destroy(abandonStates: boolean = false): void {
    if (abandonStates) {
      this.#run.setInt32(RUN.failedStatus, FATAL, true);
      this.#run.setInt32(RUN.failedComponent, -1, true); // of this process
    }
    this.#functions.tb_plan_destroy(this.#plan);
  }

  /** Where FMUs' log environments find the simulated time and say that they have something. */
  get watchAddresses(): { readonly time: bigint; readonly attention: bigint } {
    const base = BigInt(this.#addressOfRun);
    return { time: base + BigInt(RUN.time), attention: base + BigInt(RUN.attention) };
  }

  /** The communication point, s; during a call the begin of the step. */
  get time(): number {
    return this.#run.getFloat64(RUN.time, true);
  }

  /** Steps made since the beginning. */
  get step(): number {
    return Number(this.#run.getBigUint64(RUN.step, true));
  }

  /** When an FMU wants to handle an event next, s. */
  get nextEvent(): number | undefined {
    const time = this.#run.getFloat64(RUN.nextEvent, true);
    return time < NO_EVENT ? time : undefined;
  }

  /** Calls that answered with a warning. */
  get warnings(): number {
    return Number(this.#run.getBigUint64(RUN.warnings, true));
  }

  /** What ended the last run, when it failed. */
  get failure(): { readonly component: number; readonly status: number; readonly function: string } {
    const name = this.#run.getBigUint64(RUN.failedFunction, true);
    return {
      component: this.#run.getInt32(RUN.failedComponent, true),
      status: this.#run.getInt32(RUN.failedStatus, true),
      function: name === 0n ? '' : loadKoffi().decode.string(name),
    };
  }

  /**
   * A cell of shared memory: a run comes back after the present step when it is no longer {@link callsSeen}. C keeps its
   * address: it has to outlive the plan.
   */
  watch(calls: Int32Array): void {
    this.#functions.tb_plan_watch(this.#plan, calls);
  }

  set callsSeen(count: number) {
    this.#run.setInt32(RUN.callsSeen, count, true);
  }

  /** Whether steps leave no rows: they may be undone. */
  set quiet(value: boolean) {
    this.#run.setInt32(RUN.quiet, value ? 1 : 0, true);
  }

  /** From here on step `step` begins at `time`, and all have `size`; s. */
  setGrid(time: number, size: number, step: number = this.step): void {
    this.#run.setFloat64(RUN.origin, time, true);
    this.#run.setFloat64(RUN.size, size, true);
    this.#run.setBigUint64(RUN.first, BigInt(step), true);
    this.#run.setBigUint64(RUN.step, BigInt(step), true);
    this.#run.setFloat64(RUN.time, time, true);
  }

  /** Step `step` of the present grid is the next. */
  jumpTo(step: number): void {
    const origin = this.#run.getFloat64(RUN.origin, true);
    const size = this.#run.getFloat64(RUN.size, true);
    const first = Number(this.#run.getBigUint64(RUN.first, true));
    this.#run.setBigUint64(RUN.step, BigInt(step), true);
    this.#run.setFloat64(RUN.time, origin + (step - first) * size, true);
  }

  /** Makes steps until number `until` is reached, or for `budgetMs` at most, or until something needs the caller. */
  run(until: number, budgetMs?: number): RunEnd {
    this.#run.setBigUint64(RUN.until, BigInt(until), true);
    const deadline = budgetMs === undefined ? 0n : process.hrtime.bigint() + BigInt(Math.round(budgetMs * 1e6));
    this.#run.setBigInt64(RUN.deadline, deadline, true);
    return RUN_ENDS[this.#functions.tb_plan_run(this.#plan)]!;
  }

  execute(begin: number, end: number): RunEnd {
    return RUN_ENDS[this.#functions.tb_plan_execute(this.#plan, begin, end)]!;
  }

  /** Event mode; `entered`: all are in it already, as after the initialisation. */
  events(entered: boolean): RunEnd {
    return RUN_ENDS[this.#functions.tb_plan_events(this.#plan, entered ? 1 : 0)]!;
  }

  putText(text: number, bytes: Uint8Array): void {
    this.#functions.tb_plan_put_text(this.#plan, text, bytes.length === 0 ? new Uint8Array(1) : bytes, bytes.length);
  }

  patch(patch: number, mode: 'off' | 'override' | 'bias', value: number, text: number = 0): void {
    this.#functions.tb_plan_patch(this.#plan, patch, mode === 'off' ? 0 : mode === 'override' ? 1 : 2, value, text);
  }

  save(place: number): RunEnd {
    return RUN_ENDS[this.#functions.tb_plan_save(this.#plan, place)]!;
  }

  restore(place: number): RunEnd {
    return RUN_ENDS[this.#functions.tb_plan_restore(this.#plan, place)]!;
  }

  /** A row of the present communication point for each recorder that is due. */
  record(): RunEnd {
    return RUN_ENDS[this.#functions.tb_plan_record(this.#plan)]!;
  }

  takeRows(recorder: number): NativeRows {
    const koffi = loadKoffi();
    const rows = new Uint32Array(1);
    const texts = new BigUint64Array(1);
    const textsSize = new Uint32Array(1);
    const cells = this.#functions.tb_plan_take_rows(this.#plan, recorder, rows, texts, textsSize);
    const cellsPerRow = this.#columns[recorder]! + 1;
    const count = rows[0]! * cellsPerRow;
    const memory = count === 0 ? new ArrayBuffer(0) : koffi.view(BigInt(cells), count * 8);
    return {
      rows: rows[0]!,
      cellsPerRow,
      floats: new Float64Array(memory),
      integers: new BigInt64Array(memory),
      texts: textsSize[0] === 0 ? new Uint8Array(0) : new Uint8Array(koffi.view(texts[0]!, textsSize[0]!)),
    };
  }

  /** Has every step timed, instead of as many as cost next to nothing. */
  profileAll(): void {
    this.#functions.tb_plan_profile(this.#plan, 1);
  }

  componentTimes(): ComponentTimes[] {
    if (this.#components === 0) return [];
    const address = BigInt(this.#functions.tb_plan_component_times(this.#plan));
    const view = new DataView(loadKoffi().view(address, this.#components * COMPONENT_TIMES_BYTES));
    return Array.from({ length: this.#components }, (_, component) => {
      const at = component * COMPONENT_TIMES_BYTES;
      const number = (offset: number) => Number(view.getBigUint64(at + offset, true));
      return {
        steps: number(0),
        stepNs: number(8),
        maxNs: number(16),
        accessNs: number(24),
        histogram: Uint32Array.from({ length: BUCKETS }, (__, bucket) => view.getUint32(at + 32 + 4 * bucket, true)),
      };
    });
  }

  /** Steps that were timed, what they spent outside of FMUs, and on results (when all are timed); ns. */
  ownTimes(): { readonly timedSteps: number; readonly overheadNs: number; readonly recordingNs: number } {
    const view = new DataView(loadKoffi().view(BigInt(this.#functions.tb_plan_own_times(this.#plan)), 24));
    const number = (offset: number) => Number(view.getBigUint64(offset, true));
    return { timedSteps: number(0), overheadNs: number(8), recordingNs: number(16) };
  }
}
