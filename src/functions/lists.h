// What functions over ARRAYs and MAPs are made of. A result's elements are nearly always elements of an
// argument, so a kernel says which ones, by number, and they are gathered at once, whatever their type. For
// the functions room only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "functions/kernels.h"

namespace millrace {

inline constexpr uint32_t kNoElement = UINT32_MAX;  // chosen where the result has a NULL

// The elements that row `row` of a list column has among its child's, empty for a NULL.
struct ElementRange {
    uint32_t begin = 0;
    uint32_t end = 0;
    uint32_t size() const { return end - begin; }
};

// One list column's rows and elements.
class Lists {
  public:
    explicit Lists(const ColumnPtr& column)
        : column_(column), offsets_(column->data<int32_t>()), elements_(column->children()[0]) {}

    bool isNull(size_t row) const { return column_->isNull(row); }
    ElementRange at(size_t row) const {
        if (column_->isNull(row)) return {};
        return {static_cast<uint32_t>(offsets_[row]), static_cast<uint32_t>(offsets_[row + 1])};
    }
    const ColumnPtr& elements() const { return elements_; }  // of a MAP, a Struct of key and value

  private:
    ColumnPtr column_;
    const int32_t* offsets_;
    ColumnPtr elements_;
};

// The chosen elements as a column of `type`; kNoElement is NULL.
ColumnPtr chosenElements(const ColumnPtr& elements, std::span<const uint32_t> chosen,
                         const LogicalType& type);

// A list column whose elements are chosen from one column, row by row.
class ListResult {
  public:
    // NULL where one of `null_where` is.
    ListResult(const LogicalType& type, std::span<const ColumnPtr> null_where, size_t rows);

    bool isNull(size_t row) const { return column_->isNull(row); }
    void setNull(size_t row) { column_->setNull(row); }
    void take(uint32_t element) { chosen_.push_back(element); }
    void take(ElementRange range) {
        for (uint32_t element = range.begin; element < range.end; ++element)
            chosen_.push_back(element);
    }
    std::vector<uint32_t>& chosen() { return chosen_; }
    void endRow();  // as many times as there are rows
    ColumnPtr finish(const ColumnPtr& elements);

  private:
    std::shared_ptr<Column> column_;
    size_t row_ = 0;
    std::vector<uint32_t> chosen_;
};

// Elements of several columns under one numbering: element e of part p is e + base(p).
class JoinedElements {
  public:
    explicit JoinedElements(std::span<const ColumnPtr> parts);
    const ColumnPtr& all() const { return all_; }
    uint32_t base(size_t part) const { return bases_[part]; }
    ElementRange moved(ElementRange range, size_t part) const {
        return {range.begin + bases_[part], range.end + bases_[part]};
    }

  private:
    ColumnPtr all_;
    std::vector<uint32_t> bases_;
};

// Compares elements of one column. As Flink's arrays do, NULL equals NULL.
class ElementComparer {
  public:
    explicit ElementComparer(const Column& column);
    bool equal(uint32_t a, uint32_t b) const {
        const bool a_null = column_.isNull(a);
        const bool b_null = column_.isNull(b);
        return a_null || b_null ? a_null == b_null : equal_(column_, a, b);
    }
    bool less(uint32_t a, uint32_t b) const { return less_(column_, a, b); }  // of two that are not NULL

  private:
    using Test = bool (*)(const Column&, uint32_t, uint32_t);
    const Column& column_;
    Test equal_;
    Test less_;
};

// A set of elements of one column, emptied from row to row.
class ElementSet {
  public:
    explicit ElementSet(const ColumnPtr& column);
    void clear();
    uint32_t add(uint32_t element);  // the equal element that was there; the element itself if none was
    bool has(uint32_t element) const { return find(element) != kNoElement; }
    uint32_t find(uint32_t element) const;  // kNoElement if there is none

  private:
    struct Slot {
        uint32_t row = 0;  // of the clear() since which it is taken
        uint32_t element = 0;
    };
    size_t place(uint32_t element) const;  // of an equal element, or free
    void grow();

    ColumnPtr column_;
    ElementComparer comparer_;
    std::vector<uint64_t> hashes_;
    std::vector<Slot> slots_;
    uint32_t row_ = 1;
    size_t count_ = 0;
};

// Whether values of the type can be ordered, as ARRAY_SORT, ARRAY_MAX and ARRAY_MIN must.
bool isOrderable(const LogicalType& type);

// The common type of ARRAYs' elements, with whatever is added to them; UserError "sql.bad-argument" if none.
LogicalType commonElementType(std::string_view name, std::span<const ArgumentInfo> arguments,
                              std::span<const LogicalType> types, std::string_view accepted);

}  // namespace millrace
