/**
 * A system compiled to a step plan: what the executor (fmu-shim/src/plan) does in a step, instruction by instruction.
 *
 * A component's turn is: move its inputs to where they lie side by side and convert them on the way, set them, make the
 * step. Its outputs are read as soon as nobody needs the old ones any more. Where the inputs of a component lie side by
 * side already, among the outputs of another, they are set from there and nothing is moved.
 */
import { type PlanSpec, STORAGE_SIZE, storageNumber, TIMER_KINDS } from '../../native/index.js';
import { type Connection, isFunctionPort, type Port, type System, variableAt } from '../../system/index.js';
import { PlanCode } from './code.js';
import { EventCode, eventModes, outputClocksOf, timersOf } from './events.js';
import { Feeds } from './feeds.js';
import { Layout } from './layout.js';
import { type StepOrder, stepOrder } from './order.js';
import { StepCode } from './steps.js';
import { ValueCode } from './values.js';

export interface CompileOptions {
  /** Variables whose values are wanted at communication points besides those of the recordings. */
  readonly observed?: readonly Port[];
  /** Connected inputs, and outputs, whose values may be overridden or biased while it runs. */
  readonly patched?: readonly Port[];
  /** Whether steps may be undone. */
  readonly mayGoBack?: boolean;
}

/** Rows that a recorder holds before they have to be taken: some 256 KiB. */
const ROW_BYTES = 256 * 1024;

export interface CompiledPlan {
  readonly spec: PlanSpec;
  readonly layout: Layout;
  readonly order: StepOrder;
  /** By component: FMI 3.0, whose events the plan handles. */
  readonly eventMode: readonly boolean[];
  /** Cells in a row of each recorder, without the time. */
  readonly columns: readonly number[];
  /** Instructions that read all outputs: before the first step, and after going elsewhere in time. */
  readonly refresh: readonly [begin: number, end: number];
  /** Number of a patch by port. */
  patchOf(port: Port): number | undefined;
}

export function compilePlan(system: System, options: CompileOptions = {}): CompiledPlan {
  const { components, recordings, connections } = system;
  const order = stepOrder(system);
  const eventMode = eventModes(system);
  const timers = timersOf(system, eventMode);
  const clocks = outputClocksOf(system, eventMode);
  const feeds = new Feeds(system);
  const given = [
    ...connections.flatMap(({ from }) => (isFunctionPort(from) ? [] : [from])),
    ...recordings.flatMap(({ variables }) => variables),
    ...(options.observed ?? []),
    ...clocks,
  ];
  // Those that come from neighbours lie as neighbours: then one move, or none, is enough.
  const taken = feeds.ofComponent.flatMap((fed) =>
    fed.toSorted((a, b) => compareTerminals(a.from, b.from)).map(({ to }) => to as Port),
  );
  const layout = new Layout(system, given.toSorted(compareTerminals), [...taken, ...timers], eventMode);

  const code = new PlanCode();
  const patches = (options.patched ?? []).map((port, patch) => ({ port, patch }));
  const values = new ValueCode(system, code, layout, feeds, patches);
  const steps = new StepCode(system, code, layout, feeds, values, order);
  const isParallel = system.threads > 1 && system.algorithm === 'jacobi' && order.blocks.every(({ loop }) => !loop);
  steps.serial();
  const codeEnd = code.length;
  const stages = isParallel ? steps.parallel() : [];
  const handling = stepsForward(system, order).filter((component) => eventMode[component]);
  const events = code.section(() => new EventCode(system, code, layout, values).exchange(handling));
  const afterEvents = code.section(() => steps.readAll((component) => eventMode[component] === true));
  const refresh = code.section(() => steps.readAll(() => true));

  const stagesPlace = code.place(...stages.flatMap((groups) => [groups.length, ...groups.flat()]));
  const recordersPlace = code.place();
  // What goes nowhere makes no rows; its values are read all the same.
  const columns = recordings.map(({ variables, every, file, captured }) =>
    placeRecorder(code, layout, variables, file === undefined && captured !== true ? 0 : every),
  );
  const eventComponents = code.place(
    handling.length,
    ...handling.toSorted((a, b) => a - b).flatMap((component) => [component, components[component]!.every]),
  );
  const timersPlace = code.place(timers.length);
  for (const port of timers) placeTimer(system, code, layout, port);
  const clocksPlace = code.place(clocks.length, ...clocks.map((port) => layout.given(port)!.offset));
  const spec: PlanSpec = {
    arenaSize: layout.arenaSize,
    // As many more as there are patches: where the texts are kept that they override with.
    texts: layout.texts + patches.length,
    components: components.length,
    patches: patches.length,
    stages: [stages.length, stagesPlace],
    recorders: [recordings.length, recordersPlace],
    threads: isParallel ? system.threads : 1,
    mayGoBack: options.mayGoBack === true || order.blocks.some(({ loop }) => loop !== undefined),
    codeEnd,
    events,
    afterEvents,
    eventComponents,
    timers: timersPlace,
    clocks: clocksPlace,
    alwaysEvents: layout.components.some(({ takes }) =>
      takes.some(({ inEvents, clock, storage }) => inEvents && clock === undefined && storage !== 'clock'),
    ),
    code: code.instructions,
    pool: code.pool,
  };
  const patchOf = new Map(patches.map(({ port, patch }) => [key(port), patch]));
  return { spec, layout, order, eventMode, columns, refresh, patchOf: (port) => patchOf.get(key(port)) };
}

/** Components that give before those that take. */
function stepsForward({ algorithm }: System, { blocks }: StepOrder): number[] {
  const forward = algorithm === 'jacobi' ? blocks.toReversed() : blocks;
  return forward.flatMap(({ components }) => components);
}

/** Answers the number of columns. */
function placeRecorder(code: PlanCode, layout: Layout, variables: readonly Port[], every: number): number {
  const cells = variables.flatMap((port): [number, number][] => {
    const { offset, count, storage } = layout.given(port)!;
    const size = STORAGE_SIZE[storage];
    return Array.from({ length: count }, (_, element) => [offset + element * size, storageNumber(storage)]);
  });
  const rows = Math.max(1, Math.floor(ROW_BYTES / (8 * (cells.length + 1))));
  code.place(every, rows, cells.length, ...cells.flat());
  return cells.length;
}

function placeTimer(system: System, code: PlanCode, layout: Layout, port: Port): void {
  const { valueReference, intervalVariability, interval = 0, shift = 0 } = variableAt(system, port);
  const kind = (TIMER_KINDS as readonly (string | undefined)[]).indexOf(intervalVariability);
  code.place(port.component, valueReference, layout.taken(port)!.offset, kind);
  code.placeDoubles(interval, shift);
}

function compareTerminals(a: Connection['from'], b: Connection['from']): number {
  if (isFunctionPort(a) || isFunctionPort(b)) {
    return Number(isFunctionPort(a)) - Number(isFunctionPort(b)) || (a.element ?? 0) - (b.element ?? 0);
  }
  return a.component - b.component || a.variable - b.variable || (a.element ?? 0) - (b.element ?? 0);
}

function key({ component, variable, element }: Port): string {
  return `${component} ${variable} ${element ?? ''}`;
}
