// A client of Confluent's Schema Registry (its REST API, as Apicurio and Karapace speak it, too).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "base/http_tls.h"

namespace millrace {

struct SchemaRegistryOptions {
    std::vector<std::string> urls;  // tried in turn
    std::string authorization;      // of the header, or ""
    HttpTls tls;

    // Reads `<prefix>.url` and what goes with it. UserError "config.missing-option", "config.bad-value".
    static SchemaRegistryOptions from(const std::string& prefix,
                                      const std::map<std::string, std::string>& options);
    static std::vector<OptionDescription> describe(const std::string& prefix);
};

struct RegisteredSchema {
    int32_t id = 0;
    std::string text;
};

// Every call waits for the answer, five seconds at most. A registry that is out of reach, does not answer
// within two seconds, or answers with 429 or 5xx, is asked again, at its next address where it has several,
// with pauses that double; then it is a UserError "avro.registry-unreachable". What it refuses is a UserError
// "avro.registry-refused" with its own words.
class SchemaRegistry {
  public:
    SchemaRegistry(SchemaRegistryOptions options, std::shared_ptr<HttpClient> client, int retry_ms = 200);

    std::optional<std::string> schemaOfId(int32_t id);  // nothing: there is none
    std::optional<RegisteredSchema> latest(const std::string& subject);
    std::optional<int32_t> idOf(const std::string& subject, const std::string& schema);
    int32_t registerSchema(const std::string& subject, const std::string& schema);

  private:
    // The body of the answer; nothing where it is a 404.
    std::optional<std::string> ask(const std::string& method, const std::string& path,
                                   const std::string& body);

    const SchemaRegistryOptions options_;
    const std::shared_ptr<HttpClient> client_;
    const int retry_ms_;
    size_t next_url_ = 0;
};

}  // namespace millrace
