// The smallest real connectors and operators: what tests and simulations of the runtime itself are built
// from. The source is bounded or not, keeps its position in state and can be dealt to any number of readers;
// the sink writes lines to files with a two-phase commit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/job_graph.h"

namespace millrace {

struct ProbeSourceOptions {
    uint32_t splits = 4;
    int64_t rows_per_split = 100;
    int64_t keys = 10;
    size_t batch_rows = 7;
    bool bounded = true;       // false: quiet after the last row, without end
    int64_t pause_ms = 0;      // between batches of one reader
    int64_t fail_at_row = -1;  // of every split: a UserError "data.malformed" there
};

// (key BIGINT, value BIGINT, ts BIGINT). Split s has the rows key = (s * 31 + i) % keys, value = ts = s *
// rows + i; the watermark follows the rows.
std::shared_ptr<const Source> makeProbeSource(ProbeSourceOptions options);

// (key, count, total): for each batch, the new count and total of every key in it, the old one retracted
// before.
std::shared_ptr<const Operator> makeProbeSum();

// (key, window_end, count, total) of tumbling windows of `size` over ts, put out when the watermark passes
// their end.
std::shared_ptr<const Operator> makeProbeWindow(int64_t size);

// Hands rows on, from two inputs.
std::shared_ptr<const Operator> makeProbeUnion(Schema schema);

// Lines "+I 1 2 3" in files below `folder`. What was written is moved there by the commit, from files whose
// names start with a dot.
std::shared_ptr<const Sink> makeProbeSink(Schema schema, std::string folder);

Schema probeSourceSchema();

// All committed lines below the folder, in file order (names sort by subtask and time of writing).
std::vector<std::string> readProbeSink(FileSystem& files, const std::string& folder);

}  // namespace millrace
