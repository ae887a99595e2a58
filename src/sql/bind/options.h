// WITH (...): is the connector known, and does it know these options? Every problem has the place of its key
// or value.
#pragma once

#include <vector>

#include "sql/parse/ast.h"
#include "sql/session.h"

namespace millrace::sql {

// Without a registry nothing is checked. A known key with '#' in it stands for any name there
// ('fields.#.min'), one that ends in '*' for anything that starts so.
std::vector<Problem> checkTableOptions(const ConnectorRegistry* registry, const std::string& table,
                                       const std::vector<OptionItem>& options, const TextSpan& table_span);

// A definition with Flink's keys of before 1.11 ('connector.type' = 'filesystem') under today's; others as
// they are.
std::vector<OptionItem> withoutLegacyKeys(const std::vector<OptionItem>& options);

}  // namespace millrace::sql
