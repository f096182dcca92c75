/** Tokens that expire: a renewed secret file reaches the broker on the open connections, and reconnects use it. */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedBroker } from '#tb/amqp/embedded/index.js';
import { Consumer, Publisher, parseBrokerUrl } from '#tb/amqp/index.js';
import { Bridge, bridgeFmu } from '../support/bridge.js';
import { temporaryFolder } from '../support/fmus.js';
import { type OwnRabbitMq, ownRabbitMqAvailable, startOwnRabbitMq } from '../support/rabbitmq.js';
import { until } from '../support/until.js';

const folder = temporaryFolder();

describe('the embedded broker', () => {
  it('takes a new secret on an open connection, and checks it', async () => {
    const broker = await EmbeddedBroker.listen();
    const link = { address: parseBrokerUrl(broker.url), connectionName: 'test' };
    const publisher = await Publisher.open(link);
    expect(await publisher.updateSecret('guest', 'renewed')).toBe(true);
    await publisher.publish('', 'nowhere', Buffer.from('m'));
    const consumer = await Consumer.open({
      ...link,
      exchanges: [],
      queue: { exclusive: true, durable: false, autoDelete: true },
      bindings: [],
      prefetch: 1,
      onDelivery: () => {},
    });
    expect(await consumer.updateSecret('wrong', 'renewed')).toBe(false);
    await consumer.close();
    await publisher.close();
    await broker.close();
  });
});

describe.skipIf(!ownRabbitMqAvailable())('RabbitMQ with tokens (OAuth 2)', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let broker: OwnRabbitMq;
  const before = { url: process.env.AMQP_URL, secret: process.env.TWINBRIDGE_SECRET_FILE };

  /** RFC 7519, signed with RS256. */
  function token(secondsToLive: number): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const scope = ['configure', 'write', 'read'].map((right) => `rabbitmq.${right}:*/*`);
    const claims = { sub: 'robot', aud: ['rabbitmq'], exp: now + secondsToLive, scope };
    const text = `${part({ alg: 'RS256', typ: 'JWT', kid: 'test' })}.${part(claims)}`;
    return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey).toString('base64url')}`;
  }
  /** As tools that renew secrets do it: a new file in the place of the old. */
  function writeSecret(file: string, password: string): void {
    writeFileSync(`${file}.new`, `username=robot\npassword=${password}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  const restore = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };

  beforeAll(async () => {
    const key = join(folder, 'issuer.pem');
    writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }));
    broker = await startOwnRabbitMq({
      plugins: ['rabbitmq_auth_backend_oauth2'],
      config: [
        'auth_backends.1 = internal',
        'auth_backends.2 = rabbit_auth_backend_oauth2',
        'auth_oauth2.resource_server_id = rabbitmq',
        'auth_oauth2.default_key = test',
        `auth_oauth2.signing_keys.test = ${key}`,
      ],
    });
    await broker.ctl('eval', 'application:set_env(rabbit, channel_tick_interval, 1000).');
    delete process.env.AMQP_URL;
  }, 90_000);
  afterAll(async () => {
    restore('AMQP_URL', before.url);
    restore('TWINBRIDGE_SECRET_FILE', before.secret);
    await broker.stop();
  }, 30_000);

  async function start(secret: string): Promise<Bridge> {
    const fmu = await bridgeFmu(
      `broker: { host: 127.0.0.1, port: ${broker.port}, secretFile: ${secret} }
outputs: { x: { type: Real, start: 0 } }
inputs: { stop: Boolean }
selection: { timeout: 100 ms, onTimeout: hold }
diagnostics: [link_up, reconnects]
`,
      folder,
    );
    const bridge = new Bridge(fmu);
    bridge.initialise();
    return bridge;
  }

  /** A step that publishes; the backend's messages come along with it. */
  class Run {
    readonly bridge: Bridge;
    #steps = 0;
    constructor(bridge: Bridge) {
      this.bridge = bridge;
    }
    step(): void {
      this.bridge.set('stop', this.#steps % 2 === 0);
      this.bridge.instance.doStep(this.#steps++ / 10, 0.1);
    }
  }

  // RabbitMQ 3.10 looks at the token again with a message, at most a tick of the channel (60 s, here 1 s) after it expired.
  it('serves a bridge on whose token is renewed, refuses one whose token is not until it is', async () => {
    const [renewed, expired] = [join(folder, 'renewed'), join(folder, 'expired')];
    writeSecret(renewed, token(5));
    writeSecret(expired, token(5));
    const [kept, dropped] = [new Run(await start(renewed)), new Run(await start(expired))];
    writeSecret(renewed, token(3600));
    await until(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        for (const run of [kept, dropped]) run.step();
        return dropped.bridge.said('sending: lost the broker');
      },
      'the token to expire',
      25_000,
    );
    expect(dropped.bridge.said('ACCESS_REFUSED')).toBe(true);
    expect(kept.bridge.said(`a new secret from ${renewed}`)).toBe(true);
    expect(kept.bridge.said('has not taken')).toBe(false);
    expect(kept.bridge.said('lost the broker')).toBe(false);
    writeSecret(expired, token(3600));
    await until(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        dropped.step();
        return dropped.bridge.said('sending: connected again');
      },
      'the bridge to come back',
      20_000,
    );
    for (const { bridge } of [kept, dropped]) bridge.instance.free();
  }, 90_000);
});
