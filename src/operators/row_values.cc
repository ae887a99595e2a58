#include "operators/row_values.h"

namespace millrace {

namespace {

void releaseNested(const RowLayout& layout, size_t field, std::byte* row) {
    const LogicalType& type = layout.types()[field];
    const uint32_t offset = layout.offset(field);
    const bool map = type.kind() == TypeKind::Map || type.kind() == TypeKind::Multiset;
    if (map) {
        auto*& held = RowLayout::at<RowMap*>(row, offset);
        delete held;
        held = nullptr;
    } else {
        auto*& held = RowLayout::at<Value*>(row, offset);
        delete held;
        held = nullptr;
    }
}

template <class T>
void markFlatDifferent(const Column& left, const Column& right, std::vector<uint8_t>& different) {
    const T* a = left.data<T>();
    const T* b = right.data<T>();
    for (size_t i = 0; i < different.size(); ++i) {
        const bool left_null = left.isNull(i), right_null = right.isNull(i);
        bool same = left_null == right_null;
        if (same && !left_null) {
            if constexpr (std::is_floating_point_v<T>) {
                same = a[i] == b[i] || (a[i] != a[i] && b[i] != b[i]);
            } else {
                same = a[i] == b[i];
            }
        }
        different[i] |= !same;
    }
}

}  // namespace

void markDifferent(const Column& left, const Column& right, std::vector<uint8_t>& different) {
    if (left.type().isNested()) {
        for (size_t i = 0; i < different.size(); ++i)
            different[i] |= left.valueAt(i) != right.valueAt(i);
        return;
    }
    dispatchPhysical(left.physical(), [&]<class T>() { markFlatDifferent<T>(left, right, different); });
}

void storeColumn(const RowLayout& layout, size_t field, const Column& column,
                 std::span<const uint32_t> selection, std::span<std::byte* const> rows, RowHeap& heap) {
    const uint32_t offset = layout.offset(field);
    const auto source = [&](size_t i) { return selection.empty() ? i : static_cast<size_t>(selection[i]); };
    if (column.type().isNested()) {
        for (size_t i = 0; i < rows.size(); ++i) {
            releaseNested(layout, field, rows[i]);
            RowLayout::setNull(rows[i], field, true);
            storeField(layout, field, column, source(i), rows[i], heap);
        }
        return;
    }
    const uint8_t* valid = column.validity();
    for (size_t i = 0; i < rows.size(); ++i)
        RowLayout::setNull(rows[i], field, valid != nullptr && valid[source(i)] == 0);
    if (column.physical() == PhysicalType::String) {
        const StringView* values = column.data<StringView>();
        for (size_t i = 0; i < rows.size(); ++i) {
            const bool null = RowLayout::isNull(rows[i], field);
            heap.replace(RowLayout::at<StringView>(rows[i], offset),
                         null ? std::string_view() : values[source(i)].view());
        }
        return;
    }
    dispatchPhysical(column.physical(), [&]<class T>() {
        const T* values = column.data<T>();
        for (size_t i = 0; i < rows.size(); ++i)
            std::memcpy(rows[i] + offset, &values[source(i)], sizeof(T));
    });
}

Schema nullableSchema(const Schema& schema) {
    std::vector<Field> fields;
    for (const Field& field : schema)
        fields.push_back({field.name, field.type.withNullable(true)});
    return Schema(std::move(fields));
}

}  // namespace millrace
