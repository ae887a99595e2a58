#include <algorithm>

#include "connectors/nexmark/event_fields.h"

namespace millrace {
namespace {

using Draw = NexmarkDraw;
using Timeline = NexmarkTimeline;

constexpr uint32_t kItemNameMax = 20;
constexpr uint32_t kDescriptionMax = 100;

// A column of numbers, `of(run, i)` for event i of a run.
template <class Of>
ColumnPtr makeNumbers(const KindRows& rows, const LogicalType& type, Of of) {
    auto column = std::make_shared<Column>(type, rows.rows);
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<int64_t>() + run.kind_row;
        for (uint32_t i = 0; i < run.rows; ++i)
            out[i] = of(run, i);
    }
    return column;
}

int64_t initialBid(const Timeline& timeline, int64_t id) {
    return nexmarkPrices().of(timeline.draw(Draw::AuctionInitialBid, id));
}

ColumnPtr makeAuctionId(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    const int64_t proportion = timeline.options().proportion(NexmarkKind::Auction);
    return makeNumbers(rows, type, [&](const EventRun& run, uint32_t i) {
        return run.epoch * proportion + run.place + i + Timeline::kFirstAuctionId;
    });
}

ColumnPtr makeInitialBid(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeNumbers(
        rows, type, [&](const EventRun& run, uint32_t i) { return initialBid(timeline, run.first_id + i); });
}

ColumnPtr makeReserve(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeNumbers(rows, type, [&](const EventRun& run, uint32_t i) {
        const int64_t id = run.first_id + i;
        return initialBid(timeline, id) + nexmarkPrices().of(timeline.draw(Draw::AuctionReserve, id));
    });
}

// An auction stays open for as long as it takes to generate the auctions in flight, on average.
ColumnPtr makeExpires(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    const int64_t events_ahead = Timeline::kInFlightAuctions * timeline.options().epoch() /
                                 timeline.options().proportion(NexmarkKind::Auction);
    return makeNumbers(rows, type, [&](const EventRun& run, uint32_t i) {
        const int64_t id = run.first_id + i;
        const int64_t number = id - timeline.firstId();
        const int64_t now = timeline.timeMicros(number);
        const int64_t horizon_ms = (timeline.timeMicros(number + events_ahead) - now) / 1000;
        const uint64_t random = timeline.draw(Draw::AuctionExpires, id);
        const auto span = static_cast<uint64_t>(std::max<int64_t>(horizon_ms * 2, 1));
        const auto length_ms = static_cast<int64_t>(static_cast<unsigned __int128>(random) * span >> 64);
        return now + (1 + length_ms) * 1000;
    });
}

ColumnPtr makeSeller(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    const int64_t ratio = timeline.options().hot_sellers;
    return makeNumbers(rows, type, [&](const EventRun& run, uint32_t i) {
        const int64_t last = timeline.lastPerson(run.epoch);
        const uint64_t random = timeline.draw(Draw::AuctionSeller, run.first_id + i);
        const int64_t hot = last / Timeline::kHotBlock * Timeline::kHotBlock;
        const int64_t active = std::min(last + 1, Timeline::kActivePeople);
        const int64_t cold = last + 1 - active + scaledBelow(random >> 32, active + Timeline::kIdLead);
        return (scaledBelow(random, ratio) > 0 ? hot : cold) + Timeline::kFirstPersonId;
    });
}

ColumnPtr makeCategory(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeNumbers(rows, type, [&](const EventRun& run, uint32_t i) {
        return Timeline::kFirstCategoryId +
               scaledBelow(timeline.draw(Draw::AuctionCategory, run.first_id + i), Timeline::kCategories);
    });
}

std::string_view itemName(const Timeline& timeline, int64_t id) {
    return nexmarkText().word(timeline.draw(Draw::AuctionItemName, id), kItemNameMax);
}
std::string_view description(const Timeline& timeline, int64_t id) {
    return nexmarkText().word(timeline.draw(Draw::AuctionDescription, id), kDescriptionMax);
}

// A column of texts of at most `length_max` characters; `of(id)` is a cut from the generator's texts.
template <class Of>
ColumnPtr makeTexts(const KindRows& rows, const LogicalType& type, size_t length_max, Of of) {
    auto column = std::make_shared<Column>(type, rows.rows);
    TextBuffer texts(rows.rows * length_max);
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<StringView>() + run.kind_row;
        for (uint32_t i = 0; i < run.rows; ++i) {
            const std::string_view text = of(run.first_id + i);
            out[i] = texts.copy(text.data(), text.size());
        }
    }
    texts.keepWith(*column);
    return column;
}

ColumnPtr makeItemName(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeTexts(rows, type, kItemNameMax, [&](int64_t id) { return itemName(timeline, id); });
}
ColumnPtr makeDescription(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeTexts(rows, type, kDescriptionMax, [&](int64_t id) { return description(timeline, id); });
}

ColumnPtr makeAuctionExtra(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    constexpr int64_t kUsed = 48;  // the public generator counts six numbers, and the two texts
    const int64_t average = timeline.options().size(NexmarkKind::Auction);
    return makeTexts(rows, type, ExtraLength(kUsed, average).max(), [&](int64_t id) {
        const size_t used = itemName(timeline, id).size() + description(timeline, id).size();
        const uint64_t random = timeline.draw(Draw::AuctionExtra, id);
        const ExtraLength length(kUsed + static_cast<int64_t>(used), average);
        return std::string_view(extraPlace(nexmarkText().extra.data(), random), length.of(random));
    });
}

}  // namespace

std::span<const NexmarkField> auctionFields() {
    static const std::array<NexmarkField, 10> fields{{
        {"id", nullptr, LogicalType::bigint(), makeAuctionId},
        {"itemName", nullptr, LogicalType::string(), makeItemName},
        {"description", nullptr, LogicalType::string(), makeDescription},
        {"initialBid", nullptr, LogicalType::bigint(), makeInitialBid},
        {"reserve", nullptr, LogicalType::bigint(), makeReserve},
        {"dateTime", "customTime", LogicalType::timestamp(3), makeEventTime},
        {"expires", nullptr, LogicalType::timestamp(3), makeExpires},
        {"seller", nullptr, LogicalType::bigint(), makeSeller},
        {"category", nullptr, LogicalType::bigint(), makeCategory},
        {"extra", nullptr, LogicalType::string(), makeAuctionExtra},
    }};
    return fields;
}

}  // namespace millrace
