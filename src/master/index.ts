/** The co-simulation master: runs systems, in a thread of their own or step by step. */
export { AlgebraicLoopError, ResultsError, RunError, UnknownVariableError } from './errors.js';
export { exitNow } from './exit-now.js';
export { formatReport } from './format-report.js';
export type * from './report.js';
export { type RunOptions, runSystem } from './run.js';
export { type LoopResult, type RunHooks, type RunSettings, runLoop } from './run-loop.js';
export { Simulation, type SimulationOptions } from './simulation.js';
