/** From the error a connection attempt ended with to the cause a user can do something about. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type BrokerAddress, describeAddress } from './address.js';
import {
  BrokerError,
  BrokerTimeoutError,
  CertificateError,
  ClientCertificateError,
  ConnectionRefusedError,
  HandshakeError,
  LoginRefusedError,
  NotABrokerError,
  PermissionError,
  QueueLockedError,
  TlsNotSpokenError,
  TlsRequiredError,
  TopologyError,
  TopologyMismatchError,
  TopologyMissingError,
  UnknownHostError,
  VhostRefusedError,
} from './errors.js';

/** How far an attempt had come when it failed. */
export type Stage = 'connecting' | 'setting up';

const PROTOCOL_HEADER = 'AMQP\0\0\x09\x01';
/** How long the probe of a failed connection may take, in milliseconds. */
const PROBE_TIMEOUT_MS = 500;

export async function diagnose(error: unknown, stage: Stage, address: BrokerAddress): Promise<BrokerError> {
  if (error instanceof BrokerError) return error;
  const broker = describeAddress(address);
  if (stage === 'setting up') return ofTopology(error, broker);
  const { code = '', message } = asErrno(error);
  const context = { cause: error, details: { broker, reason: message } };

  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      return new UnknownHostError(`cannot resolve the host '${address.hostname}' of ${broker}`, {
        ...context,
        remedy: 'check the spelling of the host; inside containers use the service name',
      });
    case 'ECONNREFUSED':
      return new ConnectionRefusedError(`nothing listens at ${broker}`, {
        ...context,
        remedy: 'start the broker (twinbridge broker, or RabbitMQ) or correct host and port',
      });
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EACCES':
    case 'EPERM':
      return new ConnectionRefusedError(`the network gives no way to ${broker} (${code})`, {
        ...context,
        remedy: 'check the network, VPN and firewall',
      });
    case 'ETIMEDOUT':
      return timedOut(address, undefined);
  }
  if (address.protocol === 'amqps') {
    const found = ofTls(code, message, broker, context);
    if (found !== undefined) return found;
  }
  if (/\b403\b|ACCESS.REFUSED/.test(message)) {
    return new LoginRefusedError(`${broker} refused the login of user '${address.username}'`, {
      ...context,
      remedy:
        address.username === 'guest'
          ? "check the password; 'guest' may log in from the broker's own machine only"
          : 'check user and password',
    });
  }
  // amqplib drops the reason the server gives at this point of the handshake.
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(message) || /\b530\b/.test(message)) {
    return new VhostRefusedError(`${broker} does not let '${address.username}' into vhost '${address.vhost}'`, {
      ...context,
      remedy: 'create the virtual host, or give the user permissions on it (rabbitmqctl set_permissions)',
    });
  }
  return address.protocol === 'amqp' ? ofProbe(address, context) : handshakeBroken(broker, message, context);
}

export function timedOut(address: BrokerAddress, milliseconds: number | undefined): BrokerTimeoutError {
  const within = milliseconds === undefined ? 'in time' : `within ${milliseconds} ms`;
  return new BrokerTimeoutError(`${describeAddress(address)} did not complete the connection ${within}`, {
    details: { broker: describeAddress(address), timeoutMs: milliseconds },
    remedy: 'check that the port is the broker’s and no firewall swallows the traffic, or raise the connect timeout',
  });
}

interface Context {
  readonly cause: unknown;
  readonly details: Readonly<Record<string, unknown>>;
}

function ofTls(code: string, message: string, broker: string, context: Context): BrokerError | undefined {
  // An alert is the broker's word on our certificate; everything else is ours on its.
  const alert = /alert (?:certificate \w+|bad certificate|handshake failure|unknown ca)/i.exec(message)?.[0];
  if (alert !== undefined) {
    return new ClientCertificateError(`${broker} broke off TLS: ${alert}`, {
      ...context,
      remedy: /required|handshake failure/i.test(alert)
        ? 'give a client certificate with its key: broker.tls.cert and broker.tls.key, or TWINBRIDGE_TLS_CERT and TWINBRIDGE_TLS_KEY'
        : 'use a client certificate issued by an authority that the broker trusts (its ssl_options.cacertfile), and not expired',
    });
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|ERR_SSL_.*RECORD|HTTP_REQUEST/i.test(`${code} ${message}`)) {
    return new TlsNotSpokenError(`${broker} does not speak TLS`, {
      ...context,
      remedy: 'use amqp:// for this port, or the broker’s TLS port (usually 5671)',
    });
  }
  const found = CERTIFICATE_FAULTS.find(({ codes }) => codes.test(code));
  if (found === undefined) return undefined;
  return new CertificateError(`the certificate of ${broker} ${found.what}: ${message} (${code})`, {
    ...context,
    remedy: found.remedy,
  });
}

const CERTIFICATE_FAULTS: readonly { codes: RegExp; what: string; remedy: string }[] = [
  {
    codes: /ALTNAME_INVALID/,
    what: 'is for another name',
    remedy:
      'connect by a name in the certificate, or say which one it has: broker.tls.servername or TWINBRIDGE_TLS_SERVERNAME',
  },
  {
    codes: /CERT_HAS_EXPIRED/,
    what: 'has expired',
    remedy: 'renew the certificate of the broker; if it is fresh, check the clock of this machine',
  },
  {
    codes: /CERT_NOT_YET_VALID/,
    what: 'is not valid yet',
    remedy: 'check the clock of this machine',
  },
  {
    codes: /CERT|ISSUER|SELF_SIGNED|UNABLE_TO_VERIFY/,
    what: 'comes from an authority that is not trusted here',
    remedy: 'give the certificate of the CA that issued it: broker.tls.ca or TWINBRIDGE_TLS_CA',
  },
];

/** amqplib cannot say what it got instead of AMQP, so look once more at what answers there. */
async function ofProbe(address: BrokerAddress, context: Context): Promise<BrokerError> {
  const broker = describeAddress(address);
  const answer = await firstBytes(address);
  if (answer[0] === TLS_ALERT || (answer.length === 0 && (await speaksTls(address)))) {
    return new TlsRequiredError(`${broker} expects TLS`, {
      ...context,
      remedy: 'use amqps://, or the broker’s port without TLS (usually 5672)',
    });
  }
  if (answer.length > 0 && !isAmqp(answer)) {
    const isHttp = answer.toString('latin1', 0, 5) === 'HTTP/';
    return new NotABrokerError(`${broker} answers, but not in AMQP 0-9-1${isHttp ? ': it is a web server' : ''}`, {
      ...context,
      details: { ...context.details, answer: answer.toString('latin1', 0, 16) },
      remedy: isHttp ? 'AMQP is usually on port 5672; 15672 is RabbitMQ’s web page' : 'check host and port',
    });
  }
  return handshakeBroken(broker, String(context.details.reason), context);
}

function handshakeBroken(broker: string, reason: string, context: Context): HandshakeError {
  return new HandshakeError(`${broker} broke off the connection before it was open: ${reason}`, {
    ...context,
    remedy: 'see the broker’s log; check that the port speaks AMQP 0-9-1',
  });
}

/** Content type of a TLS record that carries an alert: what a TLS server says to the AMQP header. */
export const TLS_ALERT = 0x15;

/** The header of another version, or the beginning of connection.start (a method frame on channel 0). */
function isAmqp(answer: Buffer): boolean {
  return answer.toString('latin1', 0, 4) === 'AMQP' || (answer[0] === 1 && answer[1] === 0 && answer[2] === 0);
}

function firstBytes(address: BrokerAddress): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.hostname, port: address.port });
    const done = (answer: Buffer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => done(Buffer.alloc(0)));
    socket.on('connect', () => socket.write(PROTOCOL_HEADER, 'latin1'));
    socket.on('data', done);
    socket.on('error', () => done(Buffer.alloc(0)));
    socket.on('close', () => done(Buffer.alloc(0)));
  });
}

/** Some TLS servers hang up on plain text without a word. */
function speaksTls({ hostname: host, port }: BrokerAddress): Promise<boolean> {
  return new Promise((resolve) => {
    // Nothing is sent over it, so whose certificate it is does not matter.
    const socket = connectTls({ host, port, rejectUnauthorized: false });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => done(false));
    socket.on('secureConnect', () => done(true));
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
  });
}

/** The refusal of a declaration, as amqplib hands it on: the reply code, the text inside the message. */
function ofTopology(error: unknown, broker: string): BrokerError {
  const { message } = asErrno(error);
  const replyCode = (error as { code?: unknown } | undefined)?.code;
  const reason = /with message "(.*)"$/s.exec(message)?.[1] ?? message;
  const context = { cause: error, details: { broker, replyCode, reason } };
  const at = `at ${broker}: ${reason}`;
  switch (replyCode) {
    case 403:
      return new PermissionError(`not permitted ${at}`, {
        ...context,
        remedy: 'give the user permissions on the resource, or do not declare it',
      });
    case 404:
      return new TopologyMissingError(`missing ${at}`, { ...context, remedy: 'create it, or let it be declared' });
    case 405:
      return new QueueLockedError(`queue in use ${at}`, {
        ...context,
        remedy: 'another connection has this exclusive queue; end it or use another queue name',
      });
    case 406:
      return new TopologyMismatchError(`declared differently ${at}`, {
        ...context,
        remedy: 'declare it with the properties it has, declare it passively, or delete it first',
      });
    default:
      if (typeof replyCode === 'number') return new TopologyError(`refused ${at}`, context);
      return handshakeBroken(broker, reason, context);
  }
}

function asErrno(error: unknown): { code?: string; message: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  // Where a name has several addresses and all fail, the message is empty and the first error tells.
  const message = error.message === '' && error instanceof AggregateError ? String(error.errors[0]) : error.message;
  return typeof code === 'string' ? { code, message } : { message };
}
