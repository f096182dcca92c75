/**
 * The commands in a call of `tb_commands` (fmu-shim/src/far/wire.h), read as far as a gateway needs them: what a call does
 * that changes how its instance can be restored, and where in calls and answers the addresses of states stand.
 *
 * Integers are little-endian, as on all machines that FMUs are made for.
 */
import { STORAGE_SIZE, STORAGES } from '../../native/index.js';
import { ThriftProtocolError } from '../thrift/index.js';

/** `tb_command_kind` */
export const CommandKind = {
  load: 0,
  create: 1,
  free: 2,
  leave: 3,
  debugLogging: 4,
  configurationMode: 5,
  enterInitialization: 6,
  exitInitialization: 7,
  terminate: 8,
  reset: 9,
  set: 10,
  get: 11,
  step: 12,
  lastSuccessfulTime: 13,
  terminated: 14,
  maxStepSize: 15,
  enterEventMode: 16,
  enterStepMode: 17,
  updateDiscreteStates: 18,
  intervals: 19,
  shifts: 20,
  getState: 21,
  setState: 22,
  freeState: 23,
  stateSize: 24,
  serializeState: 25,
  deserializeState: 26,
} as const;
export type CommandKind = (typeof CommandKind)[keyof typeof CommandKind];

const NAMES = Object.keys(CommandKind);

export interface Command {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Where in the request what belongs to it begins. */
  readonly at: number;
}

/** The version of `tb_commands` that is understood here. */
export const COMMANDS_VERSION = 1;

const COMMAND_BYTES = 16;
const RESULT_BYTES = 8;
const STEP_ANSWER_BYTES = 32;
const WORD = 8;
const NULL_TEXT = 0xffff_ffff_ffff_ffffn;
const FIRST_OF_TEXTS = STORAGES.indexOf('text');
const SIZES = STORAGES.map((storage) => STORAGE_SIZE[storage]);

export function commandName({ kind }: Command): string {
  return NAMES[kind] ?? `command ${kind}`;
}

/** Whether the command names a state, which then stands first of what belongs to it. */
export function namesState({ kind }: Command): boolean {
  return kind >= CommandKind.getState && kind <= CommandKind.deserializeState;
}

/** Whether its answer names a state. */
export function answersState({ kind }: Command): boolean {
  return kind === CommandKind.getState || kind === CommandKind.freeState || kind === CommandKind.deserializeState;
}

/** Throws {@link ThriftProtocolError} where something else stands. */
export function readCommands(request: Buffer): Command[] {
  const commands: Command[] = [];
  let at = 0;
  while (at < request.length) {
    if (at + COMMAND_BYTES > request.length) throw malformed('request');
    const kind = request.readUInt32LE(at);
    const command: Command = {
      kind,
      a: request.readUInt32LE(at + 4),
      b: request.readUInt32LE(at + 8),
      c: request.readUInt32LE(at + 12),
      at: at + COMMAND_BYTES,
    };
    commands.push(command);
    at = endOfCommand(request, command);
    if (at > request.length) throw malformed('request');
  }
  return commands;
}

function endOfCommand(request: Buffer, { kind, a, b, c, at }: Command): number {
  switch (kind) {
    case CommandKind.load:
      return afterTexts(request, at, 2);
    case CommandKind.create:
      return afterTexts(request, at, 3);
    case CommandKind.debugLogging:
      return afterTexts(request, at, b);
    case CommandKind.enterInitialization:
      return at + 3 * WORD;
    case CommandKind.set: {
      const values = at + padded(4 * b);
      return a >= FIRST_OF_TEXTS ? afterTexts(request, values, c) : values + padded(sizeOf(a) * c);
    }
    case CommandKind.get:
      return at + padded(4 * b);
    case CommandKind.step:
    case CommandKind.serializeState:
      return at + 2 * WORD;
    case CommandKind.intervals:
    case CommandKind.shifts:
      return at + padded(4 * a);
    case CommandKind.getState:
    case CommandKind.setState:
    case CommandKind.freeState:
    case CommandKind.stateSize:
      return at + WORD;
    case CommandKind.deserializeState:
      return at + 2 * WORD + padded(readSize(request, at + WORD));
    default:
      if (kind > CommandKind.deserializeState) throw malformed('request');
      return at;
  }
}

/** What an answer says of a command that was carried out. */
export interface CommandResult {
  readonly command: Command;
  /** `fmi2Status` */
  readonly status: number;
  /** Where in the answer what belongs to it begins. */
  readonly at: number;
}

/** The results of the commands of a request, as far as they were carried out. Throws {@link ThriftProtocolError}. */
export function readResults(answer: Buffer, request: Buffer, commands: readonly Command[]): CommandResult[] {
  if (answer.length < WORD) throw malformed('answer');
  const carriedOut = answer.readUInt32LE(0);
  if (carriedOut > commands.length) throw malformed('answer');
  const results: CommandResult[] = [];
  let at = WORD;
  for (const command of commands.slice(0, carriedOut)) {
    if (at + RESULT_BYTES > answer.length) throw malformed('answer');
    const status = answer.readInt32LE(at);
    const result: CommandResult = { command, status, at: at + RESULT_BYTES };
    results.push(result);
    at = endOfResult(answer, request, result);
    if (at > answer.length) throw malformed('answer');
  }
  return results;
}

function endOfResult(answer: Buffer, request: Buffer, { command, status, at }: CommandResult): number {
  const { kind, a, c } = command;
  switch (kind) {
    case CommandKind.load:
      return status === 0 ? at + 2 * WORD : afterTexts(answer, at, 1);
    case CommandKind.get:
      return a >= FIRST_OF_TEXTS ? afterTexts(answer, at, c) : at + padded(sizeOf(a) * c);
    case CommandKind.step:
      return at + STEP_ANSWER_BYTES;
    case CommandKind.lastSuccessfulTime:
    case CommandKind.terminated:
    case CommandKind.maxStepSize:
    case CommandKind.getState:
    case CommandKind.freeState:
    case CommandKind.stateSize:
    case CommandKind.deserializeState:
      return at + WORD;
    case CommandKind.updateDiscreteStates:
      return at + 3 * WORD;
    case CommandKind.intervals:
      return at + WORD * a + padded(4 * a);
    case CommandKind.shifts:
      return at + WORD * a;
    case CommandKind.serializeState:
      return at + padded(readSize(request, command.at + WORD));
    default:
      return at;
  }
}

// -- Commands of our own ----------------------------------------------------------------------------------------------

/** `words`: 64-bit integers. */
export function packCommand(kind: CommandKind, words: readonly bigint[] = [], bytes?: Uint8Array): Buffer {
  const at = COMMAND_BYTES + WORD * words.length;
  const packed = Buffer.alloc(at + (bytes === undefined ? 0 : padded(bytes.length)));
  packed.writeUInt32LE(kind);
  for (const [index, word] of words.entries()) packed.writeBigUInt64LE(word, COMMAND_BYTES + WORD * index);
  if (bytes !== undefined) packed.set(bytes, at);
  return packed;
}

// -- In calls and answers ---------------------------------------------------------------------------------------------

const CALL = Buffer.from('\0\x0btb_commands', 'latin1');
const NAME_AT = 6;
/** Behind version, length of the name, name and sequence. */
const FIELDS_AT = 23;
const VERSION_AT = FIELDS_AT + 3;
const REQUEST_FIELD_AT = VERSION_AT + 4;
const REQUEST_SIZE_AT = REQUEST_FIELD_AT + 3;
const REQUEST_AT = REQUEST_SIZE_AT + 4;
/** Behind the fields with the structure and with its first. */
const ANSWER_SIZE_AT = FIELDS_AT + 6;
const ANSWER_AT = ANSWER_SIZE_AT + 4;

/** Where the commands stand in a call of `tb_commands`, as our clients write it; undefined: it is another call. */
export function requestIn(message: Buffer): Buffer | undefined {
  if (message.length <= REQUEST_AT || !message.subarray(NAME_AT, NAME_AT + CALL.length).equals(CALL)) return undefined;
  const isAsExpected =
    message.readUIntBE(FIELDS_AT, 3) === 0x08_0001 &&
    message.readInt32BE(VERSION_AT) === COMMANDS_VERSION &&
    message.readUIntBE(REQUEST_FIELD_AT, 3) === 0x0b_0002;
  const end = REQUEST_AT + message.readUInt32BE(REQUEST_SIZE_AT);
  if (!isAsExpected || end >= message.length) throw malformed('call');
  return message.subarray(REQUEST_AT, end);
}

/** Where the answer stands in a reply to `tb_commands`; undefined: it is an exception. */
export function answerIn(message: Buffer): Buffer | undefined {
  if (message.length <= ANSWER_AT || message.readUIntBE(FIELDS_AT, 6) !== 0x0c_0000_0b_0001) return undefined;
  const end = ANSWER_AT + message.readUInt32BE(ANSWER_SIZE_AT);
  return end <= message.length ? message.subarray(ANSWER_AT, end) : undefined;
}

// -- Words ------------------------------------------------------------------------------------------------------------

function afterTexts(bytes: Buffer, from: number, count: number): number {
  let at = from;
  for (let index = 0; index < count; index++) {
    if (at + WORD > bytes.length) throw malformed('text');
    const isNull = bytes.readBigUInt64LE(at) === NULL_TEXT;
    at += WORD + (isNull ? 0 : padded(readSize(bytes, at) + 1));
  }
  return at;
}

function readSize(bytes: Buffer, at: number): number {
  if (at + WORD > bytes.length) throw malformed('size');
  const size = bytes.readUInt32LE(at);
  if (bytes.readUInt32LE(at + 4) !== 0) throw malformed('size');
  return size;
}

function sizeOf(storage: number): number {
  const size = SIZES[storage];
  if (size === undefined) throw malformed('storage');
  return size;
}

function padded(size: number): number {
  return Math.ceil(size / WORD) * WORD;
}

function malformed(what: string): ThriftProtocolError {
  return new ThriftProtocolError(`a ${what} of tb_commands is not what it should be`, {
    remedy: 'use the same version of twinbridge on both sides',
  });
}
