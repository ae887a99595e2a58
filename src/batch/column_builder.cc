#include <algorithm>

#include "batch/column.h"

namespace millrace {

ColumnBuilder::ColumnBuilder(LogicalType type, size_t expected_rows)
    : type_(std::move(type)),
      physical_(type_.physical()),
      first_capacity_(std::max<size_t>(expected_rows, 16)) {
    if (physical_ == PhysicalType::String) heap_ = std::make_shared<StringHeap>();
    if (physical_ == PhysicalType::Struct) {
        for (const Field& field : type_.fields())
            children_.push_back(std::make_unique<ColumnBuilder>(field.type, expected_rows));
    }
    if (physical_ == PhysicalType::List) {
        children_.push_back(std::make_unique<ColumnBuilder>(listChildType(type_), expected_rows));
    }
}

ColumnBuilder::~ColumnBuilder() = default;
ColumnBuilder::ColumnBuilder(ColumnBuilder&&) noexcept = default;
ColumnBuilder& ColumnBuilder::operator=(ColumnBuilder&&) noexcept = default;

void ColumnBuilder::grow() {
    const size_t capacity = capacity_ == 0 ? first_capacity_ : capacity_ * 2;
    const bool list = physical_ == PhysicalType::List;
    const size_t width = list ? sizeof(int32_t) : static_cast<size_t>(sizeOf(physical_));
    Buffer data((capacity + (list ? 1 : 0)) * width);
    if (capacity_ > 0) {
        std::memcpy(data.data(), data_.data(), (size_ + (list ? 1 : 0)) * width);
    } else if (list) {
        *reinterpret_cast<int32_t*>(data.data()) = 0;
    }
    data_ = std::move(data);
    if (has_validity_) {
        Buffer validity(capacity);
        std::memcpy(validity.data(), validity_.data(), size_);
        validity_ = std::move(validity);
    }
    capacity_ = capacity;
}

void ColumnBuilder::appendNull() {
    if (size_ == capacity_) grow();
    if (!has_validity_) {
        validity_ = Buffer(capacity_);
        std::memset(validity_.data(), 1, size_);
        has_validity_ = true;
    }
    if (physical_ == PhysicalType::List) {
        auto* offsets = reinterpret_cast<int32_t*>(data_.data());
        offsets[size_ + 1] = offsets[size_];
    } else if (physical_ == PhysicalType::Struct) {
        for (auto& child : children_)
            child->appendNull();
    } else {
        const auto width = static_cast<size_t>(sizeOf(physical_));
        std::memset(data_.data() + size_ * width, 0, width);
    }
    reinterpret_cast<uint8_t*>(validity_.data())[size_] = 0;
    ++size_;
}

void ColumnBuilder::appendNulls(size_t count) {
    if (count == 0) return;
    appendNull();  // which makes the validity
    if (physical_ == PhysicalType::List || physical_ == PhysicalType::Struct) {
        while (--count > 0)
            appendNull();
        return;
    }
    --count;
    while (capacity_ - size_ < count)
        grow();
    const auto width = static_cast<size_t>(sizeOf(physical_));
    std::memset(data_.data() + size_ * width, 0, count * width);
    std::memset(validity_.data() + size_, 0, count);
    size_ += count;
}

void ColumnBuilder::endList() {
    if (size_ == capacity_) grow();
    if (has_validity_) reinterpret_cast<uint8_t*>(validity_.data())[size_] = 1;
    reinterpret_cast<int32_t*>(data_.data())[size_ + 1] = static_cast<int32_t>(children_[0]->size());
    ++size_;
}

void ColumnBuilder::endStruct() {
    if (size_ == capacity_) grow();
    if (has_validity_) reinterpret_cast<uint8_t*>(validity_.data())[size_] = 1;
    ++size_;
}

void ColumnBuilder::appendValue(const Value& value) {
    if (value.isNull()) return appendNull();
    switch (physical_) {
        case PhysicalType::Bool:
            return append(static_cast<uint8_t>(value.asBool()));
        case PhysicalType::Int32:
            return append(static_cast<int32_t>(value.asInt64()));
        case PhysicalType::Int64:
            return append(static_cast<int64_t>(value.asInt128()));
        case PhysicalType::Int128:
            return append(value.asInt128());
        case PhysicalType::Float32:
            return append(static_cast<float>(value.asDouble()));
        case PhysicalType::Float64:
            return append(value.asDouble());
        case PhysicalType::String:
            return appendString(value.asString());
        case PhysicalType::Struct: {
            const Value::List& fields = value.asList();
            MILLRACE_CHECK(fields.size() == children_.size(), "{} values for {}", fields.size(),
                           type_.toString());
            for (size_t i = 0; i < fields.size(); ++i)
                children_[i]->appendValue(fields[i]);
            return endStruct();
        }
        case PhysicalType::List: {
            const Value::List& list = value.asList();
            if (type_.kind() == TypeKind::Array) {
                for (const Value& element : list)
                    children_[0]->appendValue(element);
            } else {
                for (size_t i = 0; i + 1 < list.size(); i += 2) {
                    children_[0]->child(0).appendValue(list[i]);
                    children_[0]->child(1).appendValue(list[i + 1]);
                    children_[0]->endStruct();
                }
            }
            return endList();
        }
    }
}

void ColumnBuilder::appendFrom(const Column& column, size_t row) {
    if (column.isNull(row)) return appendNull();
    if (physical_ == PhysicalType::Struct) {
        for (size_t i = 0; i < children_.size(); ++i)
            children_[i]->appendFrom(*column.children()[i], row);
        return endStruct();
    }
    if (physical_ == PhysicalType::List) {
        const auto* offsets = column.data<int32_t>();
        for (int32_t at = offsets[row]; at < offsets[row + 1]; ++at) {
            children_[0]->appendFrom(*column.children()[0], static_cast<size_t>(at));
        }
        return endList();
    }
    if (physical_ == PhysicalType::String) return appendString(column.data<StringView>()[row].view());
    dispatchPhysical(physical_, [&]<class T>() { append(column.data<T>()[row]); });
}

void ColumnBuilder::truncate(size_t size) {
    MILLRACE_CHECK(size <= size_, "cannot truncate {} rows to {}", size_, size);
    if (physical_ == PhysicalType::Struct) {
        for (auto& child : children_)
            child->truncate(size);
    } else if (physical_ == PhysicalType::List) {
        const size_t elements =
            capacity_ == 0 ? 0 : static_cast<size_t>(reinterpret_cast<int32_t*>(data_.data())[size]);
        children_[0]->truncate(elements);
    }
    size_ = size;
}

ColumnPtr ColumnBuilder::finish() {
    if (capacity_ == 0) grow();
    auto column = std::shared_ptr<Column>(new Column(Column::Adopt{}, type_, size_));
    column->data_ = std::move(data_);
    column->values_ = column->data_.data();
    if (has_validity_) {
        column->validity_ = std::move(validity_);
        column->valid_ = reinterpret_cast<uint8_t*>(column->validity_.data());
    }
    if (heap_) {
        column->heap_ = std::move(heap_);
        heap_ = std::make_shared<StringHeap>();
    }
    column->keepers_ = std::move(keepers_);
    keepers_.clear();
    for (auto& child : children_)
        column->children_.push_back(child->finish());
    data_ = Buffer();
    validity_ = Buffer();
    has_validity_ = false;
    size_ = 0;
    capacity_ = 0;
    return column;
}

}  // namespace millrace
