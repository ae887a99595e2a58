#include "sql/bind/logical_join.h"

#include <algorithm>

namespace millrace::sql {

namespace {

Schema joinSchema(JoinType type, const LogicalPtr& left, const LogicalPtr& right) {
    std::vector<Field> fields;
    for (Field field : left->schema()) {
        if (keepsRight(type)) field.type = field.type.withNullable(true);
        fields.push_back(std::move(field));
    }
    if (onlyLeft(type)) return Schema(std::move(fields));
    for (Field field : right->schema()) {
        if (keepsLeft(type)) field.type = field.type.withNullable(true);
        fields.push_back(std::move(field));
    }
    return Schema(std::move(fields));
}

// The traits of two columns that a conjunct sets equal.
template <class F>
void forEachEquality(const ExpressionPtr& condition, const LogicalPtr& left, const LogicalPtr& right, F f) {
    if (!condition) return;
    if (condition->kind() == ExpressionKind::And) {
        for (const ExpressionPtr& argument : condition->arguments())
            forEachEquality(argument, left, right, f);
        return;
    }
    if (condition->kind() != ExpressionKind::Call || condition->name() != "=") return;
    const Expression& a = *condition->arguments()[0];
    const Expression& b = *condition->arguments()[1];
    if (a.kind() != ExpressionKind::Column || b.kind() != ExpressionKind::Column) return;
    const size_t of_left = std::min(a.index(), b.index());
    const size_t of_right = std::max(a.index(), b.index());
    const size_t width = left->schema().size();
    if (of_left < width && of_right >= width) f(left->traits()[of_left], right->traits()[of_right - width]);
}

bool byWindow(const ExpressionPtr& condition, const LogicalPtr& left, const LogicalPtr& right) {
    bool found = false;
    forEachEquality(condition, left, right, [&](const ColumnTraits& start, const ColumnTraits& other_start) {
        if (!sameWindowBound(start, other_start, WindowBound::Start)) return;
        forEachEquality(condition, left, right, [&](const ColumnTraits& end, const ColumnTraits& other_end) {
            found = found || (sameWindowBound(end, other_end, WindowBound::End) &&
                              start.window == end.window && other_start.window == other_end.window);
        });
    });
    return found;
}

std::vector<ColumnTraits> joinTraits(JoinType type, const LogicalPtr& left, const LogicalPtr& right,
                                     const ExpressionPtr& condition) {
    std::vector<ColumnTraits> traits(left->schema().size() + (onlyLeft(type) ? 0 : right->schema().size()));
    const bool windows = byWindow(condition, left, right);
    if (!windows && !timeBoundsOf(condition, left->traits(), right->traits())) return traits;
    const auto keep = [&](const LogicalPtr& side, size_t from) {
        for (size_t i = 0; i < side->schema().size(); ++i) {
            const ColumnTraits& trait = side->traits()[i];
            if (windows && trait.bound != WindowBound::None) traits[from + i] = trait;
            if (!windows && trait.time == TimeAttribute::Rowtime) traits[from + i].time = trait.time;
        }
    };
    if (!keepsRight(type)) keep(left, 0);
    if (!keepsLeft(type) && !onlyLeft(type)) keep(right, left->schema().size());
    return traits;
}

}  // namespace

namespace {

// `column` or `column + INTERVAL ...`, in microseconds.
struct Moment {
    size_t column = 0;
    int64_t offset = 0;
};

std::optional<Moment> momentOf(const Expression& expression) {
    if (expression.kind() == ExpressionKind::Column) return Moment{expression.index(), 0};
    if (expression.kind() != ExpressionKind::Call || expression.arguments().size() != 2) return std::nullopt;
    const bool plus = expression.name() == "+";
    if (!plus && expression.name() != "-") return std::nullopt;
    const ExpressionPtr interval = Expression::fold(expression.arguments()[1]);
    if (interval->kind() != ExpressionKind::Literal || interval->type().kind() != TypeKind::IntervalDayTime ||
        interval->value().isNull()) {
        return std::nullopt;
    }
    std::optional<Moment> moment = momentOf(*expression.arguments()[0]);
    if (moment) moment->offset += plus ? interval->value().asInt64() : -interval->value().asInt64();
    return moment;
}

// Calls f with what each conjunct says of the difference of two columns, one of each side.
template <class F>
void forEachDifference(const Expression& condition, size_t left_width, F&& f) {
    if (condition.kind() == ExpressionKind::And) {
        for (const ExpressionPtr& argument : condition.arguments())
            forEachDifference(*argument, left_width, f);
        return;
    }
    if (condition.kind() != ExpressionKind::Call || condition.arguments().size() != 2) return;
    const std::string& name = condition.name();
    if (name != "=" && name != "<" && name != "<=" && name != ">" && name != ">=") return;
    std::optional<Moment> a = momentOf(*condition.arguments()[0]);
    std::optional<Moment> b = momentOf(*condition.arguments()[1]);
    if (!a || !b) return;
    // a.column + a.offset OP b.column + b.offset, turned so that a's column is the left one.
    bool greater = name.front() == '>';
    if (a->column >= left_width) {
        std::swap(a, b);
        greater = !greater;
    }
    if (a->column >= left_width || b->column < left_width) return;
    TimeBounds bounds{{a->column, b->column - left_width}, INT64_MIN, INT64_MAX};
    const int64_t distance = b->offset - a->offset;
    const int64_t exclusive = name.size() == 1 && name != "=" ? 1 : 0;
    if (name == "=" || greater) bounds.lower = distance + exclusive;
    if (name == "=" || !greater) bounds.upper = distance - exclusive;
    f(bounds);
}

void narrow(TimeBounds& bounds, const TimeBounds& by) {
    bounds.lower = std::max(bounds.lower, by.lower);
    bounds.upper = std::min(bounds.upper, by.upper);
}

}  // namespace

std::optional<TimeBounds> timeBoundsOf(const ExpressionPtr& condition, const std::vector<ColumnTraits>& left,
                                       const std::vector<ColumnTraits>& right) {
    std::optional<TimeBounds> bounds;
    const auto take = [&](const TimeBounds& said) {
        if (left[said.columns[0]].time != TimeAttribute::Rowtime ||
            right[said.columns[1]].time != TimeAttribute::Rowtime) {
            return;
        }
        // The first conjunct that fits says which columns they are about.
        if (!bounds) bounds = TimeBounds{{said.columns[0], said.columns[1]}, INT64_MIN, INT64_MAX};
        if (std::ranges::equal(bounds->columns, said.columns)) narrow(*bounds, said);
    };
    if (condition) forEachDifference(*condition, left.size(), take);
    // Bounds that are wider than a century, or that nothing is within, are no reason to drop state.
    constexpr int64_t kWidest = int64_t{100} * 366 * 86'400'000'000;
    if (!bounds || bounds->lower < -kWidest || bounds->upper > kWidest || bounds->lower > bounds->upper)
        return std::nullopt;
    return bounds;
}

TimeBounds boundsBetween(const ExpressionPtr& condition, size_t left_column, size_t right_column,
                         size_t left_width) {
    TimeBounds bounds{{left_column, right_column}, INT64_MIN, INT64_MAX};
    const auto take = [&](const TimeBounds& said) {
        if (std::ranges::equal(bounds.columns, said.columns)) narrow(bounds, said);
    };
    if (condition) forEachDifference(*condition, left_width, take);
    return bounds;
}

bool sameWindowBound(const ColumnTraits& left, const ColumnTraits& right, WindowBound bound) {
    return left.bound == bound && right.bound == bound && *left.window == *right.window &&
           left.window->time == TimeAttribute::Rowtime;
}

LogicalJoin::LogicalJoin(JoinType type, const LogicalPtr& left, const LogicalPtr& right,
                         ExpressionPtr condition, TextSpan where, StateTtls state_ttls)
    : LogicalNode(joinSchema(type, left, right), joinTraits(type, left, right, condition), {left, right},
                  where,
                  fmt::format("join {} {}", joinTypeName(type), condition ? condition->canonical() : "true")),
      type_(type),
      condition_(std::move(condition)),
      state_ttls_(state_ttls) {}

std::string LogicalJoin::describe() const {
    return fmt::format("Join(joinType=[{}], condition=[{}])", joinTypeName(type_),
                       condition_ ? condition_->toString() : "TRUE");
}

}  // namespace millrace::sql
