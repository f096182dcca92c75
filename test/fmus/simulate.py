"""What fmpy.simulate_fmu makes of each scenario: named scenarios in, their columns out."""

from exchange import answer, question
from fmpy import simulate_fmu


def run(scenario):
    result = simulate_fmu(
        scenario["fmu"],
        start_time=scenario.get("begin", 0.0),
        stop_time=scenario["stop"],
        output_interval=scenario["step"],
        start_values=scenario.get("start", {}),
        output=scenario["outputs"],
        use_event_mode=scenario.get("events", False),
        early_return_allowed=scenario.get("early", False),
    )
    return {name: result[name].tolist() for name in result.dtype.names}


answer({name: run(scenario) for name, scenario in question().items()})
