// PERCENTILE: the accumulator counts every value.
#include <cmath>

#include "functions/aggregates.h"

namespace millrace {

namespace {

constexpr std::string_view kAccepted =
    "(number, share from 0 to 1 as a literal or an ARRAY of such [, frequency])";

class Percentile final : public AggregateBase {
  public:
    Percentile(const LogicalType& result, std::vector<LogicalType> arguments, std::vector<double> shares)
        : AggregateBase(result, std::move(arguments),
                        {LogicalType::map(LogicalType::doublePrecision(), LogicalType::bigint())}),
          shares_(std::move(shares)) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const uint32_t offset = input.layout->offset(field);
        const auto* const values = input.arguments[0]->data<double>();
        const Column* const frequencies = input.arguments.size() > 2 ? input.arguments[2].get() : nullptr;
        forEachInput(input, input.arguments[0]->validity(), [&](std::byte* row, size_t at, auto sign) {
            int64_t count = 1;
            if (frequencies != nullptr) {
                count = frequencies->isNull(at) ? 0 : frequencies->data<int64_t>()[at];
                if (count <= 0) return;
            }
            addToCount(mapSlot(row, field, offset), Value::float64(values[at]), sign * count);
        });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap&) const override {
        mergeCounts(layout, field, into, from);
    }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        const bool array = resultType().kind() == TypeKind::Array;
        for (const std::byte* row : rows) {
            const RowMap* counts = mapSlotIfAny(row, field, layout.offset(field));
            int64_t total = 0;
            if (counts != nullptr) {
                for (const auto& [value, count] : *counts)
                    total += count.asInt64();
            }
            if (total <= 0 || shares_.empty()) {
                out.appendNull();
                continue;
            }
            for (const double share : shares_)
                (array ? out.child(0) : out).append(at(*counts, share * static_cast<double>(total - 1)));
            if (array) out.endList();
        }
    }

  private:
    // The value at a place among all of them in order, from 0; between two places by linear interpolation.
    static double at(const RowMap& counts, double place) {
        const auto lower = static_cast<int64_t>(std::floor(place));
        const auto higher = static_cast<int64_t>(std::ceil(place));
        int64_t behind = 0;  // the first place behind the values so far
        for (auto entry = counts.begin(); entry != counts.end(); ++entry) {
            behind += entry->second.asInt64();
            if (behind <= lower) continue;
            const double value = entry->first.asDouble();
            const auto next = std::next(entry);
            if (behind > higher || next == counts.end()) return value;
            return (static_cast<double>(higher) - place) * value +
                   (place - static_cast<double>(lower)) * next->first.asDouble();
        }
        throw InternalError("a percentile behind all values");
    }

    std::vector<double> shares_;
};

double shareOf(std::span<const ArgumentInfo> arguments, const Value& value, const LogicalType& type) {
    if (value.isNull() || !type.isNumeric()) badArguments("PERCENTILE", arguments, kAccepted);
    const double share = type.isApproximateNumeric() ? value.asDouble() : std::stod(value.toString(type));
    if (!(share >= 0 && share <= 1)) {
        throw UserError("sql.bad-argument", fmt::format("a share of PERCENTILE is between 0 and 1, not {}",
                                                        value.toString(type)));
    }
    return share;
}

std::shared_ptr<const BoundAggregate> bindPercentile(std::span<const ArgumentInfo> arguments, bool distinct,
                                                     bool) {
    checkArgumentCount("PERCENTILE", arguments, 2, 3, kAccepted);
    if (!arguments[0].type.isNumeric() || !arguments[1].literal || arguments[1].literal->isNull())
        badArguments("PERCENTILE", arguments, kAccepted);
    const LogicalType& given = arguments[1].type;
    const bool array = given.kind() == TypeKind::Array;
    std::vector<double> shares;
    if (array) {
        for (const Value& share : arguments[1].literal->asList())
            shares.push_back(shareOf(arguments, share, given.element()));
    } else {
        shares.push_back(shareOf(arguments, *arguments[1].literal, given));
    }
    std::vector<LogicalType> types = {LogicalType::doublePrecision(), given};
    if (arguments.size() == 3) {
        if (!arguments[2].type.isInteger()) badArguments("PERCENTILE", arguments, kAccepted);
        types.push_back(LogicalType::bigint());
    }
    const LogicalType number = LogicalType::doublePrecision();
    auto bound = std::make_shared<Percentile>(array ? LogicalType::array(number) : number, std::move(types),
                                              std::move(shares));
    if (!distinct) return bound;
    return distinctAggregate(std::move(bound));
}

}  // namespace

std::vector<AggregateFunction> describeAggregatePercentile() {
    return {{.name = "PERCENTILE",
             .signature = "PERCENTILE(number, share [, frequency])",
             .documentation =
                 "The value below which the share, from 0 to 1, of the values lies, interpolated "
                 "between two; of an ARRAY of shares an ARRAY. Each value counts `frequency` times.",
             .examples = {{"SELECT PERCENTILE(x, 0.5) FROM (VALUES (1), (2), (10), (20)) AS t(x)", "6.0"},
                          {"SELECT PERCENTILE(x, ARRAY[0, 0.25, 1]) FROM (VALUES (1), (2), (3)) AS t(x)",
                           "[1.0, 1.5, 3.0]"}},
             .bind = bindPercentile}};
}

}  // namespace millrace
