/**
 * The control stream between the shim and the backend, as bytes in, requests out (`fmu-shim/src/bridge/backend.c`).
 *
 * A message is a head of three little-endian u32 (size of the body, type, instance) and a body.
 */

export type Request =
  | {
      readonly type: 'open';
      readonly id: number;
      readonly resources: string;
      readonly instanceName: string;
      readonly guid: string;
    }
  | { readonly type: 'attach'; readonly id: number; readonly handles: string }
  | { readonly type: 'start'; readonly id: number; readonly parameters: ReadonlyMap<number, string> }
  | { readonly type: 'close'; readonly id: number };

const HEAD_BYTES = 12;
const REQUEST_TYPES = { 1: 'open', 2: 'attach', 3: 'start', 4: 'close' } as const;
const REPLY_TYPES = { laidOut: 17, attached: 18, closed: 19, failed: 20 } as const;

export class RequestParser {
  #pending: Buffer = Buffer.alloc(0);

  /** Adds bytes of the stream, cut anywhere; returns the requests that are complete now. */
  push(chunk: Buffer): Request[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const requests: Request[] = [];
    while (this.#pending.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#pending.readUInt32LE(0);
      if (this.#pending.length < end) break;
      const type = this.#pending.readUInt32LE(4);
      const id = this.#pending.readUInt32LE(8);
      requests.push(toRequest(type, id, texts(this.#pending.subarray(HEAD_BYTES, end))));
      this.#pending = this.#pending.subarray(end);
    }
    return requests;
  }
}

function toRequest(type: number, id: number, body: readonly string[]): Request {
  switch (REQUEST_TYPES[type as keyof typeof REQUEST_TYPES]) {
    case 'open': {
      const [resources = '', instanceName = '', guid = ''] = body;
      return { type: 'open', id, resources, instanceName, guid };
    }
    case 'attach':
      return { type: 'attach', id, handles: body[0] ?? '' };
    case 'start':
      return { type: 'start', id, parameters: new Map(body.map(toParameter)) };
    case 'close':
      return { type: 'close', id };
    default:
      throw new Error(`the shim sent a request of unknown type ${type}`);
  }
}

/** NUL-terminated texts. */
function texts(body: Buffer): string[] {
  return body.toString('utf8').split('\0').slice(0, -1);
}

/** `5=60` → `[5, '60']`. */
function toParameter(text: string): [number, string] {
  const at = text.indexOf('=');
  return [Number(text.slice(0, at)), text.slice(at + 1)];
}

export function laidOutReply(id: number, regionBytes: bigint): Buffer {
  const body = Buffer.alloc(8);
  body.writeBigUInt64LE(regionBytes);
  return reply('laidOut', id, body);
}

export function attachedReply(id: number): Buffer {
  return reply('attached', id, Buffer.alloc(0));
}

export function closedReply(id: number): Buffer {
  return reply('closed', id, Buffer.alloc(0));
}

export function failedReply(id: number, why: string): Buffer {
  return reply('failed', id, Buffer.from(why));
}

function reply(type: keyof typeof REPLY_TYPES, id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(body.length, 0);
  head.writeUInt32LE(REPLY_TYPES[type], 4);
  head.writeUInt32LE(id, 8);
  return Buffer.concat([head, body]);
}
