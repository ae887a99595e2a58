// Aggregates that depend on the order of rows: the first and the last value, LISTAGG, ARRAY_AGG.
#include "functions/ordered_values.h"

namespace millrace {

namespace {

template <bool kLast>
class RetractableEnd final : public OrderedValues {
  public:
    explicit RetractableEnd(const LogicalType& type)
        : OrderedValues(type.withNullable(true), {type}, false) {}

  protected:
    void finish(const RowMap& values, ColumnBuilder& out) const override {
        out.appendValue(kLast ? values.rbegin()->second : values.begin()->second);
    }
};

// The value of the only row, which may be NULL.
class SingleValue final : public OrderedValues {
  public:
    explicit SingleValue(const LogicalType& type) : OrderedValues(type.withNullable(true), {type}, true) {}

  protected:
    void finish(const RowMap& values, ColumnBuilder& out) const override {
        if (values.size() > 1) {
            throw UserError(
                {.code = "sql.more-than-one-row",
                 .message = fmt::format("a sub-query that stands for a value has {} rows", values.size()),
                 .hint = "aggregate them, as in SELECT MAX(value), or take one with LIMIT 1"});
        }
        out.appendValue(values.begin()->second);
    }
};

class ListAgg final : public OrderedValues {
  public:
    ListAgg(std::vector<LogicalType> arguments, std::string separator)
        : OrderedValues(LogicalType::string(), std::move(arguments), false),
          separator_(std::move(separator)) {}

  protected:
    void finish(const RowMap& values, ColumnBuilder& out) const override {
        std::string text;
        bool first = true;
        for (const auto& [arrival, value] : values) {
            if (!first) text += separator_;
            text += value.asString();
            first = false;
        }
        out.appendString(text);
    }

  private:
    std::string separator_;
};

class ArrayAgg final : public OrderedValues {
  public:
    explicit ArrayAgg(const LogicalType& type) : OrderedValues(LogicalType::array(type), {type}, true) {}

  protected:
    void finish(const RowMap& values, ColumnBuilder& out) const override {
        for (const auto& [arrival, value] : values)
            out.child(0).appendValue(value);
        out.endList();
    }
};

// Over input that only grows: the one value. NULLs are skipped.
template <bool kLast>
class End final : public AggregateBase {
  public:
    explicit End(const LogicalType& type)
        : AggregateBase(type.withNullable(true), {type}, {type.withNullable(true)}) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const Column& values = *input.arguments[0];
        forEachInput(input, values.validity(), [&](std::byte* row, size_t at, auto) {
            if (!kLast && !RowLayout::isNull(row, field)) return;
            clear(*input.layout, field, row, *input.heap);
            storeField(*input.layout, field, values, at, row, *input.heap);
        });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap& heap) const override {
        if (RowLayout::isNull(from, field) || (!kLast && !RowLayout::isNull(into, field))) return;
        const Value value = loadValue(layout, field, from);
        clear(layout, field, into, heap);
        storeValue(layout, field, value, into, heap);
    }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        for (const std::byte* row : rows)
            loadInto(layout, field, row, out);
    }

  private:
    static void clear(const RowLayout& layout, uint32_t field, std::byte* row, RowHeap& heap) {
        const LogicalType& type = layout.types()[field];
        const uint32_t offset = layout.offset(field);
        if (type.physical() == PhysicalType::String) {
            heap.release(loadSlot<StringView>(row, offset));
            storeSlot(row, offset, StringView());
        } else if (type.kind() == TypeKind::Map || type.kind() == TypeKind::Multiset) {
            delete loadSlot<RowMap*>(row, offset);
            storeSlot<RowMap*>(row, offset, nullptr);
        } else if (type.isNested()) {
            delete loadSlot<Value*>(row, offset);
            storeSlot<Value*>(row, offset, nullptr);
        }
        RowLayout::setNull(row, field, true);
    }
};

template <bool kLast>
AggregateFunction end(const std::string& name, const std::string& documentation, std::string shown) {
    return {.name = name,
            .signature = name + "(value)",
            .documentation = documentation,
            .examples = {{"SELECT " + name + "(x) FROM (VALUES (3), (CAST(NULL AS INT)), (5)) AS t(x)",
                          std::move(shown)}},
            .bind = [name](std::span<const ArgumentInfo> arguments, bool distinct, bool may_retract) {
                checkArgumentCount(name, arguments, 1, 1, "one value");
                std::shared_ptr<const BoundAggregate> bound;
                if (may_retract) {
                    bound = std::make_shared<RetractableEnd<kLast>>(arguments[0].type);
                } else {
                    bound = std::make_shared<End<kLast>>(arguments[0].type);
                }
                return distinct ? distinctAggregate(std::move(bound)) : bound;
            }};
}

std::shared_ptr<const BoundAggregate> bindListAgg(std::span<const ArgumentInfo> arguments, bool distinct,
                                                  bool) {
    constexpr std::string_view accepted = "a string, and a separator as a literal";
    checkArgumentCount("LISTAGG", arguments, 1, 2, accepted);
    if (!arguments[0].type.isCharacter()) badArguments("LISTAGG", arguments, accepted);
    const std::string separator =
        arguments.size() == 2 ? literalText("LISTAGG", arguments, 1, accepted) : ",";
    std::vector<LogicalType> types;
    for (const ArgumentInfo& argument : arguments)
        types.push_back(argument.type);
    auto bound = std::make_shared<ListAgg>(std::move(types), separator);
    if (!distinct) return bound;
    return distinctAggregate(std::move(bound));
}

}  // namespace

std::vector<AggregateFunction> describeAggregateFirstLast() {
    return {
        end<false>("FIRST_VALUE", "The first value that is not NULL, in the order of the rows.", "3"),
        end<true>("LAST_VALUE", "The last value that is not NULL, in the order of the rows.", "5"),
        {.name = "LISTAGG",
         .signature = "LISTAGG(string [, separator])",
         .documentation = "The strings one after another, with the separator (',' without one) between them.",
         .examples = {{"SELECT LISTAGG(x, '-') FROM (VALUES ('a'), ('b')) AS t(x)", "a-b"}},
         .bind = bindListAgg},
        {.name = "SINGLE_VALUE",
         .signature = "SINGLE_VALUE(value)",
         .documentation = "The value of the only row; more than one row is an error.",
         .examples = {{"SELECT SINGLE_VALUE(x) FROM (VALUES (7)) AS t(x)", "7"}},
         .bind = [](std::span<const ArgumentInfo> arguments, bool distinct,
                    bool) -> std::shared_ptr<const BoundAggregate> {
             checkArgumentCount("SINGLE_VALUE", arguments, 1, 1, "one value");
             auto bound = std::make_shared<SingleValue>(arguments[0].type);
             if (!distinct) return bound;
             return distinctAggregate(std::move(bound));
         }},
        {.name = "ARRAY_AGG",
         .signature = "ARRAY_AGG(value)",
         .documentation = "The values as an array, in the order of the rows.",
         .examples = {{"SELECT ARRAY_AGG(x) FROM (VALUES (1), (2)) AS t(x)", "[1, 2]"}},
         .bind = [](std::span<const ArgumentInfo> arguments, bool distinct,
                    bool) -> std::shared_ptr<const BoundAggregate> {
             checkArgumentCount("ARRAY_AGG", arguments, 1, 1, "one value");
             auto bound = std::make_shared<ArrayAgg>(arguments[0].type);
             if (!distinct) return bound;
             return distinctAggregate(std::move(bound));
         }},
    };
}

}  // namespace millrace
