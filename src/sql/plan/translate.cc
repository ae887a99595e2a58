// Logical nodes to relational ones, one to one; nodes/ says how.
#include <map>

#include "sql/plan/rel.h"

namespace millrace::sql {

namespace {

class Translator {
  public:
    Translator() {
        for (const RelTranslation& translation : relTranslations())
            by_type_[translation.logical] = &translation;
    }

    RelPtr translate(const LogicalPtr& node) {
        if (const auto found = done_.find(node.get()); found != done_.end()) return found->second;
        std::vector<RelPtr> inputs;
        for (const LogicalPtr& input : node->inputs())
            inputs.push_back(translate(input));
        const LogicalNode& logical = *node;
        const auto translation = by_type_.find(typeid(logical));
        MILLRACE_CHECK(translation != by_type_.end(), "nothing plans {}", node->describe());
        return done_[node.get()] =
                   makeRel(translation->second->translate(*node), std::move(inputs), node->schema(), node);
    }

  private:
    std::map<std::type_index, const RelTranslation*> by_type_;
    std::map<const LogicalNode*, RelPtr> done_;
};

}  // namespace

RelRoots translate(const LogicalPlan& plan) {
    Translator translator;
    RelRoots roots;
    for (const auto& sink : plan.sinks)
        roots.push_back(translator.translate(sink));
    return roots;
}

}  // namespace millrace::sql
