/**
 * `FmuService` of FMU-proxy 0.6, and ours (`tb_…`): many FMUs, and many instances of each, behind one port.
 *
 * What Java leaves out where it has nothing to say is optional here, whatever the original says.
 */
import { ThriftService } from '../service.js';

export const FMU_PROXY_SHAPE = {
  structs: {
    IntegerRead: { value: '1: list<i32>', status: '2: i32' },
    RealRead: { value: '1: list<double>', status: '2: i32' },
    StringRead: { value: '1: list<string>', status: '2: i32' },
    BooleanRead: { value: '1: list<bool>', status: '2: i32' },
    StepResult: { status: '1: i32', simulation_time: '2: double' },
    DirectionalDerivativeResult: { dv_unknown_ref: '1: list<double>', status: '2: i32' },
    IntegerAttribute: {
      min: '1: optional i32',
      max: '2: optional i32',
      start: '3: optional i32',
      quantity: '4: optional string',
    },
    RealAttribute: {
      min: '1: optional double',
      max: '2: optional double',
      start: '3: optional double',
      quantity: '4: optional string',
    },
    StringAttribute: { start: '1: optional string' },
    BooleanAttribute: { start: '1: optional bool' },
    EnumerationAttribute: {
      min: '1: optional i32',
      max: '2: optional i32',
      start: '3: optional i32',
      quantity: '4: optional string',
    },
    ScalarVariable: {
      name: '1: string',
      value_reference: '2: int53',
      description: '3: optional string',
      initial: '4: optional string',
      causality: '5: optional string',
      variability: '6: optional string',
      attribute: '7: ScalarVariableAttribute',
    },
    Unknown: {
      index: '1: i32',
      dependencies: '2: optional list<i32>',
      dependencies_kind: '3: optional list<string>',
    },
    ModelStructure: {
      outputs: '1: optional list<Unknown>',
      derivatives: '2: optional list<Unknown>',
      initial_unknowns: '3: optional list<Unknown>',
    },
    DefaultExperiment: {
      startTime: '1: optional double',
      stopTime: '2: optional double',
      tolerance: '3: optional double',
      stepSize: '4: optional double',
    },
    ModelDescription: {
      guid: '1: string',
      fmi_version: '2: string',
      modelName: '3: string',
      license: '4: optional string',
      copyright: '5: optional string',
      author: '6: optional string',
      version: '7: optional string',
      description: '8: optional string',
      generation_tool: '9: optional string',
      generation_date_and_time: '10: optional string',
      default_experiment: '11: optional DefaultExperiment',
      variable_naming_convention: '12: optional string',
      model_variables: '13: list<ScalarVariable>',
      model_structure: '14: optional ModelStructure',
      model_identifier: '15: optional string',
      can_get_and_set_fmu_state: '16: optional bool',
      can_serialize_fmu_state: '17: optional bool',
      provides_directional_derivative: '18: optional bool',
      can_handle_variable_communication_step_size: '19: optional bool',
      can_interpolate_inputs: '20: optional bool',
      max_output_derivative_order: '21: optional i32',
    },
    NoSuchFmuException: { message: '1: optional string' },
    NoSuchInstanceException: { message: '1: optional string' },
    NoSuchVariableException: { message: '1: optional string' },
    UnsupportedOperationException: { message: '1: optional string' },
  },
  unions: {
    ScalarVariableAttribute: {
      integer_attribute: '1: IntegerAttribute',
      real_attribute: '2: RealAttribute',
      string_attribute: '3: StringAttribute',
      boolean_attribute: '4: BooleanAttribute',
      enumeration_attribute: '5: EnumerationAttribute',
    },
  },
  methods: {
    load_from_url: { args: { url: '1: string' }, returns: 'string' },
    load_from_file: { args: { name: '1: string', data: '2: binary' }, returns: 'string' },
    get_model_description: {
      args: { fmuId: '1: string' },
      returns: 'ModelDescription',
      throws: { noFmu: '1: NoSuchFmuException' },
    },
    create_instance: {
      args: { fmuId: '1: string' },
      returns: 'string',
      throws: { unsupported: '1: UnsupportedOperationException', noFmu: '2: NoSuchFmuException' },
    },
    setup_experiment: {
      args: { instanceId: '1: string', start: '2: double', stop: '3: double', tolerance: '4: double' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    enter_initialization_mode: {
      args: { instanceId: '1: string' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    exit_initialization_mode: {
      args: { instanceId: '1: string' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    step: {
      args: { instanceId: '1: string', stepSize: '2: double' },
      returns: 'StepResult',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    reset: {
      args: { instanceId: '1: string' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    terminate: {
      args: { instanceId: '1: string' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    freeInstance: {
      args: { instanceId: '1: string' },
      returns: 'void',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    read_integer: {
      args: { instanceId: '1: string', vr: '2: list<int53>' },
      returns: 'IntegerRead',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    read_real: {
      args: { instanceId: '1: string', vr: '2: list<int53>' },
      returns: 'RealRead',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    read_string: {
      args: { instanceId: '1: string', vr: '2: list<int53>' },
      returns: 'StringRead',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    read_boolean: {
      args: { instanceId: '1: string', vr: '2: list<int53>' },
      returns: 'BooleanRead',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    write_integer: {
      args: { instanceId: '1: string', vr: '2: list<int53>', value: '3: list<i32>' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    write_real: {
      args: { instanceId: '1: string', vr: '2: list<int53>', value: '3: list<double>' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    write_string: {
      args: { instanceId: '1: string', vr: '2: list<int53>', value: '3: list<string>' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    write_boolean: {
      args: { instanceId: '1: string', vr: '2: list<int53>', value: '3: list<bool>' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    get_directional_derivative: {
      args: {
        instanceId: '1: string',
        vUnknownRef: '2: list<int53>',
        vKnownRef: '3: list<int53>',
        dvKnownRef: '4: list<double>',
      },
      returns: 'DirectionalDerivativeResult',
      throws: { noInstance: '1: NoSuchInstanceException', unsupported: '2: UnsupportedOperationException' },
    },
    tb_authenticate: { args: { token: '1: string' }, returns: 'bool' },
    /** The identification of the FMU of this SHA-256; empty: it is not here, and has to be sent. */
    tb_load_known: { args: { sha256: '1: string' }, returns: 'string' },
  },
} as const;

export const FMU_PROXY: ThriftService<typeof FMU_PROXY_SHAPE> = new ThriftService('FmuProxy', FMU_PROXY_SHAPE);
