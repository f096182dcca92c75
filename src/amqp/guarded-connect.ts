/**
 * amqplib's `connect`, whose every failure is a rejection.
 *
 * As long as a connection is not open, nobody can listen to its 'error' event. If the server says open-ok and
 * connection.close in one breath (an alarm, a limit, an operator who closes all connections), amqplib throws that event
 * from inside of its socket, where no caller can catch it: it would end the process.
 */
import net from 'node:net';
import tls from 'node:tls';
import { type ChannelModel, connect, type Options, type SocketOptions } from 'amqplib';

export async function guardedConnect(url: Options.Connect, options: SocketOptions): Promise<ChannelModel> {
  let reject: (why: unknown) => void = () => {};
  const thrown = new Promise<never>((_, no) => {
    reject = no;
  });
  let isOpening = true;
  const opening = withSocketsSeen(
    (socket) => guard(socket, () => isOpening, reject),
    () => connect(url, options),
  );
  try {
    return await Promise.race([opening, thrown]);
  } finally {
    isOpening = false;
  }
}

/** What listeners of the socket throw goes to `reject`, and ends the socket, as long as `holds`. */
function guard(socket: net.Socket, holds: () => boolean, reject: (why: unknown) => void): void {
  const emit = socket.emit;
  socket.emit = function (this: net.Socket, ...event: Parameters<typeof emit>) {
    if (!holds()) return emit.apply(this, event);
    try {
      return emit.apply(this, event);
    } catch (error) {
      reject(error);
      socket.destroy();
      return true;
    }
  } as typeof emit;
}

/** amqplib makes its socket itself, synchronously, and shows it to nobody: the two functions it does so with tell. */
function withSocketsSeen<T>(see: (socket: net.Socket) => void, action: () => T): T {
  const originals = { net: net.connect, tls: tls.connect };
  net.connect = ((...given: Parameters<typeof net.connect>) => {
    const socket = originals.net(...given);
    see(socket);
    return socket;
  }) as typeof net.connect;
  tls.connect = ((...given: Parameters<typeof tls.connect>) => {
    const socket = originals.tls(...given);
    see(socket);
    return socket;
  }) as typeof tls.connect;
  try {
    return action();
  } finally {
    net.connect = originals.net;
    tls.connect = originals.tls;
  }
}
