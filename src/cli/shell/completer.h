// What can stand at the cursor of a statement: keywords and functions, tables and views, columns of those the
// statement names, options of a table's connector and format and their values, keys of SET.
#pragma once

#include <string_view>

#include "cli/shell/line_editor.h"
#include "sql/session.h"

namespace millrace::cli {

class Completer {
  public:
    // Both outlive it.
    Completer(sql::Session& session, const sql::ConnectorRegistry& registry)
        : session_(session), registry_(registry) {}

    Completion complete(std::string_view text, size_t cursor) const;

  private:
    struct Place;

    std::vector<std::string> column(const std::string& statement) const;  // the first one of its answer
    std::vector<std::string> relations() const;
    std::vector<std::string> columnsOf(const Place& place, const std::string& qualifier) const;
    std::vector<std::string> columnsOfAll() const;
    std::vector<std::string> optionsOf(const Place& place) const;
    std::vector<std::string> valuesOf(const Place& place) const;
    std::vector<std::string> quoted(const Place& place) const;

    sql::Session& session_;
    const sql::ConnectorRegistry& registry_;
};

}  // namespace millrace::cli
