#include "sql/statements.h"

#include "sql/bind/create_table_as.h"
#include "sql/bind/insert.h"
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
        if (create.as) return createTableAs(create);
        return done(createTable(create, state_, problems_));
    }
    StatementResult operator()(const CreateView& create) { return done(createView(create, state_)); }
    StatementResult operator()(const CreateFunction& create) { return done(createFunction(create, state_)); }
    StatementResult operator()(const CreateCatalog& create) { return done(createCatalog(create, state_)); }
    StatementResult operator()(const CreateDatabase& create) { return done(createDatabase(create, state_)); }
    StatementResult operator()(const DropObject& drop) { return done(dropObject(drop, state_)); }
    StatementResult operator()(const AlterObject& alter) {
        return done(alterObject(alter, state_, problems_));
    }
    StatementResult operator()(const Use& statement) { return done(use(statement, state_)); }

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
        SessionState unchanged = state_;  // CREATE TABLE ... AS is not carried out
        Executor inner(unchanged, *statement.statement, problems_);
        StatementResult planned = std::visit(inner, statement.statement->node);
        if (!problems_.empty()) return {};
        if (statement.analyze) return analyze(std::move(planned));
        ResultTable table;
        table.columns = {"result"};
        // Without connectors nothing can be planned: what was bound is all there is to tell.
        table.rows = {{state_.registry ? explain(planned.plan, planOptions()) : planned.plan.explain()}};
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
        const bool changes_rows = unsupported.what == "UPDATE" || unsupported.what.starts_with("DELETE") ||
                                  unsupported.what.starts_with("TRUNCATE");
        failNotSupported(statement_.span, fmt::format("{} is", unsupported.what),
                         changes_rows
                             ? "no connector changes rows that have been written; INSERT writes further ones"
                             : "");
    }

  private:
    StatementResult analyze(StatementResult planned) const {
        planned.kind = StatementResult::Kind::Analyze;
        if (state_.registry) planMeasuredJob(planned.plan, planOptions());  // what has no end is refused here
        return planned;
    }

    // The table is there as soon as the statement has been understood; its rows come when the job runs.
    StatementResult createTableAs(const CreateTable& create) {
        try {
            const ObjectPath path = state_.catalog.resolve(create.name);
            if (create.must_exist && !state_.catalog.findTable(path))
                state_.catalog.failUnknownTable(create.name);
            if (!mayCreate(state_.catalog, path, create.name, create.if_not_exists, create.or_replace))
                return done(fmt::format("There is a table '{}' already.", path.object));
            TableAs made = bindCreateTableAs(create, state_.catalog, state_.registry.get(), problems_);
            StatementResult result;
            if (made.table) {
                result.kind = StatementResult::Kind::Insert;
                result.plan.sinks.push_back(made.sink);
                checkPlan(result.plan);
                putTable(state_.catalog, made.table);
                return result;
            }
        } catch (const UserError&) {
            state_.catalog.addBroken(create.name.parts.back().name);
            throw;
        }
        state_.catalog.addBroken(create.name.parts.back().name);
        return {};
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
        // A set of which no INSERT could be read is empty; what is wrong with it has been said.
        if (problems_.empty() && !inserts.empty()) checkPlan(result.plan);
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
