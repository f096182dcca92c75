export type { CheckupStep, StepName } from './checkup.js';
export { type CheckupPlan, type CheckupReport, checkBroker, formatAge } from './doctor.js';
export type { ExplainedSignal, Explanation } from './explain.js';
export { type PlainMessage, type TapOptions, tapMessages } from './tap.js';
export { readTarget, type Target, type TargetOptions } from './target.js';
