#include "sql/bind/logical_expand.h"

#include <algorithm>

namespace millrace::sql {

bool inEverySet(const GroupingSets& sets, size_t key) {
    return std::all_of(sets.begin(), sets.end(), [&](const std::vector<bool>& set) { return set[key]; });
}

namespace {

Schema expandSchema(const LogicalPtr& input, const GroupingSets& sets) {
    std::vector<Field> fields = input->schema().fields();
    const size_t keys = sets.front().size();
    for (size_t i = 0; i < keys; ++i) {
        if (!inEverySet(sets, i)) fields[i].type = fields[i].type.withNullable(true);
    }
    fields.insert(fields.begin() + static_cast<std::ptrdiff_t>(keys),
                  {"$e", LogicalType::bigint().withNullable(false)});
    return Schema(std::move(fields));
}

std::vector<ColumnTraits> expandTraits(const LogicalPtr& input, const GroupingSets& sets) {
    std::vector<ColumnTraits> traits = input->traits();
    const size_t keys = sets.front().size();
    for (size_t i = 0; i < keys; ++i) {
        if (!inEverySet(sets, i)) traits[i] = {};
    }
    traits.insert(traits.begin() + static_cast<std::ptrdiff_t>(keys), ColumnTraits{});
    return traits;
}

// "{$0, $1}, {$0}, {}"
template <class Name>
std::string setsText(const GroupingSets& sets, Name name) {
    std::string all;
    for (const std::vector<bool>& set : sets) {
        std::string one;
        for (size_t i = 0; i < set.size(); ++i) {
            if (set[i]) one += (one.empty() ? "" : ", ") + name(i);
        }
        all += (all.empty() ? "{" : ", {") + one + "}";
    }
    return all;
}

}  // namespace

LogicalExpand::LogicalExpand(const LogicalPtr& input, GroupingSets sets, TextSpan where)
    : LogicalNode(expandSchema(input, sets), expandTraits(input, sets), {input}, where,
                  "expand " + setsText(sets, [](size_t key) { return fmt::format("${}", key); })),
      sets_(std::move(sets)) {}

std::string LogicalExpand::describe() const {
    return fmt::format("Expand(sets=[{}])",
                       setsText(sets_, [&](size_t key) { return input()->schema()[key].name; }));
}

}  // namespace millrace::sql
