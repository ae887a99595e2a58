#include "functions/regex.h"

#include <memory>
#include <string>
#include <unordered_map>

namespace millrace {

const RE2* compiledRegex(std::string_view pattern) {
    constexpr size_t kKeptMax = 64;
    thread_local std::unordered_map<std::string, std::unique_ptr<RE2>> kept;
    thread_local const std::pair<const std::string, std::unique_ptr<RE2>>* last = nullptr;
    if (last == nullptr || last->first != pattern) {
        auto found = kept.find(std::string(pattern));
        if (found == kept.end()) {
            if (kept.size() >= kKeptMax) kept.clear();
            RE2::Options options;
            options.set_log_errors(false);
            found =
                kept.emplace(std::string(pattern), std::make_unique<RE2>(toPiece(pattern), options)).first;
        }
        last = &*found;
    }
    return last->second->ok() ? last->second.get() : nullptr;
}

}  // namespace millrace
