/** The configuration of `broker-config/` with what has to differ in a test: places of files, and ports. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, type RabbitMqOptions } from '../support/rabbitmq.js';

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));
export const CONFIG: string = join(ROOT, 'broker-config');
export const VHOST = 'twin';

/** Runs the script that makes passwords and certificates; returns the folder. */
export function prepare(folder: string): string {
  execFileSync(process.execPath, [join(CONFIG, 'prepare.mjs'), '--folder', folder], { stdio: 'pipe' });
  return folder;
}

export function passwordOf(generated: string, user: string): string {
  return /^password=(.*)$/m.exec(readFileSync(join(generated, 'secrets', user), 'utf8'))?.[1] ?? '';
}

export interface Ports {
  readonly tls: number;
  readonly management: number;
  readonly prometheus: number;
}

export async function configured(generated: string): Promise<RabbitMqOptions & { readonly ports: Ports }> {
  const ports = { tls: await freePort(), management: await freePort(), prometheus: await freePort() };
  const plugins = /\[(.*)\]/.exec(readFileSync(join(CONFIG, 'enabled_plugins'), 'utf8'))?.[1]?.split(',') ?? [];
  return {
    ports,
    plugins,
    // Later lines go before earlier ones.
    configFiles: [join(CONFIG, 'conf.d/20-tls.conf'), join(CONFIG, 'rabbitmq.conf')],
    config: [
      `load_definitions = ${generated}/definitions.json`,
      `listeners.ssl.default = 127.0.0.1:${ports.tls}`,
      `ssl_options.cacertfile = ${generated}/tls/ca.pem`,
      `ssl_options.certfile = ${generated}/tls/broker.pem`,
      `ssl_options.keyfile = ${generated}/tls/broker.key`,
      `management.tcp.port = ${ports.management}`,
      'management.tcp.ip = 127.0.0.1',
      `prometheus.tcp.port = ${ports.prometheus}`,
      'prometheus.tcp.ip = 127.0.0.1',
      'disk_free_limit.absolute = 1MB',
    ],
    credentials: `operator:${passwordOf(generated, 'operator')}`,
    vhost: VHOST,
  };
}
