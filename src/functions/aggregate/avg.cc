#include "functions/aggregates.h"
#include "types/decimal.h"

namespace millrace {

namespace {

// Sum and count; S is int64_t for integers, double for floating point, Int128 for decimals.
template <class S, class A>
class Avg final : public AggregateBase {
  public:
    Avg(const LogicalType& result, const LogicalType& argument, const LogicalType& sum)
        : AggregateBase(result, {argument}, {sum, LogicalType::bigint()}), scale_(argument.scale()) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const uint32_t offset = input.layout->offset(field);
        const uint32_t count_offset = input.layout->offset(field + 1);
        const A* const values = input.arguments[0]->template data<A>();
        forEachInput(input, input.arguments[0]->validity(), [=](std::byte* row, size_t at, auto sign) {
            const auto value = static_cast<S>(values[at]);
            storeSlot<S>(row, offset, add(loadSlot<S>(row, offset), sign < 0 ? -value : value));
            RowLayout::at<int64_t>(row, count_offset) += sign;
            RowLayout::setNull(row, field, false);
            RowLayout::setNull(row, field + 1, false);
        });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap&) const override {
        if (RowLayout::isNull(from, field)) return;
        const uint32_t offset = layout.offset(field);
        storeSlot<S>(into, offset, add(loadSlot<S>(into, offset), loadSlot<S>(from, offset)));
        RowLayout::at<int64_t>(into, layout.offset(field + 1)) +=
            RowLayout::at<int64_t>(from, layout.offset(field + 1));
        RowLayout::setNull(into, field, false);
        RowLayout::setNull(into, field + 1, false);
    }

    bool mergesRetractions() const override { return true; }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        const uint32_t offset = layout.offset(field);
        const uint32_t count_offset = layout.offset(field + 1);
        for (const std::byte* row : rows) {
            const auto count = RowLayout::at<int64_t>(row, count_offset);
            if (count == 0) {
                out.appendNull();
                continue;
            }
            const S sum = loadSlot<S>(row, offset);
            if constexpr (std::is_same_v<S, Int128>) {
                const auto average =
                    divideDecimal(sum, scale_, count, 0, resultType().precision(), resultType().scale());
                average ? out.append(*average) : out.appendNull();
            } else {
                switch (resultType().physical()) {
                    case PhysicalType::Int32:
                        out.append(static_cast<int32_t>(sum / static_cast<S>(count)));
                        break;
                    case PhysicalType::Int64:
                        out.append(static_cast<int64_t>(sum / static_cast<S>(count)));
                        break;
                    case PhysicalType::Float32:
                        out.append(static_cast<float>(sum / static_cast<S>(count)));
                        break;
                    default:
                        out.append(static_cast<double>(sum) / static_cast<double>(count));
                        break;
                }
            }
        }
    }

  private:
    static S add(S a, S b) {
        if constexpr (std::is_same_v<S, double>) {
            return a + b;
        } else {  // wraps; sums of 128 bits cannot come near the end within 2^63 rows of DECIMALs that are
                  // not huge
            using Unsigned = std::conditional_t<std::is_same_v<S, Int128>, unsigned __int128, uint64_t>;
            return static_cast<S>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
        }
    }

    int scale_;
};

std::shared_ptr<const BoundAggregate> bindAvg(std::span<const ArgumentInfo> arguments, bool distinct, bool) {
    checkArgumentCount("AVG", arguments, 1, 1, "a number");
    const LogicalType& type = arguments[0].type;
    if (!type.isNumeric()) badArguments("AVG", arguments, "a number");
    const bool decimal = type.kind() == TypeKind::Decimal;
    const LogicalType result = (decimal ? decimalAvgType(type) : type).withNullable(true);
    const LogicalType wide_sum = LogicalType::decimal(38, type.scale());
    std::shared_ptr<const BoundAggregate> avg;
    switch (type.physical()) {
        case PhysicalType::Int32:
            avg = std::make_shared<Avg<int64_t, int32_t>>(result, type, LogicalType::bigint());
            break;
        case PhysicalType::Int64:
            if (decimal) {
                avg = std::make_shared<Avg<Int128, int64_t>>(result, type, wide_sum);
            } else {
                avg = std::make_shared<Avg<int64_t, int64_t>>(result, type, LogicalType::bigint());
            }
            break;
        case PhysicalType::Int128:
            avg = std::make_shared<Avg<Int128, Int128>>(result, type, wide_sum);
            break;
        case PhysicalType::Float32:
            avg = std::make_shared<Avg<double, float>>(result, type, LogicalType::doublePrecision());
            break;
        default:
            avg = std::make_shared<Avg<double, double>>(result, type, LogicalType::doublePrecision());
            break;
    }
    return distinct ? distinctAggregate(std::move(avg)) : avg;
}

}  // namespace

std::vector<AggregateFunction> describeAggregateAvg() {
    return {{
        .name = "AVG",
        .signature = "AVG([DISTINCT] number)",
        .documentation = "The average, of the argument's type (an INT's without its fraction; DECIMAL(38, "
                         "max(6, s)) for a DECIMAL).",
        .examples = {{"SELECT AVG(x) FROM (VALUES (1), (2)) AS t(x)", "1"},
                     {"SELECT AVG(x) FROM (VALUES (1.0), (2.0)) AS t(x)", "1.500000"}},
        .bind = bindAvg,
    }};
}

}  // namespace millrace
