/** Servers that are not there, or do not answer, or hang up: what is told, and how soon. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  FmuInstance,
  RemoteDeadlineError,
  RemoteLostError,
  RemoteUnreachableError,
  readFmuModel,
} from '#tb/fmi/index.js';
import { temporaryFolder, testFmu } from '../../support/fmus.js';
import { thrownBy } from '../../support/thrown.js';
import { freePort, listenApart, servers } from './support.js';

const folder = temporaryFolder();
const file = testFmu(folder, 'gain');

afterEach(() => {
  delete process.env.TWINBRIDGE_PROXYFMU;
  expect(servers()).toEqual([]);
});

async function connect(target: string, startUpMs = 500): Promise<unknown> {
  const { model } = await readFmuModel(file);
  return thrownBy(
    () =>
      new FmuInstance(
        { file, directory: '', model },
        { name: 'g', remote: { target, uri: 'proxyfmu://far:1?file=gain.fmu', startUpMs, remedy: 'start it' } },
      ),
  );
}

describe('a server', () => {
  it('that is not there', async () => {
    const port = await freePort();
    const error = await connect(`protocol proxyfmu\nhost 127.0.0.1\nport ${port}\nretry-ms 0\n`);
    expect(error).toBeInstanceOf(RemoteUnreachableError);
    expect(error).toMatchObject({
      message: expect.stringMatching(
        new RegExp(
          `^g: cannot reach proxyfmu://far:1\\?file=gain\\.fmu: .*127\\.0\\.0\\.1, port ${port}: Connection refused`,
        ),
      ),
      exitCode: 4,
      remedy: 'start it',
    });
  });

  it('whose name nobody knows', async () => {
    const error = await connect('protocol fmu-proxy\nhost no-such-host.invalid\nport 9\nid x\nretry-ms 0\n');
    expect(error).toBeInstanceOf(RemoteUnreachableError);
    expect(error.message).toContain('no-such-host.invalid');
  });

  it('that does not answer', async () => {
    const { port, end } = await listenApart('() => {}');
    const beganMs = performance.now();
    const error = await connect(`protocol fmu-proxy\nhost 127.0.0.1\nport ${port}\nid x\n`);
    expect(performance.now() - beganMs).toBeLessThan(3000);
    expect(error).toBeInstanceOf(RemoteDeadlineError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^g: to start took longer than 0\.5 s/),
      exitCode: 5,
    });
    end();
  });

  it.each([
    ['hangs up', '(socket) => socket.end()', /has closed the connection/],
    ['resets the connection', '(socket) => socket.once("data", () => socket.resetAndDestroy())', /is lost/],
    ['answers nonsense', '(socket) => socket.write("HTTP/1.0 400 Bad Request")', /something that is no answer/],
  ])('that %s', async (_what, onConnection, reason) => {
    const { port, end } = await listenApart(onConnection);
    const error = await connect(`protocol fmu-proxy\nhost 127.0.0.1\nport ${port}\nid x\n`, 5000);
    expect(error).toBeInstanceOf(RemoteLostError);
    expect(error.message).toMatch(
      /^g: its server proxyfmu:\/\/far:1\?file=gain\.fmu is lost before its instantiation: /,
    );
    expect(error.message).toMatch(reason);
    end();
  });
});
