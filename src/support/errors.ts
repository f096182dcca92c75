/**
 * The base of every error that twinbridge raises on purpose.
 *
 * An error names its cause (`code`), carries the values that broke the rule (`details`), says what to do next
 * (`remedy`) and, where a file was at fault, where in it (`location`). The CLI maps `exitCode` to the process.
 */

/** Exit codes of the command line, documented in `--help`. */
export const ExitCode = {
  ok: 0,
  runFailed: 1,
  usage: 2,
  invalidInput: 3,
  brokerUnreachable: 4,
  deadlineMissed: 5,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A place in a file; `line` and `column` count from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface ErrorContext {
  readonly details?: Readonly<Record<string, unknown>>;
  readonly location?: SourceLocation;
  readonly remedy?: string;
  readonly cause?: unknown;
}

export abstract class TwinbridgeError extends Error {
  /** Stable, machine-readable, e.g. `TB_BRIDGE_UNKNOWN_SIGNAL`. */
  abstract readonly code: string;
  /** What the CLI exits with when this error ends the command. */
  readonly exitCode: ExitCode = ExitCode.runFailed;
  readonly details: Readonly<Record<string, unknown>>;
  readonly location: SourceLocation | undefined;
  readonly remedy: string | undefined;

  constructor(message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = new.target.name;
    this.details = context.details ?? {};
    this.location = context.location;
    this.remedy = context.remedy;
  }
}

/** Something the user gave (a file, a value) is wrong; exit code 3. */
export class InvalidInputError extends TwinbridgeError {
  override readonly code: string = 'TB_INVALID_INPUT';
  override readonly exitCode: ExitCode = ExitCode.invalidInput;
}

/** One finding in a file. */
export interface Problem {
  readonly message: string;
  readonly location: SourceLocation;
  readonly remedy?: string;
}

/** Every problem of a file at once, not the first only; exit code 3. */
export class InvalidFileError extends InvalidInputError {
  override readonly code: string = 'TB_INVALID_FILE';
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'), { location: problems[0]?.location ?? { file } });
    this.problems = problems;
  }
}

/** `file:line:column`, as far as known: the form editors and terminals make clickable. */
export function formatLocation(location: SourceLocation): string {
  const { file, line, column } = location;
  if (line === undefined) return file;
  return column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`;
}

export function formatProblem(problem: Problem): string {
  const remedy = problem.remedy === undefined ? '' : ` (${problem.remedy})`;
  return `${formatLocation(problem.location)}: ${problem.message}${remedy}`;
}
