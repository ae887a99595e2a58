// INSERT as written to a sink over its query.
#pragma once

#include "sql/bind/query_binder.h"

namespace millrace::sql {

std::shared_ptr<const LogicalSink> bindInsert(const Insert& statement, const Catalog& catalog,
                                              const ConnectorRegistry* registry);

// Where the query's rows go: an expression over them for each column that is written, nullptr for NULL.
// `partition` has the values of PARTITION (...) as text.
std::shared_ptr<const LogicalSink> sinkOf(const LogicalPtr& query, const TablePtr& table,
                                          std::vector<ExpressionPtr> sources, bool overwrite,
                                          std::map<std::string, std::string> partition,
                                          const TextSpan& where);

// A SELECT whose rows go to whoever runs it.
std::shared_ptr<const LogicalSink> bindSelectSink(const Query& query, const Catalog& catalog,
                                                  const ConnectorRegistry* registry);

}  // namespace millrace::sql
