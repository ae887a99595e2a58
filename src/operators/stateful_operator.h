// Operators that keep state say so in words: what a state's rows are, what they grow with and when they go.
// EXPLAIN shows it beside what the operator registers with its StateBackend.
#pragma once

#include <string>
#include <vector>

#include "runtime/operator.h"

namespace millrace {

// A state in words, as EXPLAIN shows them.
struct KeptState {
    std::string name;   // of the table or list, as it is registered
    std::string rows;   // "one row for each distinct (auction)"
    std::string until;  // "dropped when the watermark passes the window's end"
};

class StatefulOperator : public Operator {
  public:
    // Every table that open() registers, and every list that holds rows.
    virtual std::vector<KeptState> keeps() const = 0;
};

// "one row for each distinct (auction, bidder)"; "one row" without columns.
std::string oneRowForEach(const Schema& schema, const std::vector<size_t>& columns);
// " of each distinct (auction, bidder)"; nothing without columns.
std::string ofEach(const Schema& schema, const std::vector<size_t>& columns);

enum class TtlFrom : uint8_t { Option, OptionOrHint };  // what can set a state's time to live
// When rows go that only time drops: after the time to live, or, without one, never.
std::string untilExpired(Duration ttl, TtlFrom from);
// The same of rows that go, too, when the input takes them back.
std::string untilTakenBack(Duration ttl, TtlFrom from);
// "dropped when the watermark passes the window's end", or, in processing time, the clock.
std::string untilPassed(bool processing_time, const char* what);

// The states of an operator as they are registered by an empty subtask, a line each: name, rows, bytes of a
// row and when it goes. `configuration` is the job's.
std::vector<std::string> describeState(const StatefulOperator& op, const Configuration& configuration);

}  // namespace millrace
