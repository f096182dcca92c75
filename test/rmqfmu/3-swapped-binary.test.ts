/**
 * The FMU of `twinbridge build --rmqfmu`, unzipped, with somebody's own modelDescription.xml at the root and in resources:
 * it does what RMQFMU did, and where that was of no use to anybody, what is right.
 */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import amqp from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fmi2Instance, openFmu } from '#tb/fmi/index.js';
import { Bridge, Peer, stamp, temporaryFolder, until } from '../support/bridge.js';
import { describeOnOwnBrokers } from '../support/brokers.js';
import { type Body, Feeder } from '../support/feeder.js';
import {
  ADDED_PARAMETERS,
  buildRmqfmu,
  type HandWritten,
  handWritten,
  PARAMETERS,
  swapped,
} from '../support/rmqfmu.js';

const folder = temporaryFolder();

const OUTPUTS: readonly HandWritten[] = [
  // 20, as in RMQFMU's own readme; and two types with one value reference, whose values RMQFMU mixed up.
  { name: 'level', vr: 20, type: 'Real', causality: 'output' },
  { name: 'count', vr: 20, type: 'Integer', causality: 'output' },
  { name: 'seqno', vr: 14, type: 'Integer', causality: 'output' },
];
const INPUTS: readonly HandWritten[] = [
  { name: 'r', vr: 21, type: 'Real', causality: 'input', start: '3.2' },
  { name: 'bo', vr: 22, type: 'Boolean', causality: 'input', start: '0' },
  { name: 'i', vr: 23, type: 'Integer', causality: 'input', start: '2' },
  { name: 's', vr: 24, type: 'String', causality: 'input', start: 'hello' },
];
const SWITCH: HandWritten = { name: 'enable send', vr: 15, type: 'Boolean', causality: 'input', start: '0' };
const WAIT = { 'config.communicationtimeout': '1' };

describeOnOwnBrokers('a swapped binary', (broker) => {
  let feeder: Feeder;
  let peer: Peer;
  let bridge: Bridge | undefined;

  beforeAll(async () => {
    feeder = await Feeder.start(broker.url);
    peer = await Peer.connect(broker.url);
  });
  afterEach(() => {
    bridge?.instance.free();
    bridge = undefined;
    peer.received.length = 0;
  });
  afterAll(async () => {
    await feeder?.stop();
    await peer?.close();
  });

  const sample = (ms: number, over: Record<string, unknown> = {}) => ({
    level: ms,
    count: ms,
    seqno: ms,
    time: stamp(ms),
    ...over,
  });

  /** Initialised with `first`, which is sent when it says that it is ready. */
  async function start(xml: string, { first = sample(0) as Body, resources = xml } = {}): Promise<Bridge> {
    bridge = new Bridge(await swapped(folder, xml, resources));
    await feeder.onReady(first);
    bridge.initialise();
    return bridge;
  }

  describe('1 its description', () => {
    it('gives it its variables, value references and types, value reference 20 and one for two types included', async () => {
      const b = await start(handWritten([...OUTPUTS, ...INPUTS]), {
        first: sample(0, { level: 1.5, count: 7, seqno: 3 }),
      });
      expect([b.real('level'), b.integer('count'), b.integer('seqno')]).toEqual([1.5, 7, 3]);
      const both = [new Float64Array(1), new Int32Array(1)] as const;
      b.instance.getReal(Uint32Array.of(20), both[0]);
      b.instance.getInteger(Uint32Array.of(20), both[1]);
      expect([both[0][0], both[1][0]]).toEqual([1.5, 7]);
      expect(b.string('s')).toBe('hello');
      expect(b.said('the configuration is that of modelDescription.xml')).toBe(true);
    });

    it('gives it its start values: keys, maxage, lookahead, time-out', async () => {
      const other = await Feeder.start(broker.url, 'linefollower');
      try {
        const starts = { ...WAIT, 'config.routingkey': 'linefollower', 'config.maxage': '100' };
        bridge = new Bridge(await swapped(folder, handWritten(OUTPUTS, starts)));
        await other.onReady(sample(0));
        bridge.initialise();
        const before = performance.now();
        expect(() => bridge?.instance.doStep(0, 0.2)).toThrow();
        expect(performance.now() - before).toBeGreaterThan(900);
        expect(bridge.said('(maxage 0.100 s)')).toBe(true);
      } finally {
        await other.stop();
      }
    });

    it('may lack the parameters that RMQFMU fails without; they can be set by their value references all the same', async () => {
      const xml = handWritten(OUTPUTS, {}, PARAMETERS);
      bridge = new Bridge(await swapped(folder, xml));
      bridge.instance.setBoolean(Uint32Array.of(19), Int32Array.of(0));
      bridge.instance.setString(Uint32Array.of(18), ['/']);
      await feeder.onReady(sample(0));
      bridge.initialise();
      expect(bridge.said('the description lacks parameters; these values count: config.queueupperbound (100)')).toBe(
        true,
      );
    });

    it('reads true and 1 alike as a Boolean start value', async () => {
      const switches = (start: string) => [...INPUTS.slice(0, 1), { ...INPUTS[1]!, start }];
      for (const word of ['true', '1']) {
        const b = await start(handWritten([...OUTPUTS, ...switches(word)]));
        expect(b.boolean('bo')).toBe(true);
        b.instance.free();
      }
    });

    it('where the two copies disagree, the root says what there is, resources how it starts, and both are told', async () => {
      const root = handWritten([...OUTPUTS, ...INPUTS], {
        'config.password': 'sesame-73',
        'config.maxage': '100',
        'config.routingkey.from_cosim': 'nowhere',
      });
      const moved = OUTPUTS.map((output) => (output.name === 'seqno' ? { ...output, vr: 99 } : output));
      const extra: HandWritten = { name: 'forgotten', vr: 98, type: 'Real', causality: 'output' };
      const resources = handWritten([
        ...moved,
        ...INPUTS.map((i) => (i.name === 'i' ? { ...i, start: '9' } : i)),
        extra,
      ]);
      const b = await start(root, { resources });
      expect(b.integer('i')).toBe(9);
      expect(b.integer('seqno')).toBe(0); // on 14, where the importer asks for it
      b.instance.doStep(0, 0.2);
      expect(await peer.receive(1)).toMatchObject([{ i: 9 }]); // to the key that resources names
      for (const told of [
        "'seqno' is value reference 14, Integer here and value reference 99, Integer in resources/modelDescription.xml; the one here counts",
        "'i' starts with another value in resources/modelDescription.xml (2 here, 9 there); the one there counts, as with RMQFMU",
        "'config.maxage' starts with another value in resources/modelDescription.xml (100 here, 1000 there)",
        "'config.password' starts with another value in resources/modelDescription.xml; the one there counts",
        'only in resources/modelDescription.xml, and not used: forgotten',
      ]) {
        expect(b.said(told), told).toBe(true);
      }
      expect(b.said('sesame')).toBe(false);
    });

    it('at one of the two places is enough, and without bridge.json, too', async () => {
      const xml = handWritten(OUTPUTS);
      for (const fmu of [
        await swapped(folder, undefined, xml),
        await swapped(folder, xml, xml, (directory) => rmSync(join(directory, 'resources', 'bridge.json'))),
        await swapped(folder, xml, undefined, (directory) =>
          rmSync(join(directory, 'resources', 'modelDescription.xml')),
        ),
      ]) {
        bridge = new Bridge(fmu);
        await feeder.onReady(sample(0, { level: 4 }));
        bridge.initialise();
        expect(bridge.real('level')).toBe(4);
        bridge.instance.free();
      }
    });

    it('inside of another FMU, whose description is above: its own counts', async () => {
      const fmu = await swapped(folder, handWritten(OUTPUTS));
      const other = handWritten([{ name: 'other', vr: 1, type: 'Real', causality: 'output' }]);
      writeFileSync(join(fmu.directory, 'modelDescription.xml'), other.replace('{by-hand}', '{the other}'));
      bridge = new Bridge(fmu);
      await feeder.onReady(sample(0, { level: 6 }));
      bridge.initialise();
      expect(bridge.real('level')).toBe(6);
    });

    it('as it was built: what was made of it then is used, and nothing is said', async () => {
      const file = join(folder, 'as-built.fmu');
      writeFileSync(join(folder, 'as-built.xml'), handWritten(OUTPUTS));
      buildRmqfmu(folder, file, 'as-built.xml');
      const fmu = await openFmu(file);
      rmSync(join(fmu.directory, 'resources', 'rmqfmu.cjs'));
      bridge = new Bridge(fmu);
      await feeder.onReady(sample(0));
      bridge.initialise();
      expect(bridge.log.filter(({ category }) => category === 'logStatusWarning')).toEqual([]);
      bridge.instance.free();
      await fmu.close();
    });

    it.each([
      [
        'that is no XML',
        (xml: string) => xml.replace('</ModelVariables>', ''),
        /modelDescription\.xml:\d+:\d+: not well-formed XML/,
      ],
      [
        'with a wrong start value',
        (xml: string) => xml.replace('start="5672"', 'start="amqp"'),
        /modelDescription\.xml:\d+:\d+: 'start' of variable 'config\.port' is 'amqp'/,
      ],
      [
        'with an unknown exchange type',
        (xml: string) => xml.replace('start="direct"', 'start="directly"'),
        /modelDescription\.xml: 'receive\.type' is 'directly'/,
      ],
    ])('%s: instantiation fails and says where', async (_, change, said) => {
      const good = handWritten(OUTPUTS);
      const fmu = await swapped(folder, good, good, (directory) => {
        for (const place of ['.', 'resources'])
          writeFileSync(join(directory, place, 'modelDescription.xml'), change(good));
      });
      const log: string[] = [];
      expect(() => new Fmi2Instance(fmu, { name: 'b', onLog: ({ message }) => log.push(message) })).toThrow();
      expect(log.join('\n')).toMatch(said);
    });
  });

  describe('2 what it sends', () => {
    it('says that it is ready, in the words of RMQFMU', async () => {
      const texts: string[] = [];
      const { queue } = await peer.channel.assertQueue('', { exclusive: true });
      await peer.channel.bindQueue(queue, 'fmi_digital_twin', 'data.from_cosim');
      const { consumerTag } = await peer.channel.consume(queue, (m) => texts.push(m?.content.toString() ?? ''), {
        noAck: true,
      });
      await start(handWritten(OUTPUTS));
      await until(() => texts.length > 0);
      await peer.channel.cancel(consumerTag);
      expect(JSON.parse(texts[0]!)).toEqual({
        internal_status: 'ready',
        internal_message: 'waiting for input data for simulation',
      });
    });

    it('howtosend 1: every input in every step, in the order of names, exact, with time and simstep', async () => {
      const b = await start(handWritten([...OUTPUTS, ...INPUTS]));
      b.set('r', 123456789.123);
      b.set('s', 'say "hi"\n');
      b.instance.doStep(0, 0.1);
      b.instance.doStep(0.1, 0.1);
      await peer.receive(2);
      const [first, second] = peer.received.map(({ text }) => text);
      expect(first).toMatch(
        /^\{"bo":false,"i":2,"r":123456789\.123,"s":"say \\"hi\\"\\n","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00","simstep":"100\.000000"\}$/,
      );
      expect(JSON.parse(second!)).toMatchObject({ bo: false, i: 2, r: 123456789.123, simstep: '200.000000' });
    });

    it('howtosend 0: changed inputs, and no message when nothing changed', async () => {
      const b = await start(handWritten([...OUTPUTS, ...INPUTS], { 'config.howtosend': '0' }));
      b.instance.doStep(0, 0.1);
      b.set('i', 5);
      b.instance.doStep(0.1, 0.1);
      b.instance.doStep(0.2, 0.1);
      b.instance.free();
      const [only, ...more] = await peer.receive(1);
      expect(more).toEqual([]);
      expect(only).toEqual({ i: 5, time: expect.any(String), simstep: '200.000000' });
    });

    it('a message leaves before the step waits for data, also if the step then fails', async () => {
      const b = await start(handWritten([...OUTPUTS, ...INPUTS], { ...WAIT, 'config.maxage': '10' }));
      expect(() => b.instance.doStep(0, 0.5)).toThrow();
      await peer.receive(1);
    });

    it("the input 'enable send' stops it when it is true, as RMQFMU has it; it is no data", async () => {
      const b = await start(handWritten([...OUTPUTS, ...INPUTS, SWITCH], { 'config.howtosend': '0' }));
      b.set('enable send', true);
      b.set('i', 5);
      b.instance.doStep(0, 0.1);
      b.set('i', 6);
      b.instance.doStep(0.1, 0.1);
      b.set('enable send', false);
      b.instance.doStep(0.2, 0.1);
      b.instance.free();
      expect(await peer.receive(1)).toEqual([{ i: 6, time: expect.any(String), simstep: '300.000000' }]);
      expect(b.said("'enable send' is true to stop publishing, as with RMQFMU, whatever its name says")).toBe(true);
    });

    it('what is echoed back is understood: the Boolean that was sent', async () => {
      const b = await start(handWritten([...OUTPUTS, { ...INPUTS[1]!, name: 'echo', vr: 30, causality: 'output' }]), {
        first: sample(0, { echo: 1 }),
      });
      expect(b.boolean('echo')).toBe(true);
    });

    describe('with config.strict', () => {
      const STRICT: HandWritten = { name: 'config.strict', vr: 50, type: 'Boolean', start: '1' };
      const parameters = [...PARAMETERS, ...ADDED_PARAMETERS, STRICT];

      it('the bytes are those of RMQFMU: six digits, 0 and 1, a blank before time and simstep; text/plain', async () => {
        const b = await start(handWritten([...OUTPUTS, ...INPUTS], {}, parameters));
        b.set('r', 123456789.123);
        b.set('bo', true);
        b.instance.doStep(0, 0.2);
        await peer.receive(1);
        expect(peer.received[0]?.text).toMatch(
          /^\{"bo":1,"i":2,"r":1\.23457e\+08,"s":"hello", "time":"[-\dT:.]{23}\+00:00", "simstep":"200\.000000"\}$/,
        );
      });

      it('every step sends, also when nothing changed, and without inputs', async () => {
        const b = await start(handWritten(OUTPUTS, { 'config.howtosend': '0' }, parameters));
        b.instance.doStep(0, 0.1);
        b.instance.doStep(0.1, 0.1);
        await peer.receive(2);
        expect(peer.received[1]?.text).toMatch(/^\{ "time":"[-\dT:.]{23}\+00:00", "simstep":"200\.000000"\}$/);
      });

      it('offsets of times count for nothing', async () => {
        const at = (ms: number) => stamp(ms).replace('Z', '+02:00');
        const b = await start(handWritten(OUTPUTS, {}, parameters), { first: sample(0, { time: at(0) }) });
        await feeder.send(sample(100, { time: at(100).replace('+02:00', 'Z') }));
        await until(() => {
          b.instance.doStep(0, 0.1);
          return b.real('level') === 100;
        });
      });

      it('can also be set by the importer', async () => {
        const off = parameters.map((p) => (p === STRICT ? { ...p, start: '0' } : p));
        bridge = new Bridge(await swapped(folder, handWritten([...OUTPUTS, ...INPUTS], {}, off)));
        bridge.set('config.strict', true);
        await feeder.onReady(sample(0));
        bridge.initialise();
        bridge.instance.doStep(0, 0.1);
        await until(() => peer.received.some(({ text }) => text.startsWith('{"bo":0,')));
      });
    });
  });

  describe('3 what it reads', () => {
    it('offsets of times count: the same instant in three spellings', async () => {
      const b = await start(handWritten(OUTPUTS), { first: sample(0, { time: '2026-01-01T02:00:00+02:00' }) });
      await feeder.send(sample(100, { time: '2025-12-31T19:00:00.1-05:00' }));
      await until(() => {
        b.instance.doStep(0, 0.1);
        return b.integer('seqno') === 100;
      });
    });

    it("Python's naive times, with which RMQFMU aborted now and then, are UTC, and that is told", async () => {
      const b = await start(handWritten(OUTPUTS), { first: sample(0, { time: '2026-01-01T00:00:00' }) });
      await feeder.send(sample(100, { time: '2026-01-01T00:00:00.100000' }));
      await until(() => {
        b.instance.doStep(0, 0.1);
        return b.integer('seqno') === 100;
      });
      expect(b.said('it has no zone and is taken as UTC')).toBe(true);
    });

    it('an Integer is cut; numbers that RMQFMU refused are read', async () => {
      const b = await start(handWritten(OUTPUTS), { first: sample(0, { level: 2 ** 53, count: -2.9 }) });
      expect([b.real('level'), b.integer('count')]).toEqual([2 ** 53, -2]);
    });

    it("a message with the name of an input or a parameter, RMQFMU's end, is harmless", async () => {
      const xml = handWritten([...OUTPUTS, ...INPUTS], WAIT);
      const b = await start(xml, { first: sample(0, { r: 1, 'config.maxage': 3 }) });
      for (let k = 1; k <= 5; k++) {
        await feeder.send(sample(100 * k, { r: k, bo: 1, 'config.port': 1, 'enable send': true }));
        await until(() => {
          b.instance.doStep((k - 1) / 10, 0.1);
          return b.integer('seqno') === 100 * k;
        });
      }
    });

    it('keys of its peers that are no data are no faults: internal_*, simAtTime*', async () => {
      const xml = handWritten(OUTPUTS);
      const b = await start(xml, { first: sample(0, { internal_x: 'a', simAtTime: stamp(0), simAtTimeReal: 1 }) });
      b.instance.free();
      expect(b.said('unknown_field')).toBe(false);
    });
  });

  describe('4 health data', () => {
    const AHEAD: HandWritten = { name: 'time_discrepancy', vr: 40, type: 'Real', causality: 'output' };
    const STEP: HandWritten = { name: 'simtime_discrepancy', vr: 41, type: 'Real', causality: 'output' };

    it('0.4242 and 0.4243 until there is any, then the difference of times, in every step', async () => {
      const b = await start(handWritten([...OUTPUTS, AHEAD, STEP]));
      expect([b.real('time_discrepancy'), b.real('simtime_discrepancy')]).toEqual([0.4242, 0.4243]);
      const tell = (rtime: number, cosimtime: number, over = {}) =>
        peer.channel.publish(
          'fmi_digital_twin_sh',
          'data.to_cosim',
          Buffer.from(JSON.stringify({ rtime: stamp(rtime), cosimtime: stamp(cosimtime), ...over })),
        );
      tell(250, 200, { seen: 'by the peer' });
      await until(() => {
        b.instance.doStep(0, 0.5);
        return b.real('time_discrepancy') === -50;
      });
      expect(b.real('simtime_discrepancy')).toBe(300);
      b.instance.doStep(0.5, 0.1);
      expect([b.real('time_discrepancy'), b.real('simtime_discrepancy')]).toEqual([-50, 400]);
      tell(600, 700);
      await until(() => {
        b.instance.doStep(0.6, 0.1);
        return b.real('time_discrepancy') === 100;
      });
      expect(b.real('simtime_discrepancy')).toBe(0);
    });

    it('what is no health message is told and costs nothing', async () => {
      const b = await start(handWritten([...OUTPUTS, AHEAD]));
      for (const body of ['', '7', '{"rtime":"now","cosimtime":"later"}', `{"rtime":"${stamp(0)}"}`]) {
        peer.channel.publish('fmi_digital_twin_sh', 'data.to_cosim', Buffer.from(body));
      }
      await peer.channel.waitForConfirms();
      await until(() => {
        b.instance.doStep(0, 0.1);
        return b.said("it has no 'cosimtime'");
      });
      expect(b.real('time_discrepancy')).toBe(0.4242);
    });

    it('their exchange is there also for an FMU without the outputs, so that peers can publish to it', async () => {
      const connection = await amqp.connect(broker.url);
      try {
        await start(handWritten(OUTPUTS, { 'config.healthdata.exchangename': 'health_of_one' }));
        await (await connection.createChannel()).checkExchange('health_of_one');
      } finally {
        await connection.close();
      }
    });
  });

  it('5 another GUID than that of the description is refused, as ever', async () => {
    const fmu = await swapped(folder, handWritten(OUTPUTS));
    const passed = { ...fmu, description: { ...fmu.description, guid: '{another}' } };
    expect(() => new Bridge(passed)).toThrow('the importer passed the GUID {another}, but this FMU has {by-hand}');
  });
});
