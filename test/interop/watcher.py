"""Watches two robots: tells their distance, and that they must stop. An FMU in Python, packed by pythonfmu."""

from math import hypot

from pythonfmu import Boolean, Fmi2Causality, Fmi2Initial, Fmi2Slave, Fmi2Variability, Real


class Watcher(Fmi2Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.x = self.y = self.obstacle_x = self.obstacle_y = 0.0
        self.safe_distance = 2.0
        self.distance = 0.0
        self.stop = False
        for name in ("x", "y", "obstacle_x", "obstacle_y"):
            self.register_variable(Real(name, causality=Fmi2Causality.input))
        self.register_variable(
            Real("safe_distance", causality=Fmi2Causality.parameter, variability=Fmi2Variability.tunable)
        )
        self.register_variable(Real("distance", causality=Fmi2Causality.output))
        self.register_variable(Boolean("stop", causality=Fmi2Causality.output, variability=Fmi2Variability.discrete))

    def do_step(self, current_time, step_size):
        self.distance = hypot(self.x - self.obstacle_x, self.y - self.obstacle_y)
        self.stop = self.stop or self.distance < self.safe_distance
        return True
