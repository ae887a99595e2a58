// What each statement does to a session: one handler a family, in statements.cc, catalog_statements.cc (what
// changes catalogs and what is in them) and show.cc.
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
    std::function<std::vector<SessionJob>()> jobs;  // SHOW JOBS
};

// Carries one statement out. Everything wrong with it goes to `problems`; the state is unchanged then, but
// for names whose definition failed, which are noted in the catalog.
StatementResult executeStatement(const Statement& statement, SessionState& state,
                                 std::vector<Problem>& problems);

// Each gives what it has done, in a sentence.
std::string createTable(const CreateTable& statement, SessionState& state, std::vector<Problem>& problems);
std::string createView(const CreateView& statement, SessionState& state);
std::string createFunction(const CreateFunction& statement, SessionState& state);
std::string createCatalog(const CreateCatalog& statement, SessionState& state);
std::string createDatabase(const CreateDatabase& statement, SessionState& state);
std::string dropObject(const DropObject& statement, SessionState& state);
std::string alterObject(const AlterObject& statement, SessionState& state, std::vector<Problem>& problems);
std::string use(const Use& statement, SessionState& state);
// Whether the new table or view takes its name, in place of what had it if `or_replace`; UserError if it is
// taken. With IF NOT EXISTS it may be.
bool mayCreate(const Catalog& catalog, const ObjectPath& path, const ObjectName& name, bool if_not_exists,
               bool or_replace);
void putTable(Catalog& catalog, TablePtr table);

ResultTable show(const Show& statement, const SessionState& state);
ResultTable describe(const Describe& statement, const SessionState& state);
ResultTable settings(const SessionState& state);

}  // namespace millrace::sql
