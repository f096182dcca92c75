/** What of TLS goes into an FMU: the authorities to trust, never a private key. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BridgeConfig, parseBridgeConfig, readBridgeConfig } from '#tb/bridge/index.js';

const folder = mkdtempSync(join(tmpdir(), 'twinbridge-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => {
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=test', '-days', '1'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'ca.pem')];
  execFileSync('openssl', [...request, ...files], { stdio: 'ignore' });
});

function read(tls: string): Promise<BridgeConfig> {
  const file = join(folder, 'bridge.yaml');
  writeFileSync(file, `twinbridge: bridge\nname: robot\nbroker: { tls: ${tls} }\noutputs: { x: Real }\n`);
  return readBridgeConfig(file);
}

describe('broker.tls', () => {
  it('false is none; true trusts the authorities of the system and moves the port', async () => {
    expect((await read('false')).broker).toEqual({ host: 'localhost', port: 5672, vhost: '/' });
    expect((await read('true')).broker).toEqual({ host: 'localhost', port: 5671, vhost: '/', tls: {} });
  });

  it('takes certificates along as text, from a path beside the file', async () => {
    const { tls } = (await read('{ ca: ca.pem, servername: broker, verify: false }')).broker;
    expect(tls).toEqual({
      ca: readFileSync(join(folder, 'ca.pem'), 'utf8'),
      servername: 'broker',
      rejectUnauthorized: false,
    });
  });

  it('takes certificates from the file itself', () => {
    const pem = readFileSync(join(folder, 'ca.pem'), 'utf8');
    const block = pem.replaceAll('\n', '\n      ');
    const { broker } = parseBridgeConfig(
      `twinbridge: bridge\nname: robot\nbroker:\n  tls:\n    ca: |\n      ${block}\noutputs: { x: Real }\n`,
      'b.yaml',
    );
    expect(broker.tls?.ca?.trim()).toBe(pem.trim());
  });

  it('takes nothing else along', async () => {
    await expect(read('{ ca: key.pem }')).rejects.toThrow(
      /bridge\.yaml:3:22: 'broker\.tls\.ca' has a private key in it, which would be in every copy of the FMU/,
    );
    await expect(read('{ ca: bridge.yaml }')).rejects.toThrow("'broker.tls.ca' holds no certificate in PEM form");
    await expect(read('{ ca: missing.pem }')).rejects.toThrow(/names missing\.pem, which cannot be read \(ENOENT\)/);
  });

  it('keeps the paths of the client certificate and its key, which stay on the machine', async () => {
    const { broker } = await read('{ cert: client.pem, key: ~/client.key }');
    expect(broker.tls).toEqual({ certFile: join(folder, 'client.pem'), keyFile: '~/client.key' });
    await expect(read('{ key: key.pem }')).rejects.toThrow("3:23: 'broker.tls.key' needs broker.tls.cert");
    await expect(read('{ cert: client.pem }')).rejects.toThrow("3:24: 'broker.tls.cert' needs broker.tls.key");
    const text = '"-----BEGIN PRIVATE KEY-----"';
    await expect(read(`{ cert: client.pem, key: ${text} }`)).rejects.toThrow("'broker.tls.key' is the text of a file");
    await expect(read('false, auth: external')).rejects.toThrow("'broker.auth' is external");
  });
});
