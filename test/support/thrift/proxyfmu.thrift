/*
 * proxyfmu as the Open Simulation Platform speaks it, written down from its wire: framed, strict binary, one connection a server.
 * Versions 0.2.2 to 0.3.x are without the states, so these methods are in a service of their own; inheritance does not show on the
 * wire. Descriptions of models never cross it: a client reads its own copy of the FMU.
 */
namespace py proxyfmu

enum Status {
  OK_STATUS = 0,
  WARNING_STATUS = 1,
  DISCARD_STATUS = 2,
  ERROR_STATUS = 3,
  FATAL_STATUS = 4,
  PENDING_STATUS = 5,
}

struct IntegerRead { 1: list<i32> value, 2: Status status }
struct RealRead { 1: list<double> value, 2: Status status }
struct StringRead { 1: list<string> value, 2: Status status }
struct BooleanRead { 1: list<bool> value, 2: Status status }

exception NoSuchInstanceException { 1: string message }
exception NoSuchVariableException { 1: string message }
exception UnsupportedOperationException { 1: string message }

/** 0.2.2 to 0.3.x: one process, one instance. */
service StatelessFmuService {
  void instantiate()
  Status setup_experiment(1: double start, 2: double stop, 3: double tolerance) throws (1: NoSuchInstanceException ex)
  Status enter_initialization_mode() throws (1: NoSuchInstanceException ex)
  Status exit_initialization_mode() throws (1: NoSuchInstanceException ex)
  Status step(1: double currentTime, 2: double stepSize) throws (1: NoSuchInstanceException ex)
  Status terminate() throws (1: NoSuchInstanceException ex)
  void freeInstance() throws (1: NoSuchInstanceException ex)

  IntegerRead read_integer(1: list<i64> vr) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  RealRead read_real(1: list<i64> vr) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  StringRead read_string(1: list<i64> vr) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  BooleanRead read_boolean(1: list<i64> vr) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)

  Status write_integer(1: list<i64> vr, 2: list<i32> value) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  Status write_real(1: list<i64> vr, 2: list<double> value) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  Status write_string(1: list<i64> vr, 2: list<string> value) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  Status write_boolean(1: list<i64> vr, 2: list<bool> value) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
}

struct ExportedState {
  1: i32 schemeVersion,
  /** The guid of the FMU. */
  2: string uuid,
  3: binary fmuState,
  4: bool setupComplete,
  5: bool simStarted,
}

/** 0.4.0 and later. A state is named by its index. */
service FmuService extends StatelessFmuService {
  i32 save_state() throws (1: UnsupportedOperationException ex1, 2: NoSuchVariableException ex2)
  void save_state_by_index(1: i32 state_index) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  void restore_state(1: i32 state_index) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  void release_state(1: i32 state_index) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  ExportedState export_state(1: i32 state_index) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
  i32 import_state(1: ExportedState exported_state) throws (1: NoSuchInstanceException ex1, 2: NoSuchVariableException ex2)
}

service BootService {
  /** Of the process that was started for the instance; -999: it ended before it had one. */
  i32 loadFromBinaryData(1: string fmuName, 2: string instanceName, 3: binary data)
}
