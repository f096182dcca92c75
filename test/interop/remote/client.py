"""
A client of nobody's house, by Thrift's own code from its own compiler. Asked:

  service    proxyfmu.FmuService and the like
  port       on this machine
  http       JSON in POSTs to /thrift, else framed binary
  calls      [method, argument, …], one after another on one connection. An argument may be {"hex"}, {"file"}: bytes, or
             {"result": n, "field"}: what call n has answered, or a field of it

Answers a list, one entry a call: {"result"} or {"thrown", "code", "message"}; after a lost connection there are no more.
"""

import importlib
from pathlib import Path

from exchange import answer, question
from strict import missing_in
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.Thrift import TException
from thrift.transport.THttpClient import THttpClient
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport, TTransportException

PATIENCE_MS = 20_000

asked = question()
service = importlib.import_module(asked["service"])
if asked.get("http"):
    transport = THttpClient(f"http://127.0.0.1:{asked['port']}/thrift")
    protocol = TJSONProtocol(transport)
else:
    connection = TSocket("127.0.0.1", asked["port"])
    connection.setTimeout(PATIENCE_MS)
    transport = TFramedTransport(connection)
    protocol = TBinaryProtocol(transport, strictRead=True, strictWrite=True)
client = service.Client(protocol)
results = []


def argument(value):
    if not isinstance(value, dict):
        return value
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    if "file" in value:
        return Path(value["file"]).read_bytes()
    result = results[value["result"]]
    return getattr(result, value["field"]) if "field" in value else result


def plain(value):
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if hasattr(value, "thrift_spec"):
        fields = ((field[2], getattr(value, field[2])) for field in value.thrift_spec if field is not None)
        return {name: plain(each) for name, each in fields if each is not None}
    return value


answers = []
transport.open()
for method, *arguments in asked["calls"]:
    try:
        result = getattr(client, method)(*map(argument, arguments))
        missing = [] if result is None else missing_in(result, method)
        if missing:
            raise ValueError(f"the answer has no {', '.join(missing)}")
        results.append(result)
        answers.append({"result": plain(result)})
    except (TException, OSError, EOFError) as error:
        results.append(None)
        message = getattr(error, "message", None) or str(error)
        answers.append({"thrown": type(error).__name__, "code": getattr(error, "type", None), "message": message})
        if isinstance(error, (TTransportException, OSError, EOFError)):
            break
transport.close()
answer(answers)
