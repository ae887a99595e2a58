// Settings by Flink's own keys. A Configuration is a map of texts; a ConfigOption says a key's type, default
// and meaning, and reading through it gives a checked value or a UserError that names the key, the value and
// what is allowed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// A length of time; Flink's text forms ("10 s", "5min", "1 h", "250 ms", ISO-8601 "PT10S"); a bare number is
// milliseconds.
struct Duration {
    int64_t ms = 0;
    bool operator==(const Duration&) const = default;
};

// Flink's text forms of a size ("64 mb", "1g", "100"); a bare number is bytes.
struct MemorySize {
    int64_t bytes = 0;
    bool operator==(const MemorySize&) const = default;
};

// What documentation, forms and error messages need of one option. Connectors and formats list theirs with
// this too.
struct OptionDescription {
    std::string key;            // may have one '#' for a name: "fields.#.min"
    std::string type;           // "string", "integer", "boolean", "duration", "memory", "double", "enum"
    std::string default_value;  // "" for none
    std::string description;
    bool required = false;
    std::vector<std::string> allowed;  // for enums
};

template <class T>
struct ConfigOption {
    const char* key;
    T default_value;
    const char* description;
};

class Configuration {
  public:
    Configuration() = default;
    explicit Configuration(std::map<std::string, std::string> values) : values_(std::move(values)) {}

    void set(std::string key, std::string value) { values_[std::move(key)] = std::move(value); }
    void erase(const std::string& key) { values_.erase(key); }
    void merge(const Configuration& stronger);
    bool has(const std::string& key) const { return values_.contains(key); }
    std::optional<std::string> find(const std::string& key) const;
    const std::map<std::string, std::string>& values() const { return values_; }

    // T: std::string, int64_t, double, bool, Duration, MemorySize.
    template <class T>
    T get(const ConfigOption<T>& option) const;
    template <class T>
    std::optional<T> getOptional(const std::string& key) const;

  private:
    std::map<std::string, std::string> values_;
};

// Parsing one value; UserError "config.bad-value" names `key`.
template <class T>
T parseConfigValue(const std::string& key, const std::string& value);

// Checks option maps (connectors, formats, statements): UserError "config.unknown-option" with the nearest
// known key, "config.missing-option" for a required one, "config.bad-value" for an enum's. `subject` leads
// the message
// ("table 'flights'").
void checkOptions(const std::string& subject, const std::map<std::string, std::string>& given,
                  std::span<const OptionDescription> known);

std::string formatDuration(Duration duration);  // "1 min 30 s"

}  // namespace millrace
