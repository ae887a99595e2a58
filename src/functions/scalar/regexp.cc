#include "functions/field_regex.h"
#include "functions/regex.h"

#include "functions/simple.h"
#include "functions/utf8.h"

namespace millrace {

namespace {

constexpr int kGroupsMax = 32;

bool regexp(const Arguments& a, size_t i, uint8_t& out) {
    const RE2* regex = compiledRegex(a.text(1, i));
    if (regex == nullptr)
        throw UserError("data.bad-pattern", fmt::format("'{}' is not a regular expression", a.text(1, i)));
    out = RE2::PartialMatch(toPiece(a.text(0, i)), *regex);
    return true;
}

// NULL for a malformed expression, a group that is not there, or no match, as Flink's.
std::optional<std::string_view> regexpExtract(const Arguments& a, size_t i, std::string_view text) {
    const int32_t group = a.count() > 2 ? a.integer(2, i) : 0;
    if (const FieldRegex* field = fieldRegex(a.text(1, i))) {
        return group < 0 || group > FieldRegex::kGroups ? std::nullopt : field->group(text, group);
    }
    const RE2* regex = compiledRegex(a.text(1, i));
    if (regex == nullptr || group < 0 || group > regex->NumberOfCapturingGroups() || group >= kGroupsMax)
        return std::nullopt;
    re2::StringPiece groups[kGroupsMax];
    if (!regex->Match(toPiece(text), 0, text.size(), RE2::UNANCHORED, groups, group + 1)) return std::nullopt;
    if (groups[group].data() == nullptr) return std::nullopt;
    return std::string_view(groups[group].data(), groups[group].size());
}

// Calls each(groups) for every match from left to right, and between(begin, end) for the text before each and
// after the last.
template <class Between, class Each>
bool forEachMatch(const RE2& regex, std::string_view text, Between between, Each each) {
    const int groups_wanted = std::min(regex.NumberOfCapturingGroups() + 1, kGroupsMax);
    re2::StringPiece groups[kGroupsMax];
    size_t at = 0;
    size_t copied = 0;
    while (at <= text.size() &&
           regex.Match(toPiece(text), at, text.size(), RE2::UNANCHORED, groups, groups_wanted)) {
        const auto begin = static_cast<size_t>(groups[0].data() - text.data());
        between(copied, begin);
        if (!each(groups)) return false;
        copied = begin + groups[0].size();
        at = copied;
        if (groups[0].empty()) at += at < text.size() ? characterOffset(text.substr(at), 1) : 1;
    }
    between(copied, text.size());
    return true;
}

bool regexpReplace(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    const std::string_view replacement = a.text(2, i);
    const RE2* regex = compiledRegex(a.text(1, i));
    if (regex == nullptr) return false;
    return forEachMatch(
        *regex, text, [&](size_t begin, size_t end) { out.append(text, begin, end - begin); },
        [&](const re2::StringPiece*) {
            out += replacement;
            return true;
        });
}

bool regexpCount(const Arguments& a, size_t i, int32_t& out) {
    const RE2* regex = compiledRegex(a.text(1, i));
    if (regex == nullptr) return false;
    out = 0;
    return forEachMatch(
        *regex, a.text(0, i), [](size_t, size_t) {},
        [&](const re2::StringPiece*) {
            ++out;
            return true;
        });
}

bool regexpInstr(const Arguments& a, size_t i, int32_t& out) {
    const std::string_view text = a.text(0, i);
    const RE2* regex = compiledRegex(a.text(1, i));
    if (regex == nullptr) return false;
    re2::StringPiece found;
    out = 0;
    if (regex->Match(toPiece(text), 0, text.size(), RE2::UNANCHORED, &found, 1)) {
        out = static_cast<int32_t>(
                  characterCount(text.substr(0, static_cast<size_t>(found.data() - text.data())))) +
              1;
    }
    return true;
}

// NULL for a malformed expression or a group that is not there; a group that took no part in a match is NULL.
ScalarFunction extractAllFunction() {
    SimpleSpec spec{
        .name = "REGEXP_EXTRACT_ALL",
        .pattern = "ss[i",
        .signature = "REGEXP_EXTRACT_ALL(string, regex [, group])",
        .documentation =
            "Of every match the group, the first without a number, as an ARRAY; 0 is the "
            "whole match.",
        .examples = {{"REGEXP_EXTRACT_ALL('100-200, 300-400', '([0-9]+)-([0-9]+)', 2)", "[200, 400]"},
                     {"REGEXP_EXTRACT_ALL('a1b22', '[0-9]+', 0)", "[1, 22]"}}};
    ScalarFunction function{.name = spec.name,
                            .signature = spec.signature,
                            .documentation = spec.documentation,
                            .examples = spec.examples};
    function.bind = [spec = std::move(spec)](std::span<const ArgumentInfo> arguments) {
        BoundScalar bound;
        bound.arguments = matchPattern(spec, arguments);
        bound.result = LogicalType::array(LogicalType::string());
        bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                             size_t rows) {
            const Arguments given(columns);
            ColumnBuilder out(type, rows);
            for (size_t row = 0; row < rows; ++row) {
                const auto null = [&](size_t i) { return i < columns.size() && columns[i]->isNull(row); };
                const RE2* regex =
                    null(0) || null(1) || null(2) ? nullptr : compiledRegex(given.text(1, row));
                const int32_t group = given.count() > 2 ? given.integer(2, row) : 1;
                const int groups = regex == nullptr ? -1 : regex->NumberOfCapturingGroups();
                if (group < 0 || group > groups || group >= kGroupsMax) {
                    out.appendNull();
                    continue;
                }
                forEachMatch(
                    *regex, given.text(0, row), [](size_t, size_t) {},
                    [&](const re2::StringPiece* found) {
                        const re2::StringPiece& part = found[group];
                        part.data() == nullptr ? out.child(0).appendNull()
                                               : out.child(0).appendString({part.data(), part.size()});
                        return true;
                    });
                out.endList();
            }
            return out.finish();
        };
        return bound;
    };
    return function;
}

}  // namespace

std::vector<ScalarFunction> describeScalarRegexp() {
    return {
        extractAllFunction(),
        valueFunction<uint8_t>(
            {.name = "REGEXP",
             .pattern = "ss",
             .signature = "REGEXP(string, regex)",
             .documentation = "TRUE if a part of the string matches the regular expression.",
             .examples = {{"REGEXP('hello 42', '[0-9]+')", "TRUE"}}},
            LogicalType::boolean(), regexp),
        partFunction({.name = "REGEXP_EXTRACT",
                      .pattern = "ss[i",
                      .signature = "REGEXP_EXTRACT(string, regex [, group])",
                      .documentation = "The first match, or the group of it; NULL without a match.",
                      .examples = {{"REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)", "bar"}}},
                     regexpExtract),
        partFunction({.name = "REGEXP_SUBSTR",
                      .pattern = "ss",
                      .signature = "REGEXP_SUBSTR(string, regex)",
                      .documentation = "The first match; NULL without one.",
                      .examples = {{"REGEXP_SUBSTR('a12b', '[0-9]+')", "12"}}},
                     regexpExtract),
        textFunction({.name = "REGEXP_REPLACE",
                      .pattern = "sss",
                      .signature = "REGEXP_REPLACE(string, regex, replacement)",
                      .documentation = "The string with every match replaced by the text as it is: as in "
                                       "Flink, $1 stands for itself.",
                      .examples = {{"REGEXP_REPLACE('foobar', 'oo|ar', '')", "fb"},
                                   {"REGEXP_REPLACE('a-b', '(\\w)-(\\w)', '$2-$1')", "$2-$1"}}},
                     regexpReplace),
        valueFunction<int32_t>({.name = "REGEXP_COUNT",
                                .pattern = "ss",
                                .signature = "REGEXP_COUNT(string, regex)",
                                .documentation = "The number of matches.",
                                .examples = {{"REGEXP_COUNT('banana', 'an')", "2"}}},
                               LogicalType::integer(), regexpCount),
        valueFunction<int32_t>(
            {.name = "REGEXP_INSTR",
             .pattern = "ss",
             .signature = "REGEXP_INSTR(string, regex)",
             .documentation = "Where the first match begins, counted from 1; 0 without one.",
             .examples = {{"REGEXP_INSTR('banana', 'n')", "3"}}},
            LogicalType::integer(), regexpInstr),
    };
}

}  // namespace millrace
