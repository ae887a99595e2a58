#include "operators/row_values.h"

#include <algorithm>
#include <numeric>

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
    if constexpr (std::is_integral_v<T>) {
        if (left.validity() == nullptr && right.validity() == nullptr) {
            for (size_t i = 0; i < different.size(); ++i)
                different[i] |= static_cast<uint8_t>(a[i] != b[i]);
            return;
        }
    }
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

void storeColumns(const RowLayout& layout, size_t first_field, std::span<const ColumnPtr> columns,
                  std::span<const uint32_t> selection, std::span<std::byte* const> rows, RowHeap& heap) {
    constexpr size_t kBlock = 256;  // rows that stay in the cache from one column to the next
    std::vector<uint32_t> own;
    if (selection.empty()) {
        own.resize(rows.size());
        std::iota(own.begin(), own.end(), 0U);
        selection = own;
    }
    for (size_t begin = 0; begin < rows.size(); begin += kBlock) {
        const size_t count = std::min(kBlock, rows.size() - begin);
        for (size_t c = 0; c < columns.size(); ++c) {
            storeColumn(layout, first_field + c, *columns[c], selection.subspan(begin, count),
                        rows.subspan(begin, count), heap);
        }
    }
}

ColumnPtr loadOrGather(const RowLayout& layout, size_t field, std::span<const std::byte* const> rows,
                       const ColumnPtr& column, std::span<const uint32_t> selection, RowHeap& heap) {
    if (column->type().isNested()) {
        ColumnBuilder builder(column->type().withNullable(true), rows.size());
        for (size_t i = 0; i < rows.size(); ++i) {
            if (rows[i] != nullptr) {
                builder.appendValue(loadValue(layout, field, rows[i]));
            } else {
                builder.appendFrom(*column, selection[i]);
            }
        }
        return builder.finish();
    }
    auto result = std::make_shared<Column>(column->type(), rows.size());
    const uint8_t* valid = column->validity();
    const auto is_null = [&](size_t i) {
        if (rows[i] != nullptr) return RowLayout::isNull(rows[i], field);
        return valid != nullptr && valid[selection[i]] == 0;
    };
    bool has_null = false;
    for (size_t i = 0; i < rows.size(); ++i)
        has_null |= is_null(i);
    if (has_null) {
        uint8_t* out = result->mutableValidity();
        for (size_t i = 0; i < rows.size(); ++i)
            out[i] = !is_null(i);
    }
    const uint32_t offset = layout.offset(field);
    dispatchPhysical(column->physical(), [&]<class T>() {
        const T* values = column->data<T>();
        T* out = result->mutableData<T>();
        if constexpr (std::is_same_v<T, StringView>) {
            result->keepAllOf(*column);
            if (std::shared_ptr<const void> loan = heap.lend()) {
                result->keep(std::move(loan));
                for (size_t i = 0; i < rows.size(); ++i)
                    out[i] =
                        rows[i] == nullptr ? values[selection[i]] : loadField<StringView>(rows[i] + offset);
                return;
            }
            StringHeap& copies = result->heap();
            for (size_t i = 0; i < rows.size(); ++i) {
                out[i] = rows[i] == nullptr ? values[selection[i]]
                                            : copies.add(loadField<StringView>(rows[i] + offset).view());
            }
        } else {
            for (size_t i = 0; i < rows.size(); ++i)
                out[i] = rows[i] == nullptr ? values[selection[i]] : loadField<T>(rows[i] + offset);
        }
    });
    return result;
}

ColumnPtr gatherOfTwo(const ColumnPtr& first, const ColumnPtr& second, std::span<const uint32_t> selection) {
    if (first->type().isNested()) {
        const ColumnPtr both[] = {first, second};
        return Column::gather(Column::concat(both), selection);
    }
    const size_t of_first = first->size();
    auto result = std::make_shared<Column>(first->type(), selection.size());
    const auto pick = [&]<class T>(const T* a, const T* b, T* out) {
        for (size_t i = 0; i < selection.size(); ++i)
            out[i] = selection[i] < of_first ? a[selection[i]] : b[selection[i] - of_first];
    };
    if (first->validity() || second->validity()) {
        const std::vector<uint8_t> valid(std::max(of_first, second->size()), 1);
        const auto of = [&](const ColumnPtr& column) {
            return column->validity() ? column->validity() : valid.data();
        };
        pick(of(first), of(second), result->mutableValidity());
    }
    dispatchPhysical(first->physical(),
                     [&]<class T>() { pick(first->data<T>(), second->data<T>(), result->mutableData<T>()); });
    if (first->physical() == PhysicalType::String) {
        result->keepAllOf(*first);
        result->keepAllOf(*second);
    }
    return result;
}

Schema nullableSchema(const Schema& schema) {
    std::vector<Field> fields;
    for (const Field& field : schema)
        fields.push_back({field.name, field.type.withNullable(true)});
    return Schema(std::move(fields));
}

}  // namespace millrace
