/** The co-simulation master: runs systems, in a thread of their own or step by step. */
export {
  AlgebraicLoopError,
  CommandError,
  DeadlineMissedError,
  EndlessEventError,
  ResultsError,
  RunError,
  UnknownVariableError,
} from './errors.js';
export { exitNow } from './exit-now.js';
export { formatReport } from './format-report.js';
export { type CompiledPlan, type CompileOptions, compilePlan } from './plan/compile.js';
export { describePlan, type PlanDescription } from './plan/describe.js';
export type * from './report.js';
export { type RunOptions, runSystem } from './run.js';
export { type Answer, type Command, RunControl } from './run-control.js';
export { openRunFolder, type RunFolder } from './run-folder.js';
export { type LoopResult, type RunHooks, type RunSettings, runLoop } from './run-loop.js';
export { RunThread } from './run-thread.js';
export { type Advance, Simulation, type SimulationOptions } from './simulation.js';
