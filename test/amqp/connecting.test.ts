/** The first connection: each way it can fail is told apart, in time, and says what to do. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import {
  type BrokerAddress,
  BrokerError,
  BrokerTimeoutError,
  CertificateError,
  ConnectionRefusedError,
  Consumer,
  HandshakeError,
  LoginRefusedError,
  NotABrokerError,
  Publisher,
  parseBrokerUrl,
  QueueLockedError,
  TlsNotSpokenError,
  TlsRequiredError,
  TopologyMismatchError,
  TopologyMissingError,
  UnknownHostError,
  VhostRefusedError,
} from '#tb/amqp/index.js';
import { methodFrame } from '../support/raw-amqp.js';
import { TEST_CERTIFICATE, TEST_KEY } from '../support/tls.js';
import { until } from '../support/until.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startBroker(): Promise<BrokerAddress> {
  const broker = await EmbeddedBroker.listen();
  cleanups.push(() => broker.close());
  return parseBrokerUrl(broker.url);
}

async function listen<S extends Server>(server: S): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

/** A server that does what it is told with each client. */
const faulty = async (behave: (socket: Socket) => void): Promise<BrokerAddress> =>
  parseBrokerUrl(`amqp://127.0.0.1:${await listen(createServer(behave))}`);

/** TLS in front of a broker. */
async function startTls(broker: BrokerAddress): Promise<BrokerAddress> {
  const server = createTlsServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (socket) => {
    socket.on('error', () => {});
    const plain = connect(broker.port, broker.hostname).on('error', () => socket.destroy());
    socket.pipe(plain).pipe(socket);
    socket.on('close', () => plain.destroy());
  });
  server.on('tlsClientError', () => {});
  return { ...broker, protocol: 'amqps', hostname: 'localhost', port: await listen(server) };
}

const base = { connectionName: 'test', connectTimeoutMs: 3_000 };
async function failure(open: Promise<{ close(): Promise<void> }>): Promise<BrokerError> {
  const outcome = await open.catch((error: unknown) => error);
  if (!(outcome instanceof BrokerError)) {
    if (!(outcome instanceof Error)) cleanups.push(() => (outcome as { close(): Promise<void> }).close());
    throw new Error(`not refused as expected: ${String(outcome)}`);
  }
  expect(outcome.exitCode).toBe(4);
  expect(outcome.remedy ?? '').not.toBe('');
  return outcome;
}
const failureAt = (address: BrokerAddress, more: object = {}) => failure(Publisher.open({ ...base, address, ...more }));

describe('the first connection', () => {
  it('succeeds within milliseconds on this machine', async () => {
    const address = await startBroker();
    const events: string[] = [];
    const publisher = await Publisher.open({ ...base, address, onEvent: ({ type }) => events.push(type) });
    await publisher.close();
    expect(events).toEqual(['connected', 'closed']);
  });

  it('to a host nobody knows', async () => {
    const error = await failureAt(parseBrokerUrl('amqp://no-such-host.invalid'));
    expect(error).toBeInstanceOf(UnknownHostError);
    expect(error.message).toContain("'no-such-host.invalid'");
  });

  it('to a port where nothing listens', async () => {
    const port = await listen(createServer());
    for (const cleanup of cleanups.splice(0)) cleanup();
    expect(await failureAt(parseBrokerUrl(`amqp://127.0.0.1:${port}`))).toBeInstanceOf(ConnectionRefusedError);
    expect(await failureAt(parseBrokerUrl(`amqp://localhost:${port}`))).toBeInstanceOf(ConnectionRefusedError);
  });

  it.each([
    ['is silent', (_: Socket) => {}],
    ['dribbles', (socket: Socket) => void setInterval(() => socket.write('\x01'), 50).unref()],
  ])('to a peer that accepts and %s, in the time allowed', async (_, behave) => {
    const started = performance.now();
    const error = await failureAt(await faulty(behave), { connectTimeoutMs: 300 });
    expect(error).toBeInstanceOf(BrokerTimeoutError);
    expect(error.message).toContain('within 300 ms');
    expect(performance.now() - started).toBeLessThan(1_500);
  });

  it('to a peer that falls silent amid the handshake', async () => {
    const start = methodFrame(0, 'connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: new Map(),
      mechanisms: Buffer.from('PLAIN'),
      locales: Buffer.from('en_US'),
    });
    const address = await faulty((socket) => socket.once('data', () => socket.write(start)));
    expect(await failureAt(address, { connectTimeoutMs: 300 })).toBeInstanceOf(BrokerTimeoutError);
  });

  it('to a peer that hangs up at once, or amid the handshake', async () => {
    expect(await failureAt(await faulty((socket) => socket.destroy()))).toBeInstanceOf(HandshakeError);
    expect(await failureAt(await faulty((socket) => socket.once('data', () => socket.end())))).toBeInstanceOf(
      HandshakeError,
    );
  });

  describe('to a server that opens and closes in one segment', () => {
    const start = methodFrame(0, 'connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: new Map(),
      mechanisms: Buffer.from('PLAIN'),
      locales: Buffer.from('en_US'),
    });
    const tune = methodFrame(0, 'connection.tune', { channelMax: 10, frameMax: 8192, heartbeat: 0 });
    const openOk = methodFrame(0, 'connection.open-ok', { knownHosts: '' });
    const close = (replyCode: number, replyText: string) =>
      methodFrame(0, 'connection.close', { replyCode, replyText, classId: 0, methodId: 0 });
    /** An own process would end over an uncaught error; here vitest fails the test over it. */
    const opensAnd = (...last: Buffer[]) => {
      let step = 0;
      const say = [start, tune, Buffer.concat([openOk, ...last])];
      return (socket: Socket) =>
        void socket.on('data', (heard) => {
          // start-ok; then tune-ok and open, which may come together
          if (step < 2 || heard.includes(Buffer.from([0, 10, 0, 40]))) socket.write(say[step++] ?? '');
        });
    };

    it.each([
      [541, 'INTERNAL_ERROR - out of order'],
      [320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"],
    ])('with %i', async (code, text) => {
      const error = await failureAt(await faulty(opensAnd(close(code, text))));
      expect(error).toBeInstanceOf(HandshakeError);
      expect(error.message).toContain(text);
    });

    it('with a frame that is none', async () => {
      const error = await failureAt(await faulty(opensAnd(Buffer.alloc(16, 0xa5))));
      expect(error).toBeInstanceOf(HandshakeError);
    });

    it('over TLS', async () => {
      const plain = await faulty(opensAnd(close(541, 'INTERNAL_ERROR')));
      const error = await failureAt(await startTls(plain), { tls: { ca: TEST_CERTIFICATE } });
      expect(error).toBeInstanceOf(HandshakeError);
    });

    it('and a link that was lost goes on trying', async () => {
      let behave = opensAnd(close(541, 'INTERNAL_ERROR'));
      const broker = await startBroker();
      let connections = 0;
      const relay = await faulty((socket) => {
        connections++;
        if (connections > 1 && connections < 5) {
          behave = opensAnd(close(connections % 2 === 0 ? 541 : 320, 'later'));
          behave(socket);
          return;
        }
        const onward = connect(broker.port, broker.hostname).on('error', () => socket.destroy());
        socket.pipe(onward).pipe(socket);
        if (connections === 1) setTimeout(() => socket.destroy(), 100);
      });
      const events: string[] = [];
      const publisher = await Publisher.open({
        ...base,
        address: relay,
        reconnect: { initialDelayMs: 20, maxDelayMs: 40 },
        onEvent: ({ type }) => events.push(type),
      });
      cleanups.push(() => publisher.close());
      await until(() => events.filter((type) => type === 'connected').length === 2);
      // Some of the failed attempts are followed by a connection that only looks at what is there.
      expect(events.filter((type) => type === 'retrying').length).toBeGreaterThan(1);
      await publisher.publish('', 'nowhere', Buffer.from('m'));
    });
  });

  it('to a web server', async () => {
    const address = await faulty((socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
    const error = await failureAt(address);
    expect(error).toBeInstanceOf(NotABrokerError);
    expect(error.message).toContain('it is a web server');
  });

  it('to something that sends garbage', async () => {
    const error = await failureAt(await faulty((socket) => socket.write(Buffer.alloc(64, 0xa5))));
    expect(error).toBeInstanceOf(NotABrokerError);
  });

  it('with a wrong password', async () => {
    const error = await failureAt({ ...(await startBroker()), username: 'guest', password: 'hunter2' });
    expect(error).toBeInstanceOf(LoginRefusedError);
    expect(error.retriable).toBe(false);
    expect(`${error.message}${JSON.stringify(error.details)}${error.remedy}`).not.toContain('hunter2');
  });

  it('to a virtual host that is missing', async () => {
    const error = await failureAt({ ...(await startBroker()), vhost: 'no-such' });
    expect(error).toBeInstanceOf(VhostRefusedError);
    expect(error.message).toContain("vhost 'no-such'");
  });
});

describe('TLS', () => {
  it('works with the right authority', async () => {
    const address = await startTls(await startBroker());
    const publisher = await Publisher.open({ ...base, address, tls: { ca: TEST_CERTIFICATE } });
    await publisher.publish('', 'nowhere', Buffer.from('m'));
    await publisher.close();
  });

  it('refuses a certificate nobody vouches for', async () => {
    expect(await failureAt(await startTls(await startBroker()))).toBeInstanceOf(CertificateError);
  });

  it('refuses a certificate for another name', async () => {
    const address = { ...(await startTls(await startBroker())), hostname: '127.0.0.1' };
    expect(await failureAt(address, { tls: { ca: TEST_CERTIFICATE } })).toBeInstanceOf(CertificateError);
    const publisher = await Publisher.open({
      ...base,
      address,
      tls: { ca: TEST_CERTIFICATE, servername: 'localhost' },
    });
    await publisher.close();
  });

  it('to a port without it', async () => {
    const address: BrokerAddress = { ...(await startBroker()), protocol: 'amqps' };
    expect(await failureAt(address)).toBeInstanceOf(TlsNotSpokenError);
  });

  it('is asked for by a port we speak plainly to', async () => {
    const address: BrokerAddress = { ...(await startTls(await startBroker())), protocol: 'amqp' };
    expect(await failureAt(address)).toBeInstanceOf(TlsRequiredError);
  });
});

describe('declarations', () => {
  const queue = { exclusive: true, durable: false, autoDelete: false };
  const consume = { ...base, queue, bindings: [], prefetch: 1, onDelivery: () => {}, exchanges: [] };

  it('of an exchange that exists with another type', async () => {
    const error = await failureAt(await startBroker(), {
      exchanges: [{ name: 'amq.topic', type: 'direct', durable: true, declare: 'active' }],
    });
    expect(error).toBeInstanceOf(TopologyMismatchError);
    expect(error.message).toContain("inequivalent arg 'type' for exchange 'amq.topic'");
    expect(error.details).toMatchObject({ replyCode: 406 });
  });

  it('passive, of an exchange that is missing', async () => {
    const error = await failureAt(await startBroker(), {
      exchanges: [{ name: 'none', type: 'direct', durable: true, declare: 'passive' }],
    });
    expect(error).toBeInstanceOf(TopologyMissingError);
  });

  it('of a binding to an exchange that is missing', async () => {
    const address = await startBroker();
    const error = await failure(Consumer.open({ ...consume, address, bindings: [{ exchange: 'none', key: '#' }] }));
    expect(error).toBeInstanceOf(TopologyMissingError);
  });

  it('of an exclusive queue that someone else has', async () => {
    const address = await startBroker();
    const first = await Consumer.open({ ...consume, address, queue: { ...queue, name: 'mine' } });
    cleanups.push(() => first.close());
    const error = await failure(Consumer.open({ ...consume, address, queue: { ...queue, name: 'mine' } }));
    expect(error).toBeInstanceOf(QueueLockedError);
  });
});
