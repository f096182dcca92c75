/** Brokers that are not there, not ours, or not there any more. */
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FmuDiscardError, FmuStatusError, type UnpackedFmu } from '#tb/fmi/index.js';
import { Bridge, bridgeFmu, Peer, stamp, temporaryFolder, until } from '../support/bridge.js';
import { type BrokerProcess, startBroker } from '../support/broker-process.js';
import { describeOnBrokers } from '../support/brokers.js';
import { CuttableWire } from '../support/cuttable-wire.js';
import { Feeder } from '../support/feeder.js';
import { backends } from '../support/processes.js';

const folder = temporaryFolder();
const built: UnpackedFmu[] = [];
let bridge: Bridge;

afterEach(() => {
  bridge?.instance.free();
  delete process.env.AMQP_URL;
  expect(backends()).toEqual([]);
});
afterAll(async () => {
  for (const each of built) await each.close();
});

async function build(yaml: string): Promise<UnpackedFmu> {
  const made = await bridgeFmu(yaml, folder);
  built.push(made);
  return made;
}

describeOnBrokers('1 no connection', (broker) => {
  const PASSWORD = 'sesame-73';
  const brokerPort = () => Number(new URL(broker.url).port);
  let fmu: UnpackedFmu;
  let silent: Server;
  let closedPort: number;

  beforeAll(async () => {
    fmu = await build('selection: { timeout: 60 s }\noutputs: { x: Real }\ninputs: { y: Real }\n');
    const peer = await Peer.connect(broker.url);
    await peer.channel.assertExchange('of_another_type', 'fanout', { durable: false });
    await peer.close();
    // This thread is in the FMU's call meanwhile: the kernel accepts, and nobody ever answers.
    silent = createServer().listen(0, '127.0.0.1');
    const closing = createServer();
    await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve));
    closedPort = portOf(closing);
    await new Promise((resolve) => closing.close(resolve));
  });
  afterAll(() => silent?.close());

  const portOf = (server: Server) => (server.address() as { port: number }).port;

  /** What is said when the bridge initialises; it must have failed within `withinMs`. */
  function failure(url: string, set: Readonly<Record<string, string>> = {}, withinMs = 2500): string {
    process.env.AMQP_URL = url;
    bridge = new Bridge(fmu);
    for (const [name, value] of Object.entries(set)) bridge.set(name, value);
    const before = performance.now();
    expect(() => bridge.initialise()).toThrow(FmuStatusError);
    expect(performance.now() - before).toBeLessThan(withinMs);
    bridge.instance.free();
    const said = bridge.log.filter(({ category }) => category === 'logBroker').map(({ message }) => message);
    expect(said).toHaveLength(1);
    for (const { message } of bridge.log) expect(message).not.toContain(PASSWORD);
    return said[0] as string;
  }

  const at = (port: number, rest = '', scheme = 'amqp') => `${scheme}://guest:${PASSWORD}@127.0.0.1:${port}${rest}`;

  it('wrong password', () => {
    expect(failure(at(brokerPort()))).toBe(
      `amqp://guest@127.0.0.1:${brokerPort()}/ refused the login of user 'guest'; check the password; 'guest' may log in from the broker's own machine only`,
    );
  });

  it('unknown host', () => {
    expect(failure(`amqp://guest:${PASSWORD}@no-such-host.invalid`)).toBe(
      "cannot resolve the host 'no-such-host.invalid' of amqp://guest@no-such-host.invalid:5672/; check the spelling of the host; inside containers use the service name",
    );
  });

  it('closed port', () => {
    expect(failure(at(closedPort))).toBe(
      `nothing listens at amqp://guest@127.0.0.1:${closedPort}/; start the broker (twinbridge broker, or RabbitMQ) or correct host and port`,
    );
  });

  it('a peer that accepts and is silent: after 5 s, not after the 60 s of the step', () => {
    expect(failure(at(portOf(silent)), {}, 6500)).toMatch(
      /did not complete the connection within 5000 ms; check that the port is the broker’s/,
    );
  });

  it('missing virtual host', () => {
    expect(failure(new URL('/nowhere', broker.url).href)).toMatch(
      /vhost 'nowhere'; create the virtual host, or give the user permissions on it/,
    );
  });

  it('an exchange of another type', () => {
    const said = failure(broker.url, { 'config.exchangename': 'of_another_type' });
    expect(said).toMatch(/^declared differently at amqp:.*exchange 'of_another_type'/);
    expect(said).toMatch(/; declare it with the properties it has, declare it passively, or delete it first$/);
  });

  it('TLS to a port that does not speak it', () => {
    expect(failure(at(brokerPort(), '', 'amqps'))).toMatch(
      /does not speak TLS; use amqp:\/\/ for this port, or the broker’s TLS port \(usually 5671\)/,
    );
  });

  it('no credentials for a broker elsewhere', () => {
    delete process.env.AMQP_URL;
    expect(failure('', { 'config.hostname': 'broker.example' })).toMatch(
      /^no user name for the broker at broker\.example; set AMQP_URL=amqp:\/\/user:password@host/,
    );
  });

  it('a silent peer does not hold up the end either', () => {
    process.env.AMQP_URL = at(portOf(silent));
    bridge = new Bridge(fmu);
    bridge.set('config.communicationtimeout', 0);
    expect(() => bridge.initialise()).toThrow(FmuStatusError);
    expect(bridge.said('the broker is out of reach')).toBe(true);
    const before = performance.now();
    bridge.instance.free();
    expect(performance.now() - before).toBeLessThan(1000);
  });

  it('one instance that cannot connect leaves the others in peace', async () => {
    process.env.AMQP_URL = broker.url;
    const feeder = await Feeder.start(broker.url);
    const announcing = await build('send: { announce: true }\nselection: { maxage: 60 s }\noutputs: { x: Real }\n');
    await feeder.onReady({ x: 1, time: stamp(0) });
    const good = new Bridge(announcing, 'good');
    good.initialise();
    const bad = new Bridge(fmu, 'bad');
    bad.set('config.port', portOf(silent));
    bad.set('config.communicationtimeout', 0);
    expect(() => bad.initialise()).toThrow(FmuStatusError);
    bad.instance.free();
    expect(backends()).toHaveLength(1);
    await feeder.send({ x: 2, time: stamp(100) });
    await new Promise((resolve) => setTimeout(resolve, 5500)); // longer than the attempt of the other would have taken
    good.instance.doStep(0, 0.1);
    expect(good.real('x')).toBe(2);
    good.instance.free();
    await feeder.stop();
  });
});

describe('2 the broker dies while the co-simulation runs', () => {
  const RUNNING = `
send: { announce: true }
selection: { maxage: 60 s, lookahead: 100, timeout: 300 ms }
outputs: { x: Real }
inputs: { y: Integer, z: Integer }
diagnostics: true
`;
  let mortal: BrokerProcess;
  let feeder: Feeder;

  beforeEach(async () => {
    mortal = await startBroker();
    feeder = await Feeder.start(mortal.url);
  });
  afterEach(async () => {
    await feeder?.stop();
    await mortal?.kill();
  });

  async function start(fmu: UnpackedFmu, url = mortal.url): Promise<void> {
    process.env.AMQP_URL = url;
    await feeder.onReady({ x: 1, time: stamp(0) });
    bridge = new Bridge(fmu);
    bridge.initialise();
    expect(bridge.boolean('link_up')).toBe(true);
  }

  it('within maxage the steps go on; when it is back, so are topology, link and data', async () => {
    await start(await build(RUNNING));
    await mortal.kill();
    await until(() => !bridge.boolean('link_up'));
    bridge.instance.doStep(0, 0.1);
    expect(bridge.real('x')).toBe(1);

    await feeder.stop();
    mortal = await startBroker(mortal.port);
    feeder = await Feeder.start(mortal.url);
    await until(() => bridge.boolean('link_up'), 10_000);
    expect(bridge.integer('reconnects')).toBe(2); // that which receives, and that which sends
    await feeder.send({ x: 2, time: stamp(200) });
    await until(() => bridge.integer('received') === 2);
    bridge.instance.doStep(0.1, 0.1);
    expect(bridge.real('x')).toBe(2);
    for (const link of ['receiving', 'sending']) {
      expect(bridge.said(`${link}: lost the broker`)).toBe(true);
      expect(bridge.said(`${link}: connected again`)).toBe(true);
    }
    const peer = await Peer.connect(mortal.url);
    bridge.set('y', 7);
    bridge.instance.doStep(0.2, 0.1);
    expect((await peer.receive(1))[0]).toMatchObject({ y: 7 });
    await peer.close();
  });

  it('beyond maxage a step is discarded at its deadline, and says that the broker is out of reach', async () => {
    await start(await build(RUNNING));
    await mortal.kill();
    await until(() => !bridge.boolean('link_up'));
    const before = performance.now();
    expect(() => bridge.instance.doStep(0, 61)).toThrow(FmuDiscardError);
    expect(performance.now() - before).toBeGreaterThan(290);
    expect(performance.now() - before).toBeLessThan(600);
    expect(
      bridge.said(
        'step to 61 s: no valid data within 0.300 s (maxage 60.000 s, the broker is out of reach): x (61.000 s old)',
      ),
    ).toBe(true);
  });

  it('beyond maxage with onTimeout hold the outputs stay, with a warning', async () => {
    await start(await build(RUNNING.replace('timeout: 300 ms', 'timeout: 300 ms, onTimeout: hold')));
    await mortal.kill();
    bridge.instance.doStep(0, 61);
    expect(bridge.real('x')).toBe(1);
    expect(bridge.said('; the outputs stay as they are')).toBe(true);
  });

  it('what was sent but not confirmed when the connection broke is sent again', async () => {
    const wire = await CuttableWire.to(mortal.port);
    const peer = await Peer.connect(mortal.url);
    await start(await build(RUNNING), `amqp://guest:guest@127.0.0.1:${wire.port}`);
    await wire.swallow();
    for (let k = 1; k <= 20; k++) {
      bridge.set('y', k);
      bridge.instance.doStep((k - 1) / 100, 0.01);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(bridge.integer('confirmed')).toBe(0);
    await wire.cut();
    await until(() => !bridge.boolean('link_up'));
    await wire.mend();
    await until(() => bridge.integer('confirmed') === 20, 10_000);
    expect((await peer.receive(20)).map(({ y }) => y)).toEqual(Array.from({ length: 20 }, (_, k) => k + 1));
    await peer.close();
    await wire.close();
  });

  it('changes that found no room while it was away are merged, and the last values arrive', async () => {
    const wire = await CuttableWire.to(mortal.port);
    const peer = await Peer.connect(mortal.url);
    await start(await build(RUNNING), `amqp://guest:guest@127.0.0.1:${wire.port}`);
    await wire.cut();
    await until(() => !bridge.boolean('link_up'));
    const CHANGES = 3000;
    for (let k = 1; k <= CHANGES; k++) {
      bridge.set('y', k);
      if (k === CHANGES) bridge.set('z', -1);
      bridge.instance.doStep((k - 1) / 1000, 0.001);
    }
    expect(bridge.integer('confirmed')).toBe(0);
    await wire.mend();
    await until(() => bridge.boolean('link_up'), 10_000);
    await until(() => bridge.integer('confirmed') > 0);
    // No further step is needed: what waited is sent at the end.
    bridge.instance.terminate();
    bridge.instance.free();
    await until(() => peer.received.at(-1)?.body.y === CHANGES);
    const ys = peer.received.map(({ body }) => body.y as number);
    expect(ys).toEqual([...ys].sort((a, b) => a - b));
    expect(new Set(ys).size).toBe(ys.length);
    expect(ys[0]).toBe(1);
    expect(ys.length).toBeGreaterThan(256); // what the ring alone holds
    expect(peer.received.at(-1)?.body).toMatchObject({ y: CHANGES, z: -1 });
    const totals = bridge.log.find(({ message }) => message.startsWith('totals:'))?.message;
    expect(totals).toMatch(new RegExp(`published ${ys.length}, confirmed ${ys.length}, changes merged \\d+`));
    expect(totals).not.toContain('unconfirmed');
    await peer.close();
    await wire.close();
  });

  it('what is unconfirmed at the end, with the broker away, is told', async () => {
    await start(await build(RUNNING));
    await mortal.kill();
    await until(() => !bridge.boolean('link_up'));
    bridge.set('y', 1);
    bridge.instance.doStep(0, 0.1);
    const before = performance.now();
    bridge.instance.free();
    expect(performance.now() - before).toBeLessThan(2500);
    expect(bridge.said('1 messages were not confirmed by the broker')).toBe(true);
    expect(bridge.said('unconfirmed 1')).toBe(true);
  });
});
