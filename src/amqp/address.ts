/** Where a broker is and as whom to log in: `amqp[s]://user:password@host:port/vhost`, parts percent-encoded. */
import { InvalidBrokerUrlError } from './errors.js';

export interface BrokerAddress {
  readonly protocol: 'amqp' | 'amqps';
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
}

const DEFAULT_PORTS = { amqp: 5672, amqps: 5671 } as const;

/** Throws {@link InvalidBrokerUrlError}; no message repeats the password. */
export function parseBrokerUrl(text: string): BrokerAddress {
  const fail = (why: string, remedy?: string): never => {
    throw new InvalidBrokerUrlError(`${hidePassword(text)} is no broker URL: ${why}`, remedy);
  };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== 'amqp' && scheme !== 'amqps') {
    return fail(scheme === undefined ? 'it does not begin with amqp://' : `unknown protocol '${scheme}'`);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return fail('it cannot be parsed', 'percent-encode special characters in user and password, e.g. # as %23');
  }
  if (url.hostname === '') fail('it names no host');
  if (url.search !== '' || url.hash !== '') {
    fail('it has a part after ? or #', 'give options in the configuration; in a password write ? as %3F, # as %23');
  }
  const decode = (part: string, what: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return fail(`its ${what} has a % that begins no escape`, 'write % itself as %25');
    }
  };
  const path = url.pathname.replace(/^\//, '');
  if (path.includes('/')) fail('its virtual host contains /', 'write / in a virtual host as %2F');
  const anonymous = url.username === '' && url.password === '';
  return {
    protocol: scheme,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port),
    username: anonymous ? 'guest' : decode(url.username, 'user'),
    password: anonymous ? 'guest' : decode(url.password, 'password'),
    vhost: path === '' ? '/' : decode(path, 'virtual host'),
  };
}

/** `amqp://user@host:port/vhost`: for messages and logs, without the password. */
export function describeAddress(address: BrokerAddress): string {
  const host = address.hostname.includes(':') ? `[${address.hostname}]` : address.hostname;
  const vhost = address.vhost === '/' ? '' : encodeURIComponent(address.vhost);
  const user = address.username === '' ? '' : `${encodeURIComponent(address.username)}@`;
  return `${address.protocol}://${user}${host}:${address.port}/${vhost}`;
}

/** Of a URL that may not parse: everything up to the last @ could be part of the password. */
function hidePassword(text: string): string {
  return `'${text.replace(/:\/\/.*@/s, '://***@')}'`;
}
