// JSON made of the values of many rows.
#include "functions/json_document.h"
#include "functions/json_writer.h"
#include "functions/ordered_values.h"

namespace millrace {

namespace {

// A map from name to the value's JSON.
class JsonObjectAgg final : public AggregateBase {
  public:
    JsonObjectAgg(std::vector<LogicalType> arguments, JsonConstruction how)
        : AggregateBase(LogicalType::string().withNullable(false), std::move(arguments),
                        {LogicalType::map(LogicalType::string(), LogicalType::string())}),
          how_(std::move(how)) {}

    void accumulate(const AggregateInput& input) const override {
        const uint32_t field = input.first_field;
        const uint32_t offset = input.layout->offset(field);
        const Column& names = *input.arguments[0];
        const Column& values = *input.arguments[1];
        std::string text;
        forEachInput(input, nullptr, [&](std::byte* row, size_t at, int sign) {
            if (names.isNull(at))
                throw UserError("data.bad-key", "a name of JSON_OBJECTAGG is NULL",
                                "COALESCE gives it another");
            if (how_.absent_on_null && values.isNull(at)) return;
            RowMap& members = mapSlot(row, field, offset);
            const Value name = names.valueAt(at);
            if (sign < 0) {
                members.erase(name);
                return;
            }
            text.clear();
            how_.write(values, 1, at, text);
            if (!members.try_emplace(name, Value::string(text)).second) repeated(name);
        });
    }

    void merge(const RowLayout& layout, uint32_t field, std::byte* into, const std::byte* from,
               RowHeap&) const override {
        const RowMap* added = mapSlotIfAny(from, field, layout.offset(field));
        if (added == nullptr) return;
        RowMap& members = mapSlot(into, field, layout.offset(field));
        for (const auto& [name, value] : *added) {
            if (!members.try_emplace(name, value).second) repeated(name);
        }
    }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        std::string text;
        std::vector<RowMap::const_iterator> members;
        for (const std::byte* row : rows) {
            members.clear();
            if (const RowMap* map = mapSlotIfAny(row, field, layout.offset(field))) {
                for (auto member = map->begin(); member != map->end(); ++member)
                    members.push_back(member);
            }
            std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
                return javaLess(a->first.asString(), b->first.asString());
            });
            text = "{";
            for (const auto& member : members) {
                if (text.size() > 1) text.push_back(',');
                writeJsonString(member->first.asString(), text);
                text.push_back(':');
                text += member->second.asString();
            }
            text.push_back('}');
            out.appendString(text);
        }
    }

  private:
    [[noreturn]] static void repeated(const Value& name) {
        throw UserError(
            "data.repeated-key",
            fmt::format("JSON_OBJECTAGG has the name '{}' more than once in a group", name.asString()),
            "group by it, or aggregate its values first");
    }

    JsonConstruction how_;
};

// Values in order, as JSON already; NULLs are left out before or kept as null.
class JsonArrayAgg final : public OrderedValues {
  public:
    JsonArrayAgg(std::vector<LogicalType> arguments, JsonConstruction how)
        : OrderedValues(LogicalType::string(), std::move(arguments), !how.absent_on_null),
          how_(std::move(how)) {}

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        for (const std::byte* row : rows) {
            const RowMap* map = mapSlotIfAny(row, field, layout.offset(field));
            map == nullptr ? out.appendString("[]") : finish(*map, out);
        }
    }

  protected:
    void finish(const RowMap& values, ColumnBuilder& out) const override {
        std::vector<Value> all;
        for (const auto& [arrival, value] : values)
            all.push_back(value);
        const ColumnPtr column = Column::of(argumentTypes()[0].withNullable(true), all);
        std::string text = "[";
        for (size_t i = 0; i < all.size(); ++i) {
            if (i > 0) text.push_back(',');
            how_.write(*column, 0, i, text);
        }
        text.push_back(']');
        out.appendString(text);
    }

  private:
    JsonConstruction how_;
};

void refuseDistinct(std::string_view name, bool distinct) {
    if (distinct) throw UserError("sql.bad-argument", fmt::format("{} takes no DISTINCT", name));
}

std::shared_ptr<const BoundAggregate> bindObjectAgg(std::span<const ArgumentInfo> arguments, bool distinct,
                                                    bool) {
    constexpr std::string_view accepted = "(KEY string VALUE value [{NULL | ABSENT} ON NULL])";
    checkArgumentCount("JSON_OBJECTAGG", arguments, 3, 3, accepted);
    refuseDistinct("JSON_OBJECTAGG", distinct);
    if (!arguments[0].type.isCharacter()) badArguments("JSON_OBJECTAGG", arguments.first(2), accepted);
    checkJsonType("JSON_OBJECTAGG", arguments[1].type);
    return std::make_shared<JsonObjectAgg>(
        typesOf(arguments), JsonConstruction(literalText("JSON_OBJECTAGG", arguments, 2, accepted), 2));
}

std::shared_ptr<const BoundAggregate> bindArrayAgg(std::span<const ArgumentInfo> arguments, bool distinct,
                                                   bool) {
    constexpr std::string_view accepted = "(value [{NULL | ABSENT} ON NULL])";
    checkArgumentCount("JSON_ARRAYAGG", arguments, 2, 2, accepted);
    checkJsonType("JSON_ARRAYAGG", arguments[0].type);
    auto bound = std::make_shared<JsonArrayAgg>(
        typesOf(arguments), JsonConstruction(literalText("JSON_ARRAYAGG", arguments, 1, accepted), 1));
    if (!distinct) return bound;
    return distinctAggregate(std::move(bound));
}

}  // namespace

std::vector<AggregateFunction> describeAggregateJson() {
    return {
        {.name = "JSON_OBJECTAGG",
         .signature = "JSON_OBJECTAGG([KEY] name VALUE value [{NULL | ABSENT} ON NULL])",
         .documentation =
             "A JSON object of the names and values of the rows, sorted by name. A name that comes "
             "twice fails the job.",
         .examples = {{"SELECT JSON_OBJECTAGG(KEY k VALUE v) FROM (VALUES ('b', 2), ('a', 1)) AS t(k, v)",
                       "{\"a\":1,\"b\":2}"}},
         .bind = bindObjectAgg},
        {.name = "JSON_ARRAYAGG",
         .signature = "JSON_ARRAYAGG(value [{NULL | ABSENT} ON NULL])",
         .documentation =
             "A JSON array of the values, in the order of the rows. NULLs are left out, or null with "
             "NULL ON NULL.",
         .examples = {{"SELECT JSON_ARRAYAGG(x) FROM (VALUES ('a'), ('b')) AS t(x)", "[\"a\",\"b\"]"}},
         .bind = bindArrayAgg},
    };
}

}  // namespace millrace
