/** The `broker` part of a `bridge.yaml`: where the broker is, and no word about who connects. */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import type { Problem } from '../support/errors.js';
import type { LocatedFile } from '../support/located-file.js';
import type { BrokerConfig, TlsConfig } from './config.js';

export interface BrokerFile {
  host?: string;
  port?: number;
  vhost?: string;
  tls?: boolean | TlsFile;
  auth?: 'password' | 'external';
  secretFile?: string;
}

interface TlsFile {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  verify?: boolean;
}

/** What people call credentials; the schema lets these keys through so that the answer can say more than "unknown". */
export const CREDENTIAL_KEYS = '^(user|user_?name|login|pass|pass_?word|passwd|secret|token|credentials|url|uri)$';

type Source = LocatedFile<{ readonly broker?: string | BrokerFile }>;

export function readBroker(source: Source, problems: Problem[]): BrokerConfig {
  const given = source.value.broker ?? {};
  refuseCredentials(source, problems);
  const broker = typeof given === 'string' ? {} : given;
  const tls = readTls(source, broker.tls, problems);
  if (broker.auth === 'external' && tls === undefined) {
    problems.push({
      message: "'broker.auth' is external, which takes the user from the client certificate, without TLS",
      location: source.locate(['broker', 'auth']),
      remedy: 'add broker.tls with cert and key',
    });
  }
  return {
    host: broker.host ?? 'localhost',
    port: broker.port ?? (tls === undefined ? 5672 : 5671),
    vhost: broker.vhost ?? '/',
    ...(tls === undefined ? {} : { tls }),
    ...(broker.auth === undefined ? {} : { auth: broker.auth }),
    ...(broker.secretFile === undefined ? {} : { secretFile: besideOf(source.file, broker.secretFile) }),
  };
}

const AT_RUN_TIME =
  'credentials are given at run time: in the environment variable AMQP_URL, in a secret file (broker.secretFile or TWINBRIDGE_SECRET_FILE), or by the parameters config.username and config.password';

/** The values are not shown: messages end up in terminals and logs. */
function refuseCredentials({ value, locate, locateKey }: Source, problems: Problem[]): void {
  const { broker = {} } = value;
  const refuse = (message: string, location: Problem['location']) =>
    problems.push({ message, location, remedy: AT_RUN_TIME });
  if (typeof broker === 'string') {
    refuse("'broker' is a text, expected a mapping with host, port and vhost", locate(['broker']));
    return;
  }
  const pattern = new RegExp(CREDENTIAL_KEYS, 'i');
  for (const key of Object.keys(broker).filter((name) => pattern.test(name))) {
    refuse(`'broker.${key}': no credential may stand in a file that is built into an FMU`, locateKey(['broker', key]));
  }
  if (/[@/]/.test(broker.host ?? '')) {
    refuse("'broker.host' is a URL, expected the name of a host alone", locate(['broker', 'host']));
  }
}

function readTls(source: Source, tls: boolean | TlsFile | undefined, problems: Problem[]): TlsConfig | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return {};
  const ca = tls.ca === undefined ? undefined : readCertificates(source, tls.ca, problems);
  const fail = (key: 'cert' | 'key', message: string, remedy: string) =>
    problems.push({
      message: `'broker.tls.${key}' ${message}`,
      location: source.locate(['broker', 'tls', key]),
      remedy,
    });
  for (const [one, other] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (tls[one]?.includes(PEM))
      fail(one, 'is the text of a file', 'name the file: it stays on the machine that runs the FMU');
    if (tls[one] !== undefined && tls[other] === undefined)
      fail(one, `needs broker.tls.${other}`, 'give both, or neither');
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(tls.cert === undefined ? {} : { certFile: besideOf(source.file, tls.cert) }),
    ...(tls.key === undefined ? {} : { keyFile: besideOf(source.file, tls.key) }),
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
    ...(tls.verify === undefined ? {} : { rejectUnauthorized: tls.verify }),
  };
}

const PEM = '-----BEGIN ';

/** The certificates themselves go into the FMU, so that it can be moved to another machine. */
function readCertificates({ file, locate }: Source, ca: string, problems: Problem[]): string | undefined {
  const location = locate(['broker', 'tls', 'ca']);
  const fail = (message: string) => {
    problems.push({ message: `'broker.tls.ca' ${message}`, location, remedy: 'name a PEM file with CA certificates' });
    return undefined;
  };
  let text = ca;
  if (!ca.includes(PEM)) {
    try {
      text = readFileSync(besideOf(file, ca), 'utf8');
    } catch (cause) {
      return fail(`names ${ca}, which cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`);
    }
  }
  if (text.includes('PRIVATE KEY-----'))
    return fail('has a private key in it, which would be in every copy of the FMU');
  return text.includes(`${PEM}CERTIFICATE-----`) ? text : fail('holds no certificate in PEM form');
}

/** Paths in the file are relative to it; `~/` is the home directory of whoever runs the FMU. */
function besideOf(file: string, path: string): string {
  return isAbsolute(path) || path.startsWith('~/') ? path : resolve(dirname(file), path);
}
