// SELECT /*+ STATE_TTL('o' = '1 d', 'c' = '12 h') */: how long state is kept for rows of the tables that FROM
// names, by their aliases: of each side of a join that is one table, and of an aggregation over one table. It
// says nothing of the sub-queries and views inside.
//
// Beside it there are Flink's join hints, BROADCAST(o), SHUFFLE_HASH(o), SHUFFLE_MERGE(o) and NEST_LOOP(o),
// which choose among the ways in which Flink joins in batch. Here there is one way: they are checked and
// change nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "sql/bind/scope.h"
#include "sql/parse/ast.h"

namespace millrace::sql {

class StateTtlHint {
  public:
    StateTtlHint() = default;
    // UserError at any other hint but LOOKUP, at one without `name = time`, and at a bad time.
    explicit StateTtlHint(const std::vector<Hint>& hints);

    bool empty() const { return ttls_.empty(); }
    // Of the scope, if it is one table with a time.
    std::optional<Duration> of(const Scope& scope) const;
    // UserError "sql.bad-hint" if a name is none of FROM's tables.
    void check(const Scope& from) const;

  private:
    void checkName(const char* hint, const std::string& table, const TextSpan& where,
                   const Scope& from) const;

    std::map<std::string, Duration> ttls_;
    TextSpan where_;
    struct Joined {
        std::string table;
        TextSpan where;
    };
    std::vector<Joined> joined_;  // what join hints name
};

}  // namespace millrace::sql
