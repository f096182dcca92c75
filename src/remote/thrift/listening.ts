/** What servers have in common, whatever they speak: to listen, and what to call those who connect. */
import type { Server, Socket } from 'node:net';
import { TwinbridgeError } from '../../support/errors.js';

export class CannotListenError extends TwinbridgeError {
  override readonly code = 'TB_REMOTE_CANNOT_LISTEN';
}

/** Throws {@link CannotListenError}. */
export function listenAt(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(host, port, cause)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      server.on('error', () => {}); // A connection that failed before it was accepted.
      resolve();
    });
  });
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): CannotListenError {
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another server may be running there: stop it, or choose another port',
    EACCES: 'ports below 1024 need privileges: choose another port',
    EADDRNOTAVAIL: 'no interface of this machine has that address',
    ENOTFOUND: 'check the address',
  };
  return new CannotListenError(`cannot listen on ${host}:${port} (${cause.code ?? cause.message})`, {
    cause,
    details: { host, port },
    remedy: remedies[cause.code ?? ''] ?? 'check address and port',
  });
}

/** 0: it does not listen. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Of the other side. IPv4 as such, also where the socket speaks both versions. */
export function hostOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress.startsWith('::ffff:') ? remoteAddress.slice('::ffff:'.length) : remoteAddress;
}

/** `host:port` of the other side. */
export function addressOf(socket: Socket): string {
  const host = hostOf(socket);
  return `${host.includes(':') ? `[${host}]` : host}:${socket.remotePort ?? 0}`;
}
