#include "connectors/nexmark/event_rows.h"

#include <algorithm>

namespace millrace {

void EventRows::assign(const NexmarkOptions& options, const std::array<bool, kNexmarkKinds>& wanted,
                       int64_t begin, int64_t end) {
    rows = 0;
    for (KindRows& kind : kinds) {
        kind.runs.clear();
        kind.rows = 0;
    }
    const int64_t length = options.epoch();
    for (int64_t epoch = begin / length; epoch * length < end; ++epoch) {
        int64_t kind_begin = epoch * length;
        for (size_t k = 0; k < kNexmarkKinds; ++k) {
            const int64_t kind_end = kind_begin + options.proportions[k];
            const int64_t from = std::max(begin, kind_begin);
            const int64_t to = std::min(end, kind_end);
            if (wanted[k] && from < to) {
                const auto count = static_cast<uint32_t>(to - from);
                kinds[k].runs.push_back({epoch, from - kind_begin, from, kinds[k].rows, rows, count});
                kinds[k].rows += count;
                rows += count;
            }
            kind_begin = kind_end;
        }
    }
}

}  // namespace millrace
