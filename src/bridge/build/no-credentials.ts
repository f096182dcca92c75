/** The last look before an FMU is packed: whoever gets a copy of it gets no credential. */
import type { Fmi3Variable, ScalarVariable } from '../../fmi/index.js';
import type { BridgeConfig } from '../config.js';
import { CredentialInFmuError } from './errors.js';

const CREDENTIAL_KEY = /^(?:user(?:name)?|pass(?:word|wd|phrase)?|secret|token)$/i;
const CREDENTIAL_PARAMETERS: readonly string[] = ['config.username', 'config.password'];
/** Of every RabbitMQ, and the start value that RMQFMU documents. */
const PUBLIC_ACCOUNT = 'guest';
/** `amqp://user:password@host` */
const URL_WITH_CREDENTIALS = /^[a-z][a-z0-9+.-]*:\/\/[^/\s]*@/i;

type DescribedVariable = Pick<ScalarVariable | Fmi3Variable, 'name' | 'start'>;

/** Throws {@link CredentialInFmuError}, which names the place but not the value. */
export function refuseCredentials(config: BridgeConfig, variables: readonly DescribedVariable[]): void {
  const isStandIn = config.rmqfmu !== undefined;
  for (const { name, start } of variables) {
    const text = Array.isArray(start) ? start.join('') : start;
    if (CREDENTIAL_PARAMETERS.includes(name) && text !== '' && !(isStandIn && text === PUBLIC_ACCOUNT)) {
      refuse(`the start value of ${name}`);
    }
  }
  if (config.broker.host.includes('@')) refuse('broker.host');
  // Signals are named by those who make the messages: a signal 'token' is data. What they hold is not looked into.
  const { outputs: _outputs, inputs: _inputs, ...settings } = config;
  walk(settings, []);
}

function walk(value: unknown, path: readonly string[]): void {
  if (typeof value === 'string' && (URL_WITH_CREDENTIALS.test(value) || value.includes('PRIVATE KEY-----'))) {
    refuse(path.join('.'));
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (CREDENTIAL_KEY.test(key)) refuse([...path, key].join('.'));
    walk(inner, [...path, key]);
  }
}

function refuse(place: string): never {
  throw new CredentialInFmuError(`${place} is a credential, and would be in every copy of the FMU`, {
    details: { place },
    remedy: 'take it out and give it at run time: AMQP_URL, a secret file, or config.username and config.password',
  });
}
