/** What our client learns of an FMU from FMU-proxy: from our server, and from one that Apache Thrift generates. */
import type { Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type FmuModel, readFmuModel } from '#tb/fmi/index.js';
import { readFmuProxyDescription } from '#tb/remote/client/fmu-proxy.js';
import { FmuProxyServer, type FmuProxyServerOptions } from '#tb/remote/server/index.js';
import { exampleFmu, temporaryFolder, testFmu } from '../../support/fmus.js';
import { apache, type Generated, generate, missingCompiler } from '../../support/thrift-peer.js';

const folder = temporaryFolder();
const HOST = '127.0.0.1';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const action of cleanup.splice(0).reverse()) await action();
});

async function serve(options: Partial<FmuProxyServerOptions> = {}, files: string[] = []): Promise<FmuProxyServer> {
  const server = new FmuProxyServer({ tcpPort: 0, maxFmuBytes: 50_000_000, idleMs: 60_000, ...options });
  cleanup.push(() => server.close());
  for (const file of files) await server.preload(file);
  await server.listen();
  return server;
}

/** What the protocol has no words for. */
function withoutUnits({ variables, ...model }: FmuModel): FmuModel {
  return {
    ...model,
    units: [],
    enumerations: [],
    logCategories: [],
    capabilities: {
      ...model.capabilities,
      oncePerProcess: false,
      getAndSetState: false,
      serializeState: false,
      maxOutputDerivativeOrder: 0,
    },
    variables: variables.map(({ unit: _, declaredType: __, nominal: ___, ...variable }) => variable),
  };
}

describe('our server', () => {
  it.each(['dahlquist', 'feedthrough', 'predictor'] as const)(
    'says of %s what its file says, but units and names of items',
    async (name) => {
      const file = exampleFmu(folder, name);
      const { model: local } = await readFmuModel(file);
      const server = await serve();
      const sent = await readFmuProxyDescription(HOST, server.tcpPort!, { file });
      expect(sent.fmuId).toBe(local.token);
      expect(sent.model).toEqual(withoutUnits(local));
      const known = await readFmuProxyDescription(HOST, server.tcpPort!, { guid: local.token });
      expect(known).toEqual(sent);
    },
  );

  it.each(['feedthrough1', 'vector', 'gain', 'limited', 'oscillator'] as const)(
    'says of %s what its file says',
    async (name) => {
      const file = testFmu(folder, name);
      const { model } = await readFmuProxyDescription(HOST, (await serve()).tcpPort!, { file });
      const { model: local } = await readFmuModel(file);
      // FMI 1.0 leaves to its defaults what crosses the wire spelt out.
      const initials = (variables: FmuModel['variables']) =>
        local.fmi === '1.0' ? variables.map(({ initial: _, ...variable }) => variable) : variables;
      const expected = withoutUnits(local);
      expect({ ...model, variables: initials(model.variables) }).toEqual({
        ...expected,
        variables: initials(expected.variables),
      });
    },
  );

  it('says of an FMU of FMI 3.0 what can be said in the words of FMI 2.0', async () => {
    const file = testFmu(folder, 'feedthrough3');
    const { model } = await readFmuProxyDescription(HOST, (await serve()).tcpPort!, { file });
    expect(model.fmi).toBe('2.0');
    const types = Object.fromEntries(model.variables.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject({
      float32_in: 'Float64',
      uint8_out: 'Int32',
      int64_in: 'Int32',
      choice_in: 'Enumeration',
    });
    expect(types.binary_in).toBeUndefined();
    // Of the variables that are left, each output depends on the one before it.
    for (const { index, dependencies } of model.outputs) {
      expect(model.variables[index]?.causality).toBe('output');
      if (dependencies !== undefined) {
        expect(dependencies.map((input) => model.variables[input]?.causality)).toEqual(dependencies.map(() => 'input'));
      }
    }
  });

  it('wants its token', async () => {
    const file = exampleFmu(folder, 'dahlquist');
    const server = await serve({ token: 'secret' });
    const described = readFmuProxyDescription(HOST, server.tcpPort!, { file }, { token: 'secret' });
    expect((await described).model.modelName).toBe('dahlquist');
    const wrong = readFmuProxyDescription(HOST, server.tcpPort!, { file }, { token: 'wrong' });
    await expect(wrong).rejects.toMatchObject({ code: 'TB_REMOTE_FMU_PROXY_ACCESS' });
    const none = readFmuProxyDescription(HOST, server.tcpPort!, { file });
    await expect(none).rejects.toThrow(/wants a token/);
  });

  it('says what it has not, or cannot load', async () => {
    const server = await serve();
    const guid = readFmuProxyDescription(HOST, server.tcpPort!, { guid: '{nowhere}' });
    await expect(guid).rejects.toMatchObject({
      code: 'TB_REMOTE_FMU_PROXY_LOAD',
      exitCode: 3,
      message: new RegExp(`^127.0.0.1:${server.tcpPort} has not got the FMU with the GUID '{nowhere}'`),
    });
    const url = readFmuProxyDescription(HOST, server.tcpPort!, { url: 'https://a.b/c.fmu' });
    await expect(url).rejects.toThrow(/cannot load https:\/\/a.b\/c.fmu: this server does not load from https:\/\/a.b/);
    const file = readFmuProxyDescription(HOST, server.tcpPort!, { file: `${folder}/nothing.fmu` });
    await expect(file).rejects.toThrow(/nothing.fmu: no such file/);
    await server.close();
    const gone = readFmuProxyDescription(HOST, 1, { guid: 'x' });
    await expect(gone).rejects.toMatchObject({ code: 'TB_THRIFT_CONNECTION' });
  });
});

describe.skipIf(missingCompiler !== undefined)('a server of another maker', () => {
  /** As the one in C++ fills it: zeros and empty texts for what is not there. */
  async function other(change: (description: Record<string, unknown>) => void = () => {}): Promise<number> {
    const generated = generate('fmuproxy');
    cleanup.push(() => generated.remove());
    const loaded: string[] = [];
    const handlers = {
      load_from_file: (name: string, data: Buffer, done: (error: null, id: string) => void) => {
        loaded.push(`${name} ${data.length > 1000}`);
        done(null, '{other}');
      },
      get_model_description: (_: string, done: (error: null, model: object) => void) => {
        const description = describe_(generated);
        change(description);
        done(null, new (generated.struct('ModelDescription'))(description));
      },
    };
    const options = { transport: apache.TFramedTransport, protocol: apache.TBinaryProtocol };
    const server: Server = apache.createServer(generated.service('FmuService'), handlers, options);
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    cleanup.push(() => server.close());
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  function describe_(generated: Generated): Record<string, unknown> {
    const struct = (name: string, fields: object) => new (generated.struct(name))(fields);
    const real = (start: number) => ({
      real_attribute: struct('RealAttribute', { min: 0, max: 0, start, quantity: '' }),
    });
    const integer = { integer_attribute: struct('IntegerAttribute', { min: -5, max: 5, start: 3, quantity: '' }) };
    const variable = (
      name: string,
      vr: number,
      causality: string,
      variability: string,
      attribute: object,
      initial = '',
    ) =>
      struct('ScalarVariable', {
        name,
        value_reference: vr,
        initial,
        causality,
        variability,
        attribute: struct('ScalarVariableAttribute', attribute),
      });
    return {
      guid: '{other}',
      fmi_version: '2.0',
      modelName: 'Other',
      default_experiment: struct('DefaultExperiment', { startTime: 0, stopTime: 0, tolerance: 0, stepSize: 0 }),
      model_variables: [
        variable('u', 0, 'input', 'continuous', real(0.5)),
        variable('y', 1, 'output', 'continuous', real(0), 'calculated'),
        variable('n', 2, 'parameter', 'fixed', integer, 'exact'),
        variable('c', 3, 'calculated_parameter', 'fixed', real(0)),
        variable('z', 4, 'unknown', 'unknown', real(0), 'unknown'),
      ],
      model_structure: struct('ModelStructure', {
        outputs: [struct('Unknown', { index: 2, dependencies: [], dependencies_kind: [] })],
        derivatives: [],
        initial_unknowns: [struct('Unknown', { index: 99, dependencies: [], dependencies_kind: [] })],
      }),
      model_identifier: 'other',
      can_handle_variable_communication_step_size: true,
    };
  }

  it('is sent the FMU, and understood', async () => {
    const file = exampleFmu(folder, 'dahlquist');
    const { fmuId, model } = await readFmuProxyDescription(HOST, await other(), { file }, { token: 'for others' });
    expect(fmuId).toBe('{other}');
    expect(model).toMatchObject({ fmi: '2.0', modelName: 'Other', token: '{other}', modelIdentifier: 'other' });
    expect(model.capabilities.variableStepSize).toBe(true);
    expect(model.defaultExperiment).toEqual({ startTime: 0 });
    // Zeros that mean nothing are left out; an empty list of dependencies may mean all.
    expect(model.variables).toEqual([
      {
        name: 'u',
        valueReference: 0,
        type: 'Float64',
        causality: 'input',
        variability: 'continuous',
        dimensions: [],
        start: [0.5],
      },
      {
        name: 'y',
        valueReference: 1,
        type: 'Float64',
        causality: 'output',
        variability: 'continuous',
        initial: 'calculated',
        dimensions: [],
      },
      {
        name: 'n',
        valueReference: 2,
        type: 'Int32',
        causality: 'parameter',
        variability: 'fixed',
        initial: 'exact',
        min: -5,
        max: 5,
        dimensions: [],
        start: [3],
      },
      {
        name: 'c',
        valueReference: 3,
        type: 'Float64',
        causality: 'calculatedParameter',
        variability: 'fixed',
        initial: 'calculated',
        dimensions: [],
      },
      {
        name: 'z',
        valueReference: 4,
        type: 'Float64',
        causality: 'local',
        variability: 'continuous',
        initial: 'calculated',
        dimensions: [],
      },
    ]);
    expect(model.outputs).toEqual([{ index: 1 }]);
    expect(model.initialUnknowns).toEqual([]);
  });

  it('is not believed what cannot be', async () => {
    const version = await other((description) => Object.assign(description, { fmi_version: '9' }));
    await expect(readFmuProxyDescription(HOST, version, { guid: 'x' })).rejects.toMatchObject({
      code: 'TB_REMOTE_FMU_PROXY_DESCRIPTION',
      message: /unknown FMI version '9'/,
    });
    const reference = await other((description) => {
      Object.assign((description.model_variables as object[])[0]!, { value_reference: -1 });
    });
    await expect(readFmuProxyDescription(HOST, reference, { guid: 'x' })).rejects.toThrow(/the value reference -1/);
  });
});
