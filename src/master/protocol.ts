/** What the main thread and the thread of a run say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { RemoteOptions } from '../fmi/index.js';
import type { System } from '../system/index.js';
import type { ErrorRecord } from './errors.js';
import type { Progress, RunLogMessage, RunReport } from './report.js';
import type { RunSettings } from './run-loop.js';

/** Cells of the shared `Int32Array`. */
export const Control = {
  /** The first, where `Bell` has it. */
  bell: 0,
  /** Batches of log messages that the main thread has taken. */
  logBatchesTaken: 1,
  cells: 2,
} as const;

/** Cells of the `Int32Array` that a thread is started with. */
export const Ready = {
  /** Not 0: all that it needs is loaded, and it waits for its request. Notified. */
  flag: 0,
  cells: 1,
} as const;

/** Batches on their way; more are dropped and counted, so that a slow receiver does not fill the memory. */
export const MAX_LOG_BATCHES = 64;

/** `undefined` in its place: there is no run. */
export interface RunRequest {
  readonly system: System;
  readonly settings: RunSettings;
  /** Unpacked FMUs: folder by `Component.fmu`. */
  readonly folders: ReadonlyMap<string, string>;
  /** By index of the component. */
  readonly remotes?: ReadonlyMap<number, RemoteOptions>;
  readonly control: Int32Array;
  readonly commands?: MessagePort;
  readonly wantsProgress: boolean;
  readonly wantsLog: boolean;
}

export type RunMessage =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'log'; readonly messages: readonly RunLogMessage[] }
  /** That was started for a component. */
  | { readonly type: 'process'; readonly process: number }
  | { readonly type: 'over'; readonly report: RunReport; readonly error?: ErrorRecord }
  /** Before the first communication point. */
  | { readonly type: 'refused'; readonly error: ErrorRecord };
