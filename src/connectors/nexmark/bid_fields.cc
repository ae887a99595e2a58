#include <algorithm>

#include "connectors/nexmark/event_fields.h"

namespace millrace {
namespace {

using Draw = NexmarkDraw;
using Timeline = NexmarkTimeline;

ColumnPtr makeAuction(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    auto column = std::make_shared<Column>(type, rows.rows);
    const int64_t ratio = timeline.options().hot_auctions;
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<int64_t>() + run.kind_row;
        const int64_t last = timeline.lastAuction(run.epoch);
        const int64_t hot = last / Timeline::kHotBlock * Timeline::kHotBlock + Timeline::kFirstAuctionId;
        // Any of those in flight, and a few that do not exist yet.
        const int64_t least = std::max<int64_t>(last - Timeline::kInFlightAuctions, 0);
        const int64_t count = last - least + 1 + Timeline::kIdLead;
        NexmarkDraws draws = timeline.draws(Draw::BidAuction, run.first_id);
        for (uint32_t i = 0; i < run.rows; ++i) {
            const uint64_t random = draws.next();
            const int64_t cold = least + scaledBelow(random >> 32, count) + Timeline::kFirstAuctionId;
            out[i] = select(scaledBelow(random, ratio) > 0, hot, cold);
        }
    }
    return column;
}

ColumnPtr makeBidder(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    auto column = std::make_shared<Column>(type, rows.rows);
    const int64_t ratio = timeline.options().hot_bidders;
    // The public generator adds the first id twice; how many bidders are known persons depends on it.
    constexpr int64_t kFirst = 2 * Timeline::kFirstPersonId;
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<int64_t>() + run.kind_row;
        const int64_t last = timeline.lastPerson(run.epoch);
        // Not the first of the block, so that hot bidders are not hot sellers.
        const int64_t hot = last / Timeline::kHotBlock * Timeline::kHotBlock + 1 + kFirst;
        const int64_t active = std::min(last + 1, Timeline::kActivePeople);
        const int64_t least = last + 1 - active + kFirst;
        NexmarkDraws draws = timeline.draws(Draw::BidBidder, run.first_id);
        for (uint32_t i = 0; i < run.rows; ++i) {
            const uint64_t random = draws.next();
            const int64_t cold = least + scaledBelow(random >> 32, active + Timeline::kIdLead);
            out[i] = select(scaledBelow(random, ratio) > 0, hot, cold);
        }
    }
    return column;
}

ColumnPtr makePrice(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    auto column = std::make_shared<Column>(type, rows.rows);
    const NexmarkPrices& prices = nexmarkPrices();
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<int64_t>() + run.kind_row;
        NexmarkDraws draws = timeline.draws(Draw::BidPrice, run.first_id);
        for (uint32_t i = 0; i < run.rows; ++i)
            out[i] = prices.of(draws.next());
    }
    return column;
}

// Half of the bids come over the hot channels, the others over any of the rest.
int64_t channelOf(uint64_t random) {
    const auto hot = static_cast<int64_t>(random >> 61 & 3);
    const int64_t cold = NexmarkText::kHotChannels + scaledBelow(random, NexmarkText::kChannels);
    return select(random >> 63 != 0, hot, cold);
}

ColumnPtr makeOfChannel(const Timeline& timeline, const KindRows& rows, const LogicalType& type,
                        const std::vector<StringView>& views) {
    auto column = std::make_shared<Column>(type, rows.rows);
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<StringView>() + run.kind_row;
        NexmarkDraws draws = timeline.draws(Draw::BidChannel, run.first_id);
        for (uint32_t i = 0; i < run.rows; ++i)
            out[i] = views[static_cast<size_t>(channelOf(draws.next()))];
    }
    return column;
}

ColumnPtr makeChannel(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeOfChannel(timeline, rows, type, nexmarkText().channel_views);
}
ColumnPtr makeUrl(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    return makeOfChannel(timeline, rows, type, nexmarkText().url_views);
}

ColumnPtr makeBidExtra(const Timeline& timeline, const KindRows& rows, const LogicalType& type) {
    auto column = std::make_shared<Column>(type, rows.rows);
    constexpr int64_t kUsed = 32;  // the public generator counts its four numbers
    const ExtraLength length(kUsed, timeline.options().size(NexmarkKind::Bid));
    const char* const places = nexmarkText().extra.data();
    TextBuffer texts(size_t{rows.rows} * length.max());
    const bool all_long = length.least > StringView::kInlineSize;
    const size_t copied = (length.max() + TextBuffer::kStep - 1) / TextBuffer::kStep * TextBuffer::kStep;
    for (const EventRun& run : rows.runs) {
        auto* out = column->mutableData<StringView>() + run.kind_row;
        NexmarkDraws draws = timeline.draws(Draw::BidExtra, run.first_id);
        for (uint32_t i = 0; i < run.rows; ++i) {
            const uint64_t random = draws.next();
            const char* const from = extraPlace(places, random);
            if (all_long) {
                texts.copyLong(from, length.of(random), copied, out + i);
            } else {
                out[i] = texts.copy(from, length.of(random));
            }
        }
    }
    texts.keepWith(*column);
    return column;
}

}  // namespace

std::span<const NexmarkField> bidFields() {
    static const std::array<NexmarkField, 7> fields{{
        {"auction", nullptr, LogicalType::bigint(), makeAuction},
        {"bidder", nullptr, LogicalType::bigint(), makeBidder},
        {"price", nullptr, LogicalType::bigint(), makePrice},
        {"channel", nullptr, LogicalType::string(), makeChannel},
        {"url", nullptr, LogicalType::string(), makeUrl},
        {"dateTime", "customTime", LogicalType::timestamp(3), makeEventTime},
        {"extra", nullptr, LogicalType::string(), makeBidExtra},
    }};
    return fields;
}

}  // namespace millrace
