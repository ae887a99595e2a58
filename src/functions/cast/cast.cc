#include "functions/cast.h"

#include "functions/cast/families.h"
#include "types/coercion.h"

namespace millrace {

namespace cast {

void fail(const Request& request, const Column& column, size_t row) {
    throw UserError(
        "data.bad-cast",
        fmt::format("cannot cast '{}' to {}", column.textAt(row), request.to.withNullable(true).toString()),
        "TRY_CAST gives NULL instead");
}

namespace {

// Part by part over the same shape; a NULL stays one.
class NestedCast {
  public:
    explicit NestedCast(const Request& request) : to_(request.to) {
        for (const auto& [from, to] : parts(request.from, request.to))
            casts_.push_back(bindCast(from, to, request.or_null));
    }

    ColumnPtr apply(const FunctionContext& context, const ColumnPtr& column) const {
        auto result = std::make_shared<Column>(to_, column->size());
        if (column->validity() != nullptr)
            std::copy_n(column->validity(), column->size(), result->mutableValidity());
        std::vector<ColumnPtr> children;
        if (to_.kind() == TypeKind::Row) {
            for (size_t i = 0; i < casts_.size(); ++i)
                children.push_back(part(context, i, column->children()[i]));
        } else {
            std::copy_n(column->data<int32_t>(), column->size() + 1, result->mutableData<int32_t>());
            const ColumnPtr& entries = column->children()[0];
            if (to_.kind() == TypeKind::Array) {
                children.push_back(part(context, 0, entries));
            } else {
                auto pairs = std::make_shared<Column>(listChildType(to_), entries->size());
                pairs->setChildren(
                    {part(context, 0, entries->children()[0]), part(context, 1, entries->children()[1])});
                children.push_back(pairs);
            }
        }
        result->setChildren(std::move(children));
        return result;
    }

  private:
    static std::vector<std::pair<LogicalType, LogicalType>> parts(const LogicalType& from,
                                                                  const LogicalType& to) {
        std::vector<std::pair<LogicalType, LogicalType>> all;
        if (from.kind() == TypeKind::Row) {
            for (size_t i = 0; i < from.fields().size(); ++i)
                all.emplace_back(from.fields()[i].type, to.fields()[i].type);
        } else {
            all.emplace_back(from.element(), to.element());
            if (from.kind() != TypeKind::Array) all.emplace_back(from.mapValue(), to.mapValue());
        }
        return all;
    }
    ColumnPtr part(const FunctionContext& context, size_t index, const ColumnPtr& column) const {
        const ColumnPtr arguments[] = {column};
        return casts_[index].kernel(context, arguments, column->size());
    }

    LogicalType to_;
    std::vector<BoundScalar> casts_;
};

ScalarKernel relabelKernel(const LogicalType& to) {
    return [to](const FunctionContext&, std::span<const ColumnPtr> arguments, size_t) {
        return Column::retyped(arguments[0], to);
    };
}

ScalarKernel allNullKernel(const LogicalType& to) {
    return [to](const FunctionContext&, std::span<const ColumnPtr>, size_t rows) {
        return Column::constant(to, Value::null(), rows);
    };
}

// The values need not change at all: only what is said about them.
bool onlyRelabels(const LogicalType& from, const LogicalType& to) {
    if (from.sameIgnoringNullable(to)) return true;
    if (from.kind() == TypeKind::TinyInt || from.kind() == TypeKind::SmallInt ||
        from.kind() == TypeKind::Integer) {
        return to.isInteger() && to.kind() >= from.kind() && to.kind() <= TypeKind::Integer;
    }
    if (from.kind() == TypeKind::Decimal && to.kind() == TypeKind::Decimal) {
        return from.scale() == to.scale() && to.precision() >= from.precision() &&
               from.physical() == to.physical();
    }
    if ((from.isCharacter() && to.kind() == TypeKind::Varchar) ||
        (from.isBinary() && to.kind() == TypeKind::Varbinary)) {
        return to.length() >= from.length();
    }
    return from.kind() == to.kind() && from.isTimestamp() && to.precision() >= from.precision() &&
           from.physical() == to.physical();
}

}  // namespace

std::optional<Found> nested(const Request& request) {
    if (!request.from.isNested() || request.from.kind() != request.to.kind()) return std::nullopt;
    auto cast = std::make_shared<const NestedCast>(request);
    return Found{.kernel = [cast](const FunctionContext& context, std::span<const ColumnPtr> arguments,
                                  size_t) { return cast->apply(context, arguments[0]); },
                 .context_free = false};
}

}  // namespace cast

BoundScalar bindCast(const LogicalType& from, const LogicalType& to, bool or_null) {
    if (!canCastExplicitly(from, to)) {
        throw UserError("sql.bad-cast",
                        fmt::format("{} cannot be cast to {}", from.withNullable(true).toString(),
                                    to.withNullable(true).toString()));
    }
    BoundScalar bound;
    bound.arguments = {from};
    bound.result = to.withNullable(from.nullable() || or_null);
    bound.total = true;
    if (from.kind() == TypeKind::Null) {
        bound.kernel = cast::allNullKernel(bound.result);
        return bound;
    }
    if (cast::onlyRelabels(from, to)) {
        bound.result = to.withNullable(from.nullable());
        bound.kernel = cast::relabelKernel(bound.result);
        return bound;
    }
    cast::Request request{from, bound.result, or_null};
    for (const auto family :
         {cast::fromVariant, cast::nested, cast::toText, cast::fromText, cast::temporal, cast::numeric}) {
        if (auto found = family(request)) {
            if (found->may_be_null) bound.result = bound.result.withNullable(true);
            bound.kernel = std::move(found->kernel);
            bound.total = found->total;
            bound.context_free = found->context_free;
            return bound;
        }
    }
    throw InternalError(fmt::format("no kernel casts {} to {}", from.toString(), to.toString()));
}

}  // namespace millrace
