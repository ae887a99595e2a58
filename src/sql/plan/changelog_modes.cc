// What kind of changelog each node produces (from the sources up), and where -U is needed (from the sinks
// down). A node that updates its result makes -U only if someone needs it.
#include "sql/plan/physical.h"

namespace millrace::sql {

std::string Changelog::toString() const {
    std::string text = "I";
    if (updates && update_before) text += ",UB";
    if (updates) text += ",UA";
    if (deletes) text += ",D";
    return text;
}

namespace {

Changelog produce(const Rel& rel, const std::map<const Rel*, Changelog>& produced) {
    Changelog input;  // of all inputs together
    for (const RelPtr& below : rel.inputs) {
        const Changelog& one = produced.at(below.get());
        input.updates |= one.updates;
        input.deletes |= one.deletes;
    }
    if (rel.get<SortRel>()) return {};  // of bounded input, once, at its end
    const auto* aggregate = rel.get<AggregateRel>();
    if (!aggregate) return input;
    if (aggregate->window_use != WindowUse::None) return {};
    Changelog own;
    own.updates = !aggregate->calls.empty();
    own.deletes = !input.insertOnly();
    return own;
}

// Whether `rel` needs -U from its inputs, given whether -U is needed from it.
bool needsUpdateBefore(const Rel& rel, bool wanted) {
    if (rel.get<AggregateRel>() || rel.get<SortRel>()) return true;
    // A filter may let only one of the two rows pass: the other then has to take the former row back.
    if (const auto* calc = rel.get<CalcRel>(); calc && calc->condition) return true;
    return wanted;
}

}  // namespace

ChangelogModes inferChangelogModes(const RelRoots& roots, const std::map<const Rel*, ChangelogMode>& sinks) {
    ChangelogModes modes;
    const std::vector<Rel*> order = inOrder(roots);
    for (const Rel* rel : order)
        modes.produced[rel] = produce(*rel, modes.produced);
    for (auto at = order.rbegin(); at != order.rend(); ++at) {
        const Rel& rel = **at;
        const auto sink = sinks.find(&rel);
        const bool wanted =
            sink != sinks.end() ? sink->second == ChangelogMode::All : modes.wants_update_before[&rel];
        const bool needs = needsUpdateBefore(rel, wanted);
        for (const RelPtr& input : rel.inputs)
            modes.wants_update_before[input.get()] |= needs;
    }
    for (const Rel* rel : order) {
        Changelog& changelog = modes.produced[rel];
        if (!changelog.updates) continue;
        if (rel->get<AggregateRel>()) {
            changelog.update_before = modes.wants_update_before[rel];
        } else {
            for (const RelPtr& input : rel->inputs) {
                changelog.update_before |= modes.produced[input.get()].update_before;
            }
        }
    }
    return modes;
}

}  // namespace millrace::sql
