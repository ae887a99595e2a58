#include "functions/lists.h"

#include "types/coercion.h"

namespace millrace {

ColumnPtr chosenElements(const ColumnPtr& elements, std::span<const uint32_t> chosen,
                         const LogicalType& type) {
    const bool with_null = std::find(chosen.begin(), chosen.end(), kNoElement) != chosen.end();
    if (!with_null) return Column::retyped(Column::gather(elements, chosen), type);
    // An element more, which is NULL, so that what lies under the NULLs is of the type.
    const ColumnPtr parts[] = {elements,
                               Column::constant(elements->type().withNullable(true), Value::null(), 1)};
    const ColumnPtr all = Column::concat(parts);
    Selection selection(chosen.begin(), chosen.end());
    for (uint32_t& element : selection)
        element = std::min(element, static_cast<uint32_t>(elements->size()));
    return Column::retyped(Column::gather(all, selection), type.withNullable(true));
}

ListResult::ListResult(const LogicalType& type, std::span<const ColumnPtr> null_where, size_t rows)
    : column_(makeResult(type, null_where, rows)) {
    column_->mutableData<int32_t>()[0] = 0;
}

void ListResult::endRow() {
    constexpr size_t kElementsMax = INT32_MAX;
    if (chosen_.size() > kElementsMax)
        throw UserError("data.too-long", "the arrays of a batch have more than 2147483647 elements");
    column_->mutableData<int32_t>()[++row_] = static_cast<int32_t>(chosen_.size());
}

ColumnPtr ListResult::finish(const ColumnPtr& elements) {
    MILLRACE_CHECK(row_ == column_->size(), "{} of {} lists", row_, column_->size());
    column_->setChildren({chosenElements(elements, chosen_, listChildType(column_->type()))});
    return column_;
}

JoinedElements::JoinedElements(std::span<const ColumnPtr> parts) : all_(Column::concat(parts)) {
    uint32_t base = 0;
    for (const ColumnPtr& part : parts) {
        bases_.push_back(base);
        base += static_cast<uint32_t>(part->size());
    }
}

namespace {

template <class T>
bool equalFlat(const Column& column, uint32_t a, uint32_t b) {
    const T* const values = column.data<T>();
    return values[a] == values[b];
}

template <class T>
bool lessFlat(const Column& column, uint32_t a, uint32_t b) {
    const T* const values = column.data<T>();
    return values[a] < values[b];
}

bool equalNested(const Column& column, uint32_t a, uint32_t b) {
    return column.valueAt(a) == column.valueAt(b);
}
bool lessNested(const Column& column, uint32_t a, uint32_t b) {
    return column.valueAt(a) < column.valueAt(b);
}

}  // namespace

ElementComparer::ElementComparer(const Column& column)
    : column_(column), equal_(equalNested), less_(lessNested) {
    if (column.type().isNested()) return;
    dispatchPhysical(column.physical(), [&]<class T>() {
        equal_ = equalFlat<T>;
        less_ = lessFlat<T>;
    });
}

ElementSet::ElementSet(const ColumnPtr& column) : column_(column), comparer_(*column), slots_(16) {
    hashColumns(std::span(&column, 1), column->size(), hashes_);
}

void ElementSet::clear() {
    ++row_;
    count_ = 0;
}

size_t ElementSet::place(uint32_t element) const {
    size_t at = hashes_[element] & (slots_.size() - 1);
    while (slots_[at].row == row_ &&
           !(hashes_[slots_[at].element] == hashes_[element] && comparer_.equal(slots_[at].element, element)))
        at = (at + 1) & (slots_.size() - 1);
    return at;
}

uint32_t ElementSet::find(uint32_t element) const {
    const Slot& slot = slots_[place(element)];
    return slot.row == row_ ? slot.element : kNoElement;
}

uint32_t ElementSet::add(uint32_t element) {
    if (count_ * 2 >= slots_.size()) grow();
    Slot& slot = slots_[place(element)];
    if (slot.row == row_) return slot.element;
    slot = {row_, element};
    ++count_;
    return element;
}

void ElementSet::grow() {
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
    for (const Slot& slot : before) {
        if (slot.row == row_) slots_[place(slot.element)] = slot;
    }
}

bool isOrderable(const LogicalType& type) {
    switch (type.kind()) {
        case TypeKind::Map:
        case TypeKind::Multiset:
        case TypeKind::Variant:
        case TypeKind::Null:
            return false;
        case TypeKind::Array:
            return isOrderable(type.element());
        case TypeKind::Row:
            return std::all_of(type.fields().begin(), type.fields().end(),
                               [](const Field& field) { return isOrderable(field.type); });
        default:
            return true;
    }
}

LogicalType commonElementType(std::string_view name, std::span<const ArgumentInfo> arguments,
                              std::span<const LogicalType> types, std::string_view accepted) {
    const auto common = commonType(types);
    if (!common || common->kind() == TypeKind::Null) badArguments(name, arguments, accepted);
    return *common;
}

}  // namespace millrace
