// Variances by Welford's method (1962): count, mean and the sum of squared deviations, which also runs
// backwards for retractions; two accumulators are merged by Chan's formula (1979).
#include <cmath>

#include "functions/aggregates.h"
#include "functions/cast.h"
#include "types/decimal.h"

namespace millrace {

namespace {

enum class Spread : uint8_t { VarPop, VarSamp, StddevPop, StddevSamp };

class Variance final : public AggregateBase {
  public:
    // The argument comes as it is, for the result's type follows from it.
    Variance(Spread spread, const LogicalType& argument, const LogicalType& result)
        : AggregateBase(
              result, {argument},
              {LogicalType::bigint(), LogicalType::doublePrecision(), LogicalType::doublePrecision()}),
          spread_(spread),
          to_double_(bindCast(argument, LogicalType::doublePrecision(), false)),
          to_result_(bindCast(LogicalType::doublePrecision(), result, false)) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const RowLayout& layout = *input.layout;
        const ColumnPtr numbers = to_double_.kernel({}, input.arguments, input.arguments[0]->size());
        const double* const values = numbers->data<double>();
        forEachInput(input, input.arguments[0]->validity(), [&](std::byte* row, size_t at, auto sign) {
            auto& count = RowLayout::at<int64_t>(row, layout.offset(field));
            auto& mean = RowLayout::at<double>(row, layout.offset(field + 1));
            auto& squares = RowLayout::at<double>(row, layout.offset(field + 2));
            const double before = values[at] - mean;
            count += sign;
            if (count == 0) {
                mean = 0;
                squares = 0;
            } else {
                mean += sign * before / static_cast<double>(count);
                squares += sign * before * (values[at] - mean);
            }
            for (uint32_t i = 0; i < 3; ++i)
                RowLayout::setNull(row, field + i, false);
        });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap&) const override {
        if (RowLayout::isNull(from, field)) return;
        const auto added = RowLayout::at<int64_t>(from, layout.offset(field));
        auto& count = RowLayout::at<int64_t>(into, layout.offset(field));
        auto& mean = RowLayout::at<double>(into, layout.offset(field + 1));
        auto& squares = RowLayout::at<double>(into, layout.offset(field + 2));
        const double distance = RowLayout::at<double>(from, layout.offset(field + 1)) - mean;
        const auto total = static_cast<double>(count + added);
        if (count + added == 0) {
            mean = 0;
            squares = 0;
        } else {
            squares += RowLayout::at<double>(from, layout.offset(field + 2)) +
                       distance * distance * static_cast<double>(count) * static_cast<double>(added) / total;
            mean += distance * static_cast<double>(added) / total;
        }
        count += added;
        for (uint32_t i = 0; i < 3; ++i)
            RowLayout::setNull(into, field + i, false);
    }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        ColumnBuilder doubles(LogicalType::doublePrecision(), rows.size());
        const bool sample = spread_ == Spread::VarSamp || spread_ == Spread::StddevSamp;
        const bool root = spread_ == Spread::StddevPop || spread_ == Spread::StddevSamp;
        for (const std::byte* row : rows) {
            const int64_t divisor = RowLayout::at<int64_t>(row, layout.offset(field)) - (sample ? 1 : 0);
            if (divisor <= 0) {
                doubles.appendNull();
                continue;
            }
            const double variance = std::fmax(0, RowLayout::at<double>(row, layout.offset(field + 2))) /
                                    static_cast<double>(divisor);
            doubles.append(root ? std::sqrt(variance) : variance);
        }
        const ColumnPtr all[] = {doubles.finish()};
        const ColumnPtr converted = to_result_.kernel({}, all, rows.size());
        for (size_t i = 0; i < rows.size(); ++i)
            out.appendFrom(*converted, i);
    }

  private:
    Spread spread_;
    BoundScalar to_double_;
    BoundScalar to_result_;
};

AggregateFunction variance(std::string name, std::vector<std::string> aliases, Spread spread,
                           std::string documentation, std::string shown) {
    return {.name = name,
            .aliases = std::move(aliases),
            .signature = name + "([DISTINCT] number)",
            .documentation = std::move(documentation),
            .examples = {{"SELECT " + name + "(x) FROM (VALUES (CAST(2 AS DOUBLE)), (4), (6)) AS t(x)",
                          std::move(shown)}},
            .bind = [name, spread](std::span<const ArgumentInfo> arguments, bool distinct,
                                   bool) -> std::shared_ptr<const BoundAggregate> {
                checkArgumentCount(name, arguments, 1, 1, "a number");
                const LogicalType& type = arguments[0].type;
                if (!type.isNumeric()) badArguments(name, arguments, "a number");
                // Of the argument's type, as AVG: an INT's has no fraction.
                const LogicalType result = type.kind() == TypeKind::Decimal ? decimalAvgType(type) : type;
                auto bound = std::make_shared<Variance>(spread, type, result.withNullable(true));
                if (!distinct) return bound;
                return distinctAggregate(std::move(bound));
            }};
}

}  // namespace

std::vector<AggregateFunction> describeAggregateVariance() {
    return {
        variance("VAR_POP", {}, Spread::VarPop, "The variance of the whole population.",
                 "2.6666666666666665"),
        variance("VAR_SAMP", {"VARIANCE"}, Spread::VarSamp,
                 "The variance estimated from a sample; NULL for a single value.", "4.0"),
        variance("STDDEV_POP", {}, Spread::StddevPop, "The standard deviation of the whole population.",
                 "1.632993161855452"),
        variance("STDDEV_SAMP", {"STDDEV"}, Spread::StddevSamp,
                 "The standard deviation estimated from a sample; NULL for a single value.", "2.0"),
    };
}

}  // namespace millrace
