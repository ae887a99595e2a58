#include "functions/function.h"

#include <cctype>
#include <map>

#include "base/error.h"

namespace millrace {

namespace {

std::string upper(std::string_view name) {
    std::string text(name);
    for (char& c : text)
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text;
}

template <class Function>
std::map<std::string, const Function*> indexByName(const std::vector<std::vector<Function>>& families) {
    std::map<std::string, const Function*> index;
    const auto add = [&](const std::string& name, const Function& function) {
        MILLRACE_CHECK(index.emplace(name, &function).second, "two functions are called {}", name);
    };
    for (const auto& family : families) {
        for (const Function& function : family) {
            add(function.name, function);
            for (const std::string& alias : function.aliases)
                add(alias, function);
        }
    }
    return index;
}

const std::map<std::string, const ScalarFunction*>& scalarIndex() {
    static const auto index = indexByName(scalarFunctionFamilies());
    return index;
}

const std::map<std::string, const AggregateFunction*>& aggregateIndex() {
    static const auto index = indexByName(aggregateFunctionFamilies());
    return index;
}

template <class Index>
auto findIn(const Index& index, std::string_view name) -> typename Index::mapped_type {
    const auto found = index.find(upper(name));
    return found == index.end() ? nullptr : found->second;
}

}  // namespace

const ScalarFunction* findScalarFunction(std::string_view name) { return findIn(scalarIndex(), name); }
const AggregateFunction* findAggregateFunction(std::string_view name) {
    return findIn(aggregateIndex(), name);
}

const ScalarFunction* findFunctionOfClass(std::string_view class_name) {
    for (const auto& family : scalarFunctionFamilies()) {
        for (const ScalarFunction& function : family) {
            for (const std::string& stands_for : function.class_names) {
                if (stands_for == class_name) return &function;
            }
        }
    }
    return nullptr;
}

std::vector<std::string> functionNames() {
    std::map<std::string, bool> names;
    for (const auto& [name, function] : scalarIndex())
        names[name] = true;
    for (const auto& [name, function] : aggregateIndex())
        names[name] = true;
    std::vector<std::string> sorted;
    for (const auto& [name, present] : names)
        sorted.push_back(name);
    return sorted;
}

}  // namespace millrace
