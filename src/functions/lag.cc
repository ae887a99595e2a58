#include "functions/lag.h"

#include "functions/aggregates.h"
#include "types/coercion.h"

namespace millrace {

namespace {

constexpr std::string_view kLagAccepts =
    "a value, how many rows to go back as a literal from 0 to 100, and what stands where there is no such "
    "row";

// Field 0 counts the rows; the values of the last offset + 1 of them lie behind it as a ring, and behind
// these the current row's default. Rows that leave the frame are overwritten in time.
class Lag final : public AggregateBase {
  public:
    Lag(const LogicalType& type, const std::vector<LogicalType>& arguments, int64_t offset)
        : AggregateBase(type, arguments, fields(type, offset, arguments.size() > 2)),
          offset_(offset),
          has_default_(arguments.size() > 2) {}

    void accumulate(const AggregateInput& input) const override {
        const RowLayout& layout = *input.layout;
        const uint32_t field = input.first_field;
        forEachInput(input, nullptr, [&](std::byte* row, size_t at, auto sign) {
            if (sign < 0) return;
            auto& count = RowLayout::at<int64_t>(row, layout.offset(field));
            RowLayout::setNull(row, field, false);
            replace(layout, slot(field, count++), *input.arguments[0], at, row, *input.heap);
            if (has_default_) replace(layout, defaultField(field), *input.arguments[2], at, row, *input.heap);
        });
    }

    void merge(const RowLayout&, uint32_t, std::byte*, const std::byte*, RowHeap&) const override {
        throw InternalError("LAG over frames that are merged");
    }

    void result(const RowLayout& layout, uint32_t field, std::span<std::byte* const> rows,
                ColumnBuilder& out) const override {
        for (const std::byte* row : rows) {
            const int64_t before = RowLayout::at<int64_t>(row, layout.offset(field)) - 1 - offset_;
            if (before >= 0) {
                loadInto(layout, slot(field, before), row, out);
            } else if (has_default_) {
                loadInto(layout, defaultField(field), row, out);
            } else {
                out.appendNull();
            }
        }
    }

  private:
    static std::vector<LogicalType> fields(const LogicalType& type, int64_t offset, bool has_default) {
        std::vector<LogicalType> fields = {LogicalType::bigint()};
        fields.resize(static_cast<size_t>(offset) + (has_default ? 3 : 2), type.withNullable(true));
        return fields;
    }
    uint32_t slot(uint32_t field, int64_t number) const {
        return field + 1 + static_cast<uint32_t>(number % (offset_ + 1));
    }
    uint32_t defaultField(uint32_t field) const { return field + 2 + static_cast<uint32_t>(offset_); }
    static void replace(const RowLayout& layout, uint32_t field, const Column& values, size_t at,
                        std::byte* row, RowHeap& heap) {
        releaseFields(layout, row, field, field + 1, heap);
        if (values.isNull(at)) {
            RowLayout::setNull(row, field, true);
        } else {
            storeField(layout, field, values, at, row, heap);
        }
    }

    int64_t offset_;
    bool has_default_;
};

std::shared_ptr<const BoundAggregate> bindLag(std::span<const ArgumentInfo> arguments, bool distinct, bool) {
    checkArgumentCount("LAG", arguments, 1, 3, kLagAccepts);
    if (distinct) throw UserError("sql.bad-argument", "LAG takes no DISTINCT");
    const int64_t offset = lagOffset(arguments);
    LogicalType type = arguments[0].type;
    if (arguments.size() > 2) {
        const LogicalType both[] = {type, arguments[2].type};
        const auto common = commonType(both);
        if (!common) badArguments("LAG", arguments, kLagAccepts);
        type = *common;
    }
    type = type.withNullable(true);
    std::vector<LogicalType> types = {type};
    if (arguments.size() > 1) types.push_back(arguments[1].type);
    if (arguments.size() > 2) types.push_back(type);
    return std::make_shared<Lag>(type, types, offset);
}

}  // namespace

int64_t lagOffset(std::span<const ArgumentInfo> arguments) {
    if (arguments.size() < 2) return 1;
    const ArgumentInfo& info = arguments[1];
    if (!info.type.isInteger() || !info.literal || info.literal->isNull() || info.literal->asInt64() < 0 ||
        info.literal->asInt64() > kLagMax) {
        badArguments("LAG", arguments, kLagAccepts);
    }
    return info.literal->asInt64();
}

const AggregateFunction& lagFunction() {
    static const AggregateFunction function = {
        .name = "LAG",
        .signature = "LAG(value [, offset [, default]])",
        .documentation =
            "With OVER: the value of the row that many rows before the current one, by default 1.",
        .bind = bindLag};
    return function;
}

}  // namespace millrace
