#include "expr/expression.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include "base/error.h"
#include "expr/executor.h"
#include "functions/cast.h"

namespace millrace {

namespace {

constexpr std::string_view kCast = "CAST";
constexpr std::string_view kTryCast = "TRY_CAST";

bool isBoolean(const LogicalType& type) {
    return type.kind() == TypeKind::Boolean || type.kind() == TypeKind::Null;
}

std::vector<ArgumentInfo> infoOf(std::span<const ExpressionPtr> arguments) {
    std::vector<ArgumentInfo> infos;
    for (const auto& argument : arguments) {
        ArgumentInfo info{argument->type(), std::nullopt};
        if (argument->kind() == ExpressionKind::Literal) info.literal = argument->value();
        infos.push_back(std::move(info));
    }
    return infos;
}

}  // namespace

ExpressionPtr Expression::column(size_t index, LogicalType type, std::string name) {
    auto expression = std::shared_ptr<Expression>(new Expression());
    expression->kind_ = ExpressionKind::Column;
    expression->index_ = index;
    expression->type_ = std::move(type);
    expression->name_ = std::move(name);
    return expression;
}

ExpressionPtr Expression::literal(Value value, LogicalType type) {
    auto expression = std::shared_ptr<Expression>(new Expression());
    expression->kind_ = ExpressionKind::Literal;
    expression->type_ = type.withNullable(value.isNull());
    expression->value_ = std::move(value);
    return expression;
}

std::shared_ptr<Expression> Expression::combination(ExpressionKind kind, std::vector<ExpressionPtr> arguments,
                                                    LogicalType type) {
    auto expression = std::shared_ptr<Expression>(new Expression());
    expression->kind_ = kind;
    expression->type_ = std::move(type);
    expression->arguments_ = std::move(arguments);
    for (const auto& argument : expression->arguments_)
        expression->deterministic_ &= argument->deterministic_;
    return expression;
}

ExpressionPtr Expression::logical(ExpressionKind kind, std::vector<ExpressionPtr> arguments) {
    const char* const name = kind == ExpressionKind::And ? "AND" : "OR";
    MILLRACE_CHECK(!arguments.empty(), "{} of nothing", name);
    if (arguments.size() == 1) return arguments[0];
    std::vector<ExpressionPtr> flat;
    bool nullable = false;
    for (auto& argument : arguments) {
        if (!isBoolean(argument->type_)) {
            throw UserError("sql.bad-argument", fmt::format("{} takes BOOLEAN values, not {}", name,
                                                            argument->type_.withNullable(true).toString()));
        }
        argument = cast(argument, LogicalType::boolean().withNullable(argument->type_.nullable()));
        nullable |= argument->type_.nullable();
        if (argument->kind_ == kind) {
            flat.insert(flat.end(), argument->arguments_.begin(), argument->arguments_.end());
        } else {
            flat.push_back(std::move(argument));
        }
    }
    return fold(combination(kind, std::move(flat), LogicalType::boolean().withNullable(nullable)));
}

ExpressionPtr Expression::logicalAnd(std::vector<ExpressionPtr> arguments) {
    return logical(ExpressionKind::And, std::move(arguments));
}

ExpressionPtr Expression::logicalOr(std::vector<ExpressionPtr> arguments) {
    return logical(ExpressionKind::Or, std::move(arguments));
}

ExpressionPtr Expression::caseWhen(std::vector<ExpressionPtr> arguments, LogicalType type) {
    MILLRACE_CHECK(arguments.size() % 2 == 1 && arguments.size() >= 3, "CASE of {} parts", arguments.size());
    bool nullable = false;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const bool is_branch = i % 2 == 1 || i + 1 == arguments.size();
        if (is_branch) {
            arguments[i] = cast(arguments[i], type.withNullable(arguments[i]->type_.nullable()));
            nullable |= arguments[i]->type_.nullable();
        } else if (!isBoolean(arguments[i]->type_)) {
            throw UserError("sql.bad-argument",
                            fmt::format("WHEN takes a BOOLEAN condition, not {}",
                                        arguments[i]->type_.withNullable(true).toString()));
        } else {
            arguments[i] =
                cast(arguments[i], LogicalType::boolean().withNullable(arguments[i]->type_.nullable()));
        }
    }
    return fold(combination(ExpressionKind::Case, std::move(arguments), type.withNullable(nullable)));
}

ExpressionPtr Expression::caseForm(CaseForm form, std::vector<ExpressionPtr> arguments,
                                   const BoundScalar& bound) {
    switch (form) {
        case CaseForm::If:
            return caseWhen(std::move(arguments), bound.result);
        case CaseForm::NullIf: {
            const ExpressionPtr equal = call("=", arguments);
            return caseWhen({equal, literal(Value::null(), bound.result), arguments[0]}, bound.result);
        }
        default:
            break;
    }
    std::vector<ExpressionPtr> parts;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const bool last = i + 1 == arguments.size() || !arguments[i]->type_.nullable();
        if (!last) parts.push_back(call("IS NOT NULL", {arguments[i]}));
        parts.push_back(arguments[i]);
        if (last) break;
    }
    if (parts.size() == 1) return cast(parts[0], bound.result.withNullable(parts[0]->type_.nullable()));
    // Where the branch of a value is taken, the value is not NULL; only the last one decides.
    const LogicalType result = bound.result.withNullable(parts.back()->type_.nullable());
    ExpressionPtr made = caseWhen(std::move(parts), result);
    if (made->type_.nullable() == result.nullable()) return made;
    auto narrowed = std::make_shared<Expression>(*made);
    narrowed->type_ = result;
    return narrowed;
}

ExpressionPtr Expression::call(std::string_view function_name, std::vector<ExpressionPtr> arguments) {
    const ScalarFunction* function = findScalarFunction(function_name);
    if (function == nullptr) {
        const std::string near = nearestName(function_name, functionNames());
        throw UserError("sql.unknown-function", fmt::format("there is no function {}", function_name),
                        near.empty() ? "SHOW FUNCTIONS lists what there is" : "did you mean " + near + "?");
    }
    const auto infos = infoOf(arguments);
    BoundScalar bound = function->bind(infos);
    MILLRACE_CHECK(bound.arguments.size() == arguments.size(), "{} binds {} of {} arguments", function->name,
                   bound.arguments.size(), arguments.size());
    if (function->case_form != CaseForm::None)
        return caseForm(function->case_form, std::move(arguments), bound);
    for (size_t i = 0; i < arguments.size(); ++i) {
        if (!bound.arguments[i].sameIgnoringNullable(arguments[i]->type_)) {
            arguments[i] =
                cast(arguments[i], bound.arguments[i].withNullable(arguments[i]->type_.nullable()));
        }
    }
    auto expression = combination(ExpressionKind::Call, std::move(arguments), bound.result);
    expression->name_ = function->name;
    expression->deterministic_ &= function->deterministic;
    expression->bound_ = std::make_shared<const BoundScalar>(std::move(bound));
    return fold(expression);
}

ExpressionPtr Expression::castTo(ExpressionPtr argument, const LogicalType& to, bool or_null) {
    if (argument->type_ == to ||
        (argument->type_.sameIgnoringNullable(to) && (or_null || argument->type_.nullable()))) {
        return argument;
    }
    if (argument->kind_ == ExpressionKind::Literal && argument->value_.isNull())
        return literal(Value::null(), to);
    BoundScalar bound = bindCast(argument->type_, to, or_null);
    auto expression = combination(ExpressionKind::Call, {std::move(argument)}, bound.result);
    expression->name_ = or_null ? kTryCast : kCast;
    expression->bound_ = std::make_shared<const BoundScalar>(std::move(bound));
    return fold(expression);
}

ExpressionPtr Expression::cast(ExpressionPtr argument, const LogicalType& to) {
    return castTo(std::move(argument), to, false);
}
ExpressionPtr Expression::tryCast(ExpressionPtr argument, const LogicalType& to) {
    return castTo(std::move(argument), to, true);
}

std::string Expression::canonical() const {
    const auto joined = [&](std::string_view head, bool sorted) {
        std::vector<std::string> parts;
        for (const auto& argument : arguments_)
            parts.push_back(argument->canonical());
        if (sorted) std::sort(parts.begin(), parts.end());
        return fmt::format("{}({})", head, fmt::join(parts, ", "));
    };
    switch (kind_) {
        case ExpressionKind::Column:
            return fmt::format("${}", index_);
        case ExpressionKind::Literal: {
            std::string text;
            for (const char c : value_.toString(type_))
                text.append(c == '\'' ? 2 : 1, c);
            return value_.isNull() ? fmt::format("NULL:{}", type_.toString())
                                   : fmt::format("'{}':{}", text, type_.toString());
        }
        case ExpressionKind::And:
            return joined("AND", deterministic_);
        case ExpressionKind::Or:
            return joined("OR", deterministic_);
        case ExpressionKind::Case:
            return joined("CASE", false) + ":" + type_.toString();
        case ExpressionKind::Call:
            break;
    }
    if (name_ == kCast || name_ == kTryCast) {
        return fmt::format("{}({} AS {})", name_, arguments_[0]->canonical(),
                           type_.withNullable(true).toString());
    }
    // a > b is b < a.
    if ((name_ == ">" || name_ == ">=") && arguments_.size() == 2) {
        return fmt::format("{}({}, {})", name_ == ">" ? "<" : "<=", arguments_[1]->canonical(),
                           arguments_[0]->canonical());
    }
    const bool commutes =
        (name_ == "=" || name_ == "<>" || name_ == "*" || (name_ == "+" && type_.isNumeric())) &&
        deterministic_;
    return joined(name_, commutes);
}

std::string Expression::toString() const {
    const auto list = [&](std::string_view separator) {
        std::vector<std::string> parts;
        for (const auto& argument : arguments_) {
            const bool infix = argument->kind_ == ExpressionKind::And ||
                               argument->kind_ == ExpressionKind::Or ||
                               (argument->kind_ == ExpressionKind::Call && argument->arguments_.size() == 2 &&
                                std::isalpha(static_cast<unsigned char>(argument->name_[0])) == 0);
            parts.push_back(infix && separator != ", " ? "(" + argument->toString() + ")"
                                                       : argument->toString());
        }
        return fmt::format("{}", fmt::join(parts, separator));
    };
    switch (kind_) {
        case ExpressionKind::Column:
            return name_;
        case ExpressionKind::Literal:
            if (value_.isNull()) return "NULL";
            if (type_.isInterval()) return "INTERVAL '" + value_.toString(type_) + "'";
            return type_.isCharacter() || type_.isTemporal() ? "'" + value_.toString(type_) + "'"
                                                             : value_.toString(type_);
        case ExpressionKind::And:
            return list(" AND ");
        case ExpressionKind::Or:
            return list(" OR ");
        case ExpressionKind::Case: {
            std::string text = "CASE";
            for (size_t i = 0; i + 1 < arguments_.size(); i += 2) {
                text += " WHEN " + arguments_[i]->toString() + " THEN " + arguments_[i + 1]->toString();
            }
            return text + " ELSE " + arguments_.back()->toString() + " END";
        }
        case ExpressionKind::Call:
            break;
    }
    if (name_ == kCast || name_ == kTryCast) {
        return fmt::format("{}({} AS {})", name_, arguments_[0]->toString(),
                           type_.withNullable(true).toString());
    }
    if (name_ == ".")
        return fmt::format("{}.{}", arguments_[0]->toString(), arguments_[1]->value().asString());
    if (name_.starts_with("IS ") && arguments_.size() == 1) return list(" ") + " " + name_;
    const bool symbol = std::isalpha(static_cast<unsigned char>(name_[0])) == 0 ||
                        name_.find(' ') != std::string::npos || name_ == "LIKE";
    if (symbol && arguments_.size() == 2) return list(" " + name_ + " ");
    return fmt::format("{}({})", name_, list(", "));
}

void Expression::collectColumns(std::vector<bool>& used) const {
    if (kind_ == ExpressionKind::Column) {
        if (index_ >= used.size()) used.resize(index_ + 1);
        used[index_] = true;
    }
    for (const auto& argument : arguments_)
        argument->collectColumns(used);
}

ExpressionPtr Expression::rewriteColumns(const ExpressionPtr& expression,
                                         std::span<const ExpressionPtr> replacements) {
    // A node that occurs twice stays one node: RAND() in COALESCE(RAND(), 0) is drawn once.
    std::unordered_map<const Expression*, ExpressionPtr> done;
    const auto rewrite = [&](const auto& self, const ExpressionPtr& node) -> ExpressionPtr {
        if (node->kind_ == ExpressionKind::Column) {
            MILLRACE_CHECK(node->index_ < replacements.size(), "column {} of {}", node->index_,
                           replacements.size());
            return replacements[node->index_];
        }
        if (node->arguments_.empty()) return node;
        if (const auto found = done.find(node.get()); found != done.end()) return found->second;
        auto copy = std::make_shared<Expression>(*node);
        for (auto& argument : copy->arguments_) {
            argument = self(self, argument);
            copy->deterministic_ &= argument->deterministic_;
        }
        done.emplace(node.get(), copy);
        return copy;
    };
    return rewrite(rewrite, expression);
}

bool Expression::foldable() const {
    if (!deterministic_ || kind_ == ExpressionKind::Column) return false;
    if (bound_ && !bound_->context_free) return false;
    return std::all_of(arguments_.begin(), arguments_.end(),
                       [](const ExpressionPtr& argument) { return argument->foldable(); });
}

ExpressionPtr Expression::simplify(const ExpressionPtr& expression) {
    const ExpressionPtr folded = fold(expression);
    if (folded->arguments_.empty()) return folded;
    std::vector<ExpressionPtr> arguments;
    for (const auto& argument : folded->arguments_)
        arguments.push_back(simplify(argument));
    const auto isLiteral = [](const ExpressionPtr& argument, bool value) {
        return argument->kind_ == ExpressionKind::Literal && !argument->value_.isNull() &&
               argument->value_.asBool() == value;
    };
    std::vector<ExpressionPtr> left;
    if (folded->kind_ == ExpressionKind::And || folded->kind_ == ExpressionKind::Or) {
        const bool decides = folded->kind_ == ExpressionKind::Or;
        for (ExpressionPtr& argument : arguments) {
            if (isLiteral(argument, !decides)) continue;
            left.push_back(std::move(argument));
            if (isLiteral(left.back(), decides)) break;  // what follows is not looked at
        }
        if (left.empty()) return literal(Value::boolean(!decides), folded->type_);
    } else if (folded->kind_ == ExpressionKind::Case) {
        const auto isNull = [](const ExpressionPtr& argument) {
            return argument->kind_ == ExpressionKind::Literal && argument->value_.isNull();
        };
        for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
            if (isLiteral(arguments[i], false) || isNull(arguments[i])) continue;
            if (isLiteral(arguments[i], true)) {
                arguments.back() = arguments[i + 1];
                break;
            }
            left.push_back(arguments[i]);
            left.push_back(arguments[i + 1]);
        }
        left.push_back(arguments.back());
    } else {
        left = std::move(arguments);
    }
    if (left.size() == 1 && folded->kind_ != ExpressionKind::Call) return left[0];
    return withArguments(folded, std::move(left));
}

ExpressionPtr Expression::withArguments(const ExpressionPtr& expression,
                                        std::vector<ExpressionPtr> arguments) {
    auto copy = std::make_shared<Expression>(*expression);
    copy->arguments_ = std::move(arguments);
    return copy;
}

ExpressionPtr Expression::fold(const ExpressionPtr& expression) {
    if (expression->arguments_.empty() && expression->kind_ != ExpressionKind::Call) return expression;
    if (expression->foldable()) {
        try {
            auto folded = std::shared_ptr<Expression>(new Expression());
            folded->kind_ = ExpressionKind::Literal;
            folded->value_ = evaluateConstant(expression, FunctionContext{});
            folded->type_ = expression->type_.withNullable(folded->value_.isNull());
            return folded;
        } catch (const UserError&) {
            return expression;  // it fails when, and only if, a row needs it
        }
    }
    bool changed = false;
    std::vector<ExpressionPtr> arguments;
    for (const auto& argument : expression->arguments_) {
        arguments.push_back(fold(argument));
        changed |= arguments.back() != argument;
    }
    return changed ? withArguments(expression, std::move(arguments)) : expression;
}

}  // namespace millrace
