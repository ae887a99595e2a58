// What each statement does to a session: one handler a family, in statements.cc and show.cc.
#pragma once

#include <string>
#include <vector>

#include "sql/bind/catalog.h"
#include "sql/parse/ast.h"
#include "sql/session.h"

namespace millrace::sql {

// All that statements change.
struct SessionState {
    Catalog catalog;
    Configuration configuration;
    Configuration initial;  // what RESET goes back to
    std::shared_ptr<const ConnectorRegistry> registry;
};

// Carries one statement out. Everything wrong with it goes to `problems`; the state is unchanged then, but
// for names whose definition failed, which are noted in the catalog.
StatementResult executeStatement(const Statement& statement, SessionState& state,
                                 std::vector<Problem>& problems);

ResultTable show(const Show& statement, const SessionState& state);
ResultTable describe(const Describe& statement, const SessionState& state);
ResultTable settings(const SessionState& state);

}  // namespace millrace::sql
