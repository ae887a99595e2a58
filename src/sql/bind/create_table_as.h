// CREATE TABLE ... AS SELECT: a table with a query's columns, and the query's rows in it.
#pragma once

#include "sql/bind/create_table.h"

namespace millrace::sql {

struct TableAs {
    TablePtr table;  // nullptr if something is wrong with its definition
    std::shared_ptr<const LogicalSink> sink;
};

// The columns that the statement defines and the query does not have come first; then the query's, with the
// type that the statement may give them. Names alone, of all the query's columns, give their order.
TableAs bindCreateTableAs(const CreateTable& statement, const Catalog& catalog,
                          const ConnectorRegistry* registry, std::vector<Problem>& problems);

}  // namespace millrace::sql
