/**
 * The head of a message between a gateway and the worker that runs its instance. Behind it stand whole Thrift frames, or a
 * note in JSON.
 *
 *    0      1      2        6             12            18
 *    +------+------+--------+-------------+-------------+------
 *    | kind | flags| stream |  sequence   |  received   | body
 *    +------+------+--------+-------------+-------------+------
 *
 * `stream` names the instance for the client; it is another one each time the instance is made anew. `sequence`: of data
 * its number, from 1; else the number of the last data sent. `received`: up to where the sender has the other's data.
 */

/** `over`: there is no such conversation any more. */
export const Kind = { data: 1, note: 2, probe: 3, status: 4, over: 5 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** In a probe: send again what I have not got. */
export const RESEND = 1;
/** In data: the next goes on with it. */
export const MORE = 2;

export const HEAD_BYTES = 18;
const TWO_32 = 2 ** 32;

export interface Head {
  readonly kind: number;
  readonly flags: number;
  readonly stream: number;
  readonly sequence: number;
  readonly received: number;
}

export function writeHead({ kind, flags, stream, sequence, received }: Head): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head[0] = kind;
  head[1] = flags;
  head.writeUInt32BE(stream, 2);
  writeCount(head, sequence, 6);
  writeCount(head, received, 12);
  return head;
}

/** Undefined: this is no such message. */
export function readHead(message: Buffer): Head | undefined {
  if (message.length < HEAD_BYTES) return undefined;
  const kind = message[0]!;
  if (kind < Kind.data || kind > Kind.over) return undefined;
  return {
    kind,
    flags: message[1]!,
    stream: message.readUInt32BE(2),
    sequence: readCount(message, 6),
    received: readCount(message, 12),
  };
}

/** 48 bits: a thousand messages a second for nine thousand years. */
function writeCount(to: Buffer, value: number, at: number): void {
  to.writeUInt16BE(Math.floor(value / TWO_32), at);
  to.writeUInt32BE(value % TWO_32, at + 2);
}

function readCount(from: Buffer, at: number): number {
  return from.readUInt16BE(at) * TWO_32 + from.readUInt32BE(at + 2);
}
