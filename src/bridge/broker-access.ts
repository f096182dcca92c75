/**
 * All it takes to connect a bridge, at run time: the broker's address with the credentials, how to log in, and TLS with
 * the client's certificate and key, which are read from this machine and never lie in an FMU.
 */
import { readFile, stat } from 'node:fs/promises';
import type { LinkOptions, TlsOptions } from '../amqp/index.js';
import type { BridgeConfig, TlsConfig } from './config.js';
import {
  brokerAddress,
  type CredentialSources,
  CredentialsError,
  ofHome,
  othersCanRead,
  readSecretFile,
  secretFileOf,
  usesExternal,
} from './credentials.js';

export type BrokerAccess = Pick<LinkOptions, 'address' | 'tls' | 'auth'>;

/** `config` and `parameters` as for {@link brokerAddress}. Throws {@link CredentialsError}. */
export async function brokerAccess(
  config: Pick<BridgeConfig, 'broker'>,
  parameters: ReadonlyMap<number, string>,
  sources: CredentialSources = {},
): Promise<BrokerAccess> {
  const address = await brokerAddress(config, parameters, sources);
  const external = usesExternal(config, sources);
  if (address.protocol === 'amqp') {
    if (external) {
      throw new CredentialsError(
        'SASL EXTERNAL takes the user from the client certificate, but the connection is without TLS',
        {
          remedy: 'connect with amqps:, or log in with user and password',
        },
      );
    }
    return { address };
  }
  const tls = await tlsOptions(config, sources);
  if (external && tls.cert === undefined) {
    throw new CredentialsError('SASL EXTERNAL takes the user from the client certificate, and there is none', {
      remedy: 'give broker.tls.cert and broker.tls.key, or TWINBRIDGE_TLS_CERT and TWINBRIDGE_TLS_KEY',
    });
  }
  return { address, tls, ...(external ? { auth: 'external' } : {}) };
}

/** The configuration's, over which the environment variables TWINBRIDGE_TLS_* go. */
async function tlsOptions(config: Pick<BridgeConfig, 'broker'>, sources: CredentialSources): Promise<TlsOptions> {
  const { env = process.env, warn = () => {} } = sources;
  const { certFile, keyFile, ...plain }: TlsConfig = config.broker.tls ?? {};
  const ca = env.TWINBRIDGE_TLS_CA ? await readPem(env.TWINBRIDGE_TLS_CA, 'CA certificates') : undefined;
  const certPath = env.TWINBRIDGE_TLS_CERT || certFile;
  const keyPath = env.TWINBRIDGE_TLS_KEY || keyFile;
  const servername = env.TWINBRIDGE_TLS_SERVERNAME || plain.servername;
  if ((certPath === undefined) !== (keyPath === undefined)) {
    throw new CredentialsError(
      `a client ${certPath === undefined ? 'key without its certificate' : 'certificate without its key'}`,
      {
        remedy: 'give both: TWINBRIDGE_TLS_CERT and TWINBRIDGE_TLS_KEY, or broker.tls.cert and broker.tls.key',
      },
    );
  }
  const client = certPath === undefined || keyPath === undefined ? {} : await clientCertificate(certPath, keyPath);
  if (client.keyMode !== undefined && othersCanRead(client.keyMode)) {
    warn(`others can read the private key ${ofHome(keyPath ?? '')}; run chmod 600 on it`);
  }
  const passphrase = client.key?.includes('ENCRYPTED')
    ? await readPassphrase(config, sources, ofHome(keyPath ?? ''))
    : undefined;
  return {
    ...plain,
    ...(ca === undefined ? {} : { ca }),
    ...(servername === undefined ? {} : { servername }),
    ...(client.cert === undefined ? {} : { cert: client.cert }),
    ...(client.key === undefined ? {} : { key: client.key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

interface ClientCertificate {
  readonly cert?: string;
  readonly key?: string;
  readonly keyMode?: number;
}

async function clientCertificate(certPath: string, keyPath: string): Promise<ClientCertificate> {
  const cert = await readPem(certPath, 'client certificate');
  const key = await readPem(keyPath, 'private key');
  return { cert, key, keyMode: (await stat(ofHome(keyPath))).mode };
}

async function readPem(path: string, what: string): Promise<string> {
  const file = ofHome(path);
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new CredentialsError(`cannot read the ${what} ${file}: ${cause.code ?? cause.message}`, {
      location: { file },
      remedy:
        'the file belongs on the machine that runs the bridge: see broker.tls and TWINBRIDGE_TLS_CA, _CERT and _KEY',
    });
  });
  const expected = what === 'private key' ? /-----BEGIN [A-Z ]*PRIVATE KEY-----/ : /-----BEGIN CERTIFICATE-----/;
  if (expected.test(text)) return text;
  throw new CredentialsError(`${file} holds no ${what} in PEM form`, { location: { file }, remedy: 'name a PEM file' });
}

async function readPassphrase(
  config: Pick<BridgeConfig, 'broker'>,
  sources: CredentialSources,
  keyFile: string,
): Promise<string> {
  const { env = process.env, warn = () => {} } = sources;
  if (env.TWINBRIDGE_TLS_PASSPHRASE) return env.TWINBRIDGE_TLS_PASSPHRASE;
  const secretFile = secretFileOf(config, sources);
  const secret = secretFile === undefined ? {} : await readSecretFile(secretFile, warn);
  if (secret.passphrase !== undefined) return secret.passphrase;
  throw new CredentialsError(`the private key ${keyFile} is encrypted, and there is no passphrase`, {
    location: { file: keyFile },
    remedy: 'give it in TWINBRIDGE_TLS_PASSPHRASE, or as a line passphrase=… in the secret file',
  });
}
