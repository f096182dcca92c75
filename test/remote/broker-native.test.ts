/** The client in C, which step plans and exported FMUs use, through the broker: everything of FMI 3.0, states included. */
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { FmuInstance, formatTarget, openCachedFmu, readFmuModel } from '#tb/fmi/index.js';
import { CommandKind, packCommand } from '#tb/remote/broker/commands.js';
import {
  binaryProtocol,
  encodeCall,
  FMU_SERVICE,
  FrameReader,
  frameHead,
  IncomingAnswer,
} from '#tb/remote/thrift/index.js';
import { describeOnBrokers } from '../support/brokers.js';
import { type TestFmuName, temporaryFolder, testFmu } from '../support/fmus.js';
import { until } from '../support/until.js';
import { ProxyProcess, RemoteFmu, WorkerProcess } from './broker-harness.js';

const folder = temporaryFolder();

describeOnBrokers('Commands over a broker', (broker) => {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const worker = async (host: string, file: string) => {
    const started = await WorkerProcess.start(broker.url, host, [file]);
    cleanups.push(() => started.stop());
    return started;
  };
  /** The FMU here, and the same over the broker. */
  const both = async (name: TestFmuName, ...options: string[]) => {
    const file = testFmu(folder, name);
    const first = await worker('first', file);
    const fmu = await openCachedFmu(file);
    cleanups.push(() => fmu.release());
    const proxy = await ProxyProcess.start(broker.url, file, name, ...options);
    cleanups.push(() => proxy.stop());
    const target = formatTarget({ protocol: 'proxyfmu', host: '127.0.0.1', port: proxy.port });
    const local = new FmuInstance(fmu, { name });
    const remote = new FmuInstance(fmu, { name, remote: { target, uri: `amqp-fmu://broker/${name}` } });
    cleanups.push(() => {
      local.free();
      remote.free();
    });
    const instances = [local, remote];
    for (const instance of instances) {
      instance.enterInitializationMode({ startTime: 0 });
      instance.exitInitializationMode();
    }
    const index = (variable: string) => fmu.model.variables.findIndex((each) => each.name === variable);
    return { file, first, instances, local, remote, index, proxy };
  };

  it('an FMU of FMI 3.0 draws the same random numbers, wherever it goes on, and from whatever state', async () => {
    const { file, first, instances, local, remote, index } = await both('state3', '--checkpoint', '0.05');
    const second = await worker('second', file);
    const [x, drawn] = [index('x'), index('drawn')];
    const kept = new Map<FmuInstance, bigint[]>(instances.map((instance) => [instance, []]));
    for (let step = 0; step < 300; step++) {
      if (step === 150) {
        first.kill('SIGKILL');
        await first.finished;
      }
      if (step % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      const seen = instances.map((instance) => {
        const states = kept.get(instance)!;
        if (step % 50 === 10) states.push(instance.getState());
        // States from before and after the loss; one that was kept long ago.
        if (step % 50 === 30) instance.setState(states[0]!);
        if (step % 50 === 40) instance.setState(states.at(-1)!);
        if (step % 100 === 90) instance.freeState(states.pop()!);
        instance.doStep(step, 1, true);
        return [instance.get(x), instance.get(drawn)];
      });
      expect(seen[1], `step ${step}`).toEqual(seen[0]);
    }
    expect(second.events('taken')).toHaveLength(1);
    // Bytes of the one are a state for the other.
    const bytes = instances.map((instance) => instance.serializeState(kept.get(instance)![0]!));
    const seen = instances.map((instance, place) => {
      const state = instance.deserializeState(bytes[1 - place]!);
      instance.setState(state);
      instance.freeState(state);
      instance.doStep(0, 1);
      return [instance.get(x), instance.get(drawn)];
    });
    expect(seen[1]).toEqual(seen[0]);
    expect(local.warnings).toBe(remote.warnings);
  }, 60_000);

  it('calls that name states may come together', async () => {
    const file = testFmu(folder, 'oscillator');
    await worker('first', file);
    const { model } = await readFmuModel(file);
    const fmu = await RemoteFmu.open(broker.url, 'oscillator', model, { token: false });
    cleanups.push(() => fmu.close());
    const socket = connect({ host: fmu.gateway.host, port: fmu.gateway.port });
    cleanups.push(() => socket.destroy());
    const reader = new FrameReader();
    socket.on('data', (chunk) => reader.push(chunk));
    /** Sends the requests in one piece; what each of them is answered. */
    const ask = async (...requests: readonly Buffer[]): Promise<Buffer[]> => {
      const calls = requests.map((request, sequence) =>
        encodeCall(FMU_SERVICE, binaryProtocol, 'tb_commands', { version: 1, request }, sequence),
      );
      socket.write(Buffer.concat(calls.flatMap((call) => [frameHead(call), call])));
      const answers: Buffer[] = [];
      await until(() => {
        for (let message = reader.next(); message !== undefined; message = reader.next()) {
          const { answer } = new IncomingAnswer(binaryProtocol, message).read(FMU_SERVICE, 'tb_commands');
          answers.push(Buffer.from(answer));
        }
        return answers.length === requests.length;
      }, 'all answers');
      return answers;
    };
    const text = (of: string): Buffer => {
      const packed = Buffer.alloc(8 + Math.ceil((of.length + 1) / 8) * 8);
      packed.writeUInt32LE(of.length);
      packed.write(of, 8);
      return packed;
    };
    const load = Buffer.concat([packCommand(CommandKind.load), text(''), text('')]);
    load.writeUInt32LE(2, 4);
    const create = Buffer.concat([packCommand(CommandKind.create), text('a'), text(model.token), text('')]);
    await ask(load, create);
    const getState = packCommand(CommandKind.getState, [0n]);
    const answers = await ask(getState, getState);
    // Behind what was carried out and the status: the numbers of the states.
    expect(answers.map((answer) => answer.readBigUInt64LE(16))).toEqual([1n, 2n]);
    const freeBoth = [1n, 2n].map((state) => packCommand(CommandKind.freeState, [state]));
    expect((await ask(...freeBoth)).map((answer) => answer.readBigUInt64LE(16))).toEqual([0n, 0n]);
  }, 60_000);

  it('all types are passed on', async () => {
    const { instances, local } = await both('feedthrough3');
    const { variables } = local.folder.model;
    const seen = instances.map((instance) => {
      for (const [place, { name, type, causality }] of variables.entries()) {
        if (causality !== 'input') continue;
        const texts: Readonly<Record<string, unknown>> = {
          String: 'über den Broker',
          Binary: Uint8Array.of(0, 255, 7),
        };
        const value =
          texts[type] ?? (type === 'Boolean' ? true : /64$/.test(type) && type !== 'Float64' ? 2n ** 40n : 42);
        if (type !== 'Clock' && !/8$/.test(name)) instance.set(place, [value as never]);
      }
      instance.doStep(0, 1);
      return variables.map(({ type, causality }, place) =>
        type === 'Clock' || causality === 'independent' ? undefined : instance.get(place),
      );
    });
    expect(seen[1]).toEqual(seen[0]);
  }, 60_000);
});
