"""What Thrift's code in Python leaves to others to check: that every field has come, and with the type it is declared with."""

ATTRIBUTE = {"min", "max", "start", "quantity"}
OPTIONAL = {
    # Not declared so, but who reads does without what a model has not.
    "IntegerAttribute": ATTRIBUTE,
    "RealAttribute": ATTRIBUTE,
    "StringAttribute": ATTRIBUTE,
    "BooleanAttribute": ATTRIBUTE,
    "EnumerationAttribute": ATTRIBUTE,
    "DefaultExperiment": {"startTime", "stopTime", "tolerance", "stepSize"},
    "ModelDescription": {
        "license", "copyright", "author", "version", "description", "generation_tool", "generation_date_and_time",
        "default_experiment", "variable_naming_convention",
    },
    "ScalarVariable": {"description", "initial", "causality", "variability"},
}  # fmt: skip


def missing_in(value, where="an argument"):
    """Fields of what came over the wire that did not: Thrift skips one of another type, and leaves it None."""
    if value is None:
        return [where]
    if isinstance(value, list):
        return [problem for index, each in enumerate(value) for problem in missing_in(each, f"{where}[{index}]")]
    if not hasattr(value, "thrift_spec"):
        return []
    kind = type(value).__name__
    names = [field[2] for field in value.thrift_spec if field is not None]
    if kind == "ScalarVariableAttribute":  # a union
        chosen = [name for name in names if getattr(value, name) is not None]
        if len(chosen) != 1:
            return [f"one of {where}.{'|'.join(names)}"]
        names = chosen
    return [
        problem
        for name in names
        if not (name in OPTIONAL.get(kind, ()) and getattr(value, name) is None)
        for problem in missing_in(getattr(value, name), f"{where}.{name}")
    ]
