/** How to get at a broker: its address, with what the environment and the secret file say (docs/remote.md). */
import { type Access, parseBrokerUrl } from '../../amqp/index.js';

export interface AccessOptions {
  /** SASL EXTERNAL. */
  readonly external?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly warn?: (text: string) => void;
}

/**
 * `url`: `amqp[s]://…`. Without user and password they are those of `AMQP_URL`, if that names the same host, or of the
 * secret file. Throws `InvalidBrokerUrlError`, `CredentialsError`.
 */
export async function accessOf(url: string, options: AccessOptions = {}): Promise<Access> {
  const { env = process.env } = options;
  parseBrokerUrl(url);
  // Loaded when it is needed: it is a large part of the program.
  const { readTarget } = await import('../../bridge/index.js');
  return (await readTarget(withCredentials(url, env.AMQP_URL), options)).access;
}

function withCredentials(url: string, known: string | undefined): string {
  if (known === undefined || !URL.canParse(url) || !URL.canParse(known)) return url;
  const [asked, given] = [new URL(url), new URL(known)];
  const isSame = asked.hostname === given.hostname && (asked.port === '' || asked.port === given.port);
  if (!isSame || asked.username !== '' || given.username === '') return url;
  asked.username = given.username;
  asked.password = given.password;
  if (asked.port === '') asked.port = given.port;
  if (asked.pathname.length <= 1) asked.pathname = given.pathname;
  return asked.href;
}
