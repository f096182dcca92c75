/** Our servers for a strict client of nobody's house: proxyfmu's instance and booter, FMU-proxy over TCP and HTTP. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proxyfmuProgramPath } from '#tb/native/index.js';
import { exampleFmu, fmuEntries, temporaryFolder, testFmu } from '../support/fmus.js';
import { freePort } from '../support/rabbitmq.js';
import { until } from '../support/until.js';
import {
  type Answer,
  type Conversation,
  converse,
  endServersAfterEach,
  type Server,
  startServer,
  thirdParty,
  thriftEnvironment,
} from './remote.js';
import { MARK, marked, type Started, startTwinbridge } from './remote-programs.js';
import { writeElsewhere, writeWithIntegers } from './remote-systems.js';
import { describeTool } from './tool.js';

const OK = 0;
const ERROR = 3;
const UNKNOWN_METHOD = 1;

const folder = temporaryFolder();
const feedthrough = exampleFmu(folder, 'feedthrough');
const dahlquist = exampleFmu(folder, 'dahlquist');
const feedthrough1 = testFmu(folder, 'feedthrough1');
const feedthrough3 = testFmu(folder, 'feedthrough3');
const GUID = '{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a02}';
const crash = writeWithIntegers(folder, 'crash');
const elsewhere = writeElsewhere(folder);

/** Value references of feedthrough. */
const IN = { real: 0, integer: 1, boolean: 2, string: 3 };
const OUT = { real: 5, integer: 6, boolean: 7, string: 8 };

const results = (answers: readonly Answer[]) =>
  answers.map((answer) => {
    if ('result' in answer) return answer.result;
    return `${answer.thrown}: ${answer.message}`;
  });
const ok = (answers: readonly Answer[]) => {
  for (const answer of answers) expect(answer).toHaveProperty('result');
  return answers.map((answer) => (answer as { result: unknown }).result);
};

describeTool(
  import.meta.url,
  {
    name: 'Apache Thrift',
    found: thirdParty(),
    fmi: '2.0',
    exercised: 'code by its compiler, as a client of proxyfmu and FMU-proxy',
  },
  () => {
    let env: NodeJS.ProcessEnv;
    beforeAll(() => {
      env = thriftEnvironment(folder);
    });
    endServersAfterEach();

    describe('an instance of proxyfmu', () => {
      const serve = (fmu: string, name = 'x') =>
        startServer(proxyfmuProgramPath(), ['--fmu', fmu, '--instanceName', name]);
      const talk = (
        server: Server,
        calls: Conversation['calls'],
        service: Conversation['service'] = 'proxyfmu.FmuService',
      ) => converse({ service, port: server.port, calls }, env);
      const BEGIN: Conversation['calls'] = [['instantiate'], ['setup_experiment', 0, 0, 0]];
      const START: Conversation['calls'] = [...BEGIN, ['enter_initialization_mode'], ['exit_initialization_mode']];
      const END: Conversation['calls'] = [['terminate'], ['freeInstance']];

      /** It said so, and ended in order. */
      const expectFreed = async (server: Server) => {
        expect(await server.ended).toBe(0);
        expect(server.lines).toContain('[proxyfmu] freed');
      };

      it('a whole life, with values of all types', async () => {
        const server = await serve(feedthrough, 'with "quotes" and blanks');
        const answers = await talk(server, [
          ['instantiate'],
          ['write_real', [10], [0.5]],
          ['write_string', [IN.string], ['Grüße, 世界']],
          ['setup_experiment', 0, 10, 1e-6],
          ['enter_initialization_mode'],
          ['read_real', [OUT.real]],
          ['write_integer', [IN.integer], [-2147483648]],
          ['exit_initialization_mode'],
          ['read_string', [OUT.string]],
          ['write_real', [IN.real], [1e-300]],
          ['write_boolean', [IN.boolean], [true]],
          ['step', 0, 0.1],
          ['read_real', [OUT.real, IN.real]],
          ['read_integer', [OUT.integer, IN.integer]],
          ['read_boolean', [OUT.boolean]],
          ['read_string', [OUT.string, IN.string]],
          ['read_real', []],
          ...END,
        ]);
        expect(ok(answers)).toEqual([
          null,
          OK,
          OK,
          OK,
          OK,
          { value: [0.5], status: OK },
          OK,
          OK,
          { value: ['Grüße, 世界'], status: OK },
          OK,
          OK,
          OK,
          { value: [0.5, 1e-300], status: OK },
          { value: [-2147483648, -2147483648], status: OK },
          { value: [true], status: OK },
          { value: ['Grüße, 世界', 'Grüße, 世界'], status: OK },
          { value: [], status: OK },
          OK,
          null,
        ]);
        await expectFreed(server);
      });

      it('an FMU of FMI 1.0, which has no modes', async () => {
        const server = await serve(feedthrough1);
        const answers = await talk(server, [
          ...START,
          ['write_integer', [1], [7]],
          ['step', 0, 0.1],
          ['read_integer', [5]],
          ['save_state'],
          ...END,
        ]);
        expect(results(answers).slice(0, 7)).toEqual([null, OK, OK, OK, OK, OK, { value: [7], status: OK }]);
        expect(answers[7]).toMatchObject({ thrown: expect.any(String), message: expect.stringMatching(/state/) });
        await expectFreed(server);
      });

      it('an FMU of FMI 3.0, whose numbers of 64 bits are Reals, those of 32 bits Integers', async () => {
        const xml = String(fmuEntries('feedthrough3').find(({ name }) => name === 'modelDescription.xml')!.content);
        const reference = (name: string) =>
          Number(new RegExp(`name="${name}"[^>]*?valueReference="(\\d+)"`).exec(xml)![1]);
        const server = await serve(feedthrough3);
        const answers = await talk(server, [
          ...START,
          ['write_real', [reference('float64_in')], [1.25]],
          ['write_integer', [reference('int32_in')], [-3]],
          ['write_boolean', [reference('boolean_in')], [true]],
          ['write_string', [reference('string_in')], ['three']],
          ['step', 0, 0.1],
          ['read_real', [reference('float64_out')]],
          ['read_integer', [reference('int32_out')]],
          ['read_boolean', [reference('boolean_out')]],
          ['read_string', [reference('string_out')]],
          ...END,
        ]);
        expect(ok(answers).slice(9, 13)).toEqual([
          { value: [1.25], status: OK },
          { value: [-3], status: OK },
          { value: [true], status: OK },
          { value: ['three'], status: OK },
        ]);
        await expectFreed(server);
      });

      it('states: saved, saved over, restored, released; exported, and imported by another server', async () => {
        const [one, other] = await Promise.all([serve(dahlquist), serve(dahlquist)]);
        const answers = await talk(one, [
          ...START,
          ['step', 0, 0.1],
          ['save_state'],
          ['step', 0.1, 0.1],
          ['read_real', [0]],
          ['restore_state', 0],
          ['read_real', [0]],
          ['step', 0.1, 0.1],
          ['save_state_by_index', 0],
          ['step', 0.2, 0.1],
          ['restore_state', 0],
          ['read_real', [0]],
          ['save_state'],
          ['export_state', 0],
          ['release_state', 1],
          ['restore_state', 1],
          ['export_state', 77],
        ]);
        expect(answers).toHaveLength(20);
        const [saved, , before, , restored] = results(answers).slice(5) as [number, unknown, unknown, unknown, unknown];
        expect(saved).toBe(0);
        expect(before).toEqual({ value: [0.81], status: OK });
        expect(restored).toEqual({ value: [0.9], status: OK });
        expect(results(answers)[14]).toEqual({ value: [0.81], status: OK });
        expect(results(answers)[15]).toBe(1);
        const exported = results(answers)[16] as { uuid: string; fmuState: { hex: string } };
        expect(exported).toMatchObject({
          schemeVersion: 0,
          uuid: '{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a01}',
          setupComplete: true,
          simStarted: true,
        });
        for (const index of [18, 19])
          expect(answers[index]).toMatchObject({ thrown: expect.any(String), message: expect.stringMatching(/state/) });

        const moved = await talk(one, [
          ['export_state', 0],
          ['import_state', { result: 0 }],
          ['restore_state', { result: 1 }],
          ['read_real', [0]],
        ]);
        expect(ok(moved).at(-1)).toEqual({ value: [0.81], status: OK });
        const refused = await talk(other, [...START, ['import_state', { result: 0 }]]);
        expect(refused.at(-1)).toMatchObject({ thrown: expect.any(String) });
        await talk(one, END);
        await talk(other, END);
      });

      it('a client of old, which knows of no states', async () => {
        const server = await serve(dahlquist);
        const answers = await talk(
          server,
          [...START, ['step', 0, 0.1], ['read_real', [0]], ...END],
          'proxyfmu.StatelessFmuService',
        );
        expect(ok(answers)[5]).toEqual({ value: [0.9], status: OK });
        await expectFreed(server);
      });

      it('what it cannot do is answered, and it goes on', async () => {
        const server = await serve(feedthrough);
        const early = await talk(server, [['step', 0, 0.1], ['read_real', [0]], ['freeInstance']].slice(0, 2) as never);
        for (const answer of early)
          expect(answer).toMatchObject({ thrown: expect.any(String), message: expect.stringMatching(/instantiate/) });
        const answers = await talk(server, [
          ...START,
          ['read_real', [77]],
          ['read_real', [-1]],
          ['read_real', [4294967296]],
          ['read_integer', [OUT.real]],
          ['write_real', [IN.real, OUT.real], [1]],
          ['write_real', [IN.real], [1, 2]],
          ['write_real', [OUT.real], [1]],
          ['step', 0, 0.1],
          ['step', 0.1, -1],
          ['instantiate'],
        ]);
        const said = results(answers).slice(4);
        expect(said[0]).toEqual({ value: [0], status: ERROR });
        expect(said[3]).toEqual({ value: [0], status: ERROR });
        for (const index of [1, 2]) {
          expect(said[index]).not.toMatchObject({ status: OK });
        }
        for (const index of [4, 5, 6]) expect(said[index]).not.toBe(OK);
        expect(said).toHaveLength(10);
        const unknown = await talk(
          server,
          [
            ['tb_load_known', 'a', 'b', 'c'],
            ['loadFromBinaryData', 'a', 'b', { hex: '00' }],
          ],
          'twinbridge.BooterService',
        );
        for (const answer of unknown)
          expect(answer).toMatchObject({ thrown: 'TApplicationException', code: UNKNOWN_METHOD });
        expect(results(await talk(server, [['read_real', [IN.real]]]))).toHaveLength(1);
        await talk(server, [['freeInstance']]);
        await expectFreed(server);
      });

      it('a client that goes away and comes back finds its instance; another one waits until it has gone', async () => {
        const server = await serve(dahlquist);
        await talk(server, [...START, ['step', 0, 0.1]]);
        const first = connect(server.port, '127.0.0.1');
        await new Promise((resolve) => first.once('connect', resolve));
        const waiting = talk(server, [['read_real', [0]], ...END]);
        let isServed = false;
        void waiting.then(() => {
          isServed = true;
        });
        await new Promise((resolve) => setTimeout(resolve, 1000));
        expect(isServed).toBe(false);
        first.destroy();
        expect(ok(await waiting)[0]).toEqual({ value: [0.9], status: OK });
        await expectFreed(server);
      });

      it.each([
        ['no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
        ['a frame that is too large', Buffer.from([0x7f, 0xff, 0xff, 0xff, 1])],
        ['a negative frame', Buffer.from([0xff, 0xff, 0xff, 0xff])],
        ['an empty frame', Buffer.from([0, 0, 0, 0])],
        ['old binary without a version', Buffer.from([0, 0, 0, 13, 0, 0, 0, 4, 0x73, 0x74, 0x65, 0x70, 1, 0, 0, 0, 0])],
        ['a list that says it has 2^31 elements', listOf(0x7fffffff)],
        ['a frame that is cut', listOf(1).subarray(0, 20)],
      ])('%s closes the connection, and the next one is served', async (_, bytes) => {
        const server = await serve(dahlquist);
        await talk(server, START);
        const socket = connect(server.port, '127.0.0.1');
        const closed = new Promise((resolve) => socket.once('close', resolve));
        socket.on('error', () => {});
        socket.on('data', () => {});
        socket.end(bytes);
        await closed;
        expect(ok(await talk(server, [['step', 0, 0.1], ['read_real', [0]], ...END]))[1]).toEqual({
          value: [0.9],
          status: OK,
        });
        await expectFreed(server);
      });

      it('an FMU that crashes is told of, and each call after it', async () => {
        const server = await serve(crash);
        const answers = await talk(server, [
          ['instantiate'],
          ['write_integer', [0], [1]],
          ...START.slice(1),
          ['step', 0, 0.1],
          ['read_integer', [4]],
          ['freeInstance'],
        ]);
        ok(answers.slice(0, 5));
        for (const index of [5, 6]) {
          const crashed = { thrown: 'TApplicationException', message: expect.stringMatching(/the FMU.*fmi2DoStep/) };
          expect(answers[index]).toMatchObject(crashed);
        }
        expect(answers[7]).toEqual({ result: null });
        await expectFreed(server);
        expect(server.said()).toMatch(/the FMU.*fmi2DoStep/);
      });

      it('-v answers at once', async () => {
        const started = performance.now();
        expect(execFileSync(proxyfmuProgramPath(), ['-v'], { encoding: 'utf8' })).toMatch(/^proxyfmu .*\d+\.\d+/);
        expect(performance.now() - started).toBeLessThan(1000);
      });

      it.each([
        ['not there', join(folder, 'nothing.fmu'), /nothing\.fmu/],
        ['no archive', join(folder, 'garbage.fmu'), /garbage\.fmu/],
        ['for other machines', elsewhere, /elsewhere\.fmu.*(?:linux64|platform)/s],
      ])('an FMU that is %s: exit code 3 and the reason, without a port', async (_, fmu, reason) => {
        writeFileSync(join(folder, 'garbage.fmu'), 'PK\u0003\u0004 no archive at all');
        const failure = await serve(fmu).then(
          () => 'it serves',
          (error: Error) => error.message,
        );
        expect(failure).toMatch(/ended with 3/);
        expect(failure).toMatch(reason);
      });
    });

    describe('the booter of proxyfmu', () => {
      const mark = `boot-${process.pid}`;
      let booter: Started;
      beforeAll(async () => {
        booter = await startTwinbridge((port) => ['proxyfmu', 'boot', '--port', String(port)], { [MARK]: mark });
      });
      afterAll(() => booter?.stop());
      const boot = (calls: Conversation['calls'], service: Conversation['service'] = 'proxyfmu.BootService') =>
        converse({ service, port: booter.port, calls }, env);
      const END: Conversation['calls'] = [['instantiate'], ['freeInstance']];

      it('starts an instance of what it is sent, and of what it knows', async () => {
        const sha256 = createHash('sha256').update(readFileSync(dahlquist)).digest('hex');
        const answers = await boot(
          [
            ['tb_load_known', 'dahlquist', 'a', createHash('sha256').update('unheard').digest('hex')],
            ['loadFromBinaryData', 'dahlquist', 'a', { file: dahlquist }],
            ['loadFromBinaryData', 'dahlquist', 'a', { file: dahlquist }],
            ['tb_load_known', 'dahlquist', 'c', sha256],
          ],
          'twinbridge.BooterService',
        );
        const [unheard, ...ports] = ok(answers) as number[];
        expect(unheard).toBe(-1);
        expect(new Set(ports).size).toBe(3);
        for (const port of ports) {
          const whole = await converse({ service: 'proxyfmu.FmuService', port, calls: END }, env);
          expect(ok(whole)).toEqual([null, null]);
        }
        await until(() => marked(mark).every((pid) => pid === booter.pid), 'the instances to end');
      });

      it('refuses what is no FMU, with the reason, and goes on', async () => {
        const answers = await boot([
          ['loadFromBinaryData', 'garbage', 'a', { hex: '504b0304ffffffff' }],
          ['loadFromBinaryData', '../../escape', 'a', { file: dahlquist }],
          ['loadFromBinaryData', 'elsewhere', 'a', { file: elsewhere }],
        ]);
        expect(answers).toHaveLength(3);
        const [garbage, outside, unfit] = answers;
        expect(garbage).toMatchObject({ thrown: 'TApplicationException', message: expect.stringMatching(/garbage/) });
        expect(unfit).toMatchObject({ thrown: 'TApplicationException', message: expect.stringMatching(/elsewhere/) });
        if ('result' in outside!)
          await converse({ service: 'proxyfmu.FmuService', port: Number(outside.result), calls: END }, env);
        await until(() => marked(mark).every((pid) => pid === booter.pid), 'the instances to end');
      });
    });

    describe.each([
      ['TCP', false],
      ['HTTP, in JSON', true],
    ])('FMU-proxy over %s', (_, http) => {
      let server: Started;
      let webPort: number;
      beforeAll(async () => {
        webPort = await freePort();
        const allowed = `http://127.0.0.1:${webPort}/models/`;
        server = await startTwinbridge((port) => [
          'fmu-proxy',
          http ? '-thrift/http' : '-thrift/tcp',
          String(port),
          '--allow-url',
          allowed,
          feedthrough,
        ]);
      });
      afterAll(() => server?.stop());
      const talk = (calls: Conversation['calls']) =>
        converse({ service: 'fmuproxy.FmuService', port: server.port, http, calls }, env);
      const id = { result: 0 };

      it('an FMU that was loaded before, by its guid: its description', async () => {
        const [description] = ok(await talk([['get_model_description', GUID]])) as [Record<string, unknown>];
        expect(description).toMatchObject({
          guid: GUID,
          fmi_version: '2.0',
          modelName: 'feedthrough',
          model_identifier: 'feedthrough',
          description: 'Passes inputs of each type on',
          default_experiment: { startTime: 0, stopTime: 10, stepSize: 0.1 },
          can_get_and_set_fmu_state: true,
          can_serialize_fmu_state: true,
          can_handle_variable_communication_step_size: true,
          provides_directional_derivative: false,
        });
        const variables = description.model_variables as Record<string, unknown>[];
        expect(variables.find(({ name }) => name === 'offset')).toMatchObject({
          value_reference: 10,
          causality: 'parameter',
          attribute: { real_attribute: { start: 0 } },
        });
        expect(variables.find(({ name }) => name === 'choice_in')).toMatchObject({
          attribute: { enumeration_attribute: { start: 1 } },
        });
        expect(
          (description.model_structure as { outputs: { index: number }[] }).outputs.map(({ index }) => index),
        ).toContain(6);
      });

      it('a whole life, with values of all types', async () => {
        const answers = await talk([
          ['create_instance', GUID],
          ['setup_experiment', id, 1, 0, 0],
          ['enter_initialization_mode', id],
          ['write_integer', id, [IN.integer, 4], [-5, 2]],
          ['exit_initialization_mode', id],
          ['write_real', id, [IN.real], [1e-300]],
          ['write_boolean', id, [IN.boolean], [true]],
          ['write_string', id, [IN.string], ['Grüße, "世界"\n\t']],
          ['step', id, 0.5],
          ['step', id, 0.25],
          ['read_real', id, [OUT.real]],
          ['read_integer', id, [OUT.integer]],
          ['read_boolean', id, [OUT.boolean]],
          ['read_string', id, [OUT.string]],
          ['read_real', id, [77]],
          ['get_directional_derivative', id, [OUT.real], [IN.real], [1]],
          ['terminate', id],
          ['reset', id],
          ['freeInstance', id],
          ['step', id, 0.1],
        ]);
        expect(typeof results(answers)[0]).toBe('string');
        expect(results(answers).slice(1, 15)).toEqual([
          OK,
          OK,
          OK,
          OK,
          OK,
          OK,
          OK,
          { status: OK, simulation_time: 1.5 },
          { status: OK, simulation_time: 1.75 },
          { value: [1e-300], status: OK },
          { value: [-5], status: OK },
          { value: [true], status: OK },
          { value: ['Grüße, "世界"\n\t'], status: OK },
          { value: [0], status: ERROR },
        ]);
        expect(answers[15]).toMatchObject({ thrown: 'UnsupportedOperationException' });
        expect(results(answers).slice(16, 19)).toEqual([OK, OK, null]);
        expect(answers[19]).toMatchObject({ thrown: 'NoSuchInstanceException' });
      });

      it('an FMU that is sent, and two instances of it at once', async () => {
        const one = (name: string, steps: number): Promise<Answer[]> =>
          talk([
            ['load_from_file', name, { file: dahlquist }],
            ['create_instance', id],
            ['setup_experiment', { result: 1 }, 0, 0, 0],
            ['enter_initialization_mode', { result: 1 }],
            ['exit_initialization_mode', { result: 1 }],
            ...Array.from({ length: steps }, () => ['step', { result: 1 }, 0.1] as const),
            ['read_real', { result: 1 }, [0]],
            ['freeInstance', { result: 1 }],
          ]);
        const [a, b] = await Promise.all([one('a', 1), one('b', 2)]);
        expect(ok(a).at(-2)).toEqual({ value: [0.9], status: OK });
        expect(ok(b).at(-2)).toEqual({ value: [0.81], status: OK });
        expect(results(a)[0]).toBe(results(b)[0]);
      });

      it('what it does not know is answered', async () => {
        const answers = await talk([
          ['get_model_description', '{unheard}'],
          ['create_instance', '{unheard}'],
          ['step', 'unheard', 0.1],
          ['read_real', 'unheard', [0]],
          ['load_from_file', 'garbage', { hex: '504b0304ffffffff' }],
          ['get_model_description', GUID],
        ]);
        expect(answers.map((answer) => ('thrown' in answer ? answer.thrown : 'ok'))).toEqual([
          'NoSuchFmuException',
          'NoSuchFmuException',
          'NoSuchInstanceException',
          'NoSuchInstanceException',
          'TApplicationException',
          'ok',
        ]);
      });

      it('an FMU from a URL', async () => {
        const web = createServer((_, response) => response.end(readFileSync(dahlquist))).listen(webPort, '127.0.0.1');
        const [loaded, refused] = await talk([
          ['load_from_url', `http://127.0.0.1:${webPort}/models/dahlquist.fmu`],
          ['load_from_url', `http://127.0.0.1:${webPort}/secrets/dahlquist.fmu`],
        ]);
        web.close();
        expect(loaded).toEqual({ result: '{3c564a1e-5a3a-4c5b-8f0b-6f1d7c2c0a01}' });
        expect(refused).toMatchObject({ thrown: 'TApplicationException', message: expect.stringMatching(/load/) });
      });
    });
  },
);

/** A call of read_real whose list says that it has so many elements, and has one. */
function listOf(size: number): Buffer {
  const body = Buffer.alloc(48);
  let at = body.writeInt32BE(-0x7ffeffff, 0); // version 1, a call
  at = body.writeInt32BE(9, at);
  at += body.write('read_real', at);
  at = body.writeInt32BE(1, at);
  at = body.writeUInt8(15, at); // field 1, a list
  at = body.writeInt16BE(1, at);
  at = body.writeUInt8(10, at); // of i64
  at = body.writeInt32BE(size, at);
  at = body.writeBigInt64BE(0n, at);
  at = body.writeUInt8(0, at);
  const frame = Buffer.alloc(4 + at);
  frame.writeInt32BE(at, 0);
  body.copy(frame, 4, 0, at);
  return frame;
}
