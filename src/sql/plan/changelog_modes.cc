// What kind of changelog each node produces (from the sources up), and where -U is needed (from the sinks
// down).
#include "sql/plan/physical.h"

namespace millrace::sql {

std::string Changelog::toString() const {
    std::string text = "I";
    if (updates && update_before) text += ",UB";
    if (updates) text += ",UA";
    if (deletes) text += ",D";
    return text;
}

ChangelogModes inferChangelogModes(const RelRoots& roots, const std::map<const Rel*, ChangelogMode>& sinks) {
    ChangelogModes modes;
    const std::vector<Rel*> order = inOrder(roots);
    for (const Rel* rel : order) {
        std::vector<Changelog> inputs;
        for (const RelPtr& input : rel->inputs)
            inputs.push_back(modes.at(input.get()));
        modes[rel] = rel->what->changelog(inputs);
    }
    std::map<const Rel*, bool> wants_update_before;  // by some parent
    for (auto at = order.rbegin(); at != order.rend(); ++at) {
        const Rel& rel = **at;
        const auto sink = sinks.find(&rel);
        const bool wanted =
            sink != sinks.end() ? sink->second == ChangelogMode::All : wants_update_before[&rel];
        for (size_t i = 0; i < rel.inputs.size(); ++i)
            wants_update_before[rel.inputs[i].get()] |= rel.what->needsUpdateBefore(i, wanted);
    }
    for (const Rel* rel : order) {
        Changelog& changelog = modes[rel];
        if (!changelog.updates) continue;
        if (rel->what->startsUpdates()) {
            changelog.update_before = wants_update_before[rel];
        } else {
            for (const RelPtr& input : rel->inputs)
                changelog.update_before |= modes.at(input.get()).update_before;
        }
    }
    return modes;
}

}  // namespace millrace::sql
