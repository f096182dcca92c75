/** Ports of instances. */
import { createServer } from 'node:net';
import { TwinbridgeError } from '../../support/errors.js';

/** Where a firewall lets only some through. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export class NoPortError extends TwinbridgeError {
  override readonly code = 'TB_REMOTE_NO_PORT';
}

export class PortPool {
  readonly #address: string;
  readonly #range: PortRange | undefined;
  readonly #taken = new Set<number>();
  #next: number;

  constructor(address: string, range: PortRange | undefined) {
    this.#address = address;
    this.#range = range;
    this.#next = range?.from ?? 0;
  }

  /** Throws {@link NoPortError}. */
  async take(): Promise<number> {
    if (this.#range === undefined) return 0;
    const { from, to } = this.#range;
    for (let tries = 0; tries <= to - from; tries++) {
      const port = this.#next;
      this.#next = port === to ? from : port + 1;
      if (this.#taken.has(port)) continue;
      this.#taken.add(port);
      if (await isFree(this.#address, port)) return port;
      this.#taken.delete(port);
    }
    throw new NoPortError(`all ports from ${from} to ${to} are in use`, {
      details: { from, to },
      remedy: 'give more of them: --ports FROM-TO',
    });
  }

  release(port: number): void {
    this.#taken.delete(port);
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
