/* What twinbridge adds to proxyfmu. A server of others answers that it does not know these methods, and does without. */
include "proxyfmu.thrift"

namespace py twinbridge

struct LogMessage { 1: i32 status, 2: string category, 3: string message }

/** `answer`: results of the commands in the request, as fmu-shim's wire.h lays them out. `dropped`: log messages that found no room. */
struct CommandsAnswer { 1: binary answer, 2: list<LogMessage> log, 3: i64 dropped }

service InstanceService extends proxyfmu.FmuService {
  bool tb_authenticate(1: string token)
  CommandsAnswer tb_commands(1: i32 version, 2: binary request)
}

service BooterService extends proxyfmu.BootService {
  bool tb_authenticate(1: string token)
  /** -1: not known here. */
  i32 tb_load_known(1: string fmuName, 2: string instanceName, 3: string sha256)
}
