/** What can be wrong with an FMU: as a file, as a library, or in a call. One class per cause. */
import { type ErrorContext, ExitCode, InvalidInputError, TwinbridgeError } from '../support/errors.js';
import { type FmiStatus, type FmuLogMessage, fmiStatusName } from './status.js';

/** The file cannot be read, or is no intact zip archive. */
export class FmuUnreadableError extends InvalidInputError {
  override readonly code = 'TB_FMI_UNREADABLE';
}

/** An entry would be written outside of the FMU's own folder, is a symbolic link, or stands in the archive twice. */
export class FmuUnsafeEntryError extends InvalidInputError {
  override readonly code = 'TB_FMI_UNSAFE_ENTRY';
}

/** The unpacked FMU would be larger than allowed. */
export class FmuTooLargeError extends InvalidInputError {
  override readonly code = 'TB_FMI_TOO_LARGE';
}

/** The archive lacks `modelDescription.xml`. */
export class FmuIncompleteError extends InvalidInputError {
  override readonly code = 'TB_FMI_INCOMPLETE';
}

/** The file is not what it was when reading it began. */
export class FmuChangedError extends TwinbridgeError {
  override readonly code = 'TB_FMI_CHANGED';
}

/** The FMU offers model exchange only: it needs a solver, which a co-simulation master has not. */
export class ModelExchangeOnlyError extends InvalidInputError {
  override readonly code = 'TB_FMI_MODEL_EXCHANGE_ONLY';
}

/** The FMU has no library for this operating system and processor. */
export class FmuPlatformError extends InvalidInputError {
  override readonly code = 'TB_FMI_PLATFORM';
}

/** The library is there but the system cannot load it. */
export class FmuLibraryError extends TwinbridgeError {
  override readonly code = 'TB_FMI_LIBRARY';
}

/** The library does not export a function that FMI 2.0 requires. */
export class FmuFunctionMissingError extends TwinbridgeError {
  override readonly code = 'TB_FMI_FUNCTION_MISSING';
}

/** A second instance of an FMU that can be instantiated only once per process. */
export class FmuSingletonError extends TwinbridgeError {
  override readonly code = 'TB_FMI_SINGLETON';
}

/** `fmi2Instantiate` gave no instance. */
export class FmuInstantiationError extends TwinbridgeError {
  override readonly code = 'TB_FMI_INSTANTIATION';
}

/** A call on an instance that was freed or is unusable after `fmi2Fatal`. */
export class FmuInstanceGoneError extends TwinbridgeError {
  override readonly code = 'TB_FMI_INSTANCE_GONE';
}

/** What a failed call was, and what the FMU said around it. */
export interface FailedCall {
  /** The C function, e.g. `fmi2DoStep`. */
  readonly function: string;
  readonly instance: string;
  /** The communication point the call was made at, s; undefined before the experiment is set up. */
  readonly time: number | undefined;
  readonly status: FmiStatus;
  /** The instance's newest log messages, oldest first. */
  readonly log: readonly FmuLogMessage[];
}

/** A function returned a status worse than `fmi2Warning`. */
export abstract class FmuCallError extends TwinbridgeError {
  readonly call: FailedCall;

  constructor(call: FailedCall, context: ErrorContext = {}) {
    const when = call.time === undefined ? '' : ` at t = ${call.time} s`;
    const said = call.log.map((entry) => `\n  ${entry.instance}: ${entry.message}`).join('');
    super(`${call.instance}: ${call.function}${when} returned ${fmiStatusName(call.status, call.function)}${said}`, {
      ...context,
      details: { ...context.details, ...call },
    });
    this.call = call;
  }
}

/**
 * `fmi2Discard`: of `fmi2DoStep`, the step was not made to its end; of a getter, a value cannot be computed. The
 * instance can be terminated regularly. A bridge answers so when no valid data came in time, hence exit code 5.
 */
export class FmuDiscardError extends FmuCallError {
  override readonly code = 'TB_FMI_DISCARD';
  override readonly exitCode: ExitCode = ExitCode.deadlineMissed;
}

/** `fmi2Error`: the instance can only be reset or freed. */
export class FmuStatusError extends FmuCallError {
  override readonly code = 'TB_FMI_ERROR';
}

/** `fmi2Fatal`: no instance of this FMU may be called any more. */
export class FmuFatalError extends FmuCallError {
  override readonly code = 'TB_FMI_FATAL';
}

/** How the process of an isolated component, or the connection to a remote one, ended, and what is known of it. */
export interface ComponentEnding {
  readonly instance: string;
  /** The C function that was being called; empty: none, or the library was being loaded. */
  readonly function: string;
  /** The communication point of the call, s; undefined before the experiment is set up. */
  readonly time: number | undefined;
  /** Name of the signal that ended it. */
  readonly signal?: string;
  /** What it exited with. */
  readonly exitCode?: number;
  /** How long its answer was waited for, ms. */
  readonly waitedMs: number;
  /** The instance's newest log messages, oldest first. */
  readonly log: readonly FmuLogMessage[];
  /** What it wrote last to standard output and standard error. */
  readonly output: string;
  /** Of a remote component: where it is, and what is wrong with the connection. */
  readonly uri?: string;
  readonly reason?: string;
}

/** An isolated or remote component is no more: its process has ended, or it is out of reach. The others go on, or can be terminated in order. */
export abstract class ComponentEndedError extends TwinbridgeError {
  readonly ending: ComponentEnding;

  constructor(what: string, ending: ComponentEnding, context: ErrorContext = {}) {
    const said = ending.log.map((entry) => `\n  ${entry.instance}: ${entry.message}`);
    const wrote = ending.output
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .slice(-SHOWN_LINES)
      .map((line) => `\n  | ${line}`);
    super(`${ending.instance}: ${what}${[...said, ...wrote].join('')}`, {
      ...context,
      details: { ...context.details, ...ending },
    });
    this.ending = ending;
  }
}

/** Lines of output in a message; the details have more. */
const SHOWN_LINES = 10;

/** `fmi2DoStep at t = 0.4 s` */
function describeCall({ function: name, time }: ComponentEnding): string {
  return `${name}${time === undefined ? '' : ` at t = ${time} s`}`;
}

/** The process of an isolated component ended by itself, or was ended by somebody else. */
export class ComponentCrashError extends ComponentEndedError {
  override readonly code = 'TB_FMI_COMPONENT_CRASH';

  constructor(ending: ComponentEnding) {
    const { signal, exitCode, time, function: name } = ending;
    const how =
      signal !== undefined
        ? `was ended by ${signal}`
        : exitCode === undefined
          ? 'is gone'
          : `exited with code ${exitCode > 255 ? `0x${exitCode.toString(16)}` : exitCode}`;
    const where =
      name !== ''
        ? `in ${describeCall(ending)}`
        : time === undefined
          ? 'while its library was loaded'
          : `between two calls, by t = ${time} s`;
    super(`its process ${how} ${where}`, ending);
  }
}

/** An isolated component did not answer within its deadline and was ended; exit code 5. */
export class ComponentDeadlineError extends ComponentEndedError {
  override readonly code = 'TB_FMI_COMPONENT_DEADLINE';
  override readonly exitCode: ExitCode = ExitCode.deadlineMissed;

  constructor(ending: ComponentEnding, limitMs: number) {
    const called = ending.function === '' ? 'loading its library' : describeCall(ending);
    super(`${called} took longer than ${limitMs / 1000} s: its process was ended`, ending, {
      details: { limitMs },
      remedy: 'if it only needs more time, give it a longer deadline',
    });
  }
}

/** A remote component is out of reach: the connection is lost. */
export class RemoteLostError extends ComponentEndedError {
  override readonly code = 'TB_FMI_REMOTE_LOST';

  constructor(ending: ComponentEnding) {
    const { function: name, time, reason, uri } = ending;
    const when =
      name !== ''
        ? `in ${describeCall(ending)}`
        : time === undefined
          ? 'before its instantiation'
          : `between two calls, by t = ${time} s`;
    super(`its server ${uri} is lost ${when}${reason ? `: ${reason}` : ''}`, ending, {
      remedy: 'see what the server says; its FMU may have crashed',
    });
  }
}

/** A remote component did not answer within its deadline, and its connection was closed; exit code 5. */
export class RemoteDeadlineError extends ComponentEndedError {
  override readonly code = 'TB_FMI_REMOTE_DEADLINE';
  override readonly exitCode: ExitCode = ExitCode.deadlineMissed;

  constructor(ending: ComponentEnding, limitMs: number) {
    const called = ending.function === '' ? 'to start' : describeCall(ending);
    super(`${called} took longer than ${limitMs / 1000} s: the connection to ${ending.uri} was closed`, ending, {
      details: { limitMs },
      remedy: 'check that the server is well; if it only needs more time, give it a longer deadline',
    });
  }
}

/** No server is where a remote component is to run, or there is no way to it; exit code 4. */
export class RemoteUnreachableError extends TwinbridgeError {
  override readonly code = 'TB_FMI_REMOTE_UNREACHABLE';
  override readonly exitCode: ExitCode = ExitCode.brokerUnreachable;
}

/** The server answers, but will not run the remote component; the message has its reason. */
export class RemoteRefusedError extends TwinbridgeError {
  override readonly code = 'TB_FMI_REMOTE_REFUSED';
}
