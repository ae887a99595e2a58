#include "batch/column.h"

#include <algorithm>

namespace millrace {

namespace {

size_t dataBytes(PhysicalType physical, size_t size) {
    if (physical == PhysicalType::List) return (size + 1) * sizeof(int32_t);
    return size * static_cast<size_t>(sizeOf(physical));
}

template <class T>
void gatherValues(const T* from, std::span<const uint32_t> selection, T* to) {
    const uint32_t* const rows = selection.data();
    const size_t count = selection.size();
    for (size_t i = 0; i < count; ++i)
        to[i] = from[rows[i]];
}

Value flatValueAt(const Column& column, size_t row) {
    switch (column.physical()) {
        case PhysicalType::Bool:
            return column.type().kind() == TypeKind::Null ? Value::null()
                                                          : Value::boolean(column.data<uint8_t>()[row] != 0);
        case PhysicalType::Int32:
            return Value::int64(column.data<int32_t>()[row]);
        case PhysicalType::Int64:
            return Value::int64(column.data<int64_t>()[row]);
        case PhysicalType::Int128:
            return Value::int128(column.data<Int128>()[row]);
        case PhysicalType::Float32:
            return Value::float64(column.data<float>()[row]);
        case PhysicalType::Float64:
            return Value::float64(column.data<double>()[row]);
        case PhysicalType::String:
            return Value::string(std::string(column.data<StringView>()[row].view()));
        default:
            throw InternalError("a nested column has no flat values");
    }
}

}  // namespace

LogicalType listChildType(const LogicalType& type) {
    switch (type.kind()) {
        case TypeKind::Array:
            return type.element();
        case TypeKind::Map:
            return LogicalType::row({{"key", type.element()}, {"value", type.mapValue()}})
                .withNullable(false);
        case TypeKind::Multiset:
            return LogicalType::row({{"element", type.element()}, {"count", type.mapValue()}})
                .withNullable(false);
        default:
            throw InternalError(type.toString() + " is not kept as a list");
    }
}

Column::Column(Adopt, LogicalType type, size_t size)
    : type_(std::move(type)), physical_(type_.physical()), size_(size) {}

Column::Column(LogicalType type, size_t size) : Column(Adopt{}, std::move(type), size) {
    data_ = Buffer(dataBytes(physical_, size));
    values_ = data_.data();
    if (physical_ == PhysicalType::String) std::memset(values_, 0, dataBytes(physical_, size));
}

std::shared_ptr<Column> Column::undefined(const LogicalType& type, size_t size) {
    auto result = std::shared_ptr<Column>(new Column(Adopt{}, type, size));
    result->data_ = Buffer(dataBytes(result->physical_, size));
    result->values_ = result->data_.data();
    return result;
}

bool Column::repeatsOneValue() const {
    if (type_.isNested() || size_ == 0) return false;
    const auto repeats = [&](const void* values, size_t width) {
        const auto* const bytes = static_cast<const std::byte*>(values);
        return std::memcmp(bytes, bytes + width, (size_ - 1) * width) == 0;
    };
    return repeats(values_, static_cast<size_t>(sizeOf(physical_))) &&
           (valid_ == nullptr || repeats(valid_, 1));
}

uint8_t* Column::mutableValidity() {
    if (validity_.data() == nullptr) {
        validity_ = Buffer(size_);
        auto* own = reinterpret_cast<uint8_t*>(validity_.data());
        if (valid_ != nullptr) {
            std::memcpy(own, valid_, size_);
        } else {
            std::memset(own, 1, size_);
        }
        valid_ = own;
    }
    return valid_;
}

bool Column::hasNulls() const { return valid_ != nullptr && std::memchr(valid_, 0, size_) != nullptr; }

StringHeap& Column::heap() {
    if (!heap_) heap_ = std::make_shared<StringHeap>();
    return *heap_;
}

void Column::keepAllOf(const Column& other) {
    const auto add = [this](const std::shared_ptr<const void>& keeper) {
        if (std::find(keepers_.begin(), keepers_.end(), keeper) == keepers_.end()) keepers_.push_back(keeper);
    };
    if (other.heap_) add(other.heap_);
    for (const auto& keeper : other.keepers_)
        add(keeper);
}

Value Column::valueAt(size_t row) const {
    if (isNull(row)) return Value::null();
    if (physical_ == PhysicalType::Struct) {
        Value::List fields;
        for (const auto& child : children_)
            fields.push_back(child->valueAt(row));
        return Value::list(std::move(fields));
    }
    if (physical_ != PhysicalType::List) return flatValueAt(*this, row);
    const auto* offsets = data<int32_t>();
    Value::List list;
    for (auto at = static_cast<size_t>(offsets[row]); at < static_cast<size_t>(offsets[row + 1]); ++at) {
        if (type_.kind() == TypeKind::Array) {
            list.push_back(children_[0]->valueAt(at));
        } else {
            list.push_back(children_[0]->children()[0]->valueAt(at));
            list.push_back(children_[0]->children()[1]->valueAt(at));
        }
    }
    return Value::list(std::move(list));
}

ColumnPtr Column::gather(const ColumnPtr& column, std::span<const uint32_t> selection) {
    const size_t count = selection.size();
    const std::shared_ptr<Column> result = undefined(column->type_, count);
    if (column->valid_ != nullptr) gatherValues(column->valid_, selection, result->mutableValidity());
    if (column->physical_ == PhysicalType::Struct) {
        for (const auto& child : column->children_)
            result->children_.push_back(gather(child, selection));
        return result;
    }
    if (column->physical_ == PhysicalType::List) {
        const auto* from = column->data<int32_t>();
        auto* to = result->mutableData<int32_t>();
        Selection elements;
        to[0] = 0;
        for (size_t i = 0; i < count; ++i) {
            for (int32_t at = from[selection[i]]; at < from[selection[i] + 1]; ++at)
                elements.push_back(static_cast<uint32_t>(at));
            to[i + 1] = static_cast<int32_t>(elements.size());
        }
        result->children_.push_back(gather(column->children_[0], elements));
        return result;
    }
    dispatchPhysical(column->physical_, [&]<class T>() {
        gatherValues(column->data<T>(), selection, result->mutableData<T>());
    });
    if (column->physical_ == PhysicalType::String) result->keepAllOf(*column);
    return result;
}

ColumnPtr Column::slice(const ColumnPtr& column, size_t begin, size_t end) {
    MILLRACE_CHECK(begin <= end && end <= column->size_, "slice {}..{} of {} rows", begin, end,
                   column->size_);
    if (begin == 0 && end == column->size_) return column;
    const size_t count = end - begin;
    if (begin == 0 && !column->type_.isNested()) return view(column, column->type_, count);
    auto result = std::make_shared<Column>(column->type_, count);
    if (column->valid_ != nullptr) std::memcpy(result->mutableValidity(), column->valid_ + begin, count);
    if (column->physical_ == PhysicalType::Struct) {
        for (const auto& child : column->children_)
            result->children_.push_back(slice(child, begin, end));
        return result;
    }
    if (column->physical_ == PhysicalType::List) {
        const auto* from = column->data<int32_t>();
        auto* to = result->mutableData<int32_t>();
        for (size_t i = 0; i <= count; ++i)
            to[i] = from[begin + i] - from[begin];
        result->children_.push_back(
            slice(column->children_[0], static_cast<size_t>(from[begin]), static_cast<size_t>(from[end])));
        return result;
    }
    const auto width = static_cast<size_t>(sizeOf(column->physical_));
    std::memcpy(result->values_, column->values_ + begin * width, count * width);
    if (column->physical_ == PhysicalType::String) result->keepAllOf(*column);
    return result;
}

ColumnPtr Column::concat(std::span<const ColumnPtr> columns) {
    MILLRACE_CHECK(!columns.empty(), "nothing to concatenate");
    if (columns.size() == 1) return columns[0];
    size_t total = 0;
    bool has_validity = false;
    for (const auto& column : columns) {
        MILLRACE_CHECK(column->physical_ == columns[0]->physical_, "{} beside {}", column->type_.toString(),
                       columns[0]->type_.toString());
        total += column->size_;
        has_validity |= column->valid_ != nullptr;
    }
    auto result = std::make_shared<Column>(columns[0]->type_, total);
    if (has_validity) {
        uint8_t* valid = result->mutableValidity();
        for (const auto& column : columns) {
            if (column->valid_ != nullptr) std::memcpy(valid, column->valid_, column->size_);
            valid += column->size_;
        }
    }
    const auto children_of = [&](size_t index) {
        std::vector<ColumnPtr> parts;
        for (const auto& column : columns)
            parts.push_back(column->children_[index]);
        return concat(parts);
    };
    if (result->physical_ == PhysicalType::Struct) {
        for (size_t i = 0; i < columns[0]->children_.size(); ++i)
            result->children_.push_back(children_of(i));
        return result;
    }
    if (result->physical_ == PhysicalType::List) {
        auto* to = result->mutableData<int32_t>();
        int32_t base = 0;
        for (const auto& column : columns) {
            const auto* from = column->data<int32_t>();
            for (size_t i = 0; i < column->size_; ++i)
                *to++ = base + from[i];
            base += from[column->size_];
        }
        *to = base;
        result->children_.push_back(children_of(0));
        return result;
    }
    const auto width = static_cast<size_t>(sizeOf(result->physical_));
    std::byte* to = result->values_;
    for (const auto& column : columns) {
        std::memcpy(to, column->values_, column->size_ * width);
        to += column->size_ * width;
        if (result->physical_ == PhysicalType::String) result->keepAllOf(*column);
    }
    return result;
}

ColumnPtr Column::constant(const LogicalType& type, const Value& value, size_t size) {
    if (type.isNested()) {
        ColumnBuilder builder(type, size);
        for (size_t i = 0; i < size; ++i)
            builder.appendValue(value);
        return builder.finish();
    }
    auto result = std::make_shared<Column>(type, size);
    if (value.isNull()) {
        std::memset(result->values_, 0, dataBytes(result->physical_, size));
        std::memset(result->mutableValidity(), 0, size);
        return result;
    }
    const auto fill = [&]<class T>(T filling) { std::fill_n(result->mutableData<T>(), size, filling); };
    switch (result->physical_) {
        case PhysicalType::Bool:
            fill(static_cast<uint8_t>(value.asBool()));
            break;
        case PhysicalType::Int32:
            fill(static_cast<int32_t>(value.asInt64()));
            break;
        case PhysicalType::Int64:
            fill(static_cast<int64_t>(value.asInt128()));
            break;
        case PhysicalType::Int128:
            fill(value.asInt128());
            break;
        case PhysicalType::Float32:
            fill(static_cast<float>(value.asDouble()));
            break;
        case PhysicalType::Float64:
            fill(value.asDouble());
            break;
        default:
            fill(result->heap().add(value.asString()));
            break;
    }
    return result;
}

ColumnPtr Column::of(const LogicalType& type, std::span<const Value> values) {
    ColumnBuilder builder(type, values.size());
    for (const Value& value : values)
        builder.appendValue(value);
    return builder.finish();
}

ColumnPtr Column::retyped(const ColumnPtr& column, const LogicalType& type) {
    if (column->type_ == type) return column;
    MILLRACE_CHECK(type.physical() == column->physical_, "{} as {}", column->type_.toString(),
                   type.toString());
    return view(column, type, column->size_);
}

ColumnPtr Column::view(const ColumnPtr& column, const LogicalType& type, size_t size) {
    auto result = std::shared_ptr<Column>(new Column(Adopt{}, type, size));
    result->values_ = column->values_;
    result->valid_ = column->valid_;
    result->keepAllOf(*column);
    result->keep(column);
    result->children_ = column->children_;
    return result;
}

}  // namespace millrace
