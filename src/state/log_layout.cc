#include "state/log_layout.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "batch/value_encoding.h"

namespace millrace {

namespace {

constexpr size_t kNullsInHeader = 16;

template <class T>
void writeFixed(const Column& column, uint32_t offset, std::span<const uint32_t> selection,
                std::span<std::byte* const> rows) {
    const T* values = column.data<T>();
    for (size_t i = 0; i < selection.size(); ++i)
        std::memcpy(rows[i] + offset, &values[selection[i]], sizeof(T));
}

}  // namespace

LogLayout::LogLayout(std::vector<LogicalType> types, size_t header_bytes) : types_(std::move(types)) {
    const size_t fields = types_.size();
    for (size_t field = 0; field < fields; ++field) {
        const bool in_header = field < kNullsInHeader;
        const size_t bit = in_header ? field : field - kNullsInHeader;
        const size_t first = in_header ? 6 : header_bytes;  // the upper two bytes of the first word
        null_places_.push_back(
            {static_cast<uint32_t>(first + bit / 8), static_cast<std::byte>(1U << bit % 8)});
    }
    size_t at = header_bytes;
    if (fields > kNullsInHeader) at += (fields - kNullsInHeader + 63) / 64 * kWord;
    text_ends_ = at;
    places_.resize(fields);
    for (size_t field = 0; field < fields; ++field) {
        const LogicalType& type = types_[field];
        if (!type.isNested() && type.physical() != PhysicalType::String) {
            places_[field] = {kNoText, 0, static_cast<uint8_t>(millrace::sizeOf(type.physical())), false};
            continue;
        }
        places_[field] = {texts_++, static_cast<uint32_t>(at), 0, type.isNested()};
        at += sizeof(uint32_t);
    }
    at = (at + kWord - 1) / kWord * kWord;
    for (const size_t bytes : {16, 8, 4, 1}) {
        for (FieldPlace& place : places_) {
            if (place.text != kNoText || place.bytes != bytes) continue;
            place.offset = static_cast<uint32_t>(at);
            at += bytes;
        }
    }
    fixed_bytes_ = texts_ > 0 ? at : (at + kWord - 1) / kWord * kWord;
    nested_.resize(texts_);
}

void LogLayout::measure(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
                        std::vector<uint32_t>& bytes) {
    bytes.assign(selection.size(), static_cast<uint32_t>(fixed_bytes_));
    for (size_t field = 0; field < columns.size(); ++field) {
        const FieldPlace& place = places_[field];
        if (place.text == kNoText) continue;
        const Column& column = *columns[field];
        if (!place.nested) {
            const StringView* texts = column.data<StringView>();
            for (size_t i = 0; i < selection.size(); ++i)
                bytes[i] += column.isNull(selection[i]) ? 0 : texts[selection[i]].size();
            continue;
        }
        std::vector<std::string>& encoded = nested_[place.text];
        encoded.assign(selection.size(), {});
        for (size_t i = 0; i < selection.size(); ++i) {
            if (column.isNull(selection[i])) continue;
            encodeValue(types_[field], column.valueAt(selection[i]), encoded[i]);
            bytes[i] += static_cast<uint32_t>(encoded[i].size());
        }
    }
    if (texts_ == 0) return;
    for (uint32_t& size : bytes)
        size = (size + kWord - 1) / kWord * kWord;
}

void LogLayout::write(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
                      std::span<std::byte* const> rows) {
    written_.assign(selection.size(), static_cast<uint32_t>(fixed_bytes_));
    for (size_t field = 0; field < columns.size(); ++field) {
        const FieldPlace& place = places_[field];
        const Column& column = *columns[field];
        if (column.validity() != nullptr) {
            for (size_t i = 0; i < selection.size(); ++i) {
                if (column.isNull(selection[i])) setNull(rows[i], field);
            }
        }
        if (place.text != kNoText) {
            writeText(field, column, selection, rows);
        } else {
            dispatchPhysical(column.physical(),
                             [&]<class T>() { writeFixed<T>(column, place.offset, selection, rows); });
        }
    }
}

void LogLayout::writeText(size_t field, const Column& column, std::span<const uint32_t> selection,
                          std::span<std::byte* const> rows) {
    const FieldPlace& place = places_[field];
    const StringView* texts = place.nested ? nullptr : column.data<StringView>();
    constexpr size_t kAhead = 8;  // of texts, which may lie anywhere
    for (size_t i = 0; i < selection.size(); ++i) {
        if (texts != nullptr && i + kAhead < selection.size())
            __builtin_prefetch(texts[selection[i + kAhead]].data());
        if (!column.isNull(selection[i])) {
            const std::string_view text =
                place.nested ? std::string_view(nested_[place.text][i]) : texts[selection[i]].view();
            std::memcpy(rows[i] + written_[i], text.data(), text.size());
            written_[i] += static_cast<uint32_t>(text.size());
        }
        std::memcpy(rows[i] + place.offset, &written_[i], sizeof(uint32_t));
    }
}

ColumnPtr LogLayout::loadNested(size_t field, std::span<std::byte* const> rows) const {
    ColumnBuilder builder(types_[field], rows.size());
    for (const std::byte* row : rows) {
        std::string_view text = textOf(row, places_[field].text);
        builder.appendValue(isNull(row, field) ? Value::null() : decodeValue(types_[field], text));
    }
    return builder.finish();
}

void LogLayout::loadFlat(size_t field, std::span<std::byte* const> rows, size_t first, Column& column) const {
    const FieldPlace& place = places_[field];
    const NullPlace null = null_places_[field];
    std::byte nulls{0};
    for (const std::byte* row : rows)
        nulls |= row[null.byte] & null.bit;
    if (nulls != std::byte{0}) {
        uint8_t* valid = column.mutableValidity() + first;
        for (size_t i = 0; i < rows.size(); ++i)
            valid[i] = (rows[i][null.byte] & null.bit) == std::byte{0};
    }
    if (place.text != kNoText) {
        StringView* texts = column.mutableData<StringView>() + first;
        for (size_t i = 0; i < rows.size(); ++i)
            texts[i] = StringView(textOf(rows[i], place.text));
        return;
    }
    dispatchPhysical(column.physical(), [&]<class T>() {
        T* values = column.mutableData<T>() + first;
        for (size_t i = 0; i < rows.size(); ++i)
            std::memcpy(&values[i], rows[i] + place.offset, sizeof(T));
    });
}

std::vector<ColumnPtr> LogLayout::load(std::span<const size_t> fields, std::span<std::byte* const> rows,
                                       const std::shared_ptr<const void>& keeper) const {
    std::vector<ColumnPtr> columns;
    std::vector<std::pair<size_t, Column*>> flat;
    for (const size_t field : fields) {
        if (places_[field].nested) {
            columns.push_back(loadNested(field, rows));
            continue;
        }
        auto column = std::make_shared<Column>(types_[field], rows.size());
        if (places_[field].text != kNoText) column->keep(keeper);
        flat.emplace_back(field, column.get());
        columns.push_back(std::move(column));
    }
    // Rows lie scattered: all fields of a few are read while these are in the nearest cache.
    constexpr size_t kRows = 64;
    for (size_t first = 0; first < rows.size(); first += kRows) {
        const auto some = rows.subspan(first, std::min(kRows, rows.size() - first));
        for (const auto& [field, column] : flat)
            loadFlat(field, some, first, *column);
    }
    return columns;
}

void LogLayout::makeNothing(std::byte* row, const std::byte* key) const {
    std::memset(row, 0, fixed_bytes_);
    begin(row, key);
    const auto end = static_cast<uint32_t>(fixed_bytes_);
    for (size_t field = 0; field < types_.size(); ++field) {
        setNull(row, field);
        if (places_[field].text != kNoText) std::memcpy(row + places_[field].offset, &end, sizeof(end));
    }
}

void LogLayout::encode(const std::byte* row, std::string& out) const {
    // Written in place, and what was too much given back: appending piece by piece costs more.
    constexpr size_t kFieldMost = 11;  // a validity byte and a length
    const size_t before = out.size();
    out.resize(before + rowBytes(row) + types_.size() * kFieldMost);
    char* at = out.data() + before;
    for (size_t field = 0; field < types_.size(); ++field) {
        const FieldPlace& place = places_[field];
        if (isNull(row, field)) {
            *at++ = '\0';
            continue;
        }
        if (!place.nested) *at++ = '\1';  // nested values have theirs
        if (place.text == kNoText) {
            std::memcpy(at, row + place.offset, place.bytes);
            at += place.bytes;
            continue;
        }
        const std::string_view text = textOf(row, place.text);
        if (!place.nested) {
            uint64_t size = text.size();
            for (; size >= 128; size >>= 7)
                *at++ = static_cast<char>(size | 128);
            *at++ = static_cast<char>(size);
        }
        std::memcpy(at, text.data(), text.size());
        at += text.size();
    }
    out.resize(static_cast<size_t>(at - out.data()));
}

}  // namespace millrace
