// The fast way through a record of a known shape (see json_decoder.h).
#pragma once

#include <string_view>
#include <vector>

#include "batch/batch.h"
#include "formats/json/json_options.h"
#include "formats/json/json_steps.h"
#include "formats/json/json_target.h"

namespace millrace {

class JsonShape {
  public:
    JsonShape(const JsonTargets& targets, const JsonOptions& options, json::Kernel kernel);

    // Takes the shape of `record`, a valid JSON object without the line end, once: which fields it has, also
    // within ROWs whose fields are read alone, and which of these ROWs are null. False, and no shape comes,
    // of a record with escaped or repeated names, with nested values for nested columns, or without a column
    // that must be there.
    bool learn(std::string_view record);
    // As json::Kernel.
    const char* decode(const char* at, const char* limit, size_t rows_max, BatchBuilder& out) {
        return kernel_(steps_, at, limit, rows_max, out);
    }

  private:
    struct Learning;
    bool learnObject(const std::vector<JsonTarget>& targets, Learning& learning);
    bool learnField(const JsonTarget* target, Learning& learning);
    json::Step& addLiteral(std::string_view literal, json::Step::Kind kind);
    bool addStep(std::string_view literal, const JsonTarget* target, char first);

    const JsonTargets& targets_;
    const JsonOptions& options_;
    const json::Kernel kernel_;
    json::Steps steps_;
};

}  // namespace millrace
