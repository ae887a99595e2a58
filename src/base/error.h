// The two families of failure. A UserError is caused by what somebody gave us (SQL, data, configuration, a
// request): it says what went wrong, where, and what to do. An InternalError is a broken invariant of ours.
// Which of the two it is, is in the type. Exceptions end a statement, a request or a job; they never steer a
// loop.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

// A place in a text, 1-based; `length` is in characters. line 0 means "no place".
struct TextSpan {
    int line = 0;
    int column = 0;
    int length = 1;

    bool known() const { return line > 0; }
    bool operator==(const TextSpan&) const = default;
};

// What a person is told. `code` is stable and dotted, such as "sql.unknown-column"; `hint` says what to do.
struct Problem {
    std::string code;
    std::string message;
    std::string hint;
    TextSpan where;
};

class UserError : public std::runtime_error {
  public:
    explicit UserError(Problem problem);
    UserError(std::string code, std::string message, std::string hint = "");

    const Problem& problem() const { return problem_; }
    const std::string& code() const { return problem_.code; }

  private:
    Problem problem_;
};

class InternalError : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

[[noreturn]] void throwInternalError(const char* file, int line, const char* condition,
                                     const std::string& message);

// One problem as text: "error[code]: message", and, when `text` is given and the place is known, line:column,
// the line with a caret, and the hint.
std::string renderProblem(const Problem& problem, std::string_view text = {},
                          std::string_view text_name = {});

// The candidate nearest to `name` (edit distance, case-insensitive) when it is close enough to be meant, else
// "".
template <class Names>
std::string nearestName(std::string_view name, const Names& candidates);

namespace detail {
size_t editDistance(std::string_view a, std::string_view b);
}

template <class Names>
std::string nearestName(std::string_view name, const Names& candidates) {
    std::string best;
    size_t best_distance = name.size() / 3 + 1;
    for (const auto& candidate : candidates) {
        const size_t distance = detail::editDistance(name, candidate);
        if (distance <= best_distance && (best.empty() || distance < best_distance)) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace millrace

// An invariant of ours; stays on in production. MILLRACE_CHECK(cond) or MILLRACE_CHECK(cond, "format {}",
// args...).
#define MILLRACE_CHECK(condition, ...)                                                    \
    do {                                                                                  \
        if (!(condition)) [[unlikely]]                                                    \
            ::millrace::throwInternalError(__FILE__, __LINE__, #condition,                \
                                           ::millrace::detail::formatCheck(__VA_ARGS__)); \
    } while (false)

namespace millrace::detail {
inline std::string formatCheck() { return {}; }
template <class... Args>
std::string formatCheck(fmt::format_string<Args...> format, Args&&... args) {
    return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace millrace::detail
