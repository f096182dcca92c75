/**
 * What may be asked of a run while it goes on: pause, go on, make single steps, set variables. Asked in one thread,
 * done in the thread of the run between two steps.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type ErrorRecord, RunError } from './errors.js';
import type { VariableValue } from './report.js';

export type Command =
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** As many steps, then pause. */
  | { readonly kind: 'step'; readonly count: number }
  | { readonly kind: 'set'; readonly name: string; readonly values: readonly VariableValue[] }
  | { readonly kind: 'get'; readonly name: string };

/** Where the run stands when a command is done. */
export interface Answer {
  /** s */
  readonly time: number;
  readonly steps: number;
  readonly paused: boolean;
  /** Of `get`. */
  readonly values?: readonly VariableValue[];
}

interface Request {
  readonly id: number;
  readonly command: Command;
}

type Reply = { readonly id: number; readonly answer: Answer } | { readonly id: number; readonly error: ErrorRecord };

/** The asker's side. Give it to `runSystem`; commands asked before the run begins are done at its first step. */
export class RunControl {
  readonly #channel = new MessageChannel();
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  #count = 0;
  #isOver = false;
  #wake: () => void = () => {};

  constructor() {
    this.#channel.port1.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ('answer' in reply) waiting?.resolve(reply.answer);
      else waiting?.reject(new RunError(reply.error, undefined));
    });
    this.#channel.port1.unref();
  }

  /** Holds the run at the next communication point. */
  pause(): Promise<Answer> {
    return this.ask({ kind: 'pause' });
  }

  resume(): Promise<Answer> {
    return this.ask({ kind: 'resume' });
  }

  /** Makes `count` steps and holds the run again. */
  step(count: number = 1): Promise<Answer> {
    return this.ask({ kind: 'step', count });
  }

  /**
   * Sets a tunable parameter, or an input that nothing is connected to: one value, or one for each element. Rejects with
   * {@link RunError} if it cannot be set; the run goes on.
   */
  set(name: string, value: VariableValue | readonly VariableValue[]): Promise<Answer> {
    return this.ask({ kind: 'set', name, values: Array.isArray(value) ? value : [value as VariableValue] });
  }

  /** The values of any variable at the next communication point. */
  get(name: string): Promise<Answer> {
    return this.ask({ kind: 'get', name });
  }

  /** For the thread of the run; `wake` is called after each command. */
  attach(wake: () => void): MessagePort {
    this.#wake = wake;
    return this.#channel.port2;
  }

  /** The run is over: nothing is done any more. */
  end(): void {
    this.#isOver = true;
    for (const { reject } of this.#waiting.values()) reject(new Error('the run is over'));
    this.#waiting.clear();
    this.#channel.port1.close();
  }

  ask(command: Command): Promise<Answer> {
    if (this.#isOver) return Promise.reject(new Error('the run is over'));
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#channel.port1.postMessage({ id, command } satisfies Request);
      this.#wake();
    });
  }
}

/** The run's side. */
export class CommandQueue {
  readonly #port: MessagePort | undefined;

  constructor(port: MessagePort | undefined) {
    this.#port = port;
  }

  /** The next command, and how to answer it. */
  next(): { command: Command; answer: (answer: Answer) => void; refuse: (error: ErrorRecord) => void } | undefined {
    const port = this.#port;
    if (port === undefined) return undefined;
    const received = receiveMessageOnPort(port) as { message: Request } | undefined;
    if (received === undefined) return undefined;
    const { id, command } = received.message;
    return {
      command,
      answer: (answer) => port.postMessage({ id, answer } satisfies Reply),
      refuse: (error) => port.postMessage({ id, error } satisfies Reply),
    };
  }
}
