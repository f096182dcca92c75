"""What an interpreter needs to reach the first line of a script."""

import time

print(f'{{"initialised": {time.monotonic_ns()}}}')
