// An error in the form in which Flink's clients read it: JSON beside a serialized Java object.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace millrace {

// {"class", "stack-trace", "serialized-throwable"}: the last is base64 of the Java serialization (Java Object
// Serialization Specification, stream version 5) of an org.apache.flink.util.SerializedThrowable with this
// message, so that Flink's own clients can throw it.
nlohmann::json failureCause(const std::string& class_name, const std::string& message);

// The bytes themselves.
std::string serializedThrowable(std::string_view class_name, std::string_view message);

std::string base64(std::string_view bytes);

}  // namespace millrace
