/**
 * An instance on some worker, as its client sees it: calls go in, answers come out, whatever happens to workers meanwhile.
 *
 * Where the FMU can serialise its state, that is taken now and then, and the calls since then are kept. If the worker is
 * lost, another makes the instance anew: it gets the calls up to the first step, the state, and the calls since the state,
 * whose answers are dropped as far as the client has them. So the client sees the same values, to the bit.
 *
 * To the client a state is a number that we give it, since its address is another one in each process.
 */

import {
  ApplicationErrorKind,
  binaryProtocol,
  encodeCall,
  encodeFailure,
  FMU_SERVICE,
  IncomingAnswer,
  ThriftApplicationError,
} from '../thrift/index.js';
import type { BrokerClient, FoundFmu, InstanceStream } from './broker-client.js';
import {
  answerIn,
  answersState,
  type Command,
  CommandKind,
  commandName,
  namesState,
  readCommands,
  readResults,
  requestIn,
} from './commands.js';
import type { Loss } from './conversation.js';
import { InstanceLostError, InstanceRefusedError, type NoWorkerError } from './errors.js';
import { countFrames, framed, messagesIn, readCallHead } from './frames.js';
import type { Note, WorkerInfo } from './letters.js';
import { isRefusal, type OwnCall, type TakenState, takeByCommands, takeByMethods } from './state-access.js';

export interface RemoteInstanceOptions {
  readonly client: BrokerClient;
  readonly fmu: FoundFmu;
  readonly name: string;
  /** Between states that are kept for a restoration, s; 0: an instance is not restored. Default 5. */
  readonly checkpointSeconds?: number;
  /** How long nobody may take the request, ms. */
  readonly startMs: number;
  readonly onAnswers: (frames: Buffer) => void;
  readonly onEvent: (event: InstanceEvent) => void;
}

export type InstanceEvent =
  | { readonly type: 'accepted'; readonly worker: WorkerInfo }
  | { readonly type: 'ready'; readonly worker: WorkerInfo; readonly pid: number }
  /** Nothing can be said to its worker, for now or for good. */
  | { readonly type: 'absent'; readonly worker: WorkerInfo }
  | {
      readonly type: 'lost';
      readonly worker: WorkerInfo | undefined;
      readonly reason: string;
      readonly lastCall: string;
    }
  | {
      readonly type: 'restored';
      readonly worker: WorkerInfo;
      readonly from: 'state' | 'calls';
      /** That were done once more. */
      readonly calls: number;
      readonly tookMs: number;
    }
  | { readonly type: 'checkpoint'; readonly bytes: number; readonly calls: number }
  | { readonly type: 'notRestorable'; readonly reason: string }
  /** It is over, as it should be or not. */
  | { readonly type: 'failed'; readonly error: Error }
  /** `freed`: by its last call, not by the end of the connection. */
  | { readonly type: 'left'; readonly freed: boolean };

/** A flight of calls that was not dropped yet. */
interface Entry {
  readonly frames: Buffer;
  readonly count: number;
  /** If it is one call of `tb_commands` that names states: they are translated. */
  readonly states: StatesInCall | undefined;
}

interface StatesInCall {
  readonly request: Buffer;
  readonly commands: readonly Command[];
  /** The numbers that the client got for the states in the answer, in order. */
  numbers: bigint[] | undefined;
}

/** What is to be done with an answer, in the order of the calls. */
type Awaited =
  | 'client'
  | 'drop'
  | { readonly states: StatesInCall; readonly isForClient: boolean }
  | { resolve(message: Buffer | undefined): void };

const CHECKPOINT_SECONDS = 5;
/** Of the calls that are kept; then a state is taken, so that they can go. */
const KEPT_BYTES = 32 * 2 ** 20;
/** A worker that may have been away for a moment only is given up so soon if there is a way without it, ms. */
const RESTORABLE_ABSENT_MS = 250;
/** As often in a row without a call that was answered. */
const RESTORATIONS = 3;
const WORD = 8;
/** Calls of our own have this sequence number; it is of no importance, as answers come in order. */
const OWN_SEQUENCE = 0;

export class RemoteInstance {
  readonly name: string;
  readonly #options: RemoteInstanceOptions;
  #stream: InstanceStream | undefined;
  /** Of the stream: what belongs to an earlier one is of no more use. */
  #attempt = 0;
  #state: 'live' | 'restoring' | 'failed' | 'left' = 'live';
  #error: Error | undefined;
  /** Flights up to the first step, then those since the last checkpoint; of an FMU that is not restored, those under way. */
  readonly #log: Entry[] = [];
  #logBytes = 0;
  /** How many of the log come before the first step. */
  #prefix = 0;
  #hasStepped = false;
  /** Of the calls in the log: how many the client has the answers of, from the first on. */
  #answered = 0;
  #awaited: Awaited[] = [];
  #whenAnswered: (() => void)[] = [];
  /** The client calls by `tb_commands`. */
  #isCommanded = false;
  #isRestorable: boolean;
  #checkpoint: TakenState | undefined;
  #checkpointAt = 0;
  #isTakingCheckpoint = false;
  /** How many flights of the log wait for a checkpoint to be taken. */
  #unsent = 0;
  /** Number → address in the process there is. */
  readonly #states = new Map<bigint, bigint>();
  #lastState = 0n;
  /** States that proxyfmu's own methods have saved: only the process knows them. */
  #savedStates = 0;
  #restorations = 0;
  #lostAt = 0;
  /** freeInstance was called, or the like: nothing is to be restored. */
  #isFreed = false;
  #lastCall: Buffer | undefined;

  constructor(options: RemoteInstanceOptions) {
    this.#options = options;
    this.name = options.name;
    const { checkpointSeconds = CHECKPOINT_SECONDS, fmu } = options;
    this.#isRestorable = checkpointSeconds > 0 && fmu.restorable;
    this.#open();
  }

  get worker(): WorkerInfo | undefined {
    return this.#stream?.worker;
  }

  /** Calls of the client, in whole frames that are not changed afterwards. Throws `ThriftProtocolError`. */
  call(frames: Buffer): void {
    if (this.#state === 'failed' || this.#state === 'left') {
      this.#refuse(frames);
      return;
    }
    this.#lastCall = frames;
    for (const flight of flightsIn(frames)) this.#take(flight);
  }

  #take(frames: Buffer): void {
    const entry = this.#examine(frames);
    this.#log.push(entry);
    this.#logBytes += frames.length;
    if (this.#state === 'live' && this.#unsent === 0 && !(this.#isTakingCheckpoint && this.#states.size > 0)) {
      this.#send(entry, true);
    } else this.#unsent += 1;
  }

  /** The client needs it no more. */
  leave(): void {
    if (this.#state === 'left') return;
    this.#state = 'left';
    this.#attempt += 1;
    this.#stream?.leave();
    this.#options.onEvent({ type: 'left', freed: this.#isFreed });
  }

  // -- Attempts -------------------------------------------------------------------------------------------------------

  #open(): void {
    const { client, fmu, startMs, onEvent } = this.#options;
    this.#attempt += 1;
    const attempt = this.#attempt;
    const isCurrent = (): boolean => attempt === this.#attempt;
    this.#awaited = [];
    this.#stream = client.openStream(fmu, this.name, startMs, {
      onAccepted: (worker) => {
        if (isCurrent()) onEvent({ type: 'accepted', worker });
      },
      onAnswers: (frames) => {
        if (isCurrent()) this.#onAnswers(frames);
      },
      onNote: (note) => {
        if (isCurrent()) this.#onNote(note);
      },
      onAbsent: () => {
        if (isCurrent() && this.worker !== undefined) onEvent({ type: 'absent', worker: this.worker });
      },
      onLost: (how) => {
        if (isCurrent()) this.#onLost(reasonOf(how, client.timing.silentMs));
      },
      onUntaken: (error) => {
        if (isCurrent()) this.#onUntaken(error);
      },
    });
    if (this.#isRestorable) {
      this.#stream.absentMs = Math.min(RESTORABLE_ABSENT_MS, client.timing.absentMs);
    }
  }

  #onNote(note: Note): void {
    const worker = this.worker!;
    if (note.note === 'ready') {
      this.#options.onEvent({ type: 'ready', worker, pid: note.pid });
    } else if (note.note === 'draining') {
      // So that little is to be done once more, should the worker not wait for us.
      this.#checkpointAt = Number.NEGATIVE_INFINITY;
    } else if (note.note === 'ended') {
      this.#stream?.leave();
      if (note.how === 'left' && (this.#isFreed || this.#pending === 0)) this.leave();
      else if (note.how === 'refused') {
        const reason = `the worker on ${worker.host} cannot run '${this.#options.fmu.name}': ${note.reason}`;
        this.#fail(
          new InstanceRefusedError(`${this.name}: ${reason}`, {
            details: { instance: this.name, worker, reason: note.reason },
            remedy: `see what 'twinbridge serve' said on ${worker.host}`,
          }),
        );
      } else this.#onLost(note.how === 'drained' ? note.reason : `its process is gone: ${note.reason}`);
    }
  }

  /** Client calls without an answer. */
  get #pending(): number {
    return this.#log.reduce((sum, { count }) => sum + count, 0) - this.#answered;
  }

  #onLost(reason: string): void {
    const { worker } = this;
    const lastCall = `${this.#pending > 0 ? 'in' : 'after'} ${describeCalls(this.#lastCall)}`;
    if (this.#isFreed && this.#pending === 0) {
      this.leave();
      return;
    }
    this.#options.onEvent({ type: 'lost', worker, reason, lastCall });
    const cannot = this.#whyNotRestored();
    if (cannot !== undefined) {
      const where = worker === undefined ? 'its worker' : `the worker on ${worker.host} (${worker.pid})`;
      this.#fail(
        new InstanceLostError(
          `${this.name} ('${this.#options.fmu.name}' at ${this.#options.client.broker}) was lost, ${lastCall}: ${where}, ${reason}; ${cannot}`,
          { details: { instance: this.name, worker, reason, lastCall, cannot } },
        ),
      );
      return;
    }
    if (this.#restorations === 0) this.#lostAt = performance.now();
    this.#restorations += 1;
    void this.#restore();
  }

  #whyNotRestored(): string | undefined {
    const { fmu, checkpointSeconds = CHECKPOINT_SECONDS } = this.#options;
    if (checkpointSeconds === 0) return 'it is not to be restored elsewhere';
    if (!fmu.restorable) return 'it cannot be restored elsewhere, as the FMU cannot serialise its state';
    if (!this.#isRestorable) return 'it cannot be restored elsewhere, as its state could not be taken';
    if (this.#savedStates > 0)
      return 'it cannot be restored elsewhere, as states saved by proxyfmu’s methods are gone with it';
    if (this.#restorations >= RESTORATIONS)
      return `this was the ${RESTORATIONS}. time in a row without a call being answered`;
    return undefined;
  }

  #onUntaken(error: NoWorkerError): void {
    this.#fail(
      // Not by the state: with nothing to wait for, all that is to be done again was said at once.
      this.#restorations > 0
        ? new InstanceLostError(`${this.name} was lost, and ${error.message}`, {
            cause: error,
            ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
          })
        : error,
    );
  }

  #fail(error: Error): void {
    if (this.#state === 'failed' || this.#state === 'left') return;
    this.#state = 'failed';
    this.#error = error;
    this.#attempt += 1;
    this.#stream?.leave();
    this.#options.onEvent({ type: 'failed', error });
    // All that waits is told why.
    let skip = this.#answered;
    for (const { frames, count } of this.#log) {
      if (skip >= count) skip -= count;
      else {
        this.#refuse(frames, skip);
        skip = 0;
      }
    }
    this.#log.length = 0;
    this.#answered = 0;
  }

  /** Answers calls with the reason why nothing can be done. */
  #refuse(frames: Buffer, skip: number = 0): void {
    const { message } = this.#error ?? new Error(`${this.name} is not there any more`);
    const failure = new ThriftApplicationError(ApplicationErrorKind.unknown, message);
    const answers: Buffer[] = [];
    let index = 0;
    for (const call of messagesIn(frames)) {
      const head = readCallHead(call);
      if (head === undefined || index++ < skip) continue;
      answers.push(framed(encodeFailure(binaryProtocol, head.method, failure, head.sequence)));
    }
    this.#options.onAnswers(Buffer.concat(answers));
  }

  // -- Calls ------------------------------------------------------------------------------------------------------------

  #examine(frames: Buffer): Entry {
    let count = 0;
    let states: StatesInCall | undefined;
    for (const message of messagesIn(frames)) {
      count += 1;
      const request = requestIn(message);
      if (request === undefined) this.#note(readCallHead(message)?.method);
      else {
        this.#isCommanded = true;
        const commands = readCommands(request);
        for (const command of commands) {
          if (command.kind === CommandKind.step) this.#noteStep();
          else if (command.kind === CommandKind.free) this.#isFreed = true;
          else if (command.kind === CommandKind.create) this.#isFreed = false;
          else if (namesState(command)) states = { request, commands, numbers: undefined };
        }
      }
    }
    return { frames, count, states };
  }

  #note(method: string | undefined): void {
    if (method === 'step') this.#noteStep();
    else if (method === 'freeInstance') this.#isFreed = true;
    else if (method === 'instantiate') this.#isFreed = false;
    else if (method === 'save_state' || method === 'import_state') this.#savedStates += 1;
    else if (method === 'release_state') this.#savedStates -= 1;
  }

  #noteStep(): void {
    if (this.#hasStepped) return;
    this.#hasStepped = true;
    this.#prefix = this.#log.length;
    this.#checkpointAt = performance.now();
  }

  #send({ frames, count, states }: Entry, isForClient: boolean): void {
    if (states === undefined) {
      for (let index = 0; index < count; index++) this.#awaited.push(isForClient ? 'client' : 'drop');
      this.#stream!.call(frames);
      return;
    }
    this.#awaited.push({ states, isForClient });
    const translated = Buffer.from(frames);
    const offset = states.request.byteOffset - frames.byteOffset;
    for (const command of states.commands) {
      if (!namesState(command)) continue;
      const number = states.request.readBigUInt64LE(command.at);
      translated.writeBigUInt64LE(number === 0n ? 0n : (this.#states.get(number) ?? 0n), offset + command.at);
    }
    this.#stream!.call(translated);
  }

  #onAnswers(frames: Buffer): void {
    const count = countFrames(frames);
    if (this.#awaited.slice(0, count).every((awaited) => awaited === 'client')) {
      this.#awaited.splice(0, count);
      this.#passOn(frames, count);
    } else {
      for (const message of messagesIn(frames)) this.#onAnswer(message);
    }
    if (this.#awaited.length === 0) this.#tellAnswered();
  }

  #onAnswer(message: Buffer): void {
    const awaited = this.#awaited.shift();
    if (awaited === undefined || awaited === 'drop') return;
    if (awaited === 'client') this.#passOn(framed(message), 1);
    else if ('resolve' in awaited) awaited.resolve(message);
    else {
      const translated = this.#translateAnswer(message, awaited.states);
      if (awaited.isForClient) this.#passOn(framed(translated), 1);
    }
  }

  /** Puts our numbers of states in the place of addresses. */
  #translateAnswer(message: Buffer, states: StatesInCall): Buffer {
    const translated = Buffer.from(message);
    const answer = answerIn(translated);
    if (answer === undefined) return translated;
    const { request, commands } = states;
    const known = states.numbers;
    const numbers: bigint[] = [];
    for (const { command, status, at } of readResults(answer, request, commands)) {
      if (!answersState(command)) continue;
      const asked = request.readBigUInt64LE(command.at);
      const address = answer.readBigUInt64LE(at);
      let number = asked;
      if (address === 0n) {
        this.#states.delete(asked);
        number = 0n;
      } else {
        if (asked === 0n) number = known?.[numbers.length] ?? ++this.#lastState;
        if (status === 0 || status === 1 || asked !== 0n) this.#states.set(number, address);
      }
      numbers.push(number);
      answer.writeBigUInt64LE(number, at);
    }
    states.numbers = numbers;
    return translated;
  }

  #passOn(frames: Buffer, count: number): void {
    this.#answered += count;
    this.#restorations = 0;
    if (!this.#isRestorable) this.#forgetAnswered();
    this.#options.onAnswers(frames);
    if (this.#isRestorable && this.#hasStepped && this.#isCheckpointDue()) void this.#takeCheckpoint();
  }

  /** Without a way to restore, calls are kept for their names only. */
  #forgetAnswered(): void {
    const log = this.#log;
    while (log.length > 0 && log[0]!.count <= this.#answered) {
      this.#answered -= log[0]!.count;
      this.#logBytes -= log[0]!.frames.length;
      log.shift();
    }
  }

  /** A call of our own, behind those of the client. */
  readonly #own: OwnCall = async (method, args) => {
    const attempt = this.#attempt;
    const call = encodeCall(FMU_SERVICE, binaryProtocol, method, args, OWN_SEQUENCE);
    const answer = await new Promise<Buffer | undefined>((resolve) => {
      this.#awaited.push({ resolve });
      this.#stream!.call(framed(call));
    });
    if (answer === undefined || attempt !== this.#attempt) return undefined;
    return { value: new IncomingAnswer(binaryProtocol, answer).read(FMU_SERVICE, method) };
  };

  /** Resolves when all that was sent has an answer, or will have none. */
  #untilAnswered(): Promise<void> {
    if (this.#awaited.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenAnswered.push(resolve));
  }

  #tellAnswered(): void {
    for (const resolve of this.#whenAnswered.splice(0)) resolve();
  }

  // -- Checkpoints ------------------------------------------------------------------------------------------------------

  #isCheckpointDue(): boolean {
    if (this.#isTakingCheckpoint || this.#isFreed || this.#state !== 'live') return false;
    const { checkpointSeconds = CHECKPOINT_SECONDS } = this.#options;
    return this.#logBytes > KEPT_BYTES || performance.now() - this.#checkpointAt > 1000 * checkpointSeconds;
  }

  /**
   * Calls of the client go on meanwhile, unless it holds states: then they wait, so that what is kept of all of them is of
   * the same moment.
   */
  async #takeCheckpoint(): Promise<void> {
    const attempt = this.#attempt;
    this.#isTakingCheckpoint = true;
    const upTo = this.#log.length;
    try {
      const take = this.#isCommanded ? takeByCommands(this.#states) : takeByMethods;
      const taken = await take(this.#own);
      if (taken === undefined || attempt !== this.#attempt) return;
      this.#checkpoint = taken;
      this.#dropCalls(upTo);
      this.#checkpointAt = performance.now();
      this.#options.onEvent({ type: 'checkpoint', bytes: taken.bytes, calls: this.#answered });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#isRestorable = false;
      this.#checkpoint = undefined;
      this.#options.onEvent({ type: 'notRestorable', reason: error.message });
    } finally {
      if (attempt === this.#attempt) {
        this.#isTakingCheckpoint = false;
        this.#sendUnsent();
      }
    }
  }

  /** Of those behind the first steps, what comes before `upTo`: the checkpoint has taken their place. */
  #dropCalls(upTo: number): void {
    for (const { count, frames } of this.#log.splice(this.#prefix, upTo - this.#prefix)) {
      this.#answered -= count;
      this.#logBytes -= frames.length;
    }
  }

  #sendUnsent(): void {
    if (this.#state !== 'live') return;
    const unsent = this.#unsent;
    this.#unsent = 0;
    for (const entry of this.#log.slice(this.#log.length - unsent)) this.#send(entry, true);
  }

  // -- Restoration ------------------------------------------------------------------------------------------------------

  async #restore(): Promise<void> {
    this.#state = 'restoring';
    this.#isTakingCheckpoint = false;
    this.#unsent = 0;
    // What was under way is answered with nothing.
    this.#tellAnswered();
    for (const awaited of this.#awaited)
      if (typeof awaited === 'object' && 'resolve' in awaited) awaited.resolve(undefined);
    this.#open();
    const attempt = this.#attempt;
    const isCurrent = (): boolean => attempt === this.#attempt && this.#state === 'restoring';
    const checkpoint = this.#checkpoint;
    this.#states.clear();
    let answered = this.#answered;
    let calls = 0;
    for (let index = 0; isCurrent(); index++) {
      if (index === this.#prefix && checkpoint !== undefined && !(await this.#giveState(checkpoint, isCurrent))) return;
      const entry = this.#log[index];
      if (entry === undefined) break;
      // The address of a state is known only when the call that made it is answered.
      if (entry.states !== undefined) await this.#untilAnswered();
      if (!isCurrent()) return;
      this.#unsent = this.#log.length - index - 1;
      calls += Math.min(entry.count, answered);
      this.#replay(entry, answered);
      answered -= Math.min(entry.count, answered);
    }
    if (!isCurrent()) return;
    this.#state = 'live';
    await this.#untilAnswered();
    // It may be over by now, before any worker has answered.
    const { worker } = this;
    if (attempt !== this.#attempt || worker === undefined) return;
    const tookMs = performance.now() - this.#lostAt;
    const from = checkpoint === undefined ? 'calls' : 'state';
    this.#options.onEvent({ type: 'restored', worker, from, calls, tookMs });
  }

  /** The first `answered` of the entry's calls are known to the client. */
  #replay(entry: Entry, answered: number): void {
    if (answered >= entry.count) this.#send(entry, false);
    else if (answered === 0) this.#send(entry, true);
    else {
      // A flight of several calls that was answered in part.
      let index = 0;
      for (const message of messagesIn(entry.frames)) {
        this.#awaited.push(index++ < answered ? 'drop' : 'client');
        this.#stream!.call(framed(message));
      }
    }
  }

  /** False: there is nothing more to be done. */
  async #giveState(state: TakenState, isCurrent: () => boolean): Promise<boolean> {
    let reason = 'it does not say why';
    try {
      if (await state.give(this.#own)) return isCurrent();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      reason = error.message;
    }
    if (isCurrent()) {
      const where = this.worker?.host ?? 'another worker';
      this.#fail(
        new InstanceLostError(
          `${this.name} was lost, and the FMU on ${where} does not take the state that it had: ${reason}`,
          { details: { instance: this.name, worker: this.worker, reason } },
        ),
      );
    }
    return false;
  }
}

/** Calls by commands one by one, as states in them are translated; others together, as they came. */
function flightsIn(frames: Buffer): readonly Buffer[] {
  const calls = [...messagesIn(frames)];
  const isOne = calls.length === 1 || calls.every((call) => requestIn(call) === undefined);
  return isOne ? [frames] : calls.map(framed);
}

function reasonOf(how: Loss, silentMs: number): string {
  if (how === 'absent') return 'the broker has no queue of it any more';
  return how === 'silent' ? `it has said nothing for ${silentMs / 1000} s` : 'it has given the instance up';
}

/** What was called last, for people: "step at 0.25 s". */
function describeCalls(frames: Buffer | undefined): string {
  if (frames === undefined) return 'its start';
  const names: string[] = [];
  for (const message of messagesIn(frames)) {
    const request = requestIn(message);
    if (request === undefined) {
      const { method = 'a call' } = readCallHead(message) ?? {};
      const isStep = method === 'step' && message.length >= 23 + WORD;
      names.push(isStep ? `step at ${round(message.readDoubleBE(message.indexOf('step') + 4 + 4 + 3))} s` : method);
      continue;
    }
    for (const command of readCommands(request)) {
      const name = commandName(command);
      names.push(command.kind === CommandKind.step ? `step at ${round(request.readDoubleLE(command.at))} s` : name);
    }
  }
  const step = names.find((name) => name.startsWith('step'));
  return step ?? names.at(-1) ?? 'a call';
}

function round(time: number): number {
  return Number(time.toPrecision(12));
}
