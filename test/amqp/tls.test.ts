/** TLS with a real RabbitMQ: each side verifies the other, and the user may come from the certificate (SASL EXTERNAL). */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BrokerAddress,
  BrokerError,
  CertificateError,
  ClientCertificateError,
  LoginRefusedError,
  Publisher,
  type TlsOptions,
} from '#tb/amqp/index.js';
import { type BrokerAccess, brokerAccess } from '#tb/bridge/broker-access.js';
import { parseBridgeConfig } from '#tb/bridge/index.js';
import { type Authority, type Certificate, makeAuthority } from '../support/certificates.js';
import { temporaryFolder } from '../support/fmus.js';
import { freePort, type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';

const folder = temporaryFolder();
const text = (file: string) => readFileSync(file, 'utf8');

describe.skipIf(!ownRabbitMqAvailable())('RabbitMQ with TLS', () => {
  let broker: OwnRabbitMq;
  let address: BrokerAddress;
  let ca: Authority;
  let stranger: Authority;
  let robot: Certificate;
  let trusting: TlsOptions;

  beforeAll(async () => {
    ca = makeAuthority(folder, 'ca');
    stranger = makeAuthority(folder, 'stranger');
    robot = ca.issue('robot');
    const server = ca.issue('broker', { names: ['localhost'] });
    const port = await freePort();
    broker = await startOwnRabbitMq({
      plugins: ['rabbitmq_auth_mechanism_ssl'],
      config: [
        `listeners.ssl.default = 127.0.0.1:${port}`,
        `ssl_options.cacertfile = ${ca.cert}`,
        `ssl_options.certfile = ${server.cert}`,
        `ssl_options.keyfile = ${server.key}`,
        'ssl_options.verify = verify_peer',
        'ssl_options.fail_if_no_peer_cert = true',
        'ssl_cert_login_from = common_name',
        'auth_mechanisms.1 = PLAIN',
        'auth_mechanisms.2 = EXTERNAL',
      ],
      definitions: {
        users: [
          { name: 'guest', password: 'guest', tags: 'administrator' },
          { name: 'robot', password_hash: '', tags: '' },
        ],
        vhosts: [{ name: '/' }],
        permissions: ['guest', 'robot'].map((user) => ({ user, vhost: '/', configure: '.*', write: '.*', read: '.*' })),
      },
    });
    address = { protocol: 'amqps', hostname: 'localhost', port, vhost: '/', username: 'guest', password: 'guest' };
    trusting = { ca: text(ca.cert), cert: text(robot.cert), key: text(robot.key) };
  }, 90_000);
  afterAll(() => broker.stop(), 30_000);

  async function publishWith(access: BrokerAccess): Promise<void> {
    const publisher = await Publisher.open({ ...access, connectionName: 'tls test', connectTimeoutMs: 5000 });
    try {
      await publisher.publish('', 'nowhere', Buffer.from('m'));
    } finally {
      await publisher.close();
    }
  }
  async function failure(tls: TlsOptions, more: Partial<BrokerAccess> = {}): Promise<BrokerError> {
    const outcome: unknown = await publishWith({ address, tls, ...more }).catch((error: unknown) => error);
    if (!(outcome instanceof BrokerError)) throw new Error(`not refused as expected: ${String(outcome)}`);
    expect(outcome.exitCode).toBe(4);
    return outcome;
  }
  const accessFrom = (broker: string, env: Record<string, string> = {}) =>
    brokerAccess(
      parseBridgeConfig(`twinbridge: bridge\nname: a\noutputs: {x: Real}\nbroker: ${broker}\n`, `${folder}/b.yaml`),
      new Map(),
      { env },
    );

  it('is trusted by its authority, and trusts ours', () => publishWith({ address, tls: trusting }));

  it('whose authority is unknown', async () => {
    const error = await failure({ ...trusting, ca: text(stranger.cert) });
    expect(error).toBeInstanceOf(CertificateError);
    expect(error.message).toContain('comes from an authority that is not trusted here');
    expect(error.remedy).toContain('broker.tls.ca');
  });

  it('whose certificate is for another host', async () => {
    const error = await failure(trusting, { address: { ...address, hostname: '127.0.0.1' } });
    expect(error).toBeInstanceOf(CertificateError);
    expect(error.message).toContain('is for another name');
    expect(error.remedy).toContain('broker.tls.servername');
    await publishWith({
      address: { ...address, hostname: '127.0.0.1' },
      tls: { ...trusting, servername: 'localhost' },
    });
  });

  it('wants a certificate of ours', async () => {
    const error = await failure({ ca: text(ca.cert) });
    expect(error).toBeInstanceOf(ClientCertificateError);
    expect(error.remedy).toContain('broker.tls.cert and broker.tls.key');
  });

  it('refuses one of an authority it does not know, and one that has expired', async () => {
    for (const client of [stranger.issue('robot'), ca.issue('robot', { expired: true })]) {
      const error = await failure({ ...trusting, cert: text(client.cert), key: text(client.key) });
      expect(error).toBeInstanceOf(ClientCertificateError);
      expect(error.remedy).toContain('issued by an authority that the broker trusts');
    }
  });

  it('takes the user from the certificate', async () => {
    const external = { address: { ...address, username: '', password: '' }, tls: trusting, auth: 'external' } as const;
    await publishWith(external);
    const publisher = await Publisher.open({ ...external, connectionName: 'who am I' });
    expect(await broker.ctl('list_connections', 'user', '--no-table-headers', '--quiet')).toContain('robot');
    await publisher.close();
    const unknown = ca.issue('nobody');
    const tls = { ...trusting, cert: text(unknown.cert), key: text(unknown.key) };
    const error = await failure(tls, { address: external.address, auth: 'external' });
    expect(error).toBeInstanceOf(LoginRefusedError);
  });

  it('is reached with what a bridge.yaml and the environment say', async () => {
    const { port } = address;
    const locked = ca.issue('robot', { passphrase: 'geheim' });
    await publishWith(
      await accessFrom(
        `{ port: ${port}, auth: external, tls: { ca: ${ca.cert}, cert: ${robot.cert}, key: ${robot.key} } }`,
      ),
    );
    const fromEnvironment = {
      TWINBRIDGE_TLS_CA: ca.cert,
      TWINBRIDGE_TLS_CERT: locked.cert,
      TWINBRIDGE_TLS_KEY: locked.key,
      TWINBRIDGE_BROKER_AUTH: 'external',
    };
    const bare = `{ port: ${port}, tls: true }`;
    await publishWith(await accessFrom(bare, { ...fromEnvironment, TWINBRIDGE_TLS_PASSPHRASE: 'geheim' }));
    await expect(accessFrom(bare, fromEnvironment)).rejects.toThrow(/is encrypted, and there is no passphrase/);
    await expect(accessFrom(bare, { TWINBRIDGE_BROKER_AUTH: 'external' })).rejects.toThrow(/and there is none/);
    await expect(accessFrom(bare, { TWINBRIDGE_TLS_KEY: robot.key })).rejects.toThrow(
      'a client key without its certificate',
    );
    await expect(accessFrom(bare, { TWINBRIDGE_TLS_CA: '/nowhere/ca.pem' })).rejects.toThrow(
      'cannot read the CA certificates',
    );
    await expect(accessFrom(bare, { TWINBRIDGE_TLS_CERT: robot.key, TWINBRIDGE_TLS_KEY: robot.key })).rejects.toThrow(
      'holds no client certificate in PEM form',
    );
  });
});

describe.skipIf(!ownRabbitMqAvailable())('RabbitMQ whose certificate has expired', () => {
  it('is told as that', async () => {
    const ca = makeAuthority(folder, 'old-ca');
    const server = ca.issue('broker', { names: ['localhost'], expired: true });
    const port = await freePort();
    const broker = await startOwnRabbitMq({
      config: [
        `listeners.ssl.default = 127.0.0.1:${port}`,
        `ssl_options.cacertfile = ${ca.cert}`,
        `ssl_options.certfile = ${server.cert}`,
        `ssl_options.keyfile = ${server.key}`,
      ],
    });
    try {
      const address: BrokerAddress = {
        protocol: 'amqps',
        hostname: 'localhost',
        port,
        vhost: '/',
        username: 'guest',
        password: 'guest',
      };
      const opening = Publisher.open({ address, connectionName: 'tls test', tls: { ca: text(ca.cert) } });
      await expect(opening).rejects.toThrow(/the certificate of .* has expired/);
    } finally {
      await broker.stop();
    }
  }, 90_000);
});
