// Shapes of requests: what members an input has, of which types, and the constraints they must satisfy, in
// the terms of the public service model: one description gives the validation and its messages.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace millrace {

class Shape {
  public:
    enum class Kind { String, Integer, Boolean, Timestamp, Blob, List, Map, Structure };

    static Shape string(int64_t length_min = 0, int64_t length_max = std::numeric_limits<int64_t>::max());
    static Shape integer(int64_t min, int64_t max = std::numeric_limits<int32_t>::max());
    static Shape boolean();
    static Shape timestamp();  // seconds since the epoch
    static Shape blob(int64_t bytes_max);
    static Shape list(Shape element, int64_t min = 0, int64_t max = std::numeric_limits<int64_t>::max());
    static Shape map(Shape key, Shape value, int64_t min, int64_t max);
    static Shape structure();
    static Shape oneOf(std::vector<std::string> values);

    // Patterns of the service model: [a-zA-Z0-9_.-]+, arn:.* and those said.
    Shape name() &&;
    Shape arn() &&;
    Shape token() &&;   // [a-zA-Z0-9-_+/=]+
    Shape clock() &&;   // HH:MM
    Shape secret() &&;  // messages do not show the value
    Shape required(std::string member, Shape shape) &&;
    Shape optional(std::string member, Shape shape) &&;

    // Throws ApiError: SerializationException for a wrong type, InvalidArgumentException with every
    // constraint that is not satisfied. Members that are not described are ignored, and null is as good as
    // absent.
    void validate(const nlohmann::json& input) const;

  private:
    explicit Shape(Kind kind) : kind_(kind) {}
    void check(const nlohmann::json& value, const std::string& path,
               std::vector<std::string>& violations) const;

    Kind kind_;
    int64_t min_ = 0;
    int64_t max_ = std::numeric_limits<int64_t>::max();
    enum class Pattern { None, Name, Arn, Token, Clock } pattern_ = Pattern::None;
    bool secret_ = false;
    std::vector<std::string> values_;  // of an enum
    std::vector<Shape> parts_;        // members of a structure; the element of a list; key and value of a map
    std::vector<std::string> names_;  // of the members
    std::vector<bool> required_;
};

// The shapes that several actions share.
Shape applicationNameShape();
Shape snapshotNameShape();

// Standard base64; what is not is a SerializationException that names `path`.
std::string decodeBase64(const std::string& text, const std::string& path);
std::string encodeBase64(const std::string& bytes);

}  // namespace millrace
