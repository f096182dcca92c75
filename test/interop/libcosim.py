"""The scenario of two-robots.ts in libcosim, put together by its API or from an OspSystemStructure.xml."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

from exchange import answer, question
from libcosimpy.CosimExecution import CosimExecution
from libcosimpy.CosimLogging import CosimLogLevel, log_output_level
from libcosimpy.CosimObserver import CosimObserver
from libcosimpy.CosimSlave import CosimLocalSlave

NS = 1e9
scenario = question()
log_output_level(CosimLogLevel.WARNING)


def must(done, what):
    if not done:
        raise RuntimeError(f"libcosim cannot {what}")


def references(execution, slave):
    return {variable.name.decode(): variable.reference for variable in execution.slave_variables(slave)}


def by_api():
    execution = CosimExecution.from_step_size(scenario["step"] * NS)
    slaves = {
        name: execution.add_local_slave(CosimLocalSlave(file, name)) for name, file in scenario["components"].items()
    }
    vr = {name: references(execution, slave) for name, slave in slaves.items()}
    for name, values in scenario["start"].items():
        for variable, value in values.items():
            set_initial = execution.string_initial_value if isinstance(value, str) else execution.real_initial_value
            must(set_initial(slaves[name], vr[name][variable], value), f"set {name}.{variable}")
    for connection in scenario["connections"]:
        (source, output), (target, variable) = connection["from"], connection["to"]
        connect = (
            execution.connect_real_variables if connection["type"] == "Real" else execution.connect_boolean_variables
        )
        must(connect(slaves[source], vr[source][output], slaves[target], vr[target][variable]) == 0, f"connect {target}")
    return execution


def by_osp():
    def element(tag, **attributes):
        return f"<{tag} {' '.join(f'{key}={quoteattr(str(value))}' for key, value in attributes.items())}/>"

    def simulator(name, file):
        starts = "".join(
            f'<InitialValue variable="{variable}">{element("String" if isinstance(value, str) else "Real", value=value)}'
            "</InitialValue>"
            for variable, value in scenario["start"][name].items()
        )
        return f'<Simulator name="{name}" source="{Path(file).name}"><InitialValues>{starts}</InitialValues></Simulator>'

    def connection(pair):
        ends = (element("Variable", simulator=component, name=variable) for component, variable in pair)
        return f"<VariableConnection>{''.join(ends)}</VariableConnection>"

    structure = Path(scenario["folder"]) / "OspSystemStructure.xml"
    structure.write_text(f"""<OspSystemStructure version="0.1"
    xmlns="http://opensimulationplatform.com/MSMI/OSPSystemStructure">
  <StartTime>0</StartTime>
  <BaseStepSize>{scenario["step"]}</BaseStepSize>
  <Algorithm>fixedStep</Algorithm>
  <Simulators>{"".join(simulator(*component) for component in scenario["components"].items())}</Simulators>
  <Connections>{"".join(connection((c["from"], c["to"])) for c in scenario["connections"])}</Connections>
</OspSystemStructure>
""")
    return CosimExecution.from_osp_config_file(str(structure))


execution = by_api() if scenario["by"] == "api" else by_osp()
observer = CosimObserver.create_last_value()
must(execution.add_observer(observer), "add an observer")
slaves = {name: execution.slave_index_from_instance_name(name) for name in scenario["components"]}
vr = {name: references(execution, slave) for name, slave in slaves.items()}
last = {
    "Real": observer.last_real_values,
    "Integer": observer.last_integer_values,
    "Boolean": observer.last_boolean_values,
    "String": observer.last_string_values,
}

rows = []
for _ in range(scenario["steps"]):
    must(execution.step(), f"make the step after {execution.status().current_time / NS} s")
    row = {"time": execution.status().current_time / NS}
    for component, variable, kind in scenario["outputs"]:
        (value,) = last[kind](slaves[component], [vr[component][variable]])
        row[f"{component}.{variable}"] = value.decode() if kind == "String" else value
    rows.append(row)

answer(rows)
