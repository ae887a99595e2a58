// How `millrace sql` shows the rows of a SELECT.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "batch/batch.h"

namespace millrace::cli {

class RowPrinter {
  public:
    virtual ~RowPrinter() = default;
    virtual void receive(const Batch& batch) = 0;
    // Called now and then while the query runs, on the thread that waits for it; others may be in receive().
    virtual void refresh() {}
    virtual void finish() = 0;         // the query has ended
    virtual void stop() { finish(); }  // it was interrupted
    // Whether a TIMESTAMP_LTZ is to come at the session's local time: JSON says that it is one of UTC.
    virtual bool showsLocalTime() const { return true; }
};

// A cell as CAST to STRING shows it, but no fraction of a second where there is none, and bytes as x'00ff'.
std::string cellText(const Column& column, size_t row);

// `style` is table, json, csv or changelog. changelog prints every change as it happens. The others print, of
// a bounded query, the rows that remain once it ends, and of an unbounded one every row as it comes.
std::unique_ptr<RowPrinter> makeRowPrinter(const std::string& style, const Schema& schema, bool bounded,
                                           std::FILE* out);

}  // namespace millrace::cli
