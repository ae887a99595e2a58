// Which events a batch holds and where: the generator works through runs of one kind within one epoch, whose
// ids follow one another, so that what depends on the epoch is computed once a run.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "connectors/nexmark/nexmark_options.h"

namespace millrace {

struct EventRun {
    int64_t epoch;      // id / events of an epoch
    int64_t place;      // the first one's place among the epoch's events of its kind
    int64_t first_id;   // ids are unique over all generators
    uint32_t kind_row;  // where the run begins among the batch's events of its kind
    uint32_t row;       // where it begins in the batch
    uint32_t rows;
};

// A batch's events of one kind, in their order.
struct KindRows {
    std::vector<EventRun> runs;
    uint32_t rows = 0;
};

struct EventRows {
    std::array<KindRows, kNexmarkKinds> kinds;
    uint32_t rows = 0;

    const KindRows& of(NexmarkKind kind) const { return kinds[static_cast<size_t>(kind)]; }
    // The events with ids from `begin` up to `end` that are of a wanted kind. Replaces what was there.
    void assign(const NexmarkOptions& options, const std::array<bool, kNexmarkKinds>& wanted, int64_t begin,
                int64_t end);
};

}  // namespace millrace
