// Logical nodes to relational ones, one to one; nodes/ says how.
#include <map>

#include "sql/plan/rel.h"

namespace millrace::sql {

namespace {

class Translator {
  public:
    RelPtr translate(const LogicalPtr& node) {
        if (const auto found = done_.find(node.get()); found != done_.end()) return found->second;
        std::vector<RelPtr> inputs;
        for (const LogicalPtr& input : node->inputs())
            inputs.push_back(translate(input));
        return done_[node.get()] = makeRel(relNodeOf(*node), std::move(inputs), node->schema(), node);
    }

  private:
    std::map<const LogicalNode*, RelPtr> done_;
};

}  // namespace

std::shared_ptr<RelNode> relNodeOf(const LogicalNode& node) {
    static const std::map<std::type_index, const RelTranslation*> by_type = [] {
        std::map<std::type_index, const RelTranslation*> all;
        for (const RelTranslation& translation : relTranslations())
            all[translation.logical] = &translation;
        return all;
    }();
    const auto translation = by_type.find(typeid(node));
    MILLRACE_CHECK(translation != by_type.end(), "nothing plans {}", node.describe());
    return translation->second->translate(node);
}

RelRoots translate(const LogicalPlan& plan) {
    Translator translator;
    RelRoots roots;
    for (const auto& sink : plan.sinks)
        roots.push_back(translator.translate(sink));
    return roots;
}

}  // namespace millrace::sql
