/** What a client may ask of an instance, of all versions of FMI, and what it is told when it asks for something else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCachedFmu, openedRecord } from '#tb/fmi/index.js';
import { exampleFmu, temporaryFolder, testFmu } from '../../support/fmus.js';
import {
  type Answer,
  answerOf,
  Connection,
  callBytes,
  initialised,
  Refusal,
  type Served,
  serve,
  serveFmu,
  t,
  type Value,
} from './support.js';

const folder = temporaryFolder();
const feedthrough = exampleFmu(folder, 'feedthrough');
const feedthrough1 = testFmu(folder, 'feedthrough1');
const feedthrough3 = testFmu(folder, 'feedthrough3');
const misbehave = exampleFmu(folder, 'misbehave');
const crash = testFmu(folder, 'crash');
const dahlquist = exampleFmu(folder, 'dahlquist');
const arrays = testFmu(folder, 'arrays3');
const state3 = testFmu(folder, 'state3');

const [OK, DISCARD, ERROR, FATAL] = [0, 2, 3, 4];
const STEP = [t.double(0), t.double(1)];
const read = (values: readonly Answer[], status = OK) => ({ 1: values, 2: status });

async function served(file: string, ...args: string[]): Promise<[Connection, Served]> {
  const program = await serveFmu(file, ...args);
  return [await initialised(program.port), program];
}

async function refusal(answer: Promise<Answer>): Promise<string> {
  const error: unknown = await answer.then(
    (value) => new Error(`it was answered: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Refusal);
  expect((error as Refusal).type).toBe(0);
  return (error as Refusal).message;
}

describe('An instance of FMI 2.0', () => {
  it('goes through its life as libcosim leads it', async () => {
    const program = await serveFmu(feedthrough);
    const client = await Connection.to(program.port);
    expect(await client.call('instantiate')).toBeUndefined();
    expect(await client.call('write_real', t.i64s(10), t.doubles(0.5))).toBe(OK);
    expect(await client.call('setup_experiment', t.double(0), t.double(0), t.double(0))).toBe(OK);
    expect(await client.call('enter_initialization_mode')).toBe(OK);
    expect(await client.call('read_real', t.i64s(5))).toEqual(read([0.5]));
    expect(await client.call('write_real', t.i64s(0), t.doubles(1))).toBe(OK);
    expect(await client.call('exit_initialization_mode')).toBe(OK);
    for (let k = 0; k < 3; k++) {
      expect(await client.call('write_real', t.i64s(0), t.doubles(k))).toBe(OK);
      expect(await client.call('write_integer', t.i64s(1, 4), t.i32s(-k, 2))).toBe(OK);
      expect(await client.call('write_boolean', t.i64s(2), t.bools(k % 2 === 1))).toBe(OK);
      expect(await client.call('write_string', t.i64s(3), t.texts(`größe ${k}`))).toBe(OK);
      expect(await client.call('step', t.double(k), t.double(1))).toBe(OK);
      expect(await client.call('read_real', t.i64s(5))).toEqual(read([k + 0.5]));
      expect(await client.call('read_integer', t.i64s(6, 9))).toEqual(read([0 - k, 2]));
      expect(await client.call('read_boolean', t.i64s(7))).toEqual(read([k % 2 === 1]));
      expect(await client.call('read_string', t.i64s(8))).toEqual(read([Buffer.from(`größe ${k}`).toString('latin1')]));
    }
    expect(await client.call('terminate')).toBe(OK);
    expect(await client.call('freeInstance')).toBeUndefined();
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines.at(-1)).toBe('[proxyfmu] freed');
  });

  it('answers nothing for no variables', async () => {
    const [client] = await served(feedthrough);
    expect(await client.call('read_real', t.i64s())).toEqual(read([]));
    expect(await client.call('write_string', t.i64s(), t.texts())).toBe(OK);
  });

  it('goes on with the next client where the one before has left it', async () => {
    const [client, { port }] = await served(dahlquist);
    await client.call('step', t.double(0), t.double(0.5));
    const x = await client.call('read_real', t.i64s(0));
    client.socket.destroy();
    const next = await Connection.to(port);
    expect(await next.call('read_real', t.i64s(0))).toEqual(x);
    expect(await refusal(next.call('instantiate'))).toContain('instantiated already');
  });
});

describe('Calls that cannot be are answered by a sentence:', () => {
  it('before instantiate, all', async () => {
    const client = await Connection.to((await serveFmu(feedthrough)).port);
    const calls: [string, ...Value[]][] = [
      ['setup_experiment', t.double(0), t.double(1), t.double(0)],
      ['enter_initialization_mode'],
      ['exit_initialization_mode'],
      ['step', t.double(0), t.double(1)],
      ['terminate'],
      ['read_real', t.i64s(0)],
      ['write_real', t.i64s(0), t.doubles(0)],
      ['read_string', t.i64s(3)],
      ['write_string', t.i64s(3), t.texts('')],
      ['save_state'],
      ['save_state_by_index', t.i32(0)],
      ['restore_state', t.i32(0)],
      ['release_state', t.i32(0)],
      ['export_state', t.i32(0)],
      ['import_state', t.struct(t.i32(0), t.text(''), t.binary(Buffer.of(1)))],
    ];
    for (const [name, ...args] of calls) {
      expect(await refusal(client.call(name, ...args))).toBe(
        `${name}: the FMU is not instantiated; call instantiate first`,
      );
    }
    expect(await client.call('instantiate')).toBeUndefined();
  });

  it('in the wrong order', async () => {
    const client = await Connection.to((await serveFmu(feedthrough)).port);
    await client.call('instantiate');
    expect(await refusal(client.call('step', t.double(0), t.double(1)))).toContain('the instance is not initialised');
    expect(await refusal(client.call('exit_initialization_mode'))).toContain('the instance is not initialised');
    await client.call('enter_initialization_mode');
    expect(await refusal(client.call('setup_experiment', t.double(0)))).toContain('is being initialised');
    expect(await refusal(client.call('enter_initialization_mode'))).toContain('is being initialised');
    await client.call('exit_initialization_mode');
    expect(await refusal(client.call('exit_initialization_mode'))).toContain('is running');
    await client.call('terminate');
    expect(await refusal(client.call('step', t.double(0), t.double(1)))).toContain('was terminated');
    // To end twice does no harm.
    expect(await client.call('terminate')).toBe(OK);
  });

  it('with other arguments', async () => {
    const [client] = await served(feedthrough);
    expect(await refusal(client.call('write_real', t.i64s(0), t.doubles(1, 2)))).toBe(
      'write_real: 2 values were given for 1 variables with 1 elements',
    );
    expect(await refusal(client.call('read_real', t.i64s(-1)))).toBe('there is no variable with value reference -1');
    expect(await refusal(client.call('read_real', t.i64s(2 ** 32)))).toContain('4294967296');
    expect(await refusal(client.call('read_real'))).toBe("read_real: the argument 'vr' is missing");
    expect(await refusal(client.call('write_real', t.i64s(0)))).toBe("write_real: the argument 'value' is missing");
    expect(await refusal(client.call('step', t.double(0)))).toBe("step: the argument 'stepSize' is missing");
    expect(await refusal(client.call('step', t.double(Number.NaN), t.double(1)))).toContain('cannot be made');
    expect(await refusal(client.call('step', t.double(0), t.double(-1)))).toContain('cannot be made');
    expect(await refusal(client.call('write_string', t.i64s(3), t.texts('a\0b')))).toBe('text 1 holds a zero byte');
    expect(await refusal(client.call('restore_state', t.i32(0)))).toBe('restore_state: there is no saved state 0');
    expect(await refusal(client.call('restore_state', t.i32(-1)))).toBe('restore_state: there is no saved state -1');
    expect(await client.call('step', t.double(0), t.double(1))).toBe(OK);
  });
});

describe('What the FMU answers', () => {
  const mode = { discard: 1, error: 2, fatal: 3, crash: 4, failInitialization: 7 } as const;

  async function misbehaving(which: keyof typeof mode): Promise<[Connection, Served]> {
    const program = await serveFmu(misbehave);
    const client = await Connection.to(program.port);
    await client.call('instantiate');
    await client.call('write_integer', t.i64s(0), t.i32s(mode[which]));
    await client.call('write_real', t.i64s(1), t.doubles(1));
    await client.call('setup_experiment', t.double(0), t.double(0), t.double(0));
    await client.call('enter_initialization_mode');
    if (which !== 'failInitialization') await client.call('exit_initialization_mode');
    return [client, program];
  }

  it('Discard and Error are told as they are, with the FMU on standard error', async () => {
    const [discarding, first] = await misbehaving('discard');
    expect(await discarding.call('step', t.double(0), t.double(1))).toBe(DISCARD);
    expect(first.said()).toContain('[proxyfmu] slave: Discard (logStatusDiscard): step to 1 s discarded');
    const [failing, second] = await misbehaving('error');
    expect(await failing.call('step', t.double(0), t.double(1))).toBe(ERROR);
    expect(second.said()).toContain('step to 1 s failed with 100% certainty');
  });

  it('after Fatal it is not called any more, and the program ends in order', async () => {
    const [client, program] = await misbehaving('fatal');
    expect(await client.call('step', t.double(0), t.double(1))).toBe(FATAL);
    const message = await refusal(client.call('step', t.double(1), t.double(1)));
    expect(message).toBe(
      'step: the FMU misbehave has failed fatally, and cannot be called any more; it said: step to 1 s was fatal',
    );
    expect(await client.call('terminate')).toBe(OK);
    expect(await client.call('freeInstance')).toBeUndefined();
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  it('a failed initialisation is a status', async () => {
    const [client] = await misbehaving('failInitialization');
    expect(await client.call('exit_initialization_mode')).toBe(ERROR);
  });

  it('a crash is told to the client, call by call, until it frees the instance', async () => {
    const [client, program] = await misbehaving('crash');
    const lost = 'the FMU ended its process in fmi2DoStep: abort';
    // Together, as our own client sends them.
    client.send(
      Buffer.concat([callBytes('read_integer', 1, [t.i64s(4)]), callBytes('step', 2, STEP), callBytes('x', 3, [])]),
    );
    expect(answerOf(await client.frame(), 'read_integer', 1)).toEqual(read([0]));
    for (const [name, sequence] of [['step', 2] as const, ['x', 3] as const]) {
      const payload = await client.frame();
      expect(() => answerOf(payload, name, sequence)).toThrow(lost);
    }
    expect(await refusal(client.call('read_real', t.i64s(...new Array<number>(10_000).fill(0))))).toBe(lost);
    // libcosim calls the last two in destructors, where an exception ends its host.
    expect(await client.call('terminate')).toBe(OK);
    expect(await client.call('freeInstance')).toBeUndefined();
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.lines.at(-1)).toBe('[proxyfmu] freed');
    expect(program.said()).toContain(`[proxyfmu] slave: ${lost}`);
  });

  it.each([
    ['segfault', 1, 'segmentation fault'],
    ['exit', 3, 'exit'],
  ])('whatever kind of crash it is: %s', async (_, mode, what) => {
    const program = await serveFmu(crash);
    const client = await Connection.to(program.port);
    await client.call('instantiate');
    await client.call('write_integer', t.i64s(0), t.i32s(mode));
    await client.call('enter_initialization_mode');
    await client.call('exit_initialization_mode');
    expect(await refusal(client.call('step', ...STEP))).toBe(`the FMU ended its process in fmi2DoStep: ${what}`);
    // It leaves without a word.
    client.socket.destroy();
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  it('debug messages are shown on request only', async () => {
    const [quiet, first] = await served(feedthrough);
    await quiet.call('step', t.double(0), t.double(1));
    expect(first.said()).toBe('');
    const [loud, second] = await served(feedthrough, '--logging');
    await loud.call('step', t.double(0), t.double(1));
    expect(second.said()).toContain('[proxyfmu] slave: OK (logSteps): step from 0 s by 1 s');
  });
});

describe('After a crash of an FMU that somebody else has opened', () => {
  const lost = 'the FMU ended its process in fmi2DoStep: segmentation fault';
  const args: Promise<string[]> = openCachedFmu(crash).then((opened) => {
    const record = join(folder, 'crash.txt');
    writeFileSync(record, openedRecord(opened));
    return ['--opened', record, '--instanceName', 'slave'];
  });

  async function crashing(...more: string[]): Promise<[Connection, Served]> {
    const program = await serve([...(await args), ...more]);
    const client = await Connection.to(program.port);
    await client.call('instantiate');
    await client.call('write_integer', t.i64s(0), t.i32s(1));
    await client.call('enter_initialization_mode');
    await client.call('exit_initialization_mode');
    return [client, program];
  }

  it('the program ends with it: the one that has started it sees how', async () => {
    const [client, program] = await crashing();
    await expect(client.call('step', ...STEP)).rejects.toThrow('closed');
    expect(await program.ended).toEqual({ code: null, signal: 'SIGSEGV' });
    expect(program.said()).toContain(`[proxyfmu] slave: ${lost}`);
  });

  it('with --outlive-fmu the client is told, too', async () => {
    const [client, program] = await crashing('--outlive-fmu');
    expect(await refusal(client.call('step', ...STEP))).toBe(lost);
    expect(await client.call('freeInstance')).toBeUndefined();
    expect(await program.ended).toEqual({ code: 1, signal: null });
  });
});

describe('An instance of FMI 1.0', () => {
  it('is initialised when the initialisation mode is left', async () => {
    const client = await Connection.to((await serveFmu(feedthrough1)).port);
    await client.call('instantiate');
    expect(await client.call('write_real', t.i64s(8), t.doubles(2))).toBe(OK);
    expect(await client.call('setup_experiment', t.double(1), t.double(0), t.double(0))).toBe(OK);
    expect(await client.call('enter_initialization_mode')).toBe(OK);
    expect(await client.call('write_real', t.i64s(0), t.doubles(3))).toBe(OK);
    expect(await client.call('exit_initialization_mode')).toBe(OK);
    expect(await client.call('read_real', t.i64s(4))).toEqual(read([5]));
    expect(await client.call('write_boolean', t.i64s(2), t.bools(true))).toBe(OK);
    expect(await client.call('write_string', t.i64s(3), t.texts('eins'))).toBe(OK);
    expect(await client.call('write_integer', t.i64s(1), t.i32s(-7))).toBe(OK);
    expect(await client.call('step', t.double(1), t.double(0.5))).toBe(OK);
    expect(await client.call('read_boolean', t.i64s(6))).toEqual(read([true]));
    expect(await client.call('read_string', t.i64s(7))).toEqual(read(['eins']));
    expect(await client.call('read_integer', t.i64s(5))).toEqual(read([-7]));
  });

  it('is initialised before, should an output be read before', async () => {
    const client = await Connection.to((await serveFmu(feedthrough1)).port);
    await client.call('instantiate');
    await client.call('write_real', t.i64s(8), t.doubles(2));
    await client.call('setup_experiment', t.double(0), t.double(0), t.double(0));
    // Not yet: an FMU may refuse it.
    expect(await client.call('read_real', t.i64s(4))).toEqual(read([0], ERROR));
    await client.call('enter_initialization_mode');
    expect(await client.call('read_real', t.i64s(4))).toEqual(read([2]));
    expect(await client.call('read_boolean', t.i64s(6))).toEqual(read([false]));
    expect(await client.call('write_real', t.i64s(0), t.doubles(3))).toBe(OK);
    expect(await client.call('exit_initialization_mode')).toBe(OK);
    expect(await client.call('step', ...STEP)).toBe(OK);
    expect(await client.call('read_real', t.i64s(4))).toEqual(read([5]));
  });

  it('has no states', async () => {
    const [client] = await served(feedthrough1);
    expect(await refusal(client.call('save_state'))).toBe(
      'the FMU feedthrough1 cannot save its state: its library has no function for it',
    );
  });
});

describe('An instance of FMI 3.0', () => {
  it('has its reals, integers, truth values and texts of whatever type', async () => {
    const [client] = await served(feedthrough3);
    expect(await client.call('write_real', t.i64s(1, 3), t.doubles(0.1, 0.1))).toBe(OK);
    const integers = [5, 7, 9, 11, 13, 15, 17, 19, 27];
    const values = [-128, 255, -32768, 65535, -(2 ** 31), 2 ** 31 - 1, -5, 6, 2];
    expect(await client.call('write_integer', t.i64s(...integers), t.i32s(...values))).toBe(OK);
    expect(await client.call('write_boolean', t.i64s(21), t.bools(true))).toBe(OK);
    expect(await client.call('write_string', t.i64s(23), t.texts('drei'))).toBe(OK);
    expect(await client.call('step', t.double(0), t.double(1))).toBe(OK);
    expect(await client.call('read_real', t.i64s(2, 4))).toEqual(read([Math.fround(0.1), 0.1]));
    expect(await client.call('read_integer', t.i64s(...integers.map((vr) => vr + 1)))).toEqual(read(values));
    // In any order.
    expect(await client.call('read_integer', t.i64s(28, 6, 8, 6))).toEqual(read([2, -128, 255, -128]));
    expect(await client.call('read_boolean', t.i64s(22))).toEqual(read([true]));
    expect(await client.call('read_string', t.i64s(24))).toEqual(read(['drei']));
  });

  it('refuses what does not fit, and what there is not', async () => {
    const [client] = await served(feedthrough3);
    const refused = (name: string, ...args: Value[]) => refusal(client.call(name, ...args));
    expect(await refused('write_integer', t.i64s(5), t.i32s(128))).toBe(
      '128 does not fit into the type of the variable with value reference 5',
    );
    expect(await refused('write_integer', t.i64s(13, 7), t.i32s(-1, -1))).toContain('value reference 7');
    expect(await refused('write_integer', t.i64s(19), t.i32s(-1))).toContain('-1 does not fit');
    expect(await refused('read_integer', t.i64s(2))).toBe('the variable with value reference 2 is no integer');
    expect(await refused('read_string', t.i64s(26))).toBe('the variable with value reference 26 is no string');
    expect(await refused('read_real', t.i64s(99))).toBe('there is no variable with value reference 99');
  });

  it('has arrays, element by element', async () => {
    const [client] = await served(arrays);
    expect(await client.call('write_real', t.i64s(3, 6), t.doubles(1, 2, 3, 4, 5, 6, 7))).toBe(OK);
    expect(await client.call('write_integer', t.i64s(8), t.i32s(1, 2, 3, 4))).toBe(OK);
    expect(await refusal(client.call('write_integer', t.i64s(8), t.i32s(1, 2, 3)))).toBe(
      'write_integer: 3 values were given for 1 variables with 4 elements',
    );
    expect(await client.call('step', t.double(0), t.double(1))).toBe(OK);
    expect(await client.call('read_real', t.i64s(4, 2))).toEqual(read([2, 4, 6, 2]));
    expect(await client.call('read_integer', t.i64s(9))).toEqual(read([1, 2, 3, 4]));
  });

  it('whose integers are larger than those of the protocol says so', async () => {
    const [client] = await served(state3);
    expect(await client.call('read_integer', t.i64s(3))).toEqual(read([0]));
    const other = await Connection.to((await serveFmu(feedthrough3)).port);
    await other.call('instantiate');
    // By commands one of more than 32 bits could be set; by this protocol none, so none is lost on the way.
    expect(await refusal(other.call('write_integer', t.i64s(15), t.i32s(-1)))).toContain('-1 does not fit');
  });
});

describe('States', () => {
  const x = async (client: Connection) => (await client.call('read_real', t.i64s(0))) as { 1: number[] };

  it('are saved, overwritten, restored and released by index', async () => {
    const [client] = await served(dahlquist);
    const index = (await client.call('save_state')) as number;
    expect(index).toBe(0);
    const atStart = await x(client);
    await client.call('step', t.double(0), t.double(1));
    const after = await x(client);
    expect(after).not.toEqual(atStart);
    expect(await client.call('save_state')).toBe(1);
    expect(await client.call('restore_state', t.i32(index))).toBeUndefined();
    expect(await x(client)).toEqual(atStart);
    expect(await client.call('restore_state', t.i32(1))).toBeUndefined();
    expect(await x(client)).toEqual(after);
    expect(await client.call('save_state_by_index', t.i32(0))).toBeUndefined();
    await client.call('step', t.double(1), t.double(1));
    expect(await client.call('restore_state', t.i32(0))).toBeUndefined();
    expect(await x(client)).toEqual(after);
    expect(await client.call('release_state', t.i32(0))).toBeUndefined();
    expect(await refusal(client.call('restore_state', t.i32(0)))).toBe('restore_state: there is no saved state 0');
    expect(await client.call('save_state')).toBe(0);
  });

  it.each([
    ['2.0', dahlquist, 0],
    ['3.0', state3, 2],
  ])('of FMI %s are exported, and imported by another instance', async (_, file, vr) => {
    const value = (client: Connection) => client.call('read_real', t.i64s(vr));
    const [client] = await served(file);
    await client.call('step', t.double(0), t.double(1));
    const before = await value(client);
    await client.call('save_state');
    const exported = (await client.call('export_state', t.i32(0))) as { [id: number]: Answer };
    expect(exported).toMatchObject({ 1: 0, 4: true, 5: true });
    const bytes = Buffer.from(exported[3] as string, 'latin1');
    const other = await Connection.to((await serveFmu(file)).port);
    await other.call('instantiate');
    const token = exported[2] as string;
    const given = (...of: [number, string, Uint8Array]) =>
      t.struct(t.i32(of[0]), t.text(of[1]), t.binary(of[2]), t.bool(true), t.bool(true));
    expect(await refusal(other.call('import_state', given(1, token, bytes)))).toContain('version 1');
    expect(await refusal(other.call('import_state', given(0, 'x', bytes)))).toContain('another FMU: x');
    expect(await refusal(other.call('import_state', given(0, token, bytes.subarray(3))))).toContain('import a state');
    const index = (await other.call('import_state', given(0, token, bytes))) as number;
    expect(await other.call('restore_state', t.i32(index))).toBeUndefined();
    expect(await value(other)).toEqual(before);
    // It is where the other one was: running.
    expect(await other.call('step', t.double(1), t.double(1))).toBe(OK);
    await client.call('step', t.double(1), t.double(1));
    expect(await value(other)).toEqual(await value(client));
  });
});

describe('Commands of our own client', () => {
  /** TB_DO_LOAD with empty texts, as far/wire.h lays it out: kind and numbers, then each text's size and itself. */
  const load = (() => {
    const request = Buffer.alloc(16 + 2 * 16);
    request.writeUInt32LE(2, 4);
    return request;
  })();

  it('are answered together with the FMU’s log', async () => {
    const client = await Connection.to((await serveFmu(feedthrough)).port);
    const answer = (await client.call('tb_commands', t.i32(1), t.binary(load))) as { [id: number]: Answer };
    const result = Buffer.from(answer[1] as string, 'latin1');
    // One command carried out, nothing failed, OK; which accessors there are: f64, i32, b32 and text.
    expect(result.readUInt32LE(0)).toBe(1);
    expect(result.readInt32LE(8)).toBe(0);
    const accessors = 1n | (1n << 6n) | (1n << 11n) | (1n << 13n);
    expect([result.readBigUInt64LE(16), result.readBigUInt64LE(24)]).toEqual([accessors, accessors]);
    expect([answer[2], answer[3]]).toEqual([[], 0n]);
    // Who drives an instance by commands knows where it is in its life; the other calls do not.
    expect(await refusal(client.call('instantiate'))).toContain('driven by tb_commands');
    expect(await client.call('freeInstance')).toBeUndefined();
  });

  it('of another version, or garbled, are refused', async () => {
    const [client] = await served(feedthrough);
    expect(await refusal(client.call('tb_commands', t.i32(2), t.binary(load)))).toContain('version 2 is not known');
    expect(await refusal(client.call('tb_commands', t.i32(1), t.binary(load.subarray(4))))).toContain('garbled');
    expect(await refusal(client.call('tb_commands', t.i32(1)))).toContain("'request' is missing");
  });
});
