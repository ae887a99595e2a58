// One value, on its own: literals, test data, keys in messages. Columns hold values in bulk; kernels never
// use this.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "types/logical_type.h"

namespace millrace {

class Value {
  public:
    using List =
        std::vector<Value>;  // ARRAY elements; ROW fields; MAP and MULTISET as alternating key, value

    Value() = default;  // NULL
    static Value null() { return {}; }
    static Value boolean(bool v) { return Value(Data(v)); }
    static Value int64(int64_t v) { return Value(Data(v)); }   // everything of physical type Int32 or Int64
    static Value int128(Int128 v) { return Value(Data(v)); }   // what has the physical type Int128
    static Value float64(double v) { return Value(Data(v)); }  // FLOAT and DOUBLE
    static Value string(std::string v) { return Value(Data(std::move(v))); }
    static Value list(List v) { return Value(Data(std::make_shared<const List>(std::move(v)))); }

    bool isNull() const { return std::holds_alternative<std::monostate>(data_); }
    bool asBool() const { return std::get<bool>(data_); }
    int64_t asInt64() const { return std::get<int64_t>(data_); }
    Int128 asInt128() const;  // also of an int64
    double asDouble() const { return std::get<double>(data_); }
    const std::string& asString() const { return std::get<std::string>(data_); }
    const List& asList() const { return *std::get<std::shared_ptr<const List>>(data_); }

    // A total order within one type: NULL first, NaN last and equal to itself. Equality follows it.
    std::weak_ordering operator<=>(const Value& other) const;
    bool operator==(const Value& other) const { return (*this <=> other) == 0; }

    // As SQL's CAST to STRING would show it; NULL is "NULL".
    std::string toString(const LogicalType& type) const;

  private:
    using Data =
        std::variant<std::monostate, bool, int64_t, Int128, double, std::string, std::shared_ptr<const List>>;
    explicit Value(Data data) : data_(std::move(data)) {}
    Data data_;
};

}  // namespace millrace
