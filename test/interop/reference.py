"""What fmpy.simulate_fmu makes of an FMU: the yardstick for a run by another master."""

from exchange import answer, question
from fmpy import simulate_fmu

scenario = question()
result = simulate_fmu(
    scenario["fmu"],
    stop_time=scenario["stop"],
    output_interval=scenario["step"],
    start_values=scenario["start"],
    output=scenario["outputs"],
)
answer({name: result[name].tolist() for name in result.dtype.names})
