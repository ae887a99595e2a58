// Equal sub-plans become one node with several parents: a table is read once a job, and what two statements
// compute alike is computed once. Equal means: the same operations on the same inputs, whatever the names.
#include <map>

#include "sql/plan/rel.h"

namespace millrace::sql {

void shareSubplans(RelRoots& roots) {
    std::map<std::string, RelPtr> known;
    std::map<const Rel*, RelPtr> replacement;
    std::map<const Rel*, std::string> identity;  // a number for each distinct node that is left
    for (Rel* rel : inOrder(roots)) {
        std::string key;
        for (RelPtr& input : rel->inputs) {
            if (const auto found = replacement.find(input.get()); found != replacement.end())
                input = found->second;
            key += identity.at(input.get()) + " ";
        }
        identity[rel] = std::to_string(identity.size());
        const std::optional<std::string> own = rel->what->digest();
        if (!own) continue;
        key += *own;
        // Types are part of it: a literal's canonical text need not tell BIGINT from INT.
        for (const Field& field : rel->schema)
            key += "|" + field.type.toString();
        const auto found = known.find(key);
        if (found == known.end()) {
            known.emplace(key, rel->shared_from_this());
        } else {
            replacement[rel] = found->second;
        }
    }
}

}  // namespace millrace::sql
