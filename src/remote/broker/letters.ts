/**
 * What clients and workers write to one another besides calls, as JSON: who offers what, what an FMU says of itself, who
 * takes a request. It comes from another process, perhaps of another version: nothing is used that was not looked at.
 */

export interface OfferedFmu {
  readonly name: string;
  readonly guid: string;
  readonly fmi: string;
  readonly modelName: string;
  /** SHA-256 of the archive, hexadecimal. */
  readonly content: string;
  /** Its state can be taken and given to another instance. */
  readonly restorable: boolean;
}

export interface WorkerInfo {
  /** Made up by the worker; where its letters go. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly instances: number;
  readonly limit: number;
  readonly isDraining: boolean;
}

/** From clients to workers. */
export type Question =
  | { readonly do: 'list'; readonly client: string; readonly query: number }
  | {
      readonly do: 'describe';
      readonly client: string;
      readonly query: number;
      readonly name: string;
      readonly guid: string;
    }
  | {
      readonly do: 'instantiate';
      readonly client: string;
      readonly stream: number;
      readonly name: string;
      readonly guid: string;
      /** How the instance is called. */
      readonly instance: string;
      /** Who asks, for people. */
      readonly from: string;
    };

/** From workers to clients. */
export type Reply =
  | {
      readonly is: 'offers';
      readonly query: number;
      readonly worker: WorkerInfo;
      readonly fmus: readonly OfferedFmu[];
    }
  /** `xml`: the model description, deflated, in base 64. */
  | { readonly is: 'description'; readonly query: number; readonly xml: string }
  | { readonly is: 'unknown'; readonly query: number }
  /** `key`: where the calls of the stream go. */
  | { readonly is: 'accepted'; readonly stream: number; readonly key: string; readonly worker: WorkerInfo };

/** What both say within a conversation. */
export type Note =
  /** The process of the instance waits for calls. */
  | { readonly note: 'ready'; readonly pid: number }
  /** There is no instance any more; `how`: it could not be started, ended by itself, or was ended. */
  | { readonly note: 'ended'; readonly how: 'refused' | 'crashed' | 'drained' | 'left'; readonly reason: string }
  /** The worker is about to leave: who can is to go elsewhere. */
  | { readonly note: 'draining' }
  /** The client needs the instance no more. */
  | { readonly note: 'bye' };

export function readQuestion(message: Buffer): Question | undefined {
  const letter = readObject(message.toString());
  if (letter === undefined) return undefined;
  const { do: wanted, client, query, stream, name, guid, instance, from } = letter;
  if (!isName(client)) return undefined;
  if (wanted === 'list' && isCount(query)) return { do: wanted, client, query };
  if (!isText(name) || !isText(guid)) return undefined;
  if (wanted === 'describe' && isCount(query)) return { do: wanted, client, query, name, guid };
  if (wanted === 'instantiate' && isCount(stream) && isText(instance) && isText(from)) {
    return { do: wanted, client, stream, name, guid, instance, from };
  }
  return undefined;
}

export function readReply(message: Buffer): Reply | undefined {
  const letter = readObject(message.toString());
  if (letter === undefined) return undefined;
  const { is, query, stream, xml, key, fmus } = letter;
  const worker = readWorker(letter.worker);
  if (is === 'description' && isCount(query) && isText(xml)) return { is, query, xml };
  if (is === 'unknown' && isCount(query)) return { is, query };
  if (worker === undefined) return undefined;
  if (is === 'accepted' && isCount(stream) && isName(key)) return { is, stream, key, worker };
  if (is === 'offers' && isCount(query) && Array.isArray(fmus)) {
    return { is, query, worker, fmus: fmus.map(readOffer).filter((fmu) => fmu !== undefined) };
  }
  return undefined;
}

const ENDINGS = ['refused', 'crashed', 'drained', 'left'] as const;

export function readNote(text: string): Note | undefined {
  const letter = readObject(text);
  if (letter === undefined) return undefined;
  const { note, pid, how, reason } = letter;
  if (note === 'ready' && isCount(pid)) return { note, pid };
  if (note === 'draining' || note === 'bye') return { note };
  const ending = ENDINGS.find((each) => each === how);
  if (note === 'ended' && ending !== undefined && isText(reason)) return { note, how: ending, reason };
  return undefined;
}

function readWorker(value: unknown): WorkerInfo | undefined {
  if (!isObject(value)) return undefined;
  const { id, host, pid, instances, limit, isDraining } = value;
  if (!isName(id) || !isText(host) || !isCount(pid) || !isCount(instances) || !isCount(limit)) return undefined;
  return { id, host, pid, instances, limit, isDraining: isDraining === true };
}

function readOffer(value: unknown): OfferedFmu | undefined {
  if (!isObject(value)) return undefined;
  const { name, guid, fmi, modelName, content, restorable } = value;
  if (!isText(name) || !isText(guid) || !isText(fmi) || !isText(modelName) || !isText(content)) return undefined;
  return { name, guid, fmi, modelName, content, restorable: restorable === true };
}

function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** A part of a routing key. */
function isName(value: unknown): value is string {
  return isText(value) && value.length > 0 && Buffer.byteLength(value) <= 255;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
