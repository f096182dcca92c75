/** Workers in processes of their own, and instances that are used through a gateway as a proxyfmu would be. */
import { readFileSync } from 'node:fs';
import { FmuInstance, type FmuModel, openCachedFmu } from '#tb/fmi/index.js';
import { type Gateway, type GatewayEvent, type GatewayOptions, openGateway } from '#tb/remote/broker/index.js';
import { FMU_SERVICE, type FMU_SERVICE_SHAPE, ThriftClient } from '#tb/remote/thrift/index.js';
import { type Running, startCli } from '../support/cli.js';
import { until } from '../support/until.js';

export type Json = Readonly<Record<string, unknown>>;

export class WorkerProcess {
  readonly host: string;
  readonly #cli: Running;
  readonly #stdout: () => string;

  static async start(url: string, host: string, fmus: readonly string[], ...options: string[]): Promise<WorkerProcess> {
    const cli = startCli(['serve', '--json', '--host', host, ...options, ...fmus], { env: { AMQP_URL: url } });
    let stdout = '';
    cli.process.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    const worker = new WorkerProcess(host, cli, () => stdout);
    await cli.said(/offers /);
    await until(() => worker.events('serving').length > 0);
    return worker;
  }

  private constructor(host: string, cli: Running, stdout: () => string) {
    this.host = host;
    this.#cli = cli;
    this.#stdout = stdout;
  }

  get pid(): number {
    return this.#cli.process.pid!;
  }

  get finished(): Running['finished'] {
    return this.#cli.finished;
  }

  get said(): Running['said'] {
    return this.#cli.said;
  }

  get isGone(): boolean {
    const { exitCode, signalCode } = this.#cli.process;
    return exitCode !== null || signalCode !== null;
  }

  events(type: string): Json[] {
    const lines = this.#stdout().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Json).filter((event) => event.type === type);
  }

  kill(signal: NodeJS.Signals): void {
    this.#cli.process.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.isGone) return;
    this.kill('SIGKILL');
    await this.finished;
  }
}

/** An instance behind a gateway, and what its FMU says of itself. */
export class RemoteFmu {
  readonly gateway: Gateway;
  readonly model: FmuModel;
  readonly events: GatewayEvent[];
  readonly client: ThriftClient<typeof FMU_SERVICE_SHAPE>;

  static async open(url: string, name: string, model: FmuModel, options: GatewayOptions = {}): Promise<RemoteFmu> {
    const events: GatewayEvent[] = [];
    const gateway = await openGateway(
      { broker: url, name, guid: model.token },
      { instanceName: name, ...options, onEvent: (event) => events.push(event) },
    );
    const { host, port, token } = gateway;
    const client = await ThriftClient.connect(FMU_SERVICE, { host, port });
    if (token !== '') await client.call('tb_authenticate', { token });
    return new RemoteFmu(gateway, model, events, client);
  }

  private constructor(
    gateway: Gateway,
    model: FmuModel,
    events: GatewayEvent[],
    client: ThriftClient<typeof FMU_SERVICE_SHAPE>,
  ) {
    this.gateway = gateway;
    this.model = model;
    this.events = events;
    this.client = client;
  }

  /** Hosts that accepted it, in order. */
  get workers(): string[] {
    return this.events.flatMap((event) => (event.type === 'accepted' ? [event.worker.host] : []));
  }

  /** Process of the instance. */
  get pid(): number {
    const ready = this.events.flatMap((event) => (event.type === 'ready' ? [event.pid] : []));
    return ready.at(-1)!;
  }

  has(type: GatewayEvent['type']): boolean {
    return this.events.some((event) => event.type === type);
  }

  references(causality: 'input' | 'output'): number[] {
    return this.model.variables
      .filter((variable) => variable.causality === causality && variable.type === 'Float64')
      .map(({ valueReference }) => valueReference);
  }

  async initialise(start = 0): Promise<void> {
    await this.client.call('instantiate', {});
    await this.client.call('setup_experiment', { start, stop: 0, tolerance: 0 });
    await this.client.call('enter_initialization_mode', {});
    await this.client.call('exit_initialization_mode', {});
  }

  /** Sets all inputs, steps, and gets all outputs, in one flight. */
  async step(index: number): Promise<readonly number[]> {
    const inputs = this.references('input');
    const outputs = this.references('output');
    const [, , { value }] = await Promise.all([
      this.client.call('write_real', { vr: inputs, value: inputs.map(() => inputAt(index)) }),
      this.client.call('step', { currentTime: index * STEP, stepSize: STEP }),
      this.client.call('read_real', { vr: outputs }),
    ]);
    return value;
  }

  async close(): Promise<void> {
    this.client.close();
    await this.gateway.close();
  }
}

export const STEP = 1 / 1024;

/** What is put in before a step. */
export function inputAt(index: number): number {
  return Math.sin(0.1 * index) + 0.1;
}

/** The outputs of `steps` steps of the FMU in this process. */
export async function reference(file: string, steps: number): Promise<number[][]> {
  const fmu = await openCachedFmu(file);
  const instance = new FmuInstance(fmu, { name: 'reference' });
  try {
    const places = (causality: string) =>
      fmu.model.variables.flatMap((variable, index) =>
        variable.causality === causality && variable.type === 'Float64' ? [index] : [],
      );
    instance.enterInitializationMode({ startTime: 0 });
    instance.exitInitializationMode();
    return Array.from({ length: steps }, (_, index) => {
      for (const input of places('input')) instance.set(input, [inputAt(index)]);
      instance.doStep(index * STEP, STEP);
      return places('output').map((output) => Number(instance.get(output)[0]));
    });
  } finally {
    instance.free();
    fmu.release();
  }
}

/** State letter of a process: T when it is stopped, undefined when it is gone. */
export function processState(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** `twinbridge amqp-proxyfmu`, as libcosim starts a proxyfmu. */
export class ProxyProcess {
  readonly port: number;
  readonly cli: Running;

  static async start(url: string, file: string, name: string, ...options: string[]): Promise<ProxyProcess> {
    const cli = startCli(['amqp-proxyfmu', '--fmu', file, '--instanceName', name, ...options], {
      env: { AMQP_URL: url },
    });
    let stdout = '';
    cli.process.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    let ended: { readonly stderr: string } | undefined;
    void cli.finished.then((finished) => {
      ended = finished;
    });
    await until(() => /port=\d+\n/.test(stdout) || ended !== undefined, 'its port', 40_000);
    if (ended !== undefined) throw new Error(ended.stderr);
    return new ProxyProcess(Number(/^\[proxyfmu\] port=(\d+)$/m.exec(stdout)![1]), cli);
  }

  private constructor(port: number, cli: Running) {
    this.port = port;
    this.cli = cli;
  }

  async stop(): Promise<void> {
    this.cli.process.kill('SIGKILL');
    await this.cli.finished;
  }
}
