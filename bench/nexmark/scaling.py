"""What several slots are worth: one slot, several, and, as a control, as many processes of one slot each at once.

The control is what the machine itself gives: cores may share a physical one, its caches, its memory's bandwidth or its
turbo. Each run lasts long enough for starting to be no part of it.
"""
import shutil
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nexmark

SECONDS = 2.0  # that one slot takes at least
TRIES_OF_LENGTH = 6


class Runner:
    def __init__(self, query, rate, slots):
        self.query, self.rate, self.slots = query, rate, slots

    def run(self, events, slots):
        """{seconds, cpu_seconds...} of one process."""
        with tempfile.TemporaryDirectory(prefix="nexmark-") as name:
            nexmark.prepare_folder(Path(name))
            parameters = {"TPS": self.rate, "EVENTS_NUM": events, "EVENTS_PATH": Path(name) / "events"}
            text = nexmark.script(self.query, "generator", Path(name), parameters)
            return nexmark.run_sql(text, {"parallelism.default": slots})

    def events_for(self, seconds, events):
        """How many events keep one slot busy for so long; at least `events`."""
        for _ in range(TRIES_OF_LENGTH):
            taken = self.run(events, 1)["seconds"]
            if taken >= seconds:
                break
            events = int(events * max(1.2, 1.1 * seconds / taken))
        return events

    def one(self, events):
        return events / self.run(events, 1)["seconds"]

    def several(self, events):
        return events / self.run(events, self.slots)["seconds"]

    def control(self, events):
        """Processes at once, each of one slot and all the events: their speeds together."""
        with ThreadPoolExecutor(self.slots) as pool:
            runs = list(pool.map(lambda _: self.run(events, 1), range(self.slots)))
        return sum(events / run["seconds"] for run in runs)


def measure(query, rate, slots, events, repeat):
    """Medians of `repeat` runs of each kind, in turns."""
    runner = Runner(query, rate, slots)
    result = {"query": query, "slots": slots}
    try:
        nexmark.warm_memory()
        result["events"] = runner.events_for(SECONDS, events)
        kinds = {"one": runner.one, "several": runner.several, "control": runner.control}
        speeds = {kind: [] for kind in kinds}
        for _ in range(repeat):
            for kind, run in kinds.items():
                nexmark.warm_memory()
                speeds[kind].append(run(result["events"]))
    except nexmark.Failed as error:
        return {**result, "error": str(error)}
    one, several, control = (statistics.median(speeds[kind]) for kind in kinds)
    return {**result, "events_per_second_one_slot": one, "events_per_second": several, "speedup": several / one,
            "control_speedup": control / one, "relative_speedup": slots * several / control}


HEADER = f"{'':4} {'M events':>9} {'M ev/s one':>11} {'M ev/s':>8} {'speed-up':>9} {'control':>8} {'relative':>9}"


def line(result):
    if "error" in result:
        return f"{result['query']:4} cannot run: {result['error']}"
    return (f"{result['query']:4} {result['events'] / 1e6:9.0f} {result['events_per_second_one_slot'] / 1e6:11.2f} "
            f"{result['events_per_second'] / 1e6:8.2f} {result['speedup']:9.2f} {result['control_speedup']:8.2f} "
            f"{result['relative_speedup']:9.2f}")
