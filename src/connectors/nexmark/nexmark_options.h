// The options of a nexmark table, and the arithmetic of event ids that follows from them.
//
// The benchmark is that of https://github.com/nexmark/nexmark: persons, auctions and bids in fixed
// proportions, ids that grow with the event's number, prices and references drawn at random.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/configuration.h"

namespace millrace {

enum class NexmarkKind : uint8_t { Person = 0, Auction = 1, Bid = 2 };  // the values of event_type
inline constexpr size_t kNexmarkKinds = 3;

struct NexmarkOptions {
    std::array<int64_t, kNexmarkKinds> proportions{1, 3, 46};  // events of each kind in an epoch
    std::array<int64_t, kNexmarkKinds> sizes{200, 500, 100};   // bytes of an event, on average
    // One in so many does not go to the hot auction, bidder or seller.
    int64_t hot_auctions = 2;
    int64_t hot_bidders = 4;
    int64_t hot_sellers = 4;
    int64_t events_per_second = 10'000;  // of event time, over all generators
    std::optional<uint64_t> events;      // in all; nothing: without end
    uint64_t seed = 0;
    std::optional<int64_t> base_time_ms;  // event time of the first event; nothing: when the job starts
    std::optional<uint32_t> generators;   // nothing: as many as the parallelism the job first runs at
    bool paced = false;                   // events come when they are due, not as fast as they can be made
    bool keep_alive = false;              // after its last event the table waits instead of ending

    int64_t epoch() const { return proportions[0] + proportions[1] + proportions[2]; }
    int64_t proportion(NexmarkKind kind) const { return proportions[static_cast<size_t>(kind)]; }
    int64_t size(NexmarkKind kind) const { return sizes[static_cast<size_t>(kind)]; }

    // From the options of a table; UserError where one has no usable value.
    static NexmarkOptions from(const std::map<std::string, std::string>& options);
    static std::vector<OptionDescription> descriptions();
};

}  // namespace millrace
