/** Bridge FMUs for tests: built from a few lines of YAML, loaded, fed. */
import { join } from 'node:path';
import amqp from 'amqplib';
import { buildBridgeFmu, parseBridgeConfig } from '#tb/bridge/index.js';
import { Fmi2Instance, type FmuLogMessage, openFmu, type UnpackedFmu } from '#tb/fmi/index.js';
import { temporaryFolder } from './fmus.js';

let built = 0;

/** A built bridge FMU; `yaml` is what follows the name. */
export async function bridgeFile(yaml: string, folder: string, name = 'bridge'): Promise<string> {
  const file = join(folder, `${name}-${built++}.fmu`);
  await buildBridgeFmu(parseBridgeConfig(`twinbridge: bridge\nname: ${name}\n${yaml}`, 'test.yaml'), file, {
    platforms: 'host',
  });
  return file;
}

/** {@link bridgeFile}, unpacked. */
export async function bridgeFmu(yaml: string, folder: string, name = 'bridge'): Promise<UnpackedFmu> {
  return openFmu(await bridgeFile(yaml, folder, name));
}

/** An instance whose variables are reached by name. */
export class Bridge {
  readonly instance: Fmi2Instance;
  readonly log: FmuLogMessage[] = [];
  readonly #fmu: UnpackedFmu;

  constructor(fmu: UnpackedFmu, name = 'bridge') {
    this.#fmu = fmu;
    this.instance = new Fmi2Instance(fmu, { name, loggingOn: true, onLog: (message) => this.log.push(message) });
  }

  vr(name: string): number {
    const variable = this.#fmu.description.variables.find((v) => v.name === name);
    if (variable === undefined) throw new Error(`no variable ${name}`);
    return variable.valueReference;
  }

  initialise(startTime = 0): void {
    this.instance.setupExperiment({ startTime });
    this.instance.enterInitializationMode();
    this.instance.exitInitializationMode();
  }

  real(name: string): number {
    const value = new Float64Array(1);
    this.instance.getReal(Uint32Array.of(this.vr(name)), value);
    return value[0] as number;
  }

  integer(name: string): number {
    const value = new Int32Array(1);
    this.instance.getInteger(Uint32Array.of(this.vr(name)), value);
    return value[0] as number;
  }

  boolean(name: string): boolean {
    const value = new Int32Array(1);
    this.instance.getBoolean(Uint32Array.of(this.vr(name)), value);
    return value[0] !== 0;
  }

  string(name: string): string {
    const value = [''];
    this.instance.getString(Uint32Array.of(this.vr(name)), value);
    return value[0] as string;
  }

  set(name: string, value: number | boolean | string): void {
    const vr = Uint32Array.of(this.vr(name));
    const type = this.#fmu.description.variables.find((v) => v.name === name)?.type;
    if (typeof value === 'string') this.instance.setString(vr, [value]);
    else if (typeof value === 'boolean') this.instance.setBoolean(vr, Int32Array.of(value ? 1 : 0));
    else if (type === 'Integer' || type === 'Enumeration') this.instance.setInteger(vr, Int32Array.of(value));
    else this.instance.setReal(vr, Float64Array.of(value));
  }

  said(part: string): boolean {
    return this.log.some(({ message }) => message.includes(part));
  }
}

/** `ms` milliseconds after 2026-01-01T00:00:00Z, as RFC 3339. */
export function stamp(ms: number): string {
  return new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
}

/** Publishes to and receives from the exchange that bridges use by default. Announcements are left out. */
export class Peer {
  readonly received: { body: Record<string, unknown>; text: string; at: number }[] = [];
  #waiting: (() => void)[] = [];

  readonly connection: amqp.ChannelModel;
  readonly channel: amqp.ConfirmChannel;

  private constructor(connection: amqp.ChannelModel, channel: amqp.ConfirmChannel) {
    this.connection = connection;
    this.channel = channel;
  }

  static async connect(url: string): Promise<Peer> {
    const connection = await amqp.connect(url);
    connection.on('error', () => {});
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    await channel.assertExchange('fmi_digital_twin', 'direct', { durable: false });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, 'fmi_digital_twin', 'data.from_cosim');
    const peer = new Peer(connection, channel);
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return;
        const text = message.content.toString();
        if (text.includes('"internal_status"')) return;
        peer.received.push({ body: JSON.parse(text) as Record<string, unknown>, text, at: performance.now() });
        for (const wake of peer.#waiting.splice(0)) wake();
      },
      { noAck: true },
    );
    return peer;
  }

  /** Publishes a text or a sample and waits for the broker's confirm. */
  async send(message: string | Buffer | Record<string, unknown>, key = 'data.to_cosim'): Promise<void> {
    const body = typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message);
    this.channel.publish('fmi_digital_twin', key, Buffer.from(body));
    await this.channel.waitForConfirms();
  }

  /** Waits until `count` messages have come. */
  async receive(count: number, timeoutMs = 5000): Promise<Record<string, unknown>[]> {
    const deadline = performance.now() + timeoutMs;
    while (this.received.length < count) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${this.received.length} of ${count} messages came in ${timeoutMs} ms`);
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        setTimeout(resolve, left);
      });
    }
    return this.received.map(({ body }) => body);
  }

  async close(): Promise<void> {
    await this.connection.close().catch(() => {});
  }
}

/** Until `condition` holds; the thread is free meanwhile. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export { temporaryFolder };
