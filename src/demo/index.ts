/** The two demonstrations: closing the loop with an emergency stop, and shadowing a recording. */
export { type EstopReport, RobotProcessError, runEstop, type StopReport } from './estop.js';
export { formatEstop, formatShadow } from './format.js';
export { runShadow, type ShadowReport } from './shadow.js';
export type { DemoOptions } from './stage.js';
export type { Summary } from './statistics.js';
