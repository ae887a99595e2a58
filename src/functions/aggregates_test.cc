#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/random.h"
#include "functions/function.h"
#include "types/decimal.h"

namespace millrace {
namespace {

// Accumulator rows of one aggregate, one a group, behind a field that belongs to somebody else.
class Groups {
  public:
    Groups(std::shared_ptr<const BoundAggregate> aggregate, size_t groups)
        : aggregate_(std::move(aggregate)) {
        std::vector<LogicalType> types = {LogicalType::bigint()};
        types.insert(types.end(), aggregate_->accumulatorTypes().begin(),
                     aggregate_->accumulatorTypes().end());
        layout_ = RowLayout(types);
        memory_.assign(groups, std::vector<uint64_t>(layout_.rowBytes() / 8));
        for (auto& row : memory_)
            rows_.push_back(reinterpret_cast<std::byte*>(row.data()));
    }
    ~Groups() {
        for (std::byte* row : rows_)
            releaseRow(layout_, row, heap_);
    }

    void add(const std::vector<ColumnPtr>& arguments, const std::vector<size_t>& group_of,
             const std::vector<int8_t>* signs, std::span<const uint32_t> selection = {}) {
        std::vector<std::byte*> rows;
        for (const size_t group : group_of)
            rows.push_back(rows_[group]);
        aggregate_->accumulate({.arguments = arguments,
                                .accumulators = rows,
                                .selection = selection,
                                .signs = signs == nullptr ? nullptr : signs->data(),
                                .layout = &layout_,
                                .first_field = 1,
                                .heap = &heap_});
    }
    void mergeFrom(const Groups& other) {
        for (size_t i = 0; i < rows_.size(); ++i)
            aggregate_->merge(layout_, 1, rows_[i], other.rows_[i], heap_);
    }
    // Through the snapshot's bytes and back.
    void reload() {
        for (std::byte* row : rows_) {
            std::string bytes;
            encodeRow(layout_, row, bytes);
            releaseRow(layout_, row, heap_);
            std::string_view in = bytes;
            decodeRow(layout_, in, row, heap_);
        }
    }
    ColumnPtr results() const {
        ColumnBuilder out(aggregate_->resultType());
        aggregate_->result(layout_, 1, rows_, out);
        return out.finish();
    }

  private:
    std::shared_ptr<const BoundAggregate> aggregate_;
    RowLayout layout_;
    RowHeap heap_;
    std::vector<std::vector<uint64_t>> memory_;
    std::vector<std::byte*> rows_;
};

std::shared_ptr<const BoundAggregate> bind(const char* name, const char* type, bool distinct,
                                           bool may_retract) {
    const ArgumentInfo argument{LogicalType::parse(type), std::nullopt};
    const AggregateFunction* function = findAggregateFunction(name);
    EXPECT_NE(function, nullptr) << name;
    return function->bind(std::span(&argument, 1), distinct, may_retract);
}

using Values = std::vector<Value>;  // of one group, in order, without NULLs

Value sumOf(const Values& values, const LogicalType& type) {
    if (values.empty()) return Value::null();
    if (type.kind() == TypeKind::Double) {
        double sum = 0;
        for (const Value& value : values)
            sum += value.asDouble();
        return Value::float64(sum);
    }
    Int128 sum = 0;
    for (const Value& value : values)
        sum += value.asInt128();
    if (type.kind() == TypeKind::Integer) return Value::int64(static_cast<int32_t>(sum));
    if (type.kind() == TypeKind::BigInt) return Value::int64(static_cast<int64_t>(sum));
    return Value::int128(sum);
}

Value expected(const std::string& name, Values values, const LogicalType& type, bool distinct) {
    if (distinct) {
        Values once;
        for (const Value& value : values) {
            if (std::find(once.begin(), once.end(), value) == once.end()) once.push_back(value);
        }
        values = once;
    }
    if (name == "COUNT") return Value::int64(static_cast<int64_t>(values.size()));
    if (values.empty()) return Value::null();
    if (name == "SUM") return sumOf(values, type);
    if (name == "MIN") return *std::min_element(values.begin(), values.end());
    if (name == "MAX") return *std::max_element(values.begin(), values.end());
    if (name == "FIRST_VALUE") return values.front();
    if (name == "LAST_VALUE") return values.back();
    const auto count = static_cast<int64_t>(values.size());
    if (type.kind() == TypeKind::Decimal) {
        const auto average = divideDecimal(sumOf(values, type).asInt128(), type.scale(), count, 0, 38,
                                           std::max(6, type.scale()));
        return Value::int128(*average);
    }
    if (type.kind() == TypeKind::Double)
        return Value::float64(sumOf(values, type).asDouble() / static_cast<double>(count));
    Int128 sum = 0;
    for (const Value& value : values)
        sum += value.asInt128();
    return Value::int64(static_cast<int64_t>(sum / count));
}

Value randomOf(const LogicalType& type, Random& random) {
    if (random.chance(0.15)) return Value::null();
    const auto small = static_cast<int64_t>(random.below(41)) - 20;
    switch (type.physical()) {
        case PhysicalType::Float64:
            return Value::float64(static_cast<double>(small) / 4);
        case PhysicalType::String:
            return Value::string("value " + std::string(random.below(12), 'x') + std::to_string(small));
        default:
            return Value::int64(random.chance(0.1) && type.kind() != TypeKind::Decimal ? INT32_MAX : small);
    }
}

// Random rows in and out of random groups, in random batches, against a list of the values that are in.
void agrees(const std::string& name, const char* type_name, bool distinct, bool retracts) {
    SCOPED_TRACE(name + " of " + type_name + (distinct ? " distinct" : "") +
                 (retracts ? " with retractions" : ""));
    Random random(std::hash<std::string>()(name + type_name));
    const LogicalType type = LogicalType::parse(type_name);
    constexpr size_t kGroups = 5;
    const auto aggregate = bind(name.c_str(), type_name, distinct, retracts);
    Groups groups(aggregate, kGroups);
    std::vector<Values> model(kGroups);
    for (int round = 0; round < 30; ++round) {
        Values column;
        std::vector<size_t> group_of;
        std::vector<int8_t> signs;
        for (uint64_t rows = 1 + random.below(40); rows > 0; --rows) {
            const size_t group = random.below(kGroups);
            if (retracts && random.chance(0.45) && !model[group].empty()) {
                const size_t which = random.below(model[group].size());
                const Value value = model[group][which];
                // The earliest equal value goes, as the engine cannot know which was meant.
                model[group].erase(std::find(model[group].begin(), model[group].end(), value));
                column.push_back(value);
                signs.push_back(-1);
            } else {
                const Value value = randomOf(type, random);
                if (!value.isNull()) model[group].push_back(value);
                column.push_back(value);
                signs.push_back(1);
            }
            group_of.push_back(group);
        }
        const std::vector<ColumnPtr> arguments = {Column::of(type, column)};
        if (round % 3 == 2) {  // the same rows, picked one by one out of a longer column
            Values spread;
            Selection selection;
            for (const Value& value : column) {
                spread.push_back(randomOf(type, random));
                selection.push_back(static_cast<uint32_t>(spread.size()));
                spread.push_back(value);
            }
            groups.add({Column::of(type, spread)}, group_of, retracts ? &signs : nullptr, selection);
        } else {
            groups.add(arguments, group_of, retracts ? &signs : nullptr);
        }
        if (round % 7 == 6) groups.reload();
        const ColumnPtr results = groups.results();
        for (size_t group = 0; group < kGroups; ++group) {
            const Value want = expected(name, model[group], type, distinct);
            const Value got = results->valueAt(group);
            // DISTINCT over retractions may meet values in another order.
            ASSERT_EQ(got, want) << "round " << round << " group " << group << ": "
                                 << got.toString(aggregate->resultType());
        }
    }
}

TEST(Aggregates, AgreeWithTheListOfTheirValues) {
    for (const char* type : {"INT", "BIGINT", "DECIMAL(10, 2)", "DECIMAL(30, 4)", "DOUBLE"}) {
        for (const char* name : {"COUNT", "SUM", "AVG", "MIN", "MAX", "FIRST_VALUE", "LAST_VALUE"}) {
            agrees(name, type, false, false);
            agrees(name, type, false, true);
        }
        for (const char* name : {"COUNT", "SUM", "AVG", "MIN", "MAX"}) {
            agrees(name, type, true, false);
            agrees(name, type, true, true);
        }
    }
    for (const char* name : {"COUNT", "MIN", "MAX", "FIRST_VALUE", "LAST_VALUE"}) {
        agrees(name, "STRING", false, false);
        agrees(name, "STRING", false, true);
    }
}

TEST(Aggregates, MergingIsAddingTogether) {
    Random random(12);
    const LogicalType type = LogicalType::bigint();
    for (const char* name : {"COUNT", "SUM", "AVG", "MIN", "MAX", "FIRST_VALUE", "LAST_VALUE", "VAR_POP",
                             "STDDEV_SAMP", "COLLECT", "ARRAY_AGG"}) {
        const std::string_view ordered = "FIRST_VALUE LAST_VALUE ARRAY_AGG";
        for (const bool distinct : {false, true}) {
            // Distinct values that meet in a merge do so in the order of their keys.
            if (distinct && ordered.find(name) != std::string_view::npos) continue;
            for (const bool retracts : {false, true}) {
                const auto aggregate = bind(name, "BIGINT", distinct, retracts);
                Groups whole(aggregate, 2);
                Groups first(aggregate, 2);
                Groups second(aggregate, 2);
                for (int part = 0; part < 2; ++part) {
                    Values values;
                    std::vector<size_t> group_of;
                    for (int i = 0; i < 30; ++i) {
                        values.push_back(random.chance(0.2)
                                             ? Value::null()
                                             : Value::int64(static_cast<int64_t>(random.below(10))));
                        group_of.push_back(random.below(2));
                    }
                    LogicalType argument = aggregate->argumentTypes()[0];
                    if (argument.kind() == TypeKind::Double) {
                        for (Value& value : values)
                            value =
                                value.isNull() ? value : Value::float64(static_cast<double>(value.asInt64()));
                    }
                    const std::vector<ColumnPtr> arguments = {Column::of(argument, values)};
                    whole.add(arguments, group_of, nullptr);
                    (part == 0 ? first : second).add(arguments, group_of, nullptr);
                }
                first.mergeFrom(second);
                for (size_t group = 0; group < 2; ++group) {
                    EXPECT_EQ(first.results()->textAt(group), whole.results()->textAt(group))
                        << name << distinct << retracts;
                }
            }
        }
    }
}

TEST(Aggregates, TypesAndEdges) {
    EXPECT_EQ(bind("SUM", "TINYINT NOT NULL", false, false)->resultType().toString(), "TINYINT");
    EXPECT_EQ(bind("SUM", "DECIMAL(10, 2)", false, false)->resultType().toString(), "DECIMAL(38, 2)");
    EXPECT_EQ(bind("AVG", "DECIMAL(10, 2)", false, false)->resultType().toString(), "DECIMAL(38, 6)");
    EXPECT_EQ(bind("COUNT", "STRING", false, false)->resultType().toString(), "BIGINT NOT NULL");
    EXPECT_EQ(bind("COLLECT", "STRING", false, false)->resultType().toString(), "MULTISET<STRING> NOT NULL");
    EXPECT_THROW(bind("SUM", "STRING", false, false), UserError);

    // A DECIMAL sum beyond 38 digits is NULL, and stays so.
    Groups sum(bind("SUM", "DECIMAL(38, 0)", false, true), 1);
    const Value big = Value::int128(powerOfTen(38) - 1);
    const std::vector<ColumnPtr> bigs = {Column::of(LogicalType::decimal(38, 0), Values{big, big})};
    sum.add(bigs, {0, 0}, nullptr);
    EXPECT_TRUE(sum.results()->isNull(0));

    Groups variance(bind("VAR_SAMP", "DOUBLE", false, true), 1);
    const std::vector<ColumnPtr> numbers = {Column::of(
        LogicalType::doublePrecision(), Values{Value::float64(2), Value::float64(100), Value::float64(4),
                                               Value::float64(6), Value::float64(100)})};
    const std::vector<int8_t> signs = {1, 1, 1, 1, -1};
    variance.add(numbers, {0, 0, 0, 0, 0}, &signs);
    EXPECT_NEAR(variance.results()->valueAt(0).asDouble(), 4.0, 1e-9);

    Groups listed(bind("LISTAGG", "STRING", false, true), 2);
    const std::vector<ColumnPtr> words = {
        Column::of(LogicalType::string(),
                   Values{Value::string("a"), Value::null(), Value::string("b"), Value::string("a")})};
    const std::vector<int8_t> last_goes = {1, 1, 1, -1};
    listed.add(words, {0, 0, 0, 0}, &last_goes);
    EXPECT_EQ(listed.results()->textAt(0), "b");
    EXPECT_TRUE(listed.results()->isNull(1));
}

}  // namespace
}  // namespace millrace
