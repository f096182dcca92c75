"""SSP in other tools: its XML schemas, libcosim and Ecos on what is written here, and a file by pyssp_standard."""

import zipfile
from pathlib import Path

from exchange import answer, question

asked = question()


def validate():
    """What the schemas of SSP, which pyssp_standard brings, find wrong with the description and the sets in it."""
    import pyssp_standard
    import xmlschema
    from lxml import etree

    resources = Path(pyssp_standard.__file__).parent / "resources"
    with zipfile.ZipFile(asked["file"]) as archive:
        description = etree.fromstring(archive.read("SystemStructure.ssd"))
    folder = resources if description.get("version") == "1.0" else resources / "ssp2"
    sets = list(description.iter("{http://ssp-standard.org/SSP1/SystemStructureParameterValues}ParameterSet"))
    kinds = {"SystemStructureDescription": [description], "SystemStructureParameterValues": sets}
    return {
        "version": description.get("version"),
        "sets": len(sets),
        "problems": [
            f"{problem.path}: {problem.reason}"
            for kind, elements in kinds.items()
            for element in elements
            for problem in xmlschema.XMLSchema10(str(folder / f"{kind}.xsd")).iter_errors(element)
        ],
    }


def libcosim():
    from libcosimpy.CosimExecution import CosimExecution
    from libcosimpy.CosimObserver import CosimObserver

    execution = CosimExecution.from_ssp_file(asked["file"])
    observer = CosimObserver.create_last_value()
    if not execution.add_observer(observer):
        raise RuntimeError("libcosim cannot add an observer")
    rows = []
    for _ in range(asked["steps"]):
        if not execution.step():
            raise RuntimeError("libcosim cannot make a step")
        row = {"time": execution.status().current_time / 1e9}
        for component, variable, kind in asked["outputs"]:
            slave = execution.slave_index_from_instance_name(component)
            references = {one.name.decode(): one.reference for one in execution.slave_variables(slave)}
            last = getattr(observer, f"last_{kind}_values")
            (value,) = last(slave, [references[variable]])
            row[f"{component}.{variable}"] = value.decode() if kind == "string" else value
        rows.append(row)
    return rows


def ecos():
    from ecospy import EcosSimulation

    rows = []
    with EcosSimulation(step_size=asked["step"], ssp_path=asked["file"]) as simulation:
        simulation.init(parameter_set="initialValues")
        for _ in range(asked["steps"]):
            simulation.step()
            row = {"time": simulation.get_time()}
            for component, variable, kind in asked["outputs"]:
                read = {"boolean": "bool"}.get(kind, kind)
                row[f"{component}.{variable}"] = getattr(simulation, f"get_{read}")(f"{component}::{variable}")
            rows.append(row)
    return rows


def write():
    """Two gains in a row, one of them in a system of its own, with a set and a mapping beside the description."""
    import tempfile

    from pyssp_standard.common_content_ssc import TypeReal
    from pyssp_standard.ssd import (
        SSD,
        Component,
        Connection,
        Connector,
        DefaultExperiment,
        ParameterBinding,
        ParameterMapping,
        System,
    )
    from pyssp_standard.ssm import SSM
    from pyssp_standard.ssp import SSP
    from pyssp_standard.ssv import SSV
    from pyssp_standard.transformation_types import Transformation

    def connectors(kinds):
        return [Connector(name=name, kind=kind, type_=TypeReal(None)) for name, kind in kinds.items()]

    def gain(name):
        component = Component()
        component.name = name
        component.component_type = "application/x-fmu-sharedlibrary"
        component.source = "resources/gain.fmu"
        component.connectors += connectors({"u": "input", "y": "output", "k": "parameter"})
        return component

    folder = Path(tempfile.mkdtemp())
    with SSV(folder / "set.ssv", "w", name="set") as values:
        values.version = "1.0"
        values.add_unit("m", {"m": 1})
        values.add_parameter("gain", value=1.5, unit="m")
        values.add_parameter("unused", value=1, unit="m")
    with SSM(folder / "map.ssm", "w") as mapping:
        mapping.version = "1.0"
        mapping.add_mapping("gain", "first.k")
        mapping.add_mapping(
            "gain", "box.second.k", transformation=Transformation("LinearTransformation", {"factor": 2, "offset": 1})
        )
    with SSP(asked["file"], mode="w") as package:
        for name in ("set.ssv", "map.ssm"):
            package.add_resource(folder / name)
        package.add_resource(asked["fmu"])
        with package.system_structure as description:
            description.name = "made by pyssp_standard"
            description.version = "1.0"
            box = System(None, "box")
            box.elements.append(gain("second"))
            box.connectors += connectors({"in": "input"})
            box.connections.append(Connection(start_connector="in", end_element="second", end_connector="u"))
            description.system = System(None, "root")
            description.system.elements += [gain("first"), box]
            description.system.parameter_bindings.append(
                ParameterBinding(
                    source="resources/set.ssv", parameter_mapping=ParameterMapping(source="resources/map.ssm")
                )
            )
            description.default_experiment = DefaultExperiment()
            description.default_experiment.start_time = 0
            description.default_experiment.stop_time = 2
            description.add_connection(
                Connection(start_element="first", start_connector="y", end_element="box", end_connector="in")
            )
    return asked["file"]


answer({"validate": validate, "libcosim": libcosim, "ecos": ecos, "write": write}[asked["do"]]())
