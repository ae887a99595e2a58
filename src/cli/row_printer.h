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
    virtual void finish() = 0;  // the query has ended
};

// `style` is table, json, csv or changelog. changelog prints every change as it happens. The others print, of
// a bounded query, the rows that remain once it ends, and of an unbounded one every row as it comes.
std::unique_ptr<RowPrinter> makeRowPrinter(const std::string& style, const Schema& schema, bool bounded,
                                           std::FILE* out);

}  // namespace millrace::cli
