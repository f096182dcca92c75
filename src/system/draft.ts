/**
 * What a file format says of a system, names and all, before it is held against the FMUs.
 *
 * A reader of a format makes nothing but this: it knows its file, and reports in `problems` what it cannot make sense
 * of. `resolveSystem` knows the FMUs, and finds everything that needs them. What a format has no words for is left out.
 */
import type { Fmi3Causality, Fmi3Type, UnitDefinition } from '../fmi/index.js';
import type { RemoteSource } from '../remote/index.js';
import type { Problem, SourceLocation } from '../support/errors.js';
import type {
  Algorithm,
  LatePolicy,
  LoopSettings,
  Pace,
  RecordFormat,
  RollSettings,
  SystemFunction,
} from './system.js';

/** A value with its place in the file. */
export interface Located<T> {
  readonly value: T;
  readonly location: SourceLocation;
}

export interface DraftComponent {
  /** May have dots where systems are nested. */
  readonly name: string;
  /** Absolute path, or the URI of a remote FMU that is not here; undefined: the reader has reported why there is none. */
  readonly fmu: string | undefined;
  /** Where its FMU runs, if a server runs it. */
  readonly remote?: RemoteSource;
  readonly fmuLocation: SourceLocation;
  /** Why the FMU cannot be read, where the reader knows it already. */
  readonly fmuFault?: { readonly message: string; readonly remedy?: string };
  /** How messages name the FMU, where its path says nothing to whoever reads them: it is in an archive, say. */
  readonly fmuName?: string;
  /** What the file says of the component's variables; held against the FMU, with warnings. */
  readonly connectors?: readonly DraftConnector[];
  readonly start: readonly DraftStart[];
  /** Its own step size, s: a multiple of the system's. */
  readonly step?: Located<number>;
  /** Whether a step that is no multiple is rounded down with a warning (Open Simulation Platform), or refused. */
  readonly roundsStep?: boolean;
  readonly isolate?: boolean;
  /** Of an isolated or remote step, s. */
  readonly deadline?: number;
  readonly logging?: { readonly categories: readonly string[] | 'all'; readonly location: SourceLocation };
}

export interface DraftConnector {
  readonly name: string;
  /** Left out: any. */
  readonly kind?: Fmi3Causality;
  readonly type?: Fmi3Type;
  /** Number of elements; left out: not said. */
  readonly size?: number;
  readonly location: SourceLocation;
}

export interface DraftStart {
  readonly variable: string;
  /**
   * number, bigint, boolean, string, or an array of them. A text is taken for a number or truth value only where
   * `lexical` says that the file had no other way to write it.
   */
  readonly value: unknown;
  readonly lexical?: boolean;
  /** The value is in this unit, if it is not that of the variable. By name, it is the FMU's unit of that name. */
  readonly unit?: string | UnitDefinition;
  /** What is done to a number before the variable takes it; left out: it is converted to the variable's unit. */
  readonly steps?: readonly DraftNumberStep[];
  readonly nameLocation: SourceLocation;
  readonly valueLocation: SourceLocation;
  /** What the format does with a start value that cannot be set: `warn` where others go on. Default: a problem. */
  readonly ifUnusable?: 'warn';
  /** The same where the component has no such variable: one warning for all of them. */
  readonly ifUnknown?: 'warn';
}

/** A port as the file names it: `owner` is a component or a function. */
export interface DraftPort {
  readonly owner: string;
  /** Of a function: `in`, `in[1]`, `out`, each perhaps with the element of a vector sum: `in[1][0]`, `out[2]`. */
  readonly variable: string;
  /** Of an array: its element, one index for each dimension, from 0. */
  readonly indices?: readonly number[];
  readonly location: SourceLocation;
}

/** Something done to a number on its way. */
export type DraftNumberStep =
  | { readonly kind: 'linear'; readonly factor: number; readonly offset: number }
  | {
      readonly kind: 'unit';
      /** `end`: that of the variable at the end of the way. */
      readonly to: UnitDefinition | 'end';
      /** false: the number stays, and is taken to be in that unit from here on. */
      readonly convert: boolean;
    };

/** Values that are replaced by others; those not named pass as they are. */
export interface DraftTable {
  /** Items of an Enumeration are by name here; of an Integer table they are numbers. */
  readonly of: 'Boolean' | 'Integer' | 'Enumeration';
  readonly entries: readonly {
    readonly source: boolean | bigint | string;
    readonly target: boolean | bigint | string;
    readonly location: SourceLocation;
  }[];
}

export interface DraftConnection {
  readonly from: DraftPort;
  readonly to: DraftPort;
  /** The file does not say which end gives: the causalities do; `from` if both could. */
  readonly undirected?: boolean;
  /** to = factor * from + offset, before units are converted. */
  readonly factor?: number;
  readonly offset?: number;
  /** Whether values are converted where the ends' units differ; false where the format's own tools pass them on as they are. */
  readonly convertUnits: boolean;
  /** Units that the file gives to the ends, over those of the variables. By name, they are units of the FMUs. */
  readonly units?: { readonly from?: string | UnitDefinition; readonly to?: string | UnitDefinition };
  /** In place of factor, offset and convertUnits, where values pass several hands: what is done to them, in order. */
  readonly steps?: readonly DraftNumberStep[];
  readonly table?: DraftTable;
}

export interface DraftFunction extends SystemFunction {
  readonly location: SourceLocation;
}

export type DraftStepControl =
  | { readonly kind: 'fixed'; readonly size: Located<number> }
  /** The format knows no step size: the smallest that an FMU gives for its default experiment, else a part of the run. */
  | { readonly kind: 'by-fmus'; readonly parts: number; readonly location: SourceLocation; readonly remedy: string }
  | {
      readonly kind: 'variable';
      readonly minimum: Located<number>;
      readonly maximum: Located<number>;
      readonly initial: Located<number>;
      readonly tolerance?: { readonly relative: number; readonly absolute: number };
      readonly constraints: readonly DraftConstraint[];
    }
  | {
      readonly kind: 'data';
      /** Name of the bridge's component. */
      readonly component: Located<string>;
      readonly minimum: Located<number>;
      readonly maximum: Located<number>;
    };

/** `StepConstraint` with the ports by name. */
export type DraftConstraint = { readonly name: string; readonly location: SourceLocation } & (
  | {
      readonly kind: 'zero-crossing';
      readonly ports: readonly DraftPort[];
      readonly order?: 1 | 2;
      readonly tolerance?: number;
      readonly safety?: number;
    }
  | {
      readonly kind: 'bounded-difference';
      readonly ports: readonly DraftPort[];
      readonly absolute?: number;
      readonly relative?: number;
      readonly safety?: number;
      readonly skipDiscrete?: boolean;
    }
  | { readonly kind: 'sampling-rate'; readonly base: number; readonly rate: number; readonly start: number }
  | { readonly kind: 'fmu-max-step-size' }
);

export interface DraftRecording {
  /** Absolute. */
  readonly file?: string;
  /** Left out: by the file's extension, else CSV. */
  readonly format?: RecordFormat;
  /**
   * Patterns of whole names (`component.variable`, `*` for any characters); left out: all outputs.
   */
  readonly variables?: readonly Located<string>[];
  /** Besides them all outputs that are connected. */
  readonly connected?: boolean;
  readonly every?: number;
  readonly roll?: RollSettings;
}

export interface DraftScenario {
  readonly events: readonly {
    /** s after the start. */
    readonly time: number;
    readonly port: DraftPort;
    readonly action: 'override' | 'bias' | 'reset';
    readonly value?: unknown;
    /** As in {@link DraftStart}. */
    readonly lexical?: boolean;
    readonly location: SourceLocation;
  }[];
  readonly end?: number;
}

export interface SystemDraft {
  readonly file: string;
  readonly components: readonly DraftComponent[];
  readonly functions?: readonly DraftFunction[];
  readonly connections: readonly DraftConnection[];
  readonly algorithm?: Algorithm;
  readonly loops?: Partial<LoopSettings>;
  readonly stepping: DraftStepControl;
  readonly threads?: number;
  readonly start: number;
  readonly stop?: Located<number>;
  readonly pace?: Pace;
  readonly late?: LatePolicy;
  /** Empty or left out: one without a file, of all outputs. */
  readonly recordings?: readonly DraftRecording[];
  readonly scenario?: DraftScenario;
  /** What the format's reader could not make sense of; reported together with the rest. */
  readonly problems: readonly Problem[];
  readonly warnings?: readonly Problem[];
}
