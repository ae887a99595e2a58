#include "connectors/nexmark/event_fields.h"

#include <cmath>

namespace millrace {

NexmarkPrices::NexmarkPrices() {
    double power = 1e6;
    for (auto& table : factors_) {
        std::array<double, kBits> roots{};
        for (size_t bit = kBits; bit-- > 0;) {
            power = std::sqrt(power);
            roots[bit] = power;
        }
        for (size_t i = 0; i < kEntries; ++i) {
            table[i] = &table == &factors_.front() ? 100 : 1;
            for (size_t bit = 0; bit < kBits; ++bit) {
                if ((i >> bit & 1) != 0) table[i] *= roots[bit];
            }
        }
    }
}

const NexmarkPrices& nexmarkPrices() {
    static const NexmarkPrices prices;
    return prices;
}

NexmarkTimeline::NexmarkTimeline(const NexmarkOptions& options, uint64_t seed, int64_t base_time_ms,
                                 uint32_t generators, uint32_t index)
    : options_(&options), base_micros_(base_time_ms * 1000) {
    // Without an end, ids still have to be apart.
    const uint64_t all = options.events.value_or(uint64_t{1} << 60);
    const uint64_t share = all / generators;
    first_id_ = static_cast<int64_t>(1 + index * share);
    events_ = index + 1 == generators ? all - index * share : share;
    interval_micros_ = 1e6 / static_cast<double>(options.events_per_second) * generators;
    for (size_t i = 0; i < streams_.size(); ++i)
        streams_[i] = combineHash(mixHash(seed + 1), i + 1);
}

uint64_t NexmarkTimeline::eventsDue(int64_t ms) const {
    if (ms < 0) return 0;
    return static_cast<uint64_t>(static_cast<double>(ms) * 1000 / interval_micros_) + 1;
}

ColumnPtr makeEventTime(const NexmarkTimeline& timeline, const KindRows& rows, const LogicalType& type) {
    auto column = std::make_shared<Column>(type, rows.rows);
    auto* out = column->mutableData<int64_t>();
    for (const EventRun& run : rows.runs) {
        const int64_t number = run.first_id - timeline.firstId();
        for (uint32_t i = 0; i < run.rows; ++i)
            out[run.kind_row + i] = timeline.timeMicros(number + i);
    }
    return column;
}

ExtraLength::ExtraLength(int64_t used, int64_t average) {
    if (used > average) return;
    const int64_t wanted = average - used;
    const int64_t delta = (wanted + 2) / 5;  // 20 %, rounded
    least = static_cast<uint32_t>(wanted - delta);
    spread = static_cast<uint32_t>(2 * delta);
}

std::span<const NexmarkField> nexmarkFields(NexmarkKind kind) {
    switch (kind) {
        case NexmarkKind::Person:
            return personFields();
        case NexmarkKind::Auction:
            return auctionFields();
        case NexmarkKind::Bid:
            return bidFields();
    }
    throw InternalError("an event of no kind");
}

}  // namespace millrace
