// What names stand for: tables, views and functions of a session, in Flink's one default catalog and
// database.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sql/bind/logical_plan.h"
#include "sql/bind/table_definition.h"
#include "sql/parse/ast.h"

namespace millrace::sql {

struct ViewDefinition {
    ObjectPath path;
    std::vector<std::string> columns;  // renames; empty: the query's own
    std::shared_ptr<const Query> query;
    Schema schema;
    std::string text;  // the query as SQL
    std::string comment;
    bool temporary = false;
};
using ViewPtr = std::shared_ptr<const ViewDefinition>;

// CREATE FUNCTION: another name for a built-in function, chosen by the Java class that it stands for.
struct FunctionDefinition {
    std::string name;  // as written
    std::string class_name;
    std::string built_in;  // the function that runs
    bool system = false;   // found before the built-in functions, by its bare name
};

class Catalog {
  public:
    static constexpr const char* kCatalog = "default_catalog";
    static constexpr const char* kDatabase = "default_database";

    // Completes a name of one to three parts. UserError "sql.unknown-database" or "sql.unknown-catalog".
    ObjectPath resolve(const ObjectName& name) const;

    TablePtr findTable(const ObjectPath& path) const;  // nullptr if absent
    ViewPtr findView(const ObjectPath& path) const;
    bool has(const ObjectPath& path) const { return findTable(path) || findView(path); }

    void addTable(TablePtr table);
    void addView(ViewPtr view);
    void removeTable(const ObjectPath& path);
    void removeView(const ObjectPath& path);
    // Functions' names are found in any case, as in Flink; nullptr if there is none.
    const FunctionDefinition* findFunction(std::string_view name) const;
    void addFunction(FunctionDefinition function);
    void removeFunction(std::string_view name);

    // A name whose definition failed: using it is no new problem, so it is answered with "sql.follow-up",
    // which validation leaves out.
    void addBroken(const ObjectPath& path) { broken_.insert(path.object); }

    // A view's plan, kept from its last use until something it may stand on is dropped; nullptr if there is
    // none.
    LogicalPtr boundView(const ObjectPath& path) const;
    void keepBoundView(const ObjectPath& path, LogicalPtr plan) const;

    std::vector<std::string> tableNames() const;  // tables and views, sorted, as SHOW TABLES lists them
    std::vector<std::string> viewNames() const;
    std::vector<std::string> functionNames() const;  // those of CREATE FUNCTION and the built-in ones
    // UserError "sql.unknown-table" with the nearest name, or "sql.follow-up".
    [[noreturn]] void failUnknownTable(const ObjectName& name) const;

  private:
    std::map<std::string, TablePtr> tables_;
    std::map<std::string, ViewPtr> views_;
    std::map<std::string, FunctionDefinition> functions_;  // by name in small letters
    std::set<std::string> broken_;
    mutable std::map<std::string, LogicalPtr> bound_views_;
};

}  // namespace millrace::sql
