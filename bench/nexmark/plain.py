"""The Nexmark queries computed plainly, over all events at once: what any engine must answer.

Nothing here comes from an engine: loops and dictionaries over the events as `millrace nexmark generate` writes them.
The events of a file must be in the order of event time, so that none is late.
"""
import json
import re
from collections import defaultdict, namedtuple
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import nexmark

Person = namedtuple("Person", "id name emailAddress creditCard city state dateTime extra")
Auction = namedtuple("Auction", "id itemName description initialBid reserve dateTime expires seller category extra")
Bid = namedtuple("Bid", "auction bidder price channel url dateTime extra")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
WINDOW_MS = 10_000


def milliseconds(text):
    seconds = datetime.strptime(text[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    return int((seconds - EPOCH).total_seconds()) * 1000 + int((text[20:] + "000")[:3])


def at(time_ms, form="%Y-%m-%d %H:%M:%S"):
    return (EPOCH + timedelta(milliseconds=time_ms)).strftime(form)


def timestamp(time_ms):
    fraction = time_ms % 1000
    return at(time_ms) + (f".{fraction:03}".rstrip("0") if fraction else "")


class Events:
    """The events of some files; times are milliseconds since 1970."""

    def __init__(self, paths):
        self.persons, self.auctions, self.bids = [], [], []
        kinds = {"person": (Person, self.persons), "auction": (Auction, self.auctions), "bid": (Bid, self.bids)}
        for path in paths:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    event = json.loads(line)
                    kind, into = kinds[("person", "auction", "bid")[event["event_type"]]]
                    fields = event[kind.__name__.lower()]
                    for name in ("dateTime", "expires"):
                        if name in fields:
                            fields[name] = milliseconds(fields[name])
                    into.append(kind(**fields))

    def bids_of_auctions(self):
        """Every auction with its bids while it was open, bids in order of arrival."""
        bids = defaultdict(list)
        for bid in self.bids:
            bids[bid.auction].append(bid)
        for auction in self.auctions:
            valid = [bid for bid in bids[auction.id] if auction.dateTime <= bid.dateTime <= auction.expires]
            if valid:
                yield auction, valid


def grouped(rows, key):
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def euros(price):
    return Decimal("0.908") * price


def average(numbers):
    """As SQL has it for integers: the fraction is cut."""
    return sum(numbers) // len(numbers)


def q0(events):
    return [(bid.auction, bid.bidder, bid.price, timestamp(bid.dateTime), bid.extra) for bid in events.bids]


def q1(events):
    return [(bid.auction, bid.bidder, euros(bid.price), timestamp(bid.dateTime), bid.extra) for bid in events.bids]


def q2(events):
    return [(bid.auction, bid.price) for bid in events.bids if bid.auction % 123 == 0]


def q3(events):
    persons = grouped((person for person in events.persons if person.state in ("OR", "ID", "CA")), lambda row: row.id)
    return [(person.name, person.city, person.state, auction.id) for auction in events.auctions
            if auction.category == 10 for person in persons[auction.seller]]


def q4(events):
    finals = defaultdict(list)
    for auction, bids in events.bids_of_auctions():
        finals[auction.category].append(max(bid.price for bid in bids))
    return [(category, average(prices)) for category, prices in finals.items()]


def q5(events):
    counts = defaultdict(lambda: defaultdict(int))
    for bid in events.bids:
        last = bid.dateTime - bid.dateTime % 2000
        for start in range(last - WINDOW_MS + 2000, last + 1, 2000):
            counts[start][bid.auction] += 1
    return [(auction, count) for window in counts.values() for auction, count in window.items()
            if count == max(window.values())]


def q6_winners(events):
    """The won auctions of each seller: (time of the winning bid, price), and whether more than one bid won."""
    winners = defaultdict(list)
    for auction, bids in events.bids_of_auctions():
        price = max(bid.price for bid in bids)
        times = {bid.dateTime for bid in bids if bid.price == price}
        winners[auction.seller].append((min(times), price, len(times) > 1))
    return winners


def q6(events):
    rows = []
    for seller, won in q6_winners(events).items():
        prices = [price for _, price, _ in sorted(won)]
        rows += [(seller, average(prices[max(0, i - 10):i + 1])) for i in range(len(prices))]
    return rows


def q6_open(events):
    """Sellers whose order of auctions the query leaves open, as times or winning prices are equal."""
    return {seller for seller, won in q6_winners(events).items()
            if any(several for _, _, several in won) or len({time for time, _, _ in won}) < len(won)}


def q7(events):
    highest = defaultdict(int)
    for bid in events.bids:
        start = bid.dateTime - bid.dateTime % WINDOW_MS
        highest[start] = max(highest[start], bid.price)
    starts = grouped(highest.items(), lambda item: item[1])
    return [(bid.auction, bid.bidder, bid.price, timestamp(bid.dateTime), bid.extra) for bid in events.bids
            for start, _ in starts.get(bid.price, ()) if start <= bid.dateTime <= start + WINDOW_MS]


def q8(events):
    sellers = {(auction.seller, auction.dateTime // WINDOW_MS) for auction in events.auctions}
    persons = {(person.id, person.name, person.dateTime // WINDOW_MS) for person in events.persons}
    return [(key, name, timestamp(window * WINDOW_MS)) for key, name, window in persons if (key, window) in sellers]


def q9(events):
    rows = []
    for auction, bids in events.bids_of_auctions():
        best = min(bids, key=lambda bid: (-bid.price, bid.dateTime))
        rows.append((*auction[:5], timestamp(auction.dateTime), timestamp(auction.expires), *auction[7:],
                     best.auction, best.bidder, best.price, timestamp(best.dateTime), best.extra))
    return rows


def q10(events):
    """As partitions_in() of results.py reads what was written."""
    return [(str(bid.auction), str(bid.bidder), str(bid.price), timestamp(bid.dateTime), bid.extra,
             f"dt={at(bid.dateTime, '%Y-%m-%d')}", f"hm={at(bid.dateTime, '%H%%3A%M')}") for bid in events.bids]


def q11(events):
    rows = []
    for bidder, bids in grouped(events.bids, lambda row: row.bidder).items():
        sessions = []
        for time in sorted(bid.dateTime for bid in bids):
            if sessions and time <= sessions[-1][-1] + WINDOW_MS:
                sessions[-1].append(time)
            else:
                sessions.append([time])
        rows += [(bidder, len(times), timestamp(times[0]), timestamp(times[-1] + WINDOW_MS)) for times in sessions]
    return rows


def q12(events):
    """The counts of each bidder over all windows, which are of processing time."""
    return [(bidder, len(bids)) for bidder, bids in grouped(events.bids, lambda row: row.bidder).items()]


def q13(events):
    return [(bid.auction, bid.bidder, bid.price, timestamp(bid.dateTime), str(bid.auction % 10000)) for bid in events.bids
            if bid.auction % 10000 < nexmark.SIDE_INPUT_ROWS]


def q14(events):
    rows = []
    for bid in events.bids:
        if 1000000 < euros(bid.price) < 50000000:
            hour = int(at(bid.dateTime, "%H"))
            kind = "dayTime" if 8 <= hour <= 18 else "nightTime" if hour <= 6 or hour >= 20 else "otherTime"
            rows.append((bid.auction, bid.bidder, euros(bid.price), kind, timestamp(bid.dateTime), bid.extra,
                         bid.extra.count("c")))
    return rows


def by_rank(bids):
    return [bids, [bid for bid in bids if bid.price < 10000], [bid for bid in bids if 10000 <= bid.price < 1000000],
            [bid for bid in bids if bid.price >= 1000000]]


def statistics(bids):
    ranks = by_rank(bids)
    return (*(len(rank) for rank in ranks), *(len({bid.bidder for bid in rank}) for rank in ranks),
            *(len({bid.auction for bid in rank}) for rank in ranks))


def day(bid):
    return at(bid.dateTime, "%Y-%m-%d")


def q15(events):
    return [(key, *statistics(bids)) for key, bids in grouped(events.bids, day).items()]


def q16(events):
    return [(*key, max(at(bid.dateTime, "%H:%M") for bid in bids), *statistics(bids))
            for key, bids in grouped(events.bids, lambda bid: (bid.channel, day(bid))).items()]


def q17(events):
    rows = []
    for key, bids in grouped(events.bids, lambda bid: (bid.auction, day(bid))).items():
        prices = [bid.price for bid in bids]
        rows.append((*key, *(len(rank) for rank in by_rank(bids)), min(prices), max(prices), average(prices), sum(prices)))
    return rows


def q18(events):
    last = {}
    for bid in events.bids:
        key = bid.bidder, bid.auction
        if key not in last or bid.dateTime >= last[key].dateTime:
            last[key] = bid
    return [(*bid[:5], timestamp(bid.dateTime), bid.extra) for bid in last.values()]


def q19(events):
    rows = []
    for bids in grouped(events.bids, lambda row: row.auction).values():
        best = sorted(bids, key=lambda bid: -bid.price)[:10]
        rows += [(*bid[:5], timestamp(bid.dateTime), bid.extra, rank) for rank, bid in enumerate(best, 1)]
    return rows


def q20(events):
    auctions = {auction.id: auction for auction in events.auctions if auction.category == 10}
    rows = []
    for bid in events.bids:
        if bid.auction in auctions:
            auction = auctions[bid.auction]
            rows.append((*bid[:5], timestamp(bid.dateTime), bid.extra, *auction[1:5], timestamp(auction.dateTime),
                         timestamp(auction.expires), *auction[7:]))
    return rows


def q21(events):
    known = {"apple": "0", "google": "1", "facebook": "2", "baidu": "3"}
    rows = []
    for bid in events.bids:
        channel_id = known.get(bid.channel.lower())
        if channel_id is None:
            match = re.search("(&|^)channel_id=([^&]*)", bid.url)
            channel_id = match and match.group(2)
        if channel_id is not None:
            rows.append((*bid[:4], channel_id))
    return rows


def q22(events):
    return [(*bid[:4], *(bid.url.split("/") + [None] * 6)[3:6]) for bid in events.bids]


def q23(events):
    persons = grouped(events.persons, lambda row: row.id)
    auctions = grouped(events.auctions, lambda row: row.seller)
    return [(bid.bidder, bid.price, bid.channel, bid.url, bid.extra, *person[:6], person.extra, *auction[1:5],
             timestamp(auction.dateTime), timestamp(auction.expires), *auction[7:])
            for bid in events.bids for person in persons.get(bid.bidder, ()) for auction in auctions.get(bid.bidder, ())]


COMPUTATIONS = {query: globals()[query] for query in nexmark.QUERIES}
OPEN_KEYS = {"q6": q6_open}
