/** What a file format says of a system, names and all, before it is held against the FMUs. */
import type { Problem, SourceLocation } from '../support/errors.js';
import type { Pace } from './system.js';

export interface DraftComponent {
  readonly name: string;
  /** Absolute path. */
  readonly fmu: string;
  readonly fmuLocation: SourceLocation;
  readonly start: readonly DraftStart[];
  readonly logging?: { readonly categories: readonly string[] | 'all'; readonly location: SourceLocation };
}

export interface DraftStart {
  readonly variable: string;
  readonly value: unknown;
  readonly nameLocation: SourceLocation;
  readonly valueLocation: SourceLocation;
}

/** `component.variable`, with its place in the file. */
export interface DraftPort {
  readonly name: string;
  readonly location: SourceLocation;
}

export interface SystemDraft {
  readonly file: string;
  readonly components: readonly DraftComponent[];
  readonly connections: readonly { readonly from: DraftPort; readonly to: DraftPort }[];
  readonly step: { readonly value: number; readonly location: SourceLocation };
  readonly start: number;
  readonly stop?: { readonly value: number; readonly location: SourceLocation };
  readonly pace: Pace;
  /** Patterns of names; without any, all outputs. */
  readonly record: { readonly file?: string; readonly variables?: readonly DraftPort[] };
  /** What the format's reader could not make sense of; reported together with the rest. */
  readonly problems: readonly Problem[];
}
