"""der(x) = u - rate x by Heun's method, and steps counted: an FMU of FMI 2.0 in Python, packed by pythonfmu."""

from pythonfmu import Boolean, Fmi2Causality, Fmi2Slave, Fmi2Variability, Integer, Real


class Integrator2(Fmi2Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.u = 0.0
        self.rate = 0.5
        self.x = 1.0
        self.steps = 0
        self.odd = False
        self.register_variable(Real("u", causality=Fmi2Causality.input))
        self.register_variable(Real("rate", causality=Fmi2Causality.parameter, variability=Fmi2Variability.tunable))
        self.register_variable(Real("x", causality=Fmi2Causality.output))
        self.register_variable(Integer("steps", causality=Fmi2Causality.output))
        self.register_variable(Boolean("odd", causality=Fmi2Causality.output, variability=Fmi2Variability.discrete))

    def do_step(self, current_time, step_size):
        first = self.u - self.rate * self.x
        second = self.u - self.rate * (self.x + step_size * first)
        self.x += step_size * (first + second) / 2
        self.steps += 1
        self.odd = self.steps % 2 == 1
        return True
