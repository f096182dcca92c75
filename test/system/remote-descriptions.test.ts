/** What a remote FMU is, where only its server can say so: that is asked once, however many parts of a file have to know. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { RemoteUnreachableError } from '#tb/fmi/index.js';
import { readSystem } from '#tb/system/index.js';
import { temporaryFolder } from '../support/fmus.js';
import { structureXml, write } from '../support/osp.js';

const folder = temporaryFolder();

/** Hangs up, and counts how often it was asked. */
let asked = 0;
const server = createServer((socket) => {
  asked++;
  socket.on('error', () => {}).destroy();
});
let uri: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  uri = `fmu-proxy://127.0.0.1:${(server.address() as AddressInfo).port}?guid=g`;
});
afterAll(() => {
  server.close();
});
beforeEach(() => {
  asked = 0;
});

it('by a container, whose rules are wired by what FMUs have', async () => {
  const content = { fmu: ['x.fmu'], path: { 'x.fmu': uri }, step_size: 0.1 };
  const file = write(folder, 'container.json', JSON.stringify(content));
  await expect(readSystem(file)).rejects.toBeInstanceOf(RemoteUnreachableError);
  expect(asked).toBe(1);
});

it('by a system structure with variable groups', async () => {
  const group = (simulator: string) => `<VariableGroup simulator="${simulator}" name="g"/>`;
  const simulators = `<Simulator name="a" source="${uri}"/>`;
  const connections = `<VariableGroupConnection>${group('a')}${group('a')}</VariableGroupConnection>`;
  write(folder, 'OspSystemStructure.xml', structureXml({ simulators, connections }));
  await expect(readSystem(join(folder, 'OspSystemStructure.xml'))).rejects.toBeInstanceOf(RemoteUnreachableError);
  expect(asked).toBe(1);
});

it('and again when the file is read again', async () => {
  const content = JSON.stringify({ twinbridge: 'system', step: 0.1, components: { x: { fmu: uri } } });
  const file = write(folder, 'system.yaml', content);
  await expect(readSystem(file)).rejects.toBeInstanceOf(RemoteUnreachableError);
  await expect(readSystem(file)).rejects.toBeInstanceOf(RemoteUnreachableError);
  expect(asked).toBe(2);
});
