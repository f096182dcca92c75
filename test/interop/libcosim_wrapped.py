"""A chain of FMUs in libcosim: x of the first is u of the others. Files in, rows out, or what libcosim says."""

from exchange import answer, question
from libcosimpy.CosimExecution import CosimExecution
from libcosimpy.CosimLogging import CosimLogLevel, log_output_level
from libcosimpy.CosimObserver import CosimObserver
from libcosimpy.CosimSlave import CosimLocalSlave

NS = 1e9
scenario = question()
log_output_level(CosimLogLevel.WARNING)

execution = CosimExecution.from_step_size(scenario["step"] * NS)
slaves = {name: execution.add_local_slave(CosimLocalSlave(file, name)) for name, file in scenario["files"].items()}
vr = {
    name: {variable.name.decode(): variable.reference for variable in execution.slave_variables(slave)}
    for name, slave in slaves.items()
}
for name, variable, value in scenario["start"]:
    if not execution.real_initial_value(slaves[name], vr[name][variable], value):
        raise RuntimeError(f"libcosim cannot set {name}.{variable}")
for (source, output), (target, variable) in scenario["connections"]:
    if execution.connect_real_variables(slaves[source], vr[source][output], slaves[target], vr[target][variable]) != 0:
        raise RuntimeError(f"libcosim cannot connect {target}.{variable}")
observer = CosimObserver.create_last_value()
execution.add_observer(observer)

last = {
    "Real": observer.last_real_values,
    "Integer": observer.last_integer_values,
    "Boolean": observer.last_boolean_values,
    "String": observer.last_string_values,
}
rows = []
for _ in range(scenario["steps"]):
    if not execution.step():
        break
    row = []
    for component, variable, kind in scenario["outputs"]:
        (value,) = last[kind](slaves[component], [vr[component][variable]])
        row.append(value.decode() if kind == "String" else value)
    rows.append(row)

answer(rows)
