/**
 * What a process with one instance of an FMU offers: `FmuService` of proxyfmu 0.4, and ours (`tb_…`), which others answer as
 * unknown methods. Clients before 0.4 have no states.
 */
import { ThriftService } from '../service.js';

/** `Status` of both systems: `fmi2Status`. */
export const ThriftStatus = { ok: 0, warning: 1, discard: 2, error: 3, fatal: 4, pending: 5 } as const;

export const FMU_SERVICE_SHAPE = {
  structs: {
    IntegerRead: { value: '1: list<i32>', status: '2: i32' },
    RealRead: { value: '1: list<double>', status: '2: i32' },
    StringRead: { value: '1: list<string>', status: '2: i32' },
    BooleanRead: { value: '1: list<bool>', status: '2: i32' },
    ExportedState: {
      schemeVersion: '1: i32',
      uuid: '2: string',
      fmuState: '3: binary',
      setupComplete: '4: bool',
      simStarted: '5: bool',
    },
    LogMessage: { status: '1: i32', category: '2: string', message: '3: string' },
    CommandsAnswer: { answer: '1: binary', log: '2: list<LogMessage>', dropped: '3: int53' },
    NoSuchInstanceException: { message: '1: optional string' },
    NoSuchVariableException: { message: '1: optional string' },
    UnsupportedOperationException: { message: '1: optional string' },
  },
  methods: {
    instantiate: { args: {}, returns: 'void' },
    setup_experiment: {
      args: { start: '1: double', stop: '2: double', tolerance: '3: double' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    enter_initialization_mode: { args: {}, returns: 'i32', throws: { noInstance: '1: NoSuchInstanceException' } },
    exit_initialization_mode: { args: {}, returns: 'i32', throws: { noInstance: '1: NoSuchInstanceException' } },
    terminate: { args: {}, returns: 'i32', throws: { noInstance: '1: NoSuchInstanceException' } },
    step: {
      args: { currentTime: '1: double', stepSize: '2: double' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException' },
    },
    freeInstance: { args: {}, returns: 'void', throws: { noInstance: '1: NoSuchInstanceException' } },
    read_integer: {
      args: { vr: '1: list<int53>' },
      returns: 'IntegerRead',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    read_real: {
      args: { vr: '1: list<int53>' },
      returns: 'RealRead',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    read_string: {
      args: { vr: '1: list<int53>' },
      returns: 'StringRead',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    read_boolean: {
      args: { vr: '1: list<int53>' },
      returns: 'BooleanRead',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    write_integer: {
      args: { vr: '1: list<int53>', value: '2: list<i32>' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    write_real: {
      args: { vr: '1: list<int53>', value: '2: list<double>' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    write_string: {
      args: { vr: '1: list<int53>', value: '2: list<string>' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    write_boolean: {
      args: { vr: '1: list<int53>', value: '2: list<bool>' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    save_state: {
      args: {},
      returns: 'i32',
      throws: { unsupported: '1: UnsupportedOperationException', noVariable: '2: NoSuchVariableException' },
    },
    save_state_by_index: {
      args: { state_index: '1: i32' },
      returns: 'void',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    restore_state: {
      args: { state_index: '1: i32' },
      returns: 'void',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    release_state: {
      args: { state_index: '1: i32' },
      returns: 'void',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    export_state: {
      args: { state_index: '1: i32' },
      returns: 'ExportedState',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    import_state: {
      args: { exported_state: '1: ExportedState' },
      returns: 'i32',
      throws: { noInstance: '1: NoSuchInstanceException', noVariable: '2: NoSuchVariableException' },
    },
    tb_authenticate: { args: { token: '1: string' }, returns: 'bool' },
    /** Of as many values as the variables have elements. */
    tb_directional_derivative: {
      args: { unknowns: '1: list<int53>', knowns: '2: list<int53>', seeds: '3: list<double>' },
      returns: 'RealRead',
    },
    tb_commands: { args: { version: '1: i32', request: '2: binary' }, returns: 'CommandsAnswer' },
  },
} as const;

export const FMU_SERVICE: ThriftService<typeof FMU_SERVICE_SHAPE> = new ThriftService('FmuService', FMU_SERVICE_SHAPE);
