#include "sql/bind/grouping_sets.h"

#include <algorithm>
#include <set>

#include "sql/bind/group_window.h"

namespace millrace::sql {

namespace {

using KeySet = std::set<size_t>;

class KeyBinder {
  public:
    KeyBinder(const Select& select, const Scope& scope) : select_(select), binder_(scope, "GROUP BY") {}

    // The sets of all items together: each combined with each.
    std::vector<KeySet> sets() {
        std::vector<KeySet> all(1);
        for (const GroupItem& item : select_.group_by) {
            const std::vector<KeySet> further = setsOf(item, item.kind == GroupingKind::Expressions);
            check(all.size() * further.size(), item.span);
            std::vector<KeySet> combined;
            for (const KeySet& one : all) {
                for (KeySet other : further) {
                    other.insert(one.begin(), one.end());
                    combined.push_back(std::move(other));
                }
            }
            all = std::move(combined);
        }
        return all;
    }
    std::vector<ExpressionPtr>& keys() { return keys_; }

  private:
    static void check(size_t count, const TextSpan& where) {
        if (count <= kGroupingSetsMax) return;
        failAt(where, "sql.too-large",
               fmt::format("GROUP BY makes more than {} grouping sets", kGroupingSetsMax),
               "list those that are wanted with GROUPING SETS");
    }

    KeySet keysOf(const std::vector<ExprPtr>& exprs, bool window_allowed) {
        KeySet set;
        for (const ExprPtr& expr : exprs) {
            if (!GroupWindow::is(*expr)) {
                set.insert(key(*expr));
            } else if (!window_allowed) {
                failNotSupported(expr->span, "windows in GROUPING SETS, ROLLUP and CUBE are",
                                 "let it stand beside them in GROUP BY");
            }
        }
        return set;
    }

    std::vector<KeySet> setsOf(const GroupItem& item, bool window_allowed) {
        std::vector<KeySet> result;
        if (item.kind == GroupingKind::Sets) {
            for (const GroupItem& inner : item.items) {
                std::vector<KeySet> sets = setsOf(inner, false);
                check(result.size() + sets.size(), item.span);
                std::move(sets.begin(), sets.end(), std::back_inserter(result));
            }
            return result;
        }
        std::vector<KeySet> parts;
        for (const std::vector<ExprPtr>& part : item.sets)
            parts.push_back(keysOf(part, window_allowed));
        if (item.kind == GroupingKind::Expressions) return {parts.front()};
        const auto unite = [](KeySet& into, const KeySet& more) { into.insert(more.begin(), more.end()); };
        if (item.kind == GroupingKind::Rollup) {
            for (size_t count = parts.size() + 1; count-- > 0;) {
                KeySet set;
                for (size_t i = 0; i < count; ++i)
                    unite(set, parts[i]);
                result.push_back(std::move(set));
            }
            return result;
        }
        check(parts.size() < 32 ? size_t{1} << parts.size() : SIZE_MAX, item.span);
        for (size_t without = 0; without < size_t{1} << parts.size(); ++without) {
            KeySet set;
            for (size_t i = 0; i < parts.size(); ++i) {
                if ((without >> (parts.size() - 1 - i) & 1) == 0) unite(set, parts[i]);
            }
            result.push_back(std::move(set));
        }
        return result;
    }

    size_t key(const Expr& expr) {
        ExpressionPtr key;
        try {
            key = binder_.bindRoot(expr);
        } catch (const UserError& error) {
            const auto* column = std::get_if<ColumnRef>(&expr.node);
            const bool is_alias =
                error.code() == "sql.unknown-column" && column != nullptr && column->path.size() == 1 &&
                std::any_of(select_.items.begin(), select_.items.end(), [&](const SelectItem& selected) {
                    return selected.alias && selected.alias->name == column->path[0].name;
                });
            if (!is_alias) throw;
            failAt(expr.span, "sql.unknown-column", error.problem().message,
                   fmt::format("'{}' is an alias of SELECT; GROUP BY takes the expression itself",
                               column->path[0].name));
        }
        if (key->type().kind() == TypeKind::Null) key = convert(key, LogicalType::integer());
        const auto same = std::find_if(keys_.begin(), keys_.end(), [&](const ExpressionPtr& other) {
            return other->canonical() == key->canonical();
        });
        const auto index = static_cast<size_t>(same - keys_.begin());
        if (same == keys_.end()) keys_.push_back(std::move(key));
        return index;
    }

    const Select& select_;
    ExpressionBinder binder_;
    std::vector<ExpressionPtr> keys_;
};

}  // namespace

GroupingKeys bindGroupingKeys(const Select& select, const Scope& scope) {
    KeyBinder binder(select, scope);
    std::vector<KeySet> sets = binder.sets();
    if (select.group_by_distinct) {
        std::set<KeySet> seen;
        std::erase_if(sets, [&](const KeySet& set) { return !seen.insert(set).second; });
    }
    GroupingKeys result;
    result.keys = std::move(binder.keys());
    if (sets.size() == 1 && sets.front().size() == result.keys.size()) return result;
    for (const KeySet& set : sets) {
        std::vector<bool> kept(result.keys.size());
        for (const size_t key : set)
            kept[key] = true;
        result.sets.push_back(std::move(kept));
    }
    return result;
}

bool isGroupingFunction(const Call& call) {
    return call.path.size() == 1 &&
           (call.name == "GROUPING" || call.name == "GROUPING_ID" || call.name == "GROUP_ID");
}

}  // namespace millrace::sql
