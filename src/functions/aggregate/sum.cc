#include <limits>

#include "functions/aggregates.h"
#include "types/decimal.h"

namespace millrace {

namespace {

std::vector<LogicalType> sumFields(const LogicalType& sum, bool may_retract) {
    std::vector<LogicalType> fields = {sum.withNullable(true)};
    if (may_retract) fields.push_back(LogicalType::bigint());  // values in it: none left is NULL, not 0
    return fields;
}

// DECIMAL sums that left the 38 digits stay "overflowed" for good; SQL sees NULL.
constexpr Int128 kOverflowed = std::numeric_limits<Int128>::min();

template <class T>
T plus(T a, T b) {
    if constexpr (std::is_same_v<T, Int128>) {
        Int128 sum = 0;
        if (a == kOverflowed || b == kOverflowed || __builtin_add_overflow(a, b, &sum) ||
            !fitsPrecision(sum, 38))
            return kOverflowed;
        return sum;
    } else if constexpr (std::is_integral_v<T>) {
        return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) +
                              static_cast<std::make_unsigned_t<T>>(b));
    } else {
        return a + b;
    }
}

// S accumulates A; the field holds S. 0 is what a fresh field holds.
template <class S, class A>
class Sum final : public AggregateBase {
  public:
    Sum(const LogicalType& result, const LogicalType& argument, bool may_retract, bool from_zero)
        : AggregateBase(result, {argument}, sumFields(result, may_retract)),
          counts_(may_retract),
          from_zero_(from_zero) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const uint32_t offset = input.layout->offset(field);
        const A* const values = input.arguments[0]->template data<A>();
        const uint8_t* const valid = input.arguments[0]->validity();
        if (!counts_) {
            forEachInput(input, valid, [=](std::byte* row, size_t at, auto) {
                storeSlot<S>(row, offset, plus<S>(loadSlot<S>(row, offset), static_cast<S>(values[at])));
                RowLayout::setNull(row, field, false);
            });
            return;
        }
        const uint32_t count_offset = input.layout->offset(field + 1);
        forEachInput(input, valid, [=](std::byte* row, size_t at, auto sign) {
            const auto value = static_cast<S>(values[at]);
            storeSlot<S>(row, offset,
                         plus<S>(loadSlot<S>(row, offset), sign < 0 ? static_cast<S>(-value) : value));
            RowLayout::at<int64_t>(row, count_offset) += sign;
            RowLayout::setNull(row, field, false);
            RowLayout::setNull(row, field + 1, false);
        });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap&) const override {
        if (RowLayout::isNull(from, field)) return;
        const uint32_t offset = layout.offset(field);
        storeSlot<S>(into, offset, plus<S>(loadSlot<S>(into, offset), loadSlot<S>(from, offset)));
        RowLayout::setNull(into, field, false);
        if (!counts_) return;
        RowLayout::at<int64_t>(into, layout.offset(field + 1)) +=
            RowLayout::at<int64_t>(from, layout.offset(field + 1));
        RowLayout::setNull(into, field + 1, false);
    }

    bool mergesRetractions() const override { return true; }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        const uint32_t offset = layout.offset(field);
        const uint32_t count_offset = counts_ ? layout.offset(field + 1) : 0;
        const TypeKind kind = resultType().kind();
        for (const std::byte* row : rows) {
            const bool empty =
                RowLayout::isNull(row, field) || (counts_ && RowLayout::at<int64_t>(row, count_offset) == 0);
            S sum = empty ? S() : loadSlot<S>(row, offset);
            if (empty && !from_zero_) {
                out.appendNull();
            } else if constexpr (std::is_same_v<S, Int128>) {
                sum == kOverflowed ? out.appendNull() : out.append(sum);
            } else if constexpr (std::is_same_v<S, int32_t>) {
                if (kind == TypeKind::TinyInt) sum = static_cast<int8_t>(sum);
                if (kind == TypeKind::SmallInt) sum = static_cast<int16_t>(sum);
                out.append(sum);
            } else {
                out.append(sum);
            }
        }
    }

  private:
    bool counts_;
    bool from_zero_;
};

std::shared_ptr<const BoundAggregate> bindSum(std::string_view name, std::span<const ArgumentInfo> arguments,
                                              bool distinct, bool may_retract, bool from_zero) {
    checkArgumentCount(name, arguments, 1, 1, "a number");
    const LogicalType& type = arguments[0].type;
    if (!type.isNumeric()) badArguments(name, arguments, "a number");
    const LogicalType result =
        (type.kind() == TypeKind::Decimal ? decimalSumType(type) : type).withNullable(!from_zero);
    std::shared_ptr<const BoundAggregate> sum;
    switch (type.physical()) {
        case PhysicalType::Int32:
            sum = std::make_shared<Sum<int32_t, int32_t>>(result, type, may_retract, from_zero);
            break;
        case PhysicalType::Int64:
            if (type.kind() == TypeKind::Decimal) {
                sum = std::make_shared<Sum<Int128, int64_t>>(result.withNullable(true), type, may_retract,
                                                             from_zero);
            } else {
                sum = std::make_shared<Sum<int64_t, int64_t>>(result, type, may_retract, from_zero);
            }
            break;
        case PhysicalType::Int128:
            sum = std::make_shared<Sum<Int128, Int128>>(result.withNullable(true), type, may_retract,
                                                        from_zero);
            break;
        case PhysicalType::Float32:
            sum = std::make_shared<Sum<float, float>>(result, type, may_retract, from_zero);
            break;
        default:
            sum = std::make_shared<Sum<double, double>>(result, type, may_retract, from_zero);
            break;
    }
    return distinct ? distinctAggregate(std::move(sum)) : sum;
}

}  // namespace

std::vector<AggregateFunction> describeAggregateSum() {
    return {
        {.name = "SUM",
         .signature = "SUM([DISTINCT] number)",
         .documentation =
             "The sum, of the argument's type (DECIMAL(38, s) for a DECIMAL); NULL without any value.",
         .examples = {{"SELECT SUM(x) FROM (VALUES (1), (2), (CAST(NULL AS INT))) AS t(x)", "3"}},
         .bind = [](std::span<const ArgumentInfo> arguments, bool distinct,
                    bool may_retract) { return bindSum("SUM", arguments, distinct, may_retract, false); }},
        {.name = "$SUM0",
         .aliases = {"SUM0"},
         .signature = "SUM0(number)",
         .documentation = "The sum; 0 without any value.",
         .examples = {},
         .bind = [](std::span<const ArgumentInfo> arguments, bool distinct,
                    bool may_retract) { return bindSum("SUM0", arguments, distinct, may_retract, true); }},
    };
}

}  // namespace millrace
