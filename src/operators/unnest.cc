#include "operators/unnest.h"

#include "operators/row_values.h"

namespace millrace {

namespace {

constexpr size_t kRowsMax = 4096;  // of a batch that is put out, so that long collections do not make it huge

// A column and, behind its last row, a NULL.
ColumnPtr gatherOrNull(const ColumnPtr& column, std::span<const uint32_t> selection,
                       const LogicalType& type) {
    const LogicalType nullable = column->type().withNullable(true);
    return Column::retyped(gatherOfTwo(Column::retyped(column, nullable),
                                       Column::constant(nullable, Value::null(), 1), selection),
                           type);
}

}  // namespace

// Of the rows to be put out: the input's row and the element, as a row of the collection's child (its size
// for none).
struct Unnest::Elements {
    explicit Elements(ColumnPtr of) : child(std::move(of)) {}
    void add(size_t row, size_t element, int64_t ordinal) {
        rows.push_back(static_cast<uint32_t>(row));
        elements.push_back(static_cast<uint32_t>(element));
        ordinals.push_back(ordinal);
    }
    uint32_t none() const { return static_cast<uint32_t>(child->size()); }
    void clear() {
        rows.clear();
        elements.clear();
        ordinals.clear();
    }

    ColumnPtr child;
    Selection rows;
    Selection elements;
    std::vector<int64_t> ordinals;  // 0: NULL
};

std::vector<Field> unnestedFields(const LogicalType& type) {
    switch (type.kind()) {
        case TypeKind::Array:
        case TypeKind::Multiset: {
            const LogicalType& element = type.element();
            if (element.kind() != TypeKind::Row) return {{"EXPR$0", element}};
            std::vector<Field> fields;
            for (Field field : element.fields()) {
                if (element.nullable()) field.type = field.type.withNullable(true);
                fields.push_back(std::move(field));
            }
            return fields;
        }
        case TypeKind::Map: {
            const LogicalType entry = listChildType(type);
            return {{"KEY", entry.fields()[0].type}, {"VALUE", entry.fields()[1].type}};
        }
        default:
            return {};
    }
}

std::unique_ptr<OperatorState> Unnest::open(OperatorContext&) const {
    return std::make_unique<OperatorState>();
}

void Unnest::process(OperatorState&, size_t, const Batch& batch, OperatorContext&, Output& output) const {
    const Column& collection = *batch.column(p_.collection);
    const bool counted = collection.type().kind() == TypeKind::Multiset;
    const auto* offsets = collection.data<int32_t>();
    const ColumnPtr& child = collection.children().front();
    Elements elements(counted ? child->children()[0] : child);
    const int32_t* const counts = counted ? child->children()[1]->data<int32_t>() : nullptr;
    for (size_t row = 0; row < batch.rows(); ++row) {
        int64_t ordinal = 0;
        if (!collection.isNull(row)) {
            for (auto element = static_cast<size_t>(offsets[row]);
                 element < static_cast<size_t>(offsets[row + 1]); ++element) {
                for (int32_t times = counts ? counts[element] : 1; times > 0; --times) {
                    elements.add(row, element, ++ordinal);
                    if (elements.rows.size() < kRowsMax) continue;
                    emit(batch, elements, output);
                    elements.clear();
                }
            }
        }
        if (ordinal == 0 && p_.keeps_rows) elements.add(row, elements.none(), 0);
    }
    emit(batch, elements, output);
}

void Unnest::emit(const Batch& batch, const Elements& elements, Output& output) const {
    if (elements.rows.empty()) return;
    Selection present = elements.elements;  // those that are ROWs with a value
    if (elements.child->physical() == PhysicalType::Struct && elements.child->validity()) {
        for (uint32_t& element : present) {
            if (element != elements.none() && elements.child->isNull(element)) element = elements.none();
        }
    }
    std::vector<ColumnPtr> columns;
    columns.reserve(p_.columns.size());
    for (size_t i = 0; i < p_.columns.size(); ++i) {
        const UnnestColumn& column = p_.columns[i];
        const LogicalType& type = p_.output[i].type;
        switch (column.from) {
            case UnnestColumn::From::Input:
                columns.push_back(
                    Column::retyped(Column::gather(batch.column(column.index), elements.rows), type));
                break;
            case UnnestColumn::From::Element:
                columns.push_back(gatherOrNull(elements.child, elements.elements, type));
                break;
            case UnnestColumn::From::Field:
                columns.push_back(gatherOrNull(elements.child->children()[column.index], present, type));
                break;
            case UnnestColumn::From::Ordinal: {
                ColumnBuilder builder(type, elements.ordinals.size());
                for (const int64_t ordinal : elements.ordinals) {
                    ordinal == 0 ? builder.appendNull() : builder.append(static_cast<int32_t>(ordinal));
                }
                columns.push_back(builder.finish());
                break;
            }
        }
    }
    Batch result(elements.rows.size(), std::move(columns));
    if (const RowKind* kinds = batch.kinds()) {
        std::vector<RowKind> repeated;
        repeated.reserve(elements.rows.size());
        for (const uint32_t row : elements.rows)
            repeated.push_back(kinds[row]);
        result.setKinds(std::move(repeated));
    }
    output.emit(std::move(result));
}

}  // namespace millrace
