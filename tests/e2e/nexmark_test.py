"""Every Nexmark query, by its published text, gives what a plain computation over the same events gives.

The events come from the generator, at one slot and at three, and from files that the generator wrote.
"""
import sys

import pytest
from harness import ROOT

sys.path.insert(0, str(ROOT / "bench/nexmark"))
import nexmark  # noqa: E402
import plain  # noqa: E402
import results  # noqa: E402

EVENTS = 20_000
GENERATORS = 3
RATE = 300  # events a second of event time, so that there are several windows and few of equal time
SEED = 11


PUBLISHED_MIX = (1, 3, 46)  # persons, auctions, bids
# Bidders are numbered 1,000 above the persons, so that with the published mix few events give q23 nothing to join.
MIXES = {"q23": (10, 5, 35)}


class Given:
    """Events of one mix, in files and as a plain computation has them."""

    def __init__(self, folder, mix):
        self.folder = folder
        self.mix = dict(zip(("PERSON_PROPORTION", "AUCTION_PROPORTION", "BID_PROPORTION"), mix))
        nexmark.prepare_folder(folder)
        options = {f"{kind}.proportion": share for kind, share in zip(("person", "auction", "bid"), mix)}
        nexmark.write_events(folder / "events", EVENTS, GENERATORS, RATE, SEED, options)
        self.events = plain.Events(sorted((folder / "events").iterdir()))


@pytest.fixture(scope="module")
def given_events(tmp_path_factory):
    made = {}

    def given(mix):
        if mix not in made:
            made[mix] = Given(tmp_path_factory.mktemp("nexmark"), mix)
        return made[mix]

    return given


def answer(query, source, slots, given, output):
    text = nexmark.script(query, source, given.folder,
                          {"EVENTS_PATH": given.folder / "events", "TPS": RATE, "EVENTS_NUM": EVENTS,
                           "SUBMIT_TIME": output.name, **given.mix})
    text = text.replace("'connector' = 'nexmark',",
                        f"'connector' = 'nexmark', 'seed' = '{SEED}', 'generators' = '{GENERATORS}',")
    settings = {"parallelism.default": slots}
    if query == "q10":
        nexmark.run_sql(text, settings)
        return results.partitions_in(given.folder / "data/output" / output.name / "bid")
    with open(output, "w+", encoding="utf-8") as out:
        nexmark.run_sql(nexmark.as_select(text), settings, stdout=out)
        out.seek(0)
        return results.rows_of(out)


@pytest.mark.parametrize("query", nexmark.QUERIES)
def test_a_query_gives_what_a_plain_computation_gives(query, given_events, tmp_path):
    given = given_events(MIXES.get(query, PUBLISHED_MIX))
    open_keys = plain.OPEN_KEYS[query](given.events) if query in plain.OPEN_KEYS else ()
    expected = results.comparable(query, plain.COMPUTATIONS[query](given.events), open_keys)
    assert any(row[0] not in open_keys for row in expected) if open_keys else expected, "there is a result to compare"
    for source, slots in (("generator", 1), ("generator", 3), ("files", 3)):
        got = results.comparable(query, answer(query, source, slots, given, tmp_path / f"{source}-{slots}"), open_keys)
        only_here, missing = (list((one - other).items())[:3] for one, other in ((got, expected), (expected, got)))
        assert not only_here and not missing, f"{source} at {slots} slots: only here {only_here}, missing {missing}"
