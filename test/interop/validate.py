"""FMPy's findings about each FMU: names of files in, problems by name out."""

from exchange import answer, question
from fmpy.validation import validate_fmu

answer({name: validate_fmu(name) for name in question()})
