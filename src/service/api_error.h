// Errors of the API, by the API's own names. `type` is what clients see as __type.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace millrace {

class ApiError : public std::runtime_error {
  public:
    ApiError(std::string type, const std::string& message)
        : std::runtime_error(message), type_(std::move(type)) {}
    const std::string& type() const { return type_; }

  private:
    std::string type_;
};

inline ApiError invalidArgument(const std::string& m) { return {"InvalidArgumentException", m}; }
inline ApiError invalidRequest(const std::string& m) { return {"InvalidRequestException", m}; }
inline ApiError resourceNotFound(const std::string& m) { return {"ResourceNotFoundException", m}; }
inline ApiError resourceInUse(const std::string& m) { return {"ResourceInUseException", m}; }
inline ApiError limitExceeded(const std::string& m) { return {"LimitExceededException", m}; }
inline ApiError codeValidation(const std::string& m) { return {"CodeValidationException", m}; }
inline ApiError unsupportedOperation(const std::string& m) { return {"UnsupportedOperationException", m}; }
inline ApiError invalidApplicationConfiguration(const std::string& m) {
    return {"InvalidApplicationConfigurationException", m};
}
inline ApiError concurrentModification(const std::string& m) {
    return {"ConcurrentModificationException", m};
}
inline ApiError tooManyTags(const std::string& m) { return {"TooManyTagsException", m}; }
// Of the protocol, not of the service: a body that is not what the protocol says.
inline ApiError serializationError(const std::string& m) { return {"SerializationException", m}; }

}  // namespace millrace
