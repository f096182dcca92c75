/**
 * A container as the description files of fmucontainer (FMU Manipulation Toolbox) tell it: FMUs, what is linked, and what
 * is seen from outside. Nothing here knows the FMUs yet.
 */
import type { RemoteSource, SourceFault } from '../../../remote/index.js';
import type { Problem, SourceLocation } from '../../../support/errors.js';
import type { Located } from '../../draft.js';

export interface ContainerDescription {
  /** The description file. */
  readonly file: string;
  readonly location: SourceLocation;
  /** How rules name it, if it is nested; else that of the FMU to be made. With `.fmu`. */
  readonly name: string;
  /** They come before the FMUs in the order of execution. */
  readonly containers: readonly ContainerDescription[];
  /** In the order of execution. */
  readonly fmus: readonly ContainedFmu[];
  readonly inputs: readonly ExposedInput[];
  readonly outputs: readonly ExposedOutput[];
  readonly links: readonly ContainerLink[];
  /** Outputs that nobody needs. */
  readonly drops: readonly ContainerPort[];
  readonly starts: readonly ContainerStart[];
  /** s; left out: deduced from the FMUs. */
  readonly step?: Located<number>;
  readonly settings: ContainerSettings;
}

export interface ContainerSettings {
  /** A thread for each FMU. */
  readonly multithreaded: boolean;
  /** Gauss-Seidel in the order of execution, else Jacobi; counts over `multithreaded`. */
  readonly sequential: boolean;
  /** An output `container.<id>.rt_ratio` for each FMU. */
  readonly profiling: boolean;
  /** An input `container.ts_multiplier`. */
  readonly timeMultiplier: boolean;
  /** An input `container.<id>.reset` for each FMU. */
  readonly resetPorts: boolean;
  /** Outputs to inputs of the same name and type. */
  readonly autoLink: boolean;
  readonly autoInput: boolean;
  readonly autoOutput: boolean;
  readonly autoParameter: boolean;
  readonly autoLocal: boolean;
}

export const DEFAULT_SETTINGS: ContainerSettings = {
  multithreaded: false,
  sequential: false,
  profiling: false,
  timeMultiplier: false,
  resetPorts: false,
  autoLink: true,
  autoInput: true,
  autoOutput: true,
  autoParameter: false,
  autoLocal: false,
};

export interface ContainedFmu {
  /** As rules name it. */
  readonly name: string;
  /** Absolute; of a remote FMU that is not here its URI. */
  readonly file: string;
  readonly remote?: RemoteSource;
  /** Why there can be none. */
  readonly fault?: SourceFault;
  /** One of perhaps several of its file: these are not linked by name. */
  readonly isInstance: boolean;
  readonly location: SourceLocation;
}

/** `owner` is an FMU or a nested container. */
export interface ContainerPort {
  readonly owner: string;
  readonly port: string;
  readonly location: SourceLocation;
}

/** Several of one name feed several ports. */
export interface ExposedInput {
  readonly exposed: string;
  readonly target: ContainerPort;
}

export interface ExposedOutput {
  readonly source: ContainerPort;
  readonly exposed: string;
}

export interface ContainerLink {
  readonly from: ContainerPort;
  readonly to: ContainerPort;
}

export interface ContainerStart {
  readonly target: ContainerPort;
  /** As it is written; elements of arrays parted by blanks. */
  readonly value: string;
  readonly valueLocation: SourceLocation;
}

/** What fmucontainer's command line says; settings in a JSON file count over it. */
export interface ContainerOptions extends Partial<ContainerSettings> {
  /** Where the FMUs lie; default: the folder of the description. */
  readonly fmuDirectory?: string;
  /** Default step size, s. */
  readonly step?: number;
}

export interface ReadDescription {
  readonly description: ContainerDescription;
  readonly problems: readonly Problem[];
}
