import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyParameters } from '#tb/bridge/backend/parameters.js';
import { brokerAddress, CredentialsError } from '#tb/bridge/credentials.js';
import { PARAMETERS, parseBridgeConfig } from '#tb/bridge/index.js';
import { ExitCode } from '#tb/support/errors.js';
import { temporaryFolder } from '../support/fmus.js';

const folder = temporaryFolder();
let files = 0;

function secretFile(text: string, mode = 0o600): string {
  const file = join(folder, `secret-${files++}`);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

interface Given {
  /** By name, without `config.` */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly url?: string;
  /** Named by the environment. */
  readonly secret?: string;
  /** What follows `broker:` in the bridge.yaml. */
  readonly broker?: string;
}

/** As the backend does it: parameters over the configuration, then the address. */
async function resolve({ parameters = {}, url, secret, broker = '{}' }: Given) {
  const warnings: string[] = [];
  const byReference = new Map(
    Object.entries(parameters).map(([name, text]) => {
      const parameter = PARAMETERS.find((candidate) => candidate.name === `config.${name}`);
      if (parameter === undefined) throw new Error(`no parameter ${name}`);
      return [parameter.valueReference, text];
    }),
  );
  const config = parseBridgeConfig(
    `twinbridge: bridge\nname: a\noutputs: {x: Real}\nbroker: ${broker}\n`,
    join(folder, 'bridge.yaml'),
  );
  const warn = (text: string) => warnings.push(text);
  const address = await brokerAddress(applyParameters(config, byReference, warn), byReference, {
    env: { AMQP_URL: url, TWINBRIDGE_SECRET_FILE: secret },
    warn,
  });
  return { address, warnings };
}
const addressOf = async (given: Given) => (await resolve(given)).address;
const failure = async (given: Given): Promise<CredentialsError> => {
  const error: unknown = await resolve(given).catch((caught) => caught);
  if (!(error instanceof CredentialsError)) throw new Error(`no CredentialsError: ${JSON.stringify(error)}`);
  return error;
};

const FROM_URL = 'amqps://url-user:url-pass@url-host:1111/url-vhost';

describe('precedence', () => {
  it('parameters come first', async () => {
    expect(
      await addressOf({
        parameters: {
          hostname: 'p-host',
          port: '2222',
          username: 'p-user',
          password: 'p-pass',
          ssl: '0',
          vhost: 'p-vhost',
        },
        url: FROM_URL,
        secret: secretFile('username=s-user\npassword=s-pass\n'),
        broker: '{host: c-host, port: 3333, vhost: c-vhost, tls: true}',
      }),
    ).toEqual({
      protocol: 'amqp',
      hostname: 'p-host',
      port: 2222,
      username: 'p-user',
      password: 'p-pass',
      vhost: 'p-vhost',
    });
  });

  it('then AMQP_URL', async () => {
    expect(
      await addressOf({
        url: FROM_URL,
        secret: secretFile('username=s-user\npassword=s-pass\n'),
        broker: '{host: c-host, port: 3333, vhost: c-vhost}',
      }),
    ).toEqual({
      protocol: 'amqps',
      hostname: 'url-host',
      port: 1111,
      username: 'url-user',
      password: 'url-pass',
      vhost: 'url-vhost',
    });
  });

  it('then the secret file, for the credentials; the rest comes from the configuration', async () => {
    expect(
      await addressOf({
        secret: secretFile('# of the plant\nusername=s-user\npassword= s=pass #1\n'),
        broker: '{host: c-host, port: 3333, vhost: c-vhost, tls: true}',
      }),
    ).toEqual({
      protocol: 'amqps',
      hostname: 'c-host',
      port: 3333,
      username: 's-user',
      password: 's=pass #1',
      vhost: 'c-vhost',
    });
  });

  it('a URL in the secret file says where the broker is, too', async () => {
    expect(await addressOf({ secret: secretFile('amqp://s-user:s-pass@s-host/s-vhost\n') })).toEqual({
      protocol: 'amqp',
      hostname: 's-host',
      port: 5672,
      username: 's-user',
      password: 's-pass',
      vhost: 's-vhost',
    });
  });

  it('the file that the environment names goes before the one of the configuration', async () => {
    const other = secretFile('username=c-user\npassword=c-pass\n');
    const secret = secretFile('username=s-user\npassword=s-pass\n');
    expect(await addressOf({ broker: `{secretFile: ${other}}` })).toMatchObject({ username: 'c-user' });
    expect(await addressOf({ secret, broker: `{secretFile: ${other}}` })).toMatchObject({ username: 's-user' });
  });

  it('each part is looked for by itself', async () => {
    expect(await addressOf({ parameters: { port: '2222' }, url: FROM_URL })).toMatchObject({
      hostname: 'url-host',
      port: 2222,
      username: 'url-user',
    });
    expect(await addressOf({ url: 'amqp://u:p@host', broker: '{vhost: plant, port: 9999}' })).toMatchObject({
      hostname: 'host',
      port: 5672,
      vhost: 'plant',
    });
  });

  it('an empty parameter is none: importers set parameters to their start values', async () => {
    expect(await addressOf({ parameters: { username: '', password: '' }, url: FROM_URL })).toMatchObject({
      username: 'url-user',
      password: 'url-pass',
    });
  });

  it('a file that is not needed need not be there', async () => {
    expect(await addressOf({ url: FROM_URL, broker: '{secretFile: /nowhere/secret}' })).toMatchObject({
      username: 'url-user',
    });
  });
});

describe('user and password belong together', () => {
  it('a password is not sent for another user', async () => {
    const error = await failure({ parameters: { username: 'alice' }, url: FROM_URL });
    expect(error.message).toBe("no password for user 'alice' of the broker at url-host");
  });

  it('but found for the same user, or where no user is named', async () => {
    const parameters = { username: 'url-user' };
    expect(await addressOf({ parameters, url: FROM_URL })).toMatchObject({ password: 'url-pass' });
    const secret = secretFile('password=s-pass\n');
    expect(await addressOf({ parameters: { username: 'alice' }, secret })).toMatchObject({
      username: 'alice',
      password: 's-pass',
    });
  });
});

describe('guest', () => {
  it.each(['localhost', '127.0.0.1', '127.1.2.3', '"::1"'])('is tried at %s', async (host) => {
    expect(await addressOf({ broker: `{host: ${host}}` })).toMatchObject({ username: 'guest', password: 'guest' });
  });

  it.each(['broker.plant', '10.0.0.1', '127.0.0.1.evil.example', 'localhost.evil.example'])(
    'is not sent to %s; the error names the ways to give credentials',
    async (host) => {
      const error = await failure({ broker: `{host: ${host}}` });
      expect(error.exitCode).toBe(ExitCode.invalidInput);
      expect(error.code).toBe('TB_BRIDGE_CREDENTIALS');
      expect(error.message).toContain(host);
      for (const way of [
        'AMQP_URL',
        'TWINBRIDGE_SECRET_FILE',
        'broker.secretFile',
        'config.username',
        'config.password',
      ]) {
        expect(error.remedy).toContain(way);
      }
    },
  );
});

describe('a URL', () => {
  it('has its parts percent-encoded', async () => {
    expect(await addressOf({ url: 'amqp://us%40er:p%2Fa%23s%25@[::1]:5673/%2Fplant' })).toEqual({
      protocol: 'amqp',
      hostname: '::1',
      port: 5673,
      username: 'us@er',
      password: 'p/a#s%',
      vhost: '/plant',
    });
    expect(await addressOf({ url: 'amqps://a:b@host' })).toMatchObject({ port: 5671, vhost: '/' });
  });

  it.each([
    'geheim123',
    'http://user:geheim123@host',
    'user:geheim123',
    'amqp://user:gehe/im123@host',
    'amqp://user:geheim123#@host',
    'amqp://user:geheim123%@host',
    'amqp://user:x@host/a?password=geheim123',
    'amqp://',
  ])('that is wrong is not shown: %s', async (url) => {
    const error = await failure({ url });
    expect(error.message).toContain('AMQP_URL');
    expect(`${error.message} ${error.remedy} ${JSON.stringify(error.details)}`).not.toMatch(/geheim|gehe|im123/);
  });
});

describe('a secret file', () => {
  it('that others can read is used, with a warning', async () => {
    const text = 'username=a\npassword=b\n';
    const open = secretFile(text, 0o644);
    expect((await resolve({ secret: open })).warnings).toEqual([
      `others can read the secret file ${open}; run chmod 600 on it`,
    ]);
    expect((await resolve({ secret: secretFile(text, 0o640) })).warnings).toHaveLength(1);
    expect((await resolve({ secret: secretFile(text, 0o600) })).warnings).toEqual([]);
  });

  it('may have Windows line ends', async () => {
    expect(await addressOf({ secret: secretFile('username=a\r\npassword=b\r\n') })).toMatchObject({
      username: 'a',
      password: 'b',
    });
  });

  it('that is missing is an error', async () => {
    const error = await failure({ broker: '{secretFile: missing.secret}' });
    expect(error.message).toBe(`cannot read the secret file ${join(folder, 'missing.secret')}: ENOENT`);
  });

  it.each([
    ['neither key', 'username=a\ngeheim123\n', 2],
    ['a misspelt key', 'username=a\npasword=geheim123\n', 2],
    ['a key of another kind', '{"password": "geheim123"}', 1],
  ])('with %s is an error that names the line and does not show it', async (_what, text, line) => {
    const file = secretFile(text);
    const error = await failure({ secret: file });
    expect(error.location).toEqual({ file, line });
    expect(`${error.message} ${error.remedy}`).not.toContain('geheim123');
  });

  it('with a broken URL is an error that does not show it', async () => {
    const error = await failure({ secret: secretFile('amqp://user:gehe/im123@host') });
    expect(error.message).toContain('secret file');
    expect(`${error.message} ${error.remedy}`).not.toMatch(/gehe|im123/);
  });
});

describe('warnings', () => {
  it('of a URL that turns encryption off', async () => {
    const { address, warnings } = await resolve({ url: 'amqp://a:b@host', broker: '{tls: true}' });
    expect(address.protocol).toBe('amqp');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('nothing is encrypted');
  });

  it('of a password that goes to another host than its URL says', async () => {
    const { address, warnings } = await resolve({ parameters: { hostname: 'other' }, url: FROM_URL });
    expect(address).toMatchObject({ hostname: 'other', password: 'url-pass' });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('goes there, not to url-host');
    expect(warnings[0]).not.toContain('url-pass');
  });
});
