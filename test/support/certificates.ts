/** Certificates for one test run, made by openssl: an authority, and what it has signed. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  /** Files in PEM form. */
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** `names`: host names or IP addresses that the certificate is for; without any it is a client's. */
  issue(
    commonName: string,
    options?: { names?: readonly string[]; expired?: boolean; passphrase?: string },
  ): Certificate;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

export function makeAuthority(folder: string, name: string): Authority {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const file = (of: string, extension: string) => join(folder, `${of}.${extension}`);
  const [cert, key] = [file(name, 'pem'), file(name, 'key')];
  openssl('req', '-x509', ...NEW_KEY, '-nodes', '-subj', `/CN=${name}`, '-days', '2', '-keyout', key, '-out', cert);
  let serial = 0;
  const issue: Authority['issue'] = (commonName, { names = [], expired = false, passphrase } = {}) => {
    const id = `${name}-${commonName}-${serial++}`;
    const [request, config] = [file(id, 'csr'), file(id, 'cnf')];
    const [ownCert, ownKey] = [file(id, 'pem'), file(id, 'key')];
    const secrecy = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
    openssl('req', ...NEW_KEY, ...secrecy, '-subj', `/CN=${commonName}`, '-keyout', ownKey, '-out', request);
    const alternatives = names.map((host) => `${/^[\d.:]+$/.test(host) ? 'IP' : 'DNS'}:${host}`).join(',');
    const database = file(id, 'db');
    writeFileSync(database, '');
    writeFileSync(
      config,
      [
        '[ca]\ndefault_ca = own\n[own]',
        `database = ${database}\nnew_certs_dir = ${folder}\ncertificate = ${cert}\nprivate_key = ${key}`,
        'rand_serial = yes\ndefault_md = sha256\npolicy = any\nx509_extensions = made\nunique_subject = no',
        '[any]\ncommonName = supplied\n[made]\nbasicConstraints = CA:FALSE',
        `extendedKeyUsage = ${names.length > 0 ? 'serverAuth' : 'clientAuth'}`,
        ...(names.length > 0 ? [`subjectAltName = ${alternatives}`] : []),
      ].join('\n'),
    );
    const [from, to] = expired ? ['20200101000000Z', '20200201000000Z'] : ['20200101000000Z', '21000101000000Z'];
    openssl(
      'ca',
      '-batch',
      '-config',
      config,
      '-in',
      request,
      '-out',
      ownCert,
      '-notext',
      '-startdate',
      from,
      '-enddate',
      to,
    );
    return { cert: ownCert, key: ownKey };
  };
  return { cert, key, issue };
}
