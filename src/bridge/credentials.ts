/**
 * Where a bridge finds its broker and what it says there, at run time. No credential lies in an FMU.
 *
 * For each part of the address, the first that has it: a parameter set by the importer, the environment variable
 * `AMQP_URL`, the secret file, the configuration. A password goes with the user name it was given with.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { BrokerAddress } from '../amqp/index.js';
import { InvalidInputError } from '../support/errors.js';
import type { BridgeConfig } from './config.js';
import { startCredentials } from './rmqfmu/parameters.js';

/** The address of the broker cannot be put together: a source of credentials is missing or unreadable. */
export class CredentialsError extends InvalidInputError {
  override readonly code = 'TB_BRIDGE_CREDENTIALS';
}

export interface CredentialSources {
  /** Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told what is unwise but not wrong. */
  readonly warn?: (text: string) => void;
}

/** Value references of the parameters, as in `PARAMETERS` of layout.ts. */
const HOST = 0;
const PORT = 1;
const USERNAME = 2;
const PASSWORD = 3;
const TLS = 16;
const VHOST = 18;

/** What one source says; of a URL all parts, of a list of lines the credentials only. */
type Partly = { readonly [Key in keyof BrokerAddress]?: BrokerAddress[Key] };

/**
 * `parameters`: texts by value reference, as the importer set them; an empty text is a parameter not set. `config` is
 * the configuration after those parameters were applied. The secret file is read only when what comes before it leaves
 * the user or the password open. Throws {@link CredentialsError}.
 */
export async function brokerAddress(
  config: Pick<BridgeConfig, 'broker' | 'rmqfmu'>,
  parameters: ReadonlyMap<number, string>,
  sources: CredentialSources = {},
): Promise<BrokerAddress> {
  const { env = process.env, warn = () => {} } = sources;
  const { broker } = config;
  const auth = env.TWINBRIDGE_BROKER_AUTH;
  if (auth && auth !== 'password' && auth !== 'external') {
    throw new CredentialsError(`the environment variable TWINBRIDGE_BROKER_AUTH is '${auth}'`, {
      remedy: 'set it to password or external, or to nothing',
    });
  }
  const set = <T>(reference: number, value: T) => (parameters.get(reference) ? value : undefined);
  const configured = {
    protocol: broker.tls === undefined ? 'amqp' : 'amqps',
    hostname: broker.host,
    port: broker.port,
    vhost: broker.vhost,
    ...startCredentials(config),
  } as const;
  const fromParameters: Partly = {
    ...defined('protocol', set(TLS, configured.protocol)),
    ...defined('hostname', set(HOST, configured.hostname)),
    ...defined('port', set(PORT, configured.port)),
    ...defined('vhost', set(VHOST, configured.vhost)),
    ...defined('username', set(USERNAME, parameters.get(USERNAME))),
    ...defined('password', set(PASSWORD, parameters.get(PASSWORD))),
  };
  const fromUrl = env.AMQP_URL ? parseAmqpUrl(env.AMQP_URL, 'the environment variable AMQP_URL') : {};
  const given = credentialsOf([fromParameters, fromUrl]);
  const isOpen = !usesExternal(config, sources) && (given.username === undefined || given.password === undefined);
  const secretFile = secretFileOf(config, sources);
  const fromSecret = isOpen && secretFile !== undefined ? await readSecretFile(secretFile, warn) : {};

  const candidates = [fromParameters, fromUrl, fromSecret, configured];
  const protocol = first(candidates, 'protocol') ?? configured.protocol;
  const hostname = first(candidates, 'hostname') ?? configured.hostname;
  if (configured.protocol === 'amqps' && protocol === 'amqp') {
    warn(`this bridge was built to use TLS, but a URL with amqp: says otherwise: nothing is encrypted`);
  }
  if (fromUrl.password !== undefined && fromUrl.hostname !== hostname && given.password === fromUrl.password) {
    warn(`config.hostname is ${hostname}: the password in AMQP_URL goes there, not to ${fromUrl.hostname}`);
  }
  const known = credentialsOf(candidates);
  // With SASL EXTERNAL the broker takes the user from the certificate.
  const credentials = usesExternal(config, sources) ? { username: '', password: '' } : complete(known, hostname);
  return {
    protocol,
    hostname,
    port: first(candidates, 'port') ?? configured.port,
    ...credentials,
    vhost: first(candidates, 'vhost') ?? configured.vhost,
  };
}

export function usesExternal(
  { broker }: Pick<BridgeConfig, 'broker'>,
  { env = process.env }: CredentialSources,
): boolean {
  return (env.TWINBRIDGE_BROKER_AUTH || broker.auth) === 'external';
}

export function secretFileOf(
  { broker }: Pick<BridgeConfig, 'broker'>,
  { env = process.env }: CredentialSources,
): string | undefined {
  const path = env.TWINBRIDGE_SECRET_FILE || broker.secretFile;
  return path === undefined ? undefined : ofHome(path);
}

/** `~/` is the home directory of whoever runs the FMU. */
export function ofHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The first user name, and the first password that is not another user's. */
function credentialsOf(candidates: readonly Partly[]): { [Key in keyof Credentials]: string | undefined } {
  const username = first(candidates, 'username');
  const own = candidates.filter((candidate) => candidate.username === undefined || candidate.username === username);
  return { username, password: first(own, 'password') };
}

/** What was given, or else the account that RabbitMQ has for its own machine. */
function complete(given: { [Key in keyof Credentials]: string | undefined }, hostname: string): Credentials {
  const { username = isLoopback(hostname) ? 'guest' : undefined } = given;
  if (username === undefined) {
    throw new CredentialsError(`no user name for the broker at ${hostname}`, {
      details: { hostname },
      remedy:
        'set AMQP_URL=amqp://user:password@host, name a secret file (TWINBRIDGE_SECRET_FILE or broker.secretFile), or set config.username and config.password',
    });
  }
  const { password = username === 'guest' && isLoopback(hostname) ? 'guest' : undefined } = given;
  if (password === undefined) {
    throw new CredentialsError(`no password for user '${username}' of the broker at ${hostname}`, {
      details: { hostname, username },
      remedy:
        'give the password where the user name is given: in AMQP_URL, in a secret file (TWINBRIDGE_SECRET_FILE or broker.secretFile) or as config.password',
    });
  }
  return { username, password };
}

function first<Key extends keyof BrokerAddress>(from: readonly Partly[], key: Key): BrokerAddress[Key] | undefined {
  return from.find((candidate) => candidate[key] !== undefined)?.[key];
}

function defined<Key extends keyof BrokerAddress>(key: Key, value: BrokerAddress[Key] | undefined): Partly {
  return value === undefined ? {} : ({ [key]: value } as Partly);
}

/** `amqp[s]://user:password@host:port/vhost`, every part after the host optional. The text never goes into a message. */
function parseAmqpUrl(text: string, source: string): Partly {
  const wrong = (what: string) =>
    new CredentialsError(`${source} ${what}`, {
      remedy: 'write amqp://user:password@host:5672/vhost, with %2F for a slash in a name or a password, %40 for @',
    });
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    throw wrong('is no URL');
  }
  if (url.protocol !== 'amqp:' && url.protocol !== 'amqps:') throw wrong('begins neither with amqp: nor with amqps:');
  if (url.hostname === '') throw wrong('names no host');
  // Most likely the rest of a password that was not encoded.
  if (url.search !== '' || url.hash !== '') throw wrong('has a ? or # in it; write %3F or %23');
  const tls = url.protocol === 'amqps:';
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw wrong('has a % that is no escape; write %25 for a percent sign');
    }
  };
  return {
    protocol: tls ? 'amqps' : 'amqp',
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (tls ? 5671 : 5672) : Number(url.port),
    ...(url.username === '' ? {} : { username: decode(url.username) }),
    ...(url.password === '' ? {} : { password: decode(url.password) }),
    // AMQP URI: no path is the default virtual host; '/' alone would be the empty name, which nobody means.
    ...(url.pathname.length <= 1 ? {} : { vhost: decode(url.pathname.slice(1)) }),
  };
}

/** What a secret file holds; of a URL all its parts. */
export type Secret = Partly & { readonly passphrase?: string };

export async function readSecretFile(file: string, warn: (text: string) => void): Promise<Secret> {
  const read = async () => ({ text: await readFile(file, 'utf8'), mode: (await stat(file)).mode });
  const { text, mode } = await read().catch((cause: NodeJS.ErrnoException) => {
    throw new CredentialsError(`cannot read the secret file ${file}: ${cause.code ?? cause.message}`, {
      location: { file },
      remedy: 'make it with lines username=… and password=…, or an amqp:// URL, readable for you only',
    });
  });
  if (othersCanRead(mode)) warn(`others can read the secret file ${file}; run chmod 600 on it`);
  return parseSecret(text, file);
}

/** The lower bits of a mode mean something on POSIX systems only. */
export function othersCanRead(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0;
}

const LINE = /^\s*(username|password|passphrase)\s*=\s?(.*?)\r?$/;

/** A URL, or lines `username=…`, `password=…` and `passphrase=…` (of a TLS key); empty lines and lines that begin with # do not count. */
function parseSecret(text: string, file: string): Secret {
  const lines = text.split('\n').map((line, index) => ({ line, number: index + 1 }));
  const telling = lines.filter(({ line }) => line.trim() !== '' && !line.trim().startsWith('#'));
  if (/^\s*amqps?:/.test(telling[0]?.line ?? '')) return parseAmqpUrl(telling[0]!.line, `the secret file ${file}`);
  let secret: Secret = {};
  for (const { line, number } of telling) {
    const match = LINE.exec(line);
    if (match === null) {
      // The line is not shown: it may be the password.
      throw new CredentialsError(`${file}:${number} is neither username=… nor password=… nor an amqp:// URL`, {
        location: { file, line: number },
      });
    }
    secret = { ...secret, [match[1]!]: match[2]! };
  }
  return secret;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/.test(hostname);
}
