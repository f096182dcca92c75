"""der(x) = u - rate x by Heun's method, and steps counted: an FMU of FMI 3.0 in Python, packed by pythonfmu3."""

from pythonfmu3 import Boolean, Float64, Fmi3Causality, Fmi3Slave, Fmi3Variability, Int32


class Integrator3(Fmi3Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.time = 0.0
        self.u = 0.0
        self.rate = 0.5
        self.x = 1.0
        self.steps = 0
        self.odd = False
        self.register_variable(Float64("time", causality=Fmi3Causality.independent, variability=Fmi3Variability.continuous))
        self.register_variable(Float64("u", causality=Fmi3Causality.input))
        self.register_variable(Float64("rate", causality=Fmi3Causality.parameter, variability=Fmi3Variability.tunable))
        self.register_variable(Float64("x", causality=Fmi3Causality.output))
        self.register_variable(Int32("steps", causality=Fmi3Causality.output, variability=Fmi3Variability.discrete))
        self.register_variable(Boolean("odd", causality=Fmi3Causality.output, variability=Fmi3Variability.discrete))

    def do_step(self, current_time, step_size):
        first = self.u - self.rate * self.x
        second = self.u - self.rate * (self.x + step_size * first)
        self.x += step_size * (first + second) / 2
        self.steps += 1
        self.odd = self.steps % 2 == 1
        return True
