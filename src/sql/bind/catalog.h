// What names stand for: catalogs, their databases, and in these tables and views; functions. All of it lives
// in the session's memory, as in Flink's GenericInMemoryCatalog.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sql/bind/logical_plan.h"
#include "sql/bind/table_definition.h"
#include "sql/parse/ast.h"

namespace millrace::sql {

// Where names without a catalog or database are looked up.
struct Namespace {
    std::string catalog = "default_catalog";
    std::string database = "default_database";
    bool operator==(const Namespace&) const = default;
};

struct ViewDefinition {
    ObjectPath path;
    std::vector<std::string> columns;  // renames; empty: the query's own
    std::shared_ptr<const Query> query;
    Namespace around;  // of the names in the query: what was current when the view was created
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

struct DatabaseDefinition {
    std::string comment;
    std::map<std::string, std::string> options;
};
struct CatalogDefinition {
    std::string comment;
    std::map<std::string, std::string> options;  // 'type' among them
    std::map<std::string, DatabaseDefinition> databases;
};

class Catalog {
  public:
    static constexpr const char* kCatalog = "default_catalog";
    static constexpr const char* kDatabase = "default_database";

    Catalog();

    const Namespace& current() const { return current_; }
    // The names of a view are looked up around it, whatever is current.
    ObjectPath resolve(const ObjectName& name) const { return resolve(name, current_); }
    // Completes a name of one to three parts. UserError "sql.unknown-database" or "sql.unknown-catalog".
    ObjectPath resolve(const ObjectName& name, const Namespace& around) const;
    // The same of a database's name, of one or two parts; it need not exist, its catalog must.
    Namespace resolveDatabase(const ObjectName& name) const;

    const std::map<std::string, CatalogDefinition>& catalogs() const { return catalogs_; }
    // UserError "sql.unknown-catalog", "sql.unknown-database".
    const CatalogDefinition& catalogAt(const Identifier& name) const;
    const DatabaseDefinition& databaseAt(const Namespace& path, const TextSpan& where) const;
    bool hasDatabase(const Namespace& path) const;
    void putCatalog(const std::string& name, CatalogDefinition definition);
    void putDatabase(const Namespace& path, DatabaseDefinition definition);
    void removeCatalog(const std::string& name);  // with everything in it
    void removeDatabase(const Namespace& path);   // likewise
    void use(const Namespace& path) { current_ = path; }
    // Tables and views.
    bool holdsObjects(const Namespace& path) const;

    TablePtr findTable(const ObjectPath& path) const;  // nullptr if absent
    ViewPtr findView(const ObjectPath& path) const;
    bool has(const ObjectPath& path) const { return findTable(path) || findView(path); }

    void addTable(TablePtr table);  // in place of one that is there
    void addView(ViewPtr view);
    void removeTable(const ObjectPath& path);
    void removeView(const ObjectPath& path);
    // Functions' names are found in any case, as in Flink; nullptr if there is none.
    const FunctionDefinition* findFunction(std::string_view name) const;
    void addFunction(FunctionDefinition function);
    void removeFunction(std::string_view name);

    // A name whose definition failed: using it is no new problem, so it is answered with "sql.follow-up",
    // which validation leaves out.
    void addBroken(const std::string& name) { broken_.insert(name); }

    // A view's plan, kept from its last use until something it may stand on is changed; nullptr if there is
    // none.
    LogicalPtr boundView(const ObjectPath& path) const;
    void keepBoundView(const ObjectPath& path, LogicalPtr plan) const;

    // Of a database, sorted: tables and views, as SHOW TABLES lists them; views alone.
    std::vector<std::string> tableNames(const Namespace& path) const;
    std::vector<std::string> viewNames(const Namespace& path) const;
    std::vector<std::string> userFunctionNames() const;
    std::vector<std::string> functionNames() const;  // those of CREATE FUNCTION and the built-in ones
    // UserError "sql.unknown-table" with the nearest name, or "sql.follow-up".
    [[noreturn]] void failUnknownTable(const ObjectName& name) const;

  private:
    std::map<std::string, CatalogDefinition> catalogs_;
    Namespace current_;
    std::map<ObjectPath, TablePtr> tables_;
    std::map<ObjectPath, ViewPtr> views_;
    std::map<std::string, FunctionDefinition> functions_;  // by name in small letters
    std::set<std::string> broken_;
    mutable std::map<ObjectPath, LogicalPtr> bound_views_;
};

}  // namespace millrace::sql
