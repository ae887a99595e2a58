#include "functions/json_path_filter.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "base/error.h"
#include "functions/json_path.h"

namespace millrace {

namespace {

constexpr int kFilterDepthMax = 64;

// What is compared: of the document, or as it stands in the path.
struct FilterValue {
    enum class Kind : uint8_t { Nothing, Null, Boolean, Number, String, Document } kind = Kind::Nothing;
    std::string_view text;  // Number, String
    bool truth = false;
    uint32_t node = JsonDocument::kNone;  // Document: an Array or Object
};

FilterValue filterValueOf(const JsonDocument& document, uint32_t node) {
    using Kind = FilterValue::Kind;
    const JsonDocument::Node& of = document.node(node);
    switch (of.kind) {
        case JsonKind::Null:
            return {Kind::Null, {}, false, node};
        case JsonKind::False:
        case JsonKind::True:
            return {Kind::Boolean, {}, of.kind == JsonKind::True, node};
        case JsonKind::Number:
            return {Kind::Number, of.text, false, node};
        case JsonKind::String:
            return {Kind::String, of.text, false, node};
        case JsonKind::Array:
        case JsonKind::Object:
            break;
    }
    return {Kind::Document, {}, false, node};
}

template <class Number>
std::optional<Number> numberIn(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// -1, 0 or 1, whole numbers exactly; nothing if one of them is no number.
std::optional<int> compareNumbers(std::string_view left, std::string_view right) {
    const auto order = [](auto a, auto b) { return a < b ? -1 : a > b ? 1 : 0; };
    const auto whole_left = numberIn<int64_t>(left), whole_right = numberIn<int64_t>(right);
    if (whole_left && whole_right) return order(*whole_left, *whole_right);
    const auto real_left = numberIn<double>(left), real_right = numberIn<double>(right);
    if (!real_left || !real_right) return std::nullopt;
    return order(*real_left, *real_right);
}

bool filtersAsEqual(const JsonDocument& document, const FilterValue& left, const FilterValue& right) {
    using Kind = FilterValue::Kind;
    // A number and a text are compared as what stands on the left.
    if (left.kind == Kind::Number && (right.kind == Kind::Number || right.kind == Kind::String))
        return compareNumbers(left.text, right.text) == 0;
    if (left.kind == Kind::String && (right.kind == Kind::Number || right.kind == Kind::String))
        return left.text == right.text;
    if (left.kind != right.kind) return false;
    switch (left.kind) {
        case Kind::Null:
            return true;
        case Kind::Boolean:
            return left.truth == right.truth;
        case Kind::Document: {
            std::string one, other;
            document.write(left.node, one);
            document.write(right.node, other);
            return one == other;
        }
        default:
            return false;
    }
}

std::optional<int> filterOrder(const FilterValue& left, const FilterValue& right) {
    using Kind = FilterValue::Kind;
    if (left.kind != right.kind) return std::nullopt;
    if (left.kind == Kind::Number) return compareNumbers(left.text, right.text);
    if (left.kind != Kind::String) return std::nullopt;
    return javaLess(left.text, right.text) ? -1 : javaLess(right.text, left.text) ? 1 : 0;
}

struct FilterOperand {
    std::optional<JsonPath> path;  // or a value
    FilterValue::Kind kind = FilterValue::Kind::Null;
    std::string text;
    bool truth = false;

    FilterValue in(JsonDocument& document, uint32_t value) const {
        if (!path) return {kind, text, truth, JsonDocument::kNone};
        const uint32_t found = path->from(document, value);
        return found == JsonDocument::kNone ? FilterValue{} : filterValueOf(document, found);
    }
};

using FilterPtr = std::shared_ptr<const JsonPathFilter>;

struct AllFilter final : JsonPathFilter {
    std::vector<FilterPtr> parts;
    bool accepts(JsonDocument& document, uint32_t value) const override {
        for (const FilterPtr& part : parts) {
            if (!part->accepts(document, value)) return false;
        }
        return true;
    }
};

struct AnyFilter final : JsonPathFilter {
    std::vector<FilterPtr> parts;
    bool accepts(JsonDocument& document, uint32_t value) const override {
        for (const FilterPtr& part : parts) {
            if (part->accepts(document, value)) return true;
        }
        return false;
    }
};

struct NotFilter final : JsonPathFilter {
    explicit NotFilter(FilterPtr of) : inner(std::move(of)) {}
    FilterPtr inner;
    bool accepts(JsonDocument& document, uint32_t value) const override {
        return !inner->accepts(document, value);
    }
};

struct ExistsFilter final : JsonPathFilter {
    explicit ExistsFilter(FilterOperand of) : operand(std::move(of)) {}
    FilterOperand operand;
    bool accepts(JsonDocument& document, uint32_t value) const override {
        return operand.in(document, value).kind != FilterValue::Kind::Nothing;
    }
};

struct CompareFilter final : JsonPathFilter {
    FilterOperand left;
    std::string operation;
    std::vector<FilterOperand> right;  // of `in` and `nin` several
    std::shared_ptr<const RE2> pattern;

    bool accepts(JsonDocument& document, uint32_t value) const override {
        const FilterValue of = left.in(document, value);
        if (pattern) {
            const bool text = of.kind == FilterValue::Kind::String || of.kind == FilterValue::Kind::Number;
            return text && RE2::FullMatch(of.text, *pattern);
        }
        if (operation == "in" || operation == "nin") {
            bool found = false;
            for (const FilterOperand& one : right)
                found = found || filtersAsEqual(document, of, one.in(document, value));
            return found == (operation == "in");
        }
        const FilterValue other = right.front().in(document, value);
        if (operation == "==") return filtersAsEqual(document, of, other);
        if (operation == "!=") return !filtersAsEqual(document, of, other);
        const std::optional<int> compared = filterOrder(of, other);
        if (!compared) return false;
        if (operation == "<") return *compared < 0;
        if (operation == "<=") return *compared <= 0;
        if (operation == ">") return *compared > 0;
        return *compared >= 0;
    }
};

class FilterReader {
  public:
    FilterReader(std::string_view text, size_t at) : text_(text), at_(at) {}
    size_t at() const { return at_; }

    // "(" any ")"
    FilterPtr parenthesized() {
        if (!accept("(") || ++depth_ > kFilterDepthMax) return nullptr;
        FilterPtr inner = any();
        --depth_;
        return inner && accept(")") ? inner : nullptr;
    }

  private:
    void skipSpace() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n'))
            ++at_;
    }
    bool accept(std::string_view word) {
        skipSpace();
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }
    bool isAt(char c) {
        skipSpace();
        return at_ < text_.size() && text_[at_] == c;
    }

    FilterPtr any() {
        auto result = std::make_shared<AnyFilter>();
        do {
            result->parts.push_back(all());
            if (!result->parts.back()) return nullptr;
        } while (accept("||"));
        return result->parts.size() == 1 ? result->parts.front() : result;
    }
    FilterPtr all() {
        auto result = std::make_shared<AllFilter>();
        do {
            result->parts.push_back(one());
            if (!result->parts.back()) return nullptr;
        } while (accept("&&"));
        return result->parts.size() == 1 ? result->parts.front() : result;
    }
    FilterPtr one() {
        skipSpace();
        if (text_.substr(at_, 2) != "!=" && accept("!")) {
            if (++depth_ > kFilterDepthMax) return nullptr;
            FilterPtr inner = one();
            --depth_;
            return inner ? std::make_shared<NotFilter>(std::move(inner)) : nullptr;
        }
        if (isAt('(')) return parenthesized();
        std::optional<FilterOperand> left = operand();
        if (!left) return nullptr;
        const std::string operation = this->operation();
        if (operation.empty()) return left->path ? std::make_shared<ExistsFilter>(std::move(*left)) : nullptr;
        auto result = std::make_shared<CompareFilter>();
        result->left = std::move(*left);
        result->operation = operation;
        if (operation == "=~") {
            result->pattern = pattern();
            return result->pattern ? result : nullptr;
        }
        const bool list = operation == "in" || operation == "nin";
        if (list && !accept("[")) return nullptr;
        do {
            if (list && result->right.empty() && accept("]")) return result;
            std::optional<FilterOperand> right = operand();
            if (!right) return nullptr;
            result->right.push_back(std::move(*right));
        } while (list && accept(","));
        if (list && !accept("]")) return nullptr;
        return result;
    }

    std::string operation() {
        for (const char* word : {"==", "!=", "<=", ">=", "=~", "<", ">"}) {
            if (accept(word)) return word;
        }
        skipSpace();
        size_t end = at_;
        while (end < text_.size() && ((text_[end] | 0x20) >= 'a' && (text_[end] | 0x20) <= 'z'))
            ++end;
        std::string word(text_.substr(at_, end - at_));
        for (char& c : word)
            c = static_cast<char>(c | 0x20);
        if (word == "in" || word == "nin") {
            at_ = end;
            return word;
        }
        for (const char* other :
             {"subsetof", "anyof", "noneof", "size", "empty", "contains", "all", "type"}) {
            if (word != other) continue;
            throw UserError(
                "sql.not-supported",
                fmt::format("the operator '{}' in the filter of the JSON path '{}' is not supported yet",
                            word, text_),
                "filters compare with ==, !=, <, <=, >, >=, =~, in and nin");
        }
        return "";
    }

    std::optional<FilterOperand> operand() {
        using Kind = FilterValue::Kind;
        FilterOperand result;
        skipSpace();
        if (at_ >= text_.size()) return std::nullopt;
        const char c = text_[at_];
        if (c == '@' || c == '$') {
            result.path = JsonPath::within(pathText());
            if (!result.path) return std::nullopt;
            return result;
        }
        if (c == '\'' || c == '"') {
            result.kind = Kind::String;
            for (++at_; at_ < text_.size() && text_[at_] != c; ++at_) {
                if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
                result.text.push_back(text_[at_]);
            }
            if (at_++ >= text_.size()) return std::nullopt;
            return result;
        }
        for (const bool truth : {true, false}) {
            if (!accept(truth ? "true" : "false")) continue;
            result.kind = Kind::Boolean;
            result.truth = truth;
            return result;
        }
        if (accept("null")) return result;
        size_t end = at_;
        while (end < text_.size() &&
               std::string_view("+-.0123456789eE").find(text_[end]) != std::string_view::npos)
            ++end;
        result.kind = Kind::Number;
        result.text = text_.substr(at_, end - at_);
        if (!numberIn<double>(result.text)) return std::nullopt;
        at_ = end;
        return result;
    }

    // A path ends at a blank, an operator or a parenthesis outside of its brackets.
    std::string_view pathText() {
        const size_t begin = at_;
        int brackets = 0;
        char quote = 0;
        for (; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (quote != 0) {
                if (c == '\\') ++at_;
                if (c == quote) quote = 0;
            } else if (brackets > 0 && (c == '\'' || c == '"')) {
                quote = c;
            } else if (c == '[') {
                ++brackets;
            } else if (c == ']') {
                if (brackets == 0) break;  // of a list
                --brackets;
            } else if (brackets == 0 && std::string_view(" \t\n=!<>&|),").find(c) != std::string_view::npos) {
                break;
            }
        }
        at_ = std::min(at_, text_.size());
        return text_.substr(begin, at_ - begin);
    }

    // /.../ and letters behind it
    std::shared_ptr<const RE2> pattern() {
        if (!accept("/")) return nullptr;
        std::string expression;
        for (; at_ < text_.size() && text_[at_] != '/'; ++at_) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) expression.push_back(text_[at_++]);
            expression.push_back(text_[at_]);
        }
        if (at_++ >= text_.size()) return nullptr;
        RE2::Options options(RE2::Quiet);
        for (; at_ < text_.size() && text_[at_] >= 'a' && text_[at_] <= 'z'; ++at_) {
            if (text_[at_] == 'i') options.set_case_sensitive(false);
            if (text_[at_] == 's') options.set_dot_nl(true);
        }
        auto compiled = std::make_shared<const RE2>(expression, options);
        return compiled->ok() ? compiled : nullptr;
    }

    std::string_view text_;
    size_t at_;
    int depth_ = 0;
};

}  // namespace

std::shared_ptr<const JsonPathFilter> JsonPathFilter::read(std::string_view text, size_t& at) {
    // Of filters in paths in filters.
    static thread_local int depth = 0;
    if (depth >= kFilterDepthMax) return nullptr;
    ++depth;
    const struct Leave {
        ~Leave() { --depth; }
    } leave;
    FilterReader reader(text, at);
    FilterPtr filter = reader.parenthesized();
    at = reader.at();
    return filter;
}

}  // namespace millrace
