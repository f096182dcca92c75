/** A wire between client and broker that a test can cut, or let go dead without anyone being told. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Wire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #dead = false;

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer({ noDelay: true }, (client) => {
      const broker = connect({ ...target, noDelay: true });
      this.#join(client, broker);
      this.#join(broker, client);
    });
  }

  /** `at`: the port to listen on; default any free one. */
  static async to(port: number, host = '127.0.0.1', at = 0): Promise<Wire> {
    const wire = new Wire({ host, port });
    await new Promise<void>((resolve) => wire.#server.listen(at, '127.0.0.1', resolve));
    return wire;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Breaks the connections there are; new ones go through. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From now on nothing comes through, on any connection, and nobody is told. */
  goDead(): void {
    this.#dead = true;
  }

  /** New connections go through again. */
  mend(): void {
    this.#dead = false;
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    let mute = this.#dead;
    from.on('data', (chunk) => {
      // A connection that went dead stays so.
      mute ||= this.#dead;
      if (!mute) to.write(chunk);
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      if (!mute) to.destroy();
    });
  }
}
