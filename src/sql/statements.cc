#include "sql/statements.h"

#include "sql/bind/create_table.h"
#include "sql/bind/insert.h"
#include "sql/parse/to_sql.h"
#include "sql/plan/planner.h"

namespace millrace::sql {

namespace {

StatementResult done(std::string message) {
    StatementResult result;
    result.message = std::move(message);
    return result;
}

StatementResult tableOf(ResultTable table) {
    StatementResult result;
    result.kind = StatementResult::Kind::Table;
    result.table = std::move(table);
    return result;
}

class Executor {
  public:
    Executor(SessionState& state, const Statement& statement, std::vector<Problem>& problems)
        : state_(state), statement_(statement), problems_(problems) {}

    StatementResult operator()(const CreateTable& create) {
        TablePtr table = bindCreateTable(create, state_.catalog, state_.registry.get(), problems_);
        if (!table) {
            state_.catalog.addBroken({Catalog::kCatalog, Catalog::kDatabase, create.name.parts.back().name});
            return {};
        }
        const std::string name = table->path.object;
        if (mayCreate(table->path, create.name, create.if_not_exists, create.or_replace))
            state_.catalog.addTable(std::move(table));
        return done(fmt::format("Table '{}' has been created.", name));
    }

    StatementResult operator()(const CreateView& create) {
        const ObjectPath path = state_.catalog.resolve(create.name);
        auto view = std::make_shared<ViewDefinition>();
        view->path = path;
        view->temporary = create.temporary;
        view->comment = create.comment;
        view->query = create.query;
        view->text = toSql(*create.query);
        for (const Identifier& column : create.columns)
            view->columns.push_back(column.name);
        try {
            QueryBinder binder(state_.catalog, state_.registry.get());
            LogicalPtr plan = binder.bindQuery(*create.query);
            if (!view->columns.empty()) {
                if (view->columns.size() != plan->schema().size()) {
                    failAt(create.name.span, "sql.column-count",
                           fmt::format("the view names {} columns, but its query has {}",
                                       view->columns.size(), plan->schema().size()));
                }
                plan = renamed(plan, view->columns, create.name.span);
            }
            view->schema = plan->schema();
        } catch (const UserError&) {
            state_.catalog.addBroken(path);
            throw;
        }
        if (mayCreate(path, create.name, create.if_not_exists, create.or_replace))
            state_.catalog.addView(std::move(view));
        return done(fmt::format("View '{}' has been created.", path.object));
    }

    StatementResult operator()(const CreateFunction& create) {
        const std::string& name = state_.catalog.resolve(create.name).object;
        const ScalarFunction* const built_in = findFunctionOfClass(create.class_name);
        if (built_in == nullptr) {
            failNotSupported(create.class_span, fmt::format("the function class '{}' is", create.class_name),
                             "SHOW FUNCTIONS lists the functions that are built in");
        }
        const FunctionDefinition* const known = state_.catalog.findFunction(name);
        if (known == nullptr) {
            state_.catalog.addFunction({name, create.class_name, built_in->name, create.system});
        } else if (!create.if_not_exists) {
            failAt(create.name.span, "sql.duplicate-name",
                   fmt::format("a function '{}' exists already", known->name),
                   "DROP it first, or write CREATE FUNCTION IF NOT EXISTS");
        }
        return done(fmt::format("Function '{}' has been created.", name));
    }

    StatementResult operator()(const DropObject& drop) {
        const ObjectPath path = state_.catalog.resolve(drop.name);
        if (drop.kind == ObjectKind::Function) return dropFunction(drop, path.object);
        const bool is_view = drop.kind == ObjectKind::View;
        const bool exists =
            is_view ? state_.catalog.findView(path) != nullptr : state_.catalog.findTable(path) != nullptr;
        const char* what = is_view ? "view" : "table";
        if (!exists) {
            if (state_.catalog.has(path)) {
                failAt(drop.name.span, "sql.wrong-kind",
                       fmt::format("'{}' is a {}", path.object, is_view ? "table" : "view"),
                       fmt::format("DROP {} {}", is_view ? "TABLE" : "VIEW", path.object));
            }
            if (drop.if_exists) return done(fmt::format("There is no {} '{}'.", what, path.object));
            state_.catalog.failUnknownTable(drop.name);
        }
        is_view ? state_.catalog.removeView(path) : state_.catalog.removeTable(path);
        return done(fmt::format("The {} '{}' has been dropped.", what, path.object));
    }

    StatementResult operator()(const Insert& insert) { return job({&insert}); }

    StatementResult operator()(const StatementSet& set) {
        std::vector<const Insert*> inserts;
        for (const Insert& insert : set.inserts)
            inserts.push_back(&insert);
        return job(inserts);
    }

    StatementResult operator()(const QueryStatement& query) {
        StatementResult result;
        result.kind = StatementResult::Kind::Query;
        result.plan.sinks.push_back(bindSelectSink(*query.query, state_.catalog, state_.registry.get()));
        result.schema = result.plan.sinks.front()->schema();
        checkPlan(result.plan);
        return result;
    }

    StatementResult operator()(const Explain& statement) {
        Executor inner(state_, *statement.statement, problems_);
        StatementResult planned = std::visit(inner, statement.statement->node);
        if (!problems_.empty()) return {};
        if (statement.analyze) return analyze(std::move(planned));
        ResultTable table;
        table.columns = {"result"};
        table.rows = {{explain(planned.plan, planOptions())}};
        return tableOf(std::move(table));
    }

    StatementResult operator()(const SetOption& set) {
        if (!set.option) return tableOf(settings(state_));
        const OptionItem& option = *set.option;
        if (option.key.empty()) failAt(option.key_span, "config.bad-value", "a setting's key is empty");
        state_.configuration.set(option.key, option.value);
        return done(fmt::format("'{}' is set to '{}'.", option.key, option.value));
    }

    StatementResult operator()(const ResetOption& reset) {
        if (!reset.option) {
            state_.configuration = state_.initial;
            return done("All settings are as they were at the start.");
        }
        const std::string& key = reset.option->key;
        const auto initial = state_.initial.find(key);
        if (initial) {
            state_.configuration.set(key, *initial);
        } else {
            state_.configuration.erase(key);
        }
        return done(fmt::format("'{}' is as it was at the start.", key));
    }

    StatementResult operator()(const Show& statement) { return tableOf(show(statement, state_)); }
    StatementResult operator()(const Describe& statement) { return tableOf(describe(statement, state_)); }

    StatementResult operator()(const UnsupportedStatement& unsupported) {
        failNotSupported(statement_.span, fmt::format("{} is", unsupported.what));
    }

  private:
    StatementResult analyze(StatementResult planned) const {
        planned.kind = StatementResult::Kind::Analyze;
        if (state_.registry) planMeasuredJob(planned.plan, planOptions());  // what has no end is refused here
        return planned;
    }

    StatementResult dropFunction(const DropObject& drop, const std::string& name) {
        if (state_.catalog.findFunction(name) == nullptr) {
            if (drop.if_exists) return done(fmt::format("There is no function '{}'.", name));
            failAt(drop.name.span, "sql.unknown-function",
                   fmt::format("there is no function '{}' to drop", name),
                   "functions that are built in stay");
        }
        state_.catalog.removeFunction(name);
        return done(fmt::format("The function '{}' has been dropped.", name));
    }

    // Whether the new object takes its name; UserError if it is taken.
    bool mayCreate(const ObjectPath& path, const ObjectName& name, bool if_not_exists, bool or_replace) {
        if (!state_.catalog.has(path)) return true;
        if (or_replace) {
            state_.catalog.removeTable(path);
            state_.catalog.removeView(path);
            return true;
        }
        if (if_not_exists) return false;
        failAt(name.span, "sql.duplicate-name",
               fmt::format("a {} '{}' exists already", state_.catalog.findView(path) ? "view" : "table",
                           path.object),
               "DROP it first, or write CREATE ... IF NOT EXISTS");
    }

    StatementResult job(const std::vector<const Insert*>& inserts) {
        StatementResult result;
        result.kind = StatementResult::Kind::Insert;
        for (const Insert* insert : inserts) {
            try {
                result.plan.sinks.push_back(bindInsert(*insert, state_.catalog, state_.registry.get()));
            } catch (const UserError& error) {
                problems_.push_back(error.problem());
            }
        }
        if (problems_.empty()) checkPlan(result.plan);
        return result;
    }

    PlanOptions planOptions() const {
        PlanOptions options;
        options.registry = state_.registry;
        options.configuration = state_.configuration;
        return options;
    }

    // What only planning finds out is reported with the statement, too.
    void checkPlan(const LogicalPlan& plan) const {
        if (state_.registry) sql::explain(plan, planOptions());
    }

    SessionState& state_;
    const Statement& statement_;
    std::vector<Problem>& problems_;
};

}  // namespace

StatementResult executeStatement(const Statement& statement, SessionState& state,
                                 std::vector<Problem>& problems) {
    std::vector<Problem> found;
    StatementResult result;
    try {
        result = std::visit(Executor(state, statement, found), statement.node);
    } catch (const UserError& error) {
        found.push_back(error.problem());
    }
    for (Problem& problem : found) {
        if (!problem.where.known()) problem.where = statement.span;
        problems.push_back(std::move(problem));
    }
    return result;
}

}  // namespace millrace::sql
