/**
 * Makes what must not lie in a repository: passwords, certificates, the cluster's cookie.
 *
 *   node broker-config/prepare.mjs [--host NAME]… [--folder PATH]
 *
 * Writes into broker-config/generated (mode 0700, ignored by git):
 *   definitions.json        definitions.json with a salted hash of each user's password
 *   secrets/USER            user name and password, for TWINBRIDGE_SECRET_FILE; mode 0600
 *   secrets/grafana         password of Grafana's admin
 *   tls/                    what the broker gets: the CA's certificate, its own (for localhost, the names in
 *                           docker-compose.yml, and --host) with its key; for another CA put its files in their place
 *   ca.key                  the CA's key, for the next certificate; mode 0600
 *   clients/                certificate and key of the user 'bridge'
 *   cluster.env             the cookie that the nodes of a cluster share
 *
 * What is there already stays: run it again after a change of definitions.json. Needs openssl.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: { host: { type: 'string', multiple: true, default: [] }, folder: { type: 'string' } },
});
const folder = values.folder ?? join(here, 'generated');
const HOSTS = ['localhost', 'rabbitmq', 'rabbit1', 'rabbit2', 'rabbit3', '127.0.0.1', ...values.host];

for (const part of ['', 'secrets', 'clients']) mkdirSync(join(folder, part), { recursive: true, mode: 0o700 });
// Read by the broker's own user in its container; on this machine the folder above protects it.
mkdirSync(join(folder, 'tls'), { recursive: true, mode: 0o755 });

/** Writes a file unless it is there; answers what it holds. */
function keep(name, make, mode) {
  const file = join(folder, name);
  if (!existsSync(file)) writeFileSync(file, make(), { mode });
  return readFileSync(file, 'utf8');
}
const secret = () => randomBytes(24).toString('base64url');

function makeDefinitions() {
  const definitions = JSON.parse(readFileSync(join(here, 'definitions.json'), 'utf8'));
  for (const user of definitions.users) {
    const text = keep(`secrets/${user.name}`, () => `username=${user.name}\npassword=${secret()}\n`, 0o600);
    user.password_hash = hash(/^password=(.*)$/m.exec(text)[1]);
  }
  writeFileSync(join(folder, 'definitions.json'), `${JSON.stringify(definitions, undefined, 2)}\n`, { mode: 0o644 });
}

/** rabbit_password_hashing_sha256: a salt of four bytes, and SHA-256 of salt and password. */
function hash(password) {
  const salt = randomBytes(4);
  const digest = createHash('sha256').update(salt).update(password).digest();
  return Buffer.concat([salt, digest]).toString('base64');
}

function makeCertificates() {
  const file = (name) => join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  if (!existsSync(file('tls/ca.pem'))) {
    const files = ['-keyout', file('ca.key'), '-out', file('tls/ca.pem')];
    openssl('req', '-x509', ...newKey, '-subj', '/CN=twinbridge broker CA', '-days', '3650', ...files);
  }
  const issue = (name, commonName, extensions) => {
    if (existsSync(file(`${name}.pem`))) return;
    const [request, extensionFile] = [file('request.csr'), file('extensions')];
    writeFileSync(extensionFile, `basicConstraints = CA:FALSE\n${extensions}\n`);
    openssl('req', ...newKey, '-subj', `/CN=${commonName}`, '-keyout', file(`${name}.key`), '-out', request);
    const serial = `0x${randomBytes(16).toString('hex')}`;
    const authority = ['-CA', file('tls/ca.pem'), '-CAkey', file('ca.key'), '-set_serial', serial];
    const to = ['-extfile', extensionFile, '-days', '825', '-out', file(`${name}.pem`)];
    openssl('x509', '-req', '-in', request, ...authority, ...to);
    for (const scratch of [request, extensionFile]) rmSync(scratch);
  };
  const names = HOSTS.map((host) => `${/^[\d.]+$|:/.test(host) ? 'IP' : 'DNS'}:${host}`).join(',');
  issue('tls/broker', 'broker', `extendedKeyUsage = serverAuth,clientAuth\nsubjectAltName = ${names}`);
  chmodSync(file('tls/broker.key'), 0o644);
  issue('clients/bridge', 'bridge', 'extendedKeyUsage = clientAuth');
}

makeDefinitions();
makeCertificates();
keep('secrets/grafana', () => secret(), 0o644);
keep('cluster.env', () => `RABBITMQ_ERLANG_COOKIE=${secret()}\n`, 0o600);
process.stderr.write(`${folder} is ready. Start the broker: docker compose --profile single up -d\n`);
