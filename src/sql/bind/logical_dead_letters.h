// A table whose records that cannot be decoded go to another one.
#pragma once

#include "sql/bind/logical_plan.h"

namespace millrace::sql {

// LogicalScan in everything else: it has the same canonical text, so that nobody's state is lost when a
// table is given dead letters.
class LogicalDeadLetterScan final : public LogicalNode {
  public:
    LogicalDeadLetterScan(const LogicalScan& scan, TablePtr dead_letters)
        : LogicalNode(scan.schema(), scan.traits(), {}, scan.where(), scan.canonical()),
          table_(scan.table()),
          dead_letters_(std::move(dead_letters)),
          text_(scan.describe()) {}
    const TablePtr& table() const { return table_; }
    const TablePtr& deadLetters() const { return dead_letters_; }
    std::string describe() const override { return text_; }

  private:
    TablePtr table_;
    TablePtr dead_letters_;
    std::string text_;
};

}  // namespace millrace::sql
