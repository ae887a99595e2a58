// The generator against a twin that makes one event at a time, and against what the benchmark promises of its
// events: proportions, ids, hot keys, lengths.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "connectors/nexmark/nexmark_table.h"
#include "connectors/nexmark/nexmark_text.h"

namespace millrace {
namespace {

using Draw = NexmarkDraw;
using Row = std::vector<std::string>;  // the fields of an event

constexpr int64_t kBaseMs = 1'700'000'000'000;

NexmarkOptions options(const std::map<std::string, std::string>& given = {}) {
    return NexmarkOptions::from(given);
}

TableSpec wholeTable(const std::map<std::string, std::string>& given = {}) {
    TableSpec spec;
    spec.name = "datagen";
    spec.schema = nexmarkSchema();
    spec.options = given;
    spec.projectAll();
    return spec;
}

// One event at a time, after the description of the public generator.
class Twin {
  public:
    Twin(const NexmarkOptions& options, const NexmarkTimeline& timeline)
        : options_(options), timeline_(timeline) {}

    int kindOf(int64_t id) const {
        const int64_t place = id % options_.epoch();
        if (place < options_.proportions[0]) return 0;
        return place < options_.proportions[0] + options_.proportions[1] ? 1 : 2;
    }

    Row event(int64_t id) const {
        switch (kindOf(id)) {
            case 0:
                return person(id);
            case 1:
                return auction(id);
            default:
                return bid(id);
        }
    }

  private:
    static int64_t below(uint64_t bits, int64_t bound) {
        return static_cast<int64_t>(
            static_cast<unsigned __int128>(bits & 0xFFFFFFFF) * static_cast<uint64_t>(bound) >> 32);
    }
    static std::string text(int64_t number) { return std::to_string(number); }

    int64_t lastAuction(int64_t id) const {
        int64_t epoch = id / options_.epoch();
        int64_t place = id % options_.epoch() - options_.proportions[0];
        if (place < 0) {
            epoch--;
            place = options_.proportions[1] - 1;
        }
        return epoch * options_.proportions[1] + std::min(place, options_.proportions[1] - 1);
    }
    int64_t lastPerson(int64_t id) const {
        const int64_t place = id % options_.epoch();
        return id / options_.epoch() * options_.proportions[0] + std::min(place, options_.proportions[0] - 1);
    }
    int64_t anyPerson(int64_t id, uint64_t random) const {
        const int64_t people = lastPerson(id) + 1;
        const int64_t active = std::min<int64_t>(people, 1000);
        return people - active + below(random, active + 10);
    }
    int64_t timeMs(int64_t number) const {
        const double interval = 1e6 / static_cast<double>(options_.events_per_second) *
                                static_cast<double>(options_.generators.value_or(1));
        return kBaseMs + static_cast<int64_t>(static_cast<double>(number) * interval) / 1000;
    }
    std::string time(int64_t ms) const { return Value::int64(ms * 1000).toString(LogicalType::timestamp(3)); }
    std::string timeOf(int64_t id) const { return time(timeMs(id - timeline_.firstId())); }
    static std::string price(uint64_t random) {
        return text(static_cast<int64_t>(std::llround(std::pow(10.0, unit(random) * 6) * 100)));
    }
    static double unit(uint64_t random) { return static_cast<double>(random >> 28) / 68719476736.0; }
    static std::string word(uint64_t random, int64_t max) {
        std::string cut = nexmarkText().words.substr((random >> 32) % NexmarkText::kWordPlaces,
                                                     static_cast<size_t>(3 + below(random, max - 3)));
        cut.erase(0,
                  cut.find_first_not_of(' ') == std::string::npos ? cut.size() : cut.find_first_not_of(' '));
        cut.erase(cut.find_last_not_of(' ') + 1);
        return cut;
    }
    static std::string extra(uint64_t random, int64_t used, int64_t average) {
        if (used > average) return "";
        const int64_t wanted = average - used;
        const int64_t delta = std::lround(static_cast<double>(wanted) * 0.2);
        const int64_t length = wanted - delta + (delta == 0 ? 0 : below(random, 2 * delta));
        return nexmarkText().extra.substr((random >> 32) % NexmarkText::kExtraPlaces * 6,
                                          static_cast<size_t>(length));
    }

    Row person(int64_t id) const {
        const NexmarkText& texts = nexmarkText();
        const std::string name = texts.names[static_cast<size_t>(below(draw(Draw::PersonName, id), 99))];
        const std::string email = word(draw(Draw::PersonEmailUser, id), 7) + "@" +
                                  word(draw(Draw::PersonEmailHost, id), 5) + ".com";
        std::string card;
        for (int i = 0; i < 4; ++i) {
            const uint64_t bits = draw(Draw::PersonCreditCard, id) >> 16 * i & 0xFFFF;
            card += fmt::format("{}{:04}", i == 0 ? "" : " ", bits * 10'000 >> 16);
        }
        const std::string city = texts.cities[static_cast<size_t>(below(draw(Draw::PersonCity, id), 10))];
        const std::string state = texts.states[static_cast<size_t>(below(draw(Draw::PersonState, id), 6))];
        const auto used =
            static_cast<int64_t>(8 + name.size() + email.size() + card.size() + city.size() + state.size());
        return {text(lastPerson(id) + 1000),
                name,
                email,
                card,
                city,
                state,
                timeOf(id),
                extra(draw(Draw::PersonExtra, id), used, options_.sizes[0])};
    }

    Row auction(int64_t id) const {
        const std::string name = word(draw(Draw::AuctionItemName, id), 20);
        const std::string description = word(draw(Draw::AuctionDescription, id), 100);
        const std::string initial = price(draw(Draw::AuctionInitialBid, id));
        const std::string more = price(draw(Draw::AuctionReserve, id));
        const int64_t number = id - timeline_.firstId();
        const int64_t ahead = 100 * options_.epoch() / options_.proportions[1];
        const int64_t horizon = timeMs(number + ahead) - timeMs(number);
        const auto open =
            static_cast<int64_t>(static_cast<unsigned __int128>(draw(Draw::AuctionExpires, id)) *
                                     static_cast<uint64_t>(std::max<int64_t>(horizon * 2, 1)) >>
                                 64);
        const uint64_t random = draw(Draw::AuctionSeller, id);
        const int64_t seller = below(random, options_.hot_sellers) > 0 ? lastPerson(id) / 100 * 100
                                                                       : anyPerson(id, random >> 32);
        return {text(lastAuction(id) + 1000),
                name,
                description,
                initial,
                text(std::stoll(initial) + std::stoll(more)),
                timeOf(id),
                time(timeMs(number) + 1 + open),
                text(seller + 1000),
                text(10 + below(draw(Draw::AuctionCategory, id), 5)),
                extra(draw(Draw::AuctionExtra, id),
                      static_cast<int64_t>(48 + name.size() + description.size()), options_.sizes[1])};
    }

    Row bid(int64_t id) const {
        const uint64_t first = draw(Draw::BidAuction, id);
        const int64_t last = lastAuction(id);
        const int64_t least = std::max<int64_t>(last - 100, 0);
        const int64_t auction = below(first, options_.hot_auctions) > 0
                                    ? last / 100 * 100
                                    : least + below(first >> 32, last - least + 11);
        const uint64_t second = draw(Draw::BidBidder, id);
        const int64_t bidder = below(second, options_.hot_bidders) > 0 ? lastPerson(id) / 100 * 100 + 1
                                                                       : anyPerson(id, second >> 32);
        const uint64_t third = draw(Draw::BidChannel, id);
        const auto channel = static_cast<size_t>(third >> 63 != 0 ? below(third >> 61 & 3, int64_t{1} << 32)
                                                                  : 4 + below(third, 10'000));
        return {text(auction + 1000),
                text(bidder + 2000),
                price(draw(Draw::BidPrice, id)),
                nexmarkText().channels[channel],
                nexmarkText().urls[channel],
                timeOf(id),
                extra(draw(Draw::BidExtra, id), 32, options_.sizes[2])};
    }

    uint64_t draw(Draw stream, int64_t id) const { return timeline_.draw(stream, id); }

    const NexmarkOptions& options_;
    const NexmarkTimeline& timeline_;
};

Row fieldsOf(const ColumnPtr& row_column, size_t row) {
    Row fields;
    for (const ColumnPtr& child : row_column->children())
        fields.push_back(child->textAt(row));
    return fields;
}

void expectLikeTwin(const std::map<std::string, std::string>& given, uint32_t index, uint64_t begin,
                    uint64_t end) {
    const NexmarkOptions chosen = options(given);
    const NexmarkTimeline timeline(chosen, 7, kBaseMs, chosen.generators.value_or(1), index);
    const NexmarkOutput output = nexmarkOutput(wholeTable(given));
    NexmarkGenerator generator(output, timeline);
    const Batch batch = generator.generate(begin, end);
    const Twin twin(chosen, timeline);
    ASSERT_EQ(batch.rows(), end - begin);
    for (size_t row = 0; row < batch.rows(); ++row) {
        const int64_t id = timeline.firstId() + static_cast<int64_t>(begin + row);
        const int kind = twin.kindOf(id);
        ASSERT_EQ(batch.column(0)->textAt(row), std::to_string(kind)) << id;
        for (int other = 0; other < 3; ++other) {
            const ColumnPtr& column = batch.column(static_cast<size_t>(other + 1));
            ASSERT_EQ(column->isNull(row), other != kind) << id;
            if (other == kind) {
                ASSERT_EQ(fieldsOf(column, row), twin.event(id)) << id;
            } else {
                for (const ColumnPtr& child : column->children())
                    ASSERT_TRUE(child->isNull(row)) << id;
            }
        }
    }
}

TEST(NexmarkGenerator, IsLikeItsTwin) {
    expectLikeTwin({}, 0, 0, 5000);
    expectLikeTwin({}, 0, 123'456'789, 123'460'000);
    expectLikeTwin({{"events.num", "1000000"}, {"generators", "3"}, {"first-event.rate", "10000000"}}, 2, 17,
                   3000);
    expectLikeTwin({{"person.proportion", "3"},
                    {"auction.proportion", "2"},
                    {"bid.proportion", "2"},
                    {"bid.hot-ratio.auctions", "1"},
                    {"auction.hot-ratio.sellers", "9"},
                    {"bid.avg-size", "1 kb"},
                    {"auction.avg-size", "150"},
                    {"person.avg-size", "10"}},
                   0, 1000, 3000);
    expectLikeTwin({{"auction.proportion", "0"}, {"person.proportion", "0"}}, 0, 0, 100);
}

TEST(NexmarkGenerator, AnyPieceIsPartOfTheWhole) {
    const NexmarkOptions chosen = options();
    const NexmarkTimeline timeline(chosen, 1, kBaseMs, 1, 0);
    const NexmarkOutput output = nexmarkOutput(wholeTable());
    NexmarkGenerator generator(output, timeline);
    const auto texts = [](const Batch& batch, std::vector<std::string>& out) {
        for (size_t row = 0; row < batch.rows(); ++row) {
            std::string text;
            for (const ColumnPtr& column : batch.columns())
                text += column->textAt(row) + "|";
            out.push_back(text);
        }
    };
    std::vector<std::string> whole, pieces;
    texts(generator.generate(0, 1000), whole);
    for (uint64_t at = 0, step = 1; at < 1000; at += step, step = step * 5 % 97 + 1)
        texts(generator.generate(at, std::min<uint64_t>(1000, at + step)), pieces);
    EXPECT_EQ(pieces, whole);
}

// What is asked for alone is as it is in the whole rows.
TEST(NexmarkGenerator, FieldsAloneAreAsInTheirRows) {
    const NexmarkOptions chosen = options();
    const NexmarkTimeline timeline(chosen, 1, kBaseMs, 1, 0);
    const NexmarkOutput whole = nexmarkOutput(wholeTable());
    const Batch rows = NexmarkGenerator(whole, timeline).generate(40, 460);
    for (size_t kind = 0; kind < kNexmarkKinds; ++kind) {
        TableSpec spec = wholeTable();
        spec.projection.clear();
        for (size_t field = 0; field < nexmarkFields(static_cast<NexmarkKind>(kind)).size(); ++field)
            spec.projection.push_back({kind + 1, field});
        const NexmarkOutput fields = nexmarkOutput(spec);
        const Batch all = NexmarkGenerator(fields, timeline).generate(40, 460);
        spec.filters = {{0, {Value::int64(static_cast<int64_t>(kind)), Value::int64(99)}}};
        const NexmarkOutput filtered = nexmarkOutput(spec);
        const Batch some = NexmarkGenerator(filtered, timeline).generate(40, 460);
        size_t at = 0;
        for (size_t row = 0; row < rows.rows(); ++row) {
            const bool here = !rows.column(kind + 1)->isNull(row);
            for (size_t field = 0; field < spec.projection.size(); ++field) {
                ASSERT_EQ(all.column(field)->isNull(row), !here);
                if (!here) continue;
                const std::string text = rows.column(kind + 1)->children()[field]->textAt(row);
                ASSERT_EQ(all.column(field)->textAt(row), text);
                ASSERT_EQ(some.column(field)->textAt(at), text);
            }
            at += here ? 1 : 0;
        }
        EXPECT_EQ(some.rows(), at);
        EXPECT_FALSE(some.column(0)->hasNulls());
    }
}

class NexmarkDistribution : public testing::Test {
  protected:
    static constexpr uint64_t kEvents = 1'000'000;

    // Of all events of a kind.
    std::vector<ColumnPtr> columns(NexmarkKind kind, const std::vector<std::string>& names) {
        TableSpec spec = wholeTable();
        const size_t row = static_cast<size_t>(kind) + 1;
        spec.projection.clear();
        for (const std::string& name : names) {
            const std::vector<Field>& fields = spec.schema[row].type.fields();
            const auto found =
                std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
            spec.projection.push_back({row, static_cast<size_t>(found - fields.begin())});
        }
        spec.filters = {{0, {Value::int64(static_cast<int64_t>(kind))}}};
        output_ = nexmarkOutput(spec);
        return NexmarkGenerator(output_, timeline_).generate(0, kEvents).columns();
    }
    static double share(const ColumnPtr& column, const std::function<bool(int64_t)>& counts) {
        const auto* values = column->data<int64_t>();
        return static_cast<double>(std::count_if(values, values + column->size(), counts)) /
               static_cast<double>(column->size());
    }

    NexmarkOptions options_ = options();
    NexmarkTimeline timeline_{options_, 3, kBaseMs, 1, 0};
    NexmarkOutput output_;
};

TEST_F(NexmarkDistribution, KindsAndIds) {
    const ColumnPtr persons = columns(NexmarkKind::Person, {"id"})[0];
    const ColumnPtr auctions = columns(NexmarkKind::Auction, {"id"})[0];
    EXPECT_EQ(persons->size(), kEvents / 50);
    EXPECT_EQ(auctions->size(), kEvents * 3 / 50);
    EXPECT_EQ(columns(NexmarkKind::Bid, {"price"})[0]->size(), kEvents * 46 / 50);
    // The first event is an auction; the first person comes at the end of the first epoch.
    EXPECT_EQ(persons->data<int64_t>()[0], 1001);
    EXPECT_EQ(auctions->data<int64_t>()[0], 1000);
    for (size_t i = 1; i < auctions->size(); ++i)
        ASSERT_EQ(auctions->data<int64_t>()[i], 1000 + static_cast<int64_t>(i));
}

TEST_F(NexmarkDistribution, Prices) {
    const ColumnPtr prices = columns(NexmarkKind::Bid, {"price"})[0];
    for (int power = 2; power < 8; ++power) {
        const double low = std::pow(10, power);
        EXPECT_NEAR(share(prices,
                          [&](int64_t p) {
                              return static_cast<double>(p) >= low && static_cast<double>(p) < low * 10;
                          }),
                    1.0 / 6, 0.002);
    }
    EXPECT_EQ(share(prices, [](int64_t p) { return p < 100 || p > 100'000'000; }), 0);
    EXPECT_EQ(nexmarkPrices().of(0), 100);
    EXPECT_EQ(nexmarkPrices().of(UINT64_MAX), 100'000'000);
}

TEST_F(NexmarkDistribution, HotKeys) {
    const auto bids = columns(NexmarkKind::Bid, {"auction", "bidder"});
    // Of the bids that choose freely, a hundredth hits a hot key by chance.
    EXPECT_NEAR(share(bids[0], [](int64_t id) { return id % 100 == 0; }), 0.5, 0.01);
    EXPECT_NEAR(share(bids[1], [](int64_t id) { return id % 100 == 1; }), 0.75, 0.01);
    EXPECT_EQ(share(bids[1], [](int64_t id) { return id < 2000; }), 0);  // the first id counts twice
    const ColumnPtr sellers = columns(NexmarkKind::Auction, {"seller"})[0];
    EXPECT_NEAR(share(sellers, [](int64_t id) { return id % 100 == 0; }), 0.75, 0.01);
}

TEST_F(NexmarkDistribution, Channels) {
    const auto bids = columns(NexmarkKind::Bid, {"channel", "url"});
    size_t hot = 0, with_id = 0;
    std::map<std::string, std::string> urls;
    for (size_t i = 0; i < bids[0]->size(); ++i) {
        const std::string channel = bids[0]->textAt(i);
        const std::string url = bids[1]->textAt(i);
        hot += channel.starts_with("channel-") ? 0 : 1;
        with_id += url.find("&channel_id=") != std::string::npos ? 1 : 0;
        EXPECT_EQ(urls.emplace(channel, url).first->second, url);
    }
    const auto all = static_cast<double>(bids[0]->size());
    EXPECT_NEAR(static_cast<double>(hot) / all, 0.5, 0.005);
    EXPECT_NEAR(static_cast<double>(with_id) / all, 0.45, 0.01);
    EXPECT_EQ(urls.size(), 10'004U);
    EXPECT_TRUE(urls["Google"].starts_with("https://www.nexmark.com/"));
    // 2 with its bits in reverse order is 2^30; of 1, the smallest int, there is no counterpart.
    for (const auto& [channel, id] : std::map<std::string, std::string>{
             {"channel-2", "1073741824"}, {"channel-1", "-2147483648"}, {"channel-3", "1073741824"}}) {
        const std::string& url = urls[channel];
        const size_t at = url.find("&channel_id=");
        if (at == std::string::npos) continue;
        EXPECT_EQ(url.substr(at + 12), id) << channel;
    }
}

TEST_F(NexmarkDistribution, Lengths) {
    const auto mean = [](const ColumnPtr& column) {
        double sum = 0;
        for (size_t i = 0; i < column->size(); ++i)
            sum += column->data<StringView>()[i].size();
        return sum / static_cast<double>(column->size());
    };
    EXPECT_NEAR(mean(columns(NexmarkKind::Bid, {"extra"})[0]), 68, 1);
    const auto auctions = columns(NexmarkKind::Auction, {"itemName", "description", "extra"});
    EXPECT_NEAR(mean(auctions[0]) + mean(auctions[1]) + mean(auctions[2]) + 48, 500, 2);
    EXPECT_NEAR(mean(auctions[0]), 11, 0.5);
    const auto persons =
        columns(NexmarkKind::Person, {"name", "emailAddress", "creditCard", "city", "state", "extra"});
    double size = 8;
    for (const ColumnPtr& column : persons)
        size += mean(column);
    EXPECT_NEAR(size, 200, 2);
}

TEST(NexmarkGenerator, TimelinesAreParallelAndIdsApart) {
    const NexmarkOptions chosen = options({{"events.num", "1000"}, {"first-event.rate", "1000"}});
    std::set<int64_t> first_ids;
    uint64_t events = 0;
    for (uint32_t index = 0; index < 3; ++index) {
        const NexmarkTimeline timeline(chosen, 0, kBaseMs, 3, index);
        first_ids.insert(timeline.firstId());
        events += timeline.events();
        EXPECT_EQ(timeline.timeMicros(0), kBaseMs * 1000);
        EXPECT_EQ(timeline.timeMicros(100), (kBaseMs + 300) * 1000);
        EXPECT_EQ(timeline.eventsDue(300), 101U);
        EXPECT_EQ(timeline.eventsDue(-1), 0U);
    }
    EXPECT_EQ(first_ids, (std::set<int64_t>{1, 334, 667}));
    EXPECT_EQ(events, 1000U);
}

}  // namespace
}  // namespace millrace
