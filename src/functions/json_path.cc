#include "functions/json_path.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "base/error.h"
#include "base/text.h"

namespace millrace {

class JsonPath::Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    // `within`: "@" may stand for "$", and no word before it.
    std::optional<JsonPath> read(bool within) {
        JsonPath path;
        if (within) {
            path.from_root_ = !accept('@');
            if (path.from_root_ && !accept('$')) return std::nullopt;
            return steps(path) ? std::optional(std::move(path)) : std::nullopt;
        }
        skipSpace();
        for (const std::string_view mode : {"strict", "lax"}) {
            const std::string_view word = text_.substr(at_, mode.size());
            if (lowerCase(word) != mode || !isSpaceAt(at_ + mode.size())) continue;
            path.lax_ = mode == "lax";
            at_ += mode.size();
            break;
        }
        skipSpace();
        while (!text_.empty() && isSpace(text_.back()))
            text_.remove_suffix(1);
        if (!accept('$') || !steps(path)) return std::nullopt;
        return path;
    }

  private:
    bool steps(JsonPath& path) {
        while (at_ < text_.size()) {
            if (!step(path.steps_)) return false;
        }
        if (!path.steps_.empty() && path.steps_.back().kind == StepKind::Descend) return false;
        for (size_t i = 0; i < path.steps_.size(); ++i) {
            const Step& step = path.steps_[i];
            const bool one =
                (step.kind == StepKind::Names && (step.names.size() == 1 || i + 1 == path.steps_.size())) ||
                (step.kind == StepKind::Indexes && step.indexes.size() == 1);
            path.definite_ &= one;
        }
        return true;
    }
    static bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
    bool isSpaceAt(size_t at) const { return at < text_.size() && isSpace(text_[at]); }
    void skipSpace() {
        while (isSpaceAt(at_))
            ++at_;
    }
    bool accept(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    [[noreturn]] void notSupported(const char* what) const {
        throw UserError("sql.not-supported",
                        fmt::format("{} in the JSON path '{}' are not supported yet", what, text_),
                        "paths of names, indexes, slices, *, .. and filters are");
    }

    bool step(std::vector<Step>& steps) {
        if (accept('[')) return brackets(steps);
        if (!accept('.')) return false;
        if (accept('.')) {
            steps.push_back({.kind = StepKind::Descend});
            if (accept('[')) return brackets(steps);
        } else if (accept('[')) {  // $.['a'] is $['a']
            return brackets(steps);
        }
        if (accept('*')) {
            steps.push_back({.kind = StepKind::All});
            return true;
        }
        const size_t begin = at_;
        while (at_ < text_.size() && text_[at_] != '.' && text_[at_] != '[' && text_[at_] != '(' &&
               !isSpace(text_[at_]))
            ++at_;
        if (at_ == begin) return false;
        if (at_ < text_.size() && text_[at_] == '(') notSupported("functions");
        steps.push_back({.kind = StepKind::Names, .names = {std::string(text_.substr(begin, at_ - begin))}});
        return true;
    }

    bool brackets(std::vector<Step>& steps) {
        skipSpace();
        if (at_ >= text_.size()) return false;
        if (accept('?')) {
            skipSpace();
            Step step{.kind = StepKind::Filter};
            step.filter = JsonPathFilter::read(text_, at_);
            if (!step.filter) return false;
            steps.push_back(std::move(step));
        } else if (accept('*')) {
            steps.push_back({.kind = StepKind::All});
        } else if (text_[at_] == '\'' || text_[at_] == '"') {
            if (!names(steps)) return false;
        } else if (!numbers(steps)) {
            return false;
        }
        skipSpace();
        return accept(']');
    }

    bool names(std::vector<Step>& steps) {
        Step step{.kind = StepKind::Names};
        do {
            skipSpace();
            if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return false;
            const char quote = text_[at_++];
            std::string name;
            while (at_ < text_.size() && text_[at_] != quote) {
                if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
                name.push_back(text_[at_++]);
            }
            if (!accept(quote)) return false;
            const bool known = std::find(step.names.begin(), step.names.end(), name) != step.names.end();
            if (!known) step.names.push_back(std::move(name));
            skipSpace();
        } while (accept(','));
        steps.push_back(std::move(step));
        return true;
    }

    std::optional<int64_t> number() {
        skipSpace();
        int32_t value = 0;
        const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
        if (error != std::errc()) return std::nullopt;
        at_ = static_cast<size_t>(end - text_.data());
        skipSpace();
        return value;
    }

    bool numbers(std::vector<Step>& steps) {
        Step step{.kind = StepKind::Indexes};
        step.from = number();
        if (accept(':')) {
            step.kind = StepKind::Slice;
            step.to = number();
            if (!step.from && !step.to) return false;
            steps.push_back(std::move(step));
            return true;
        }
        if (!step.from) return false;
        step.indexes.push_back(*step.from);
        while (accept(',')) {
            const auto index = number();
            if (!index) return false;
            step.indexes.push_back(*index);
        }
        steps.push_back(std::move(step));
        return true;
    }

    std::string_view text_;
    size_t at_ = 0;
};

// Takes the steps one after the other; false where a definite path cannot go on.
struct JsonPath::Walk {
    const std::vector<Step>& steps;
    JsonDocument& document;
    std::vector<uint32_t> found;

    bool go(size_t at, uint32_t value, bool definite) {
        if (at == steps.size()) {
            found.push_back(value);
            return true;
        }
        const Step& step = steps[at];
        switch (step.kind) {
            case StepKind::Names:
                return names(at, value, definite);
            case StepKind::Indexes:
            case StepKind::Slice:
                return elements(at, value, definite);
            case StepKind::All:
                if (document.isScalar(value)) return true;
                for (const uint32_t child : children(value))
                    go(at + 1, child, false);
                return true;
            case StepKind::Filter:
                return filtered(at, value, definite);
            case StepKind::Descend:
                descend(at + 1, value);
                return true;
        }
        throw InternalError("a step of no kind");
    }

  private:
    // Steps may add to the document, so its values are listed before they are gone into.
    std::vector<uint32_t> children(uint32_t value) const {
        std::vector<uint32_t> all;
        for (uint32_t child = document.node(value).first; child != JsonDocument::kNone;
             child = document.node(child).next)
            all.push_back(child);
        return all;
    }

    bool names(size_t at, uint32_t value, bool definite) {
        const Step& step = steps[at];
        if (document.node(value).kind != JsonKind::Object) return !definite;
        const bool leaf = at + 1 == steps.size();
        std::vector<uint32_t> members;
        for (const std::string& name : step.names) {
            const uint32_t member = document.member(value, name);
            if (member != JsonDocument::kNone) members.push_back(member);
        }
        if (step.names.size() > 1 && leaf) {
            found.push_back(document.makeObject(members));
            return true;
        }
        if (members.empty()) return leaf || !definite || step.names.size() > 1;
        for (const uint32_t member : members) {
            if (!go(at + 1, member, definite && step.names.size() == 1)) return false;
        }
        return true;
    }

    bool elements(size_t at, uint32_t value, bool definite) {
        const Step& step = steps[at];
        if (document.node(value).kind != JsonKind::Array) return !definite;
        const int64_t size = document.node(value).size;
        const auto take = [&](int64_t index, bool one) {
            const uint32_t element = document.element(value, index);
            return element == JsonDocument::kNone || go(at + 1, element, definite && one);
        };
        if (step.kind == StepKind::Indexes) {
            for (const int64_t index : step.indexes) {
                if (!take(index, step.indexes.size() == 1)) return false;
            }
            return true;
        }
        int64_t from = step.from.value_or(0);
        int64_t to = step.to.value_or(size);
        if (from < 0 && !step.to) from = std::max<int64_t>(from + size, 0);
        if (to < 0 && !step.from) to += size;
        to = std::min(to, size);
        for (int64_t index = std::max(from, -size); index < to; ++index)
            take(index, false);
        return true;
    }

    // Elements of an array that pass, or an object itself.
    bool filtered(size_t at, uint32_t value, bool definite) {
        if (document.isScalar(value)) return !definite;
        const JsonPathFilter& filter = *steps[at].filter;
        if (document.node(value).kind == JsonKind::Object) {
            if (filter.accepts(document, value)) go(at + 1, value, false);
            return true;
        }
        for (const uint32_t child : children(value)) {
            if (filter.accepts(document, child)) go(at + 1, child, false);
        }
        return true;
    }

    // The step at every value below that it fits, outermost first.
    void descend(size_t at, uint32_t value) {
        const JsonKind kind = document.node(value).kind;
        if (document.isScalar(value)) return;
        const StepKind wanted = steps[at].kind;
        const bool fits =
            wanted == StepKind::All || (wanted == StepKind::Filter && kind == JsonKind::Object) ||
            (wanted == StepKind::Names && kind == JsonKind::Object) ||
            ((wanted == StepKind::Indexes || wanted == StepKind::Slice) && kind == JsonKind::Array);
        if (fits) go(at, value, false);
        for (const uint32_t child : children(value))
            descend(at, child);
    }
};

std::optional<JsonPath> JsonPath::compile(std::string_view text) { return Reader(text).read(false); }

std::optional<JsonPath> JsonPath::within(std::string_view text) { return Reader(text).read(true); }

uint32_t JsonPath::from(JsonDocument& document, uint32_t value) const {
    Walk walk{.steps = steps_, .document = document, .found = {}};
    const bool reached = walk.go(0, from_root_ ? 0 : value, true);
    if (!definite_) return reached ? document.makeArray(walk.found) : JsonDocument::kNone;
    return reached && !walk.found.empty() ? walk.found.front() : JsonDocument::kNone;
}

JsonPath::Found JsonPath::find(JsonDocument& document) const {
    if (document.node(0).kind == JsonKind::Null) return {.error = true};
    Walk walk{.steps = steps_, .document = document, .found = {}};
    const bool reached = walk.go(0, 0, true);
    if (definite_) {
        const bool leads =
            reached && !walk.found.empty() && document.node(walk.found.front()).kind != JsonKind::Null;
        if (!leads) return {.error = !lax_};
        return {.value = walk.found.front()};
    }
    if (!reached && !lax_) return {.error = true};
    return {.value = document.makeArray(walk.found)};
}

const JsonPath* jsonPath(std::string_view text) {
    constexpr size_t kKeptMax = 64;
    thread_local std::unordered_map<std::string, std::optional<JsonPath>> kept;
    thread_local const std::pair<const std::string, std::optional<JsonPath>>* last = nullptr;
    if (last == nullptr || last->first != text) {
        auto found = kept.find(std::string(text));
        if (found == kept.end()) {
            std::optional<JsonPath> compiled = JsonPath::compile(text);
            if (kept.size() >= kKeptMax) {
                last = nullptr;
                kept.clear();
            }
            found = kept.emplace(std::string(text), std::move(compiled)).first;
        }
        last = &*found;
    }
    return last->second ? &*last->second : nullptr;
}

}  // namespace millrace
