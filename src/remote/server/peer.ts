/** Who is connected to a server of FMUs, and what one may do who has not said the token yet. */
import { type Connection, ThriftApplicationError } from '../thrift/index.js';
import type { Access } from './access.js';

export interface Peer {
  readonly address: string;
  /** Has said the token, if there is one. */
  isTrusted: boolean;
}

/** A token fits, an FMU does not. */
const STRANGER_BYTES = 4096;
/** Before it is closed, ms. */
const STRANGER_MS = 10_000;
/** Names and numbers beside an FMU. */
const BESIDE_BYTES = 2 ** 16;

export function greet(connection: Connection, access: Access): Peer {
  const peer = { address: connection.address, isTrusted: !access.wantsToken };
  if (!peer.isTrusted) {
    setTimeout(() => {
      if (!peer.isTrusted) connection.close('it did not say the token');
    }, STRANGER_MS).unref();
  }
  return peer;
}

/** Whether it may use the server from now on. */
export function authenticate(peer: Peer, access: Access, token: string): boolean {
  peer.isTrusted ||= access.isToken(token);
  return peer.isTrusted;
}

export function limitOf(maxFmuBytes: number): (peer: Peer) => number {
  return ({ isTrusted }) => (isTrusted ? maxFmuBytes + BESIDE_BYTES : STRANGER_BYTES);
}

export function checkTrust({ isTrusted }: Peer): void {
  if (isTrusted) return;
  throw new ThriftApplicationError(0, 'this server wants a token: call tb_authenticate first');
}
