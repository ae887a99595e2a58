// Compaction: several segments of a chain that follow one another become one with the same effect. Done away
// from the slots, on the encoded rows.
#pragma once

#include <functional>
#include <span>
#include <utility>

#include "state/snapshot.h"

namespace millrace {

// Which segments of a chain, given their bytes, to merge now: [first, last), or an empty range. Segments of
// like size are merged four at a time, newest first, so that a byte is rewritten a number of times that grows
// with the logarithm of the chain's size, and so does the chain.
std::pair<size_t, size_t> segmentsToMerge(std::span<const uint64_t> bytes);

// `read` gives a section with its bytes; `put` takes one and returns what to keep of it (its bytes, or its
// place in a file). If the first segment is full the result is, and what was erased leaves no trace.
using SectionReading = std::function<KeyGroupSection(const StateSegment&, const KeyGroupSection&)>;
using SectionPutting = std::function<KeyGroupSection(KeyGroupSection)>;
StateSegment mergeSegments(const KeyedStateDescriptor& descriptor,
                           std::span<const std::shared_ptr<const StateSegment>> segments,
                           const SectionReading& read, const SectionPutting& put);

}  // namespace millrace
