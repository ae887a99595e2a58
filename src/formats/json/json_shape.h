// The fast way through a record of a known shape (see json_decoder.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch.h"
#include "formats/json/json_options.h"
#include "formats/json/json_target.h"

namespace millrace {

class JsonShape {
  public:
    JsonShape(const JsonTargets& targets, const JsonOptions& options)
        : targets_(targets), options_(options) {}

    bool known() const { return known_; }
    void forget() { known_ = false; }
    // Takes the shape of `record`, a valid JSON object without the line end: which fields it has, also within
    // ROWs whose fields are read alone, and which of these ROWs are null. No shape comes of a record with
    // escaped or repeated names, with nested values for nested columns, or without a column that must be
    // there.
    void learn(std::string_view record);
    // Appends the record at `at` to `out` and returns where the next line starts, or returns nullptr with the
    // row half appended. The text must have a line end at or after `at`: no value reaches beyond it.
    const char* decode(const char* at, const char* limit, BatchBuilder& out);

  private:
    enum class Kind : uint8_t {
        Skip,
        Bool,
        Int32,
        Int64,
        Double,
        Decimal64,  // precision up to 18
        String,
        Timestamp,  // SQL form
        Number,     // any other type written as a number
        Text,       // any other type written as a text
    };
    struct Step {
        uint32_t literal;  // where the bytes before the value start in literals_
        uint32_t literal_size;
        Kind kind;
        bool nullable;
        uint16_t column;  // of the output
        int8_t scale;     // of a decimal; precision of a timestamp
    };

    const char* readValue(const Step& step, const char* at, const char* limit, BatchBuilder& out);
    const char* readText(const Step& step, const char* at, BatchBuilder& out);
    const char* readTimestamp(const Step& step, const char* at, BatchBuilder& out);
    struct Learning;
    bool learnObject(const std::vector<JsonTarget>& targets, Learning& learning);
    bool learnField(const JsonTarget* target, Learning& learning);
    bool addStep(std::string_view literal, const JsonTarget* target, char first);

    const JsonTargets& targets_;
    const JsonOptions& options_;
    bool known_ = false;
    std::vector<Step> steps_;
    std::vector<uint16_t> absent_;  // columns that get NULL
    std::string literals_;          // padded, so that 16 bytes can be loaded anywhere
    std::string tail_;              // between the last value and the line end
    // The date of last_date_micros_: neighbouring rows mostly share it.
    char last_date_[10] = {'1', '9', '7', '0', '-', '0', '1', '-', '0', '1'};
    int64_t last_date_micros_ = 0;
    std::string scratch_;
    std::string unescaped_;
};

}  // namespace millrace
