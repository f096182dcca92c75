/**
 * How a gateway takes the state of an instance and gives it to another: with the calls that its client uses as well, since
 * a server does not let the two ways be mixed.
 */
import {
  type ArgsOf,
  type FMU_SERVICE_SHAPE,
  type MethodOf,
  type ResultOf,
  type StructOf,
  ThriftApplicationError,
  ThriftDeclaredError,
} from '../thrift/index.js';
import { COMMANDS_VERSION, CommandKind, packCommand, readCommands, readResults } from './commands.js';

type Shape = typeof FMU_SERVICE_SHAPE;

/** Calls the instance, behind all that its client has called; undefined: it is not there any more. */
export type OwnCall = <M extends MethodOf<Shape>>(
  method: M,
  args: ArgsOf<Shape, M>,
) => Promise<{ readonly value: ResultOf<Shape, M> } | undefined>;

export interface TakenState {
  readonly bytes: number;
  /** False: the instance, or the FMU, does not take it. */
  give(call: OwnCall): Promise<boolean>;
}

/** Undefined: the instance is not there any more. Throws `ThriftApplicationError` and the like: the FMU cannot do it. */
export type TakeState = (call: OwnCall) => Promise<TakenState | undefined>;

/** Whether it is the FMU's or the server's word that something cannot be done. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof ThriftApplicationError || error instanceof ThriftDeclaredError;
}

// -- By proxyfmu's own methods ----------------------------------------------------------------------------------------

export const takeByMethods: TakeState = async (call) => {
  const saved = await call('save_state', {});
  if (saved === undefined) return undefined;
  const index = { state_index: saved.value };
  const exported = await call('export_state', index);
  if (exported === undefined || (await call('release_state', index)) === undefined) return undefined;
  return new ExportedState(exported.value);
};

class ExportedState implements TakenState {
  readonly #exported: StructOf<Shape, 'ExportedState'>;

  constructor(exported: StructOf<Shape, 'ExportedState'>) {
    // What was read may be a part of a much larger piece.
    this.#exported = { ...exported, fmuState: Uint8Array.from(exported.fmuState) };
  }

  get bytes(): number {
    return this.#exported.fmuState.length;
  }

  async give(call: OwnCall): Promise<boolean> {
    const imported = await call('import_state', { exported_state: this.#exported });
    if (imported === undefined) return false;
    const index = { state_index: imported.value };
    await call('restore_state', index);
    return (await call('release_state', index)) !== undefined;
  }
}

// -- By commands --------------------------------------------------------------------------------------------------------

/** `held`: states that the client has, by the numbers that it knows them by; they are taken as well, and given back. */
export function takeByCommands(held: Map<bigint, bigint>): TakeState {
  return async (call) => {
    const taken = await command(call, packCommand(CommandKind.getState, [0n]));
    if (taken === undefined) return undefined;
    const state = await serialise(call, taken.readBigUInt64LE(0), true);
    const others = new Map<bigint, Buffer>();
    for (const [number, address] of [...held]) {
      const other = await serialise(call, address, false);
      if (other === undefined) return undefined;
      others.set(number, other);
    }
    return state === undefined ? undefined : new SerialisedState(state, others, held);
  };
}

class SerialisedState implements TakenState {
  readonly #state: Buffer;
  readonly #others: ReadonlyMap<bigint, Buffer>;
  readonly #held: Map<bigint, bigint>;

  constructor(state: Buffer, others: ReadonlyMap<bigint, Buffer>, held: Map<bigint, bigint>) {
    this.#state = state;
    this.#others = others;
    this.#held = held;
  }

  get bytes(): number {
    return this.#state.length;
  }

  async give(call: OwnCall): Promise<boolean> {
    const address = await deserialise(call, this.#state);
    if (address === undefined) return false;
    const set = packCommand(CommandKind.setState, [address]);
    if ((await command(call, set, packCommand(CommandKind.freeState, [address]))) === undefined) return false;
    for (const [number, bytes] of this.#others) {
      const at = await deserialise(call, bytes);
      if (at === undefined) return false;
      this.#held.set(number, at);
    }
    return true;
  }
}

async function serialise(call: OwnCall, address: bigint, free: boolean): Promise<Buffer | undefined> {
  const asked = await command(call, packCommand(CommandKind.stateSize, [address]));
  if (asked === undefined) return undefined;
  const size = asked.readBigUInt64LE(0);
  const serialised = await command(
    call,
    packCommand(CommandKind.serializeState, [address, size]),
    ...(free ? [packCommand(CommandKind.freeState, [address])] : []),
  );
  return serialised === undefined ? undefined : Buffer.from(serialised.subarray(0, Number(size)));
}

async function deserialise(call: OwnCall, state: Buffer): Promise<bigint | undefined> {
  const made = await command(call, packCommand(CommandKind.deserializeState, [0n, BigInt(state.length)], state));
  return made?.readBigUInt64LE(0);
}

/** What the first of the commands answers. Throws {@link ThriftApplicationError} if one fails. */
async function command(call: OwnCall, ...commands: readonly Buffer[]): Promise<Buffer | undefined> {
  const request = Buffer.concat(commands);
  const came = await call('tb_commands', { version: COMMANDS_VERSION, request });
  if (came === undefined) return undefined;
  const { answer } = came.value;
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  const asked = readCommands(request);
  const results = readResults(bytes, request, asked);
  const failed = results.find(({ status }) => status !== 0 && status !== 1);
  if (failed !== undefined || results.length < asked.length) {
    throw new ThriftApplicationError(0, `the FMU answered with status ${failed?.status ?? 'none'}`);
  }
  return bytes.subarray(results[0]!.at);
}
