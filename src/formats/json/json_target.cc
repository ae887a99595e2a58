#include "formats/json/json_target.h"

#include <algorithm>

namespace millrace {

JsonTargets::JsonTargets(const Schema& schema, const std::vector<ColumnPath>& projection) {
    for (const ColumnPath& path : projection) {
        std::vector<JsonTarget>* level = &fields;
        JsonTarget* target = nullptr;
        std::string where;
        for (size_t depth = 1; depth <= path.size(); ++depth) {
            const ColumnPath outer(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth));
            const std::string& name =
                depth == 1 ? schema[path[0]].name : target->type.fields()[path[depth - 1]].name;
            where += (depth == 1 ? "" : ".") + name;
            auto at = std::find_if(level->begin(), level->end(),
                                   [&](const JsonTarget& known) { return known.name == name; });
            if (at == level->end()) {
                level->push_back({name, where, fieldAt(schema, outer).type, count++, {}, {}});
                at = std::prev(level->end());
            }
            target = &*at;
            level = &target->fields;
        }
        target->column = types.size();
        types.push_back(target->type);
    }
}

}  // namespace millrace
