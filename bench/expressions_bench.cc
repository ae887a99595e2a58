// What expressions, casts and aggregates cost a row, in batches that stay in the cache.
// Rooms: expr
#include <benchmark/benchmark.h>

#include "base/hash.h"
#include "base/random.h"
#include "expr/executor.h"

namespace millrace {
namespace {

constexpr size_t kRows = 4096;

ExpressionPtr column(size_t index, const LogicalType& type) { return Expression::column(index, type, "c"); }
ExpressionPtr constant(int64_t value) {
    return Expression::literal(Value::int64(value), LogicalType::bigint());
}
ExpressionPtr constant(const char* value) {
    return Expression::literal(Value::string(value), LogicalType::string());
}

// c0, c1 BIGINT; c2 STRING of a few words; c3 BIGINT as text; c4 a timestamp as text; c5 TIMESTAMP_LTZ(3).
Batch makeBatch() {
    Random random(5);
    std::vector<ColumnBuilder> columns;
    for (const LogicalType& type :
         {LogicalType::bigint(), LogicalType::bigint(), LogicalType::string(), LogicalType::string(),
          LogicalType::string(), LogicalType::timestampLtz(3)}) {
        columns.emplace_back(type, kRows);
    }
    for (size_t i = 0; i < kRows; ++i) {
        const auto number = static_cast<int64_t>(random.below(1000));
        columns[0].append(number);
        columns[1].append(static_cast<int64_t>(random.below(1000)) + 1);
        columns[2].appendString("https://example.org/item/" + std::to_string(number) + "/index.html");
        columns[3].appendString(std::to_string(number * 1234567));
        columns[4].appendString("2001/01/0" + std::to_string(1 + number % 9) + " 00:47");
        columns[5].append(static_cast<int64_t>(1'700'000'000'000'000 + number * 60'000'000));
    }
    std::vector<ColumnPtr> finished;
    for (auto& builder : columns)
        finished.push_back(builder.finish());
    return Batch(kRows, std::move(finished));
}

void run(benchmark::State& state, std::vector<ExpressionPtr> expressions) {
    const Batch batch = makeBatch();
    ExpressionExecutor executor(std::move(expressions));
    FunctionContext context;
    context.time_zone = "Europe/Berlin";
    for (auto _ : state)
        benchmark::DoNotOptimize(executor.evaluate(context, batch));
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}

const ExpressionPtr a = column(0, LogicalType::bigint());
const ExpressionPtr b = column(1, LogicalType::bigint());
const ExpressionPtr url = column(2, LogicalType::string());
const ExpressionPtr digits = column(3, LogicalType::string());
const ExpressionPtr when = column(4, LogicalType::string());
const ExpressionPtr instant = column(5, LogicalType::timestampLtz(3));

void Multiply(benchmark::State& state) { run(state, {Expression::call("*", {a, constant(908)})}); }
void FilterFourProjections(benchmark::State& state) {
    const Batch batch = makeBatch();
    ExpressionExecutor filter(
        {Expression::call("=", {Expression::call("%", {a, constant(2)}), constant(int64_t(0))})});
    ExpressionExecutor project(
        {a, b, Expression::call("+", {a, b}), Expression::call("*", {b, constant(3)})});
    Selection selection;
    for (auto _ : state) {
        filter.select({}, batch, selection);
        benchmark::DoNotOptimize(project.evaluate({}, batch, selection));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}
void DecimalMultiply(benchmark::State& state) {
    const auto money = Expression::cast(a, LogicalType::decimal(10, 2));
    run(state,
        {Expression::call("*", {money, Expression::literal(Value::int64(908), LogicalType::decimal(5, 3))})});
}
void CaseOfStrings(benchmark::State& state) {
    run(state, {Expression::caseWhen(
                   {Expression::call("<", {a, constant(300)}), constant("low"),
                    Expression::call("<", {a, constant(600)}), constant("middle"), constant("high")},
                   LogicalType::string())});
}
void Upper(benchmark::State& state) { run(state, {Expression::call("UPPER", {url})}); }
void Like(benchmark::State& state) { run(state, {Expression::call("LIKE", {url, constant("%item/42%")})}); }
void RegexpExtract(benchmark::State& state) {
    run(state,
        {Expression::call("REGEXP_EXTRACT", {url, constant("item/([0-9]+)"),
                                             Expression::literal(Value::int64(1), LogicalType::integer())})});
}
void RegexpExtractField(benchmark::State& state) {
    run(state,
        {Expression::call("REGEXP_EXTRACT", {url, constant("(/|^)item([^?]*)"),
                                             Expression::literal(Value::int64(2), LogicalType::integer())})});
}
void SplitIndex(benchmark::State& state) {
    run(state,
        {Expression::call("SPLIT_INDEX", {url, constant("/"),
                                          Expression::literal(Value::int64(4), LogicalType::integer())})});
}
void TextToBigint(benchmark::State& state) { run(state, {Expression::cast(digits, LogicalType::bigint())}); }
void BigintToText(benchmark::State& state) { run(state, {Expression::cast(a, LogicalType::string())}); }
void ToTimestamp(benchmark::State& state) {
    run(state, {Expression::call("TO_TIMESTAMP", {when, constant("yyyy/MM/dd HH:mm")})});
}
void DateFormat(benchmark::State& state) {
    run(state, {Expression::call("DATE_FORMAT", {instant, constant("yyyy-MM-dd HH:mm")})});
}
void HourInZone(benchmark::State& state) { run(state, {Expression::call("HOUR", {instant})}); }

void HashBigint(benchmark::State& state) {
    const Batch batch = makeBatch();
    std::vector<uint64_t> hashes;
    for (auto _ : state) {
        hashColumns(std::span(batch.columns()).first(1), kRows, hashes);
        benchmark::DoNotOptimize(hashes.data());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}
void HashString(benchmark::State& state) {
    const Batch batch = makeBatch();
    std::vector<uint64_t> hashes;
    for (auto _ : state) {
        hashColumns(std::span(batch.columns()).subspan(2, 1), kRows, hashes);
        benchmark::DoNotOptimize(hashes.data());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}

// COUNT(*), SUM, AVG, MIN and MAX of one column into a hundred groups.
void Aggregates(benchmark::State& state) {
    const Batch batch = makeBatch();
    const ArgumentInfo argument{LogicalType::bigint(), std::nullopt};
    std::vector<std::shared_ptr<const BoundAggregate>> aggregates = {
        findAggregateFunction("COUNT")->bind({}, false, false)};
    for (const char* name : {"SUM", "AVG", "MIN", "MAX"})
        aggregates.push_back(findAggregateFunction(name)->bind(std::span(&argument, 1), false, false));
    std::vector<LogicalType> fields;
    for (const auto& aggregate : aggregates)
        fields.insert(fields.end(), aggregate->accumulatorTypes().begin(),
                      aggregate->accumulatorTypes().end());
    const RowLayout layout(fields);
    RowHeap heap;
    std::vector<uint64_t> memory(layout.rowBytes() / 8 * 100);
    std::vector<std::byte*> rows;
    for (size_t i = 0; i < kRows; ++i)
        rows.push_back(reinterpret_cast<std::byte*>(memory.data()) + mixHash(i) % 100 * layout.rowBytes());
    for (auto _ : state) {
        uint32_t field = 0;
        for (size_t i = 0; i < aggregates.size(); ++i) {
            const auto arguments = std::span(batch.columns()).first(i == 0 ? 0 : 1);
            aggregates[i]->accumulate({.arguments = arguments,
                                       .accumulators = rows,
                                       .layout = &layout,
                                       .first_field = field,
                                       .heap = &heap});
            field += static_cast<uint32_t>(aggregates[i]->accumulatorTypes().size());
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
}

BENCHMARK(Multiply);
BENCHMARK(FilterFourProjections);
BENCHMARK(DecimalMultiply);
BENCHMARK(CaseOfStrings);
BENCHMARK(Upper);
BENCHMARK(Like);
BENCHMARK(RegexpExtract);
BENCHMARK(RegexpExtractField);
BENCHMARK(SplitIndex);
BENCHMARK(TextToBigint);
BENCHMARK(BigintToText);
BENCHMARK(ToTimestamp);
BENCHMARK(DateFormat);
BENCHMARK(HourInZone);
BENCHMARK(HashBigint);
BENCHMARK(HashString);
BENCHMARK(Aggregates);

}  // namespace
}  // namespace millrace
