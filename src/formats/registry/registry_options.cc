#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "formats/registry/schema_registry.h"
#include "formats/text/scalar.h"

namespace millrace {
namespace {

// Names of the options, and of the registry client's own properties that mean the same.
struct RegistryOption {
    const char* name;
    const char* property;
    const char* description;
};
constexpr RegistryOption kRegistryOptions[] = {
    {"basic-auth.credentials-source", "basic.auth.credentials.source",
     "Where the user name and password come from: USER_INFO, or URL for those in 'url'."},
    {"basic-auth.user-info", "basic.auth.user.info", "'user:password'."},
    {"bearer-auth.credentials-source", "bearer.auth.credentials.source",
     "Where the token comes from: STATIC_TOKEN."},
    {"bearer-auth.token", "bearer.auth.token", "The token."},
    {"ssl.truststore.location", "schema.registry.ssl.truststore.location",
     "A PEM file with the certificates of authorities to trust, instead of the machine's."},
    {"ssl.truststore.password", "schema.registry.ssl.truststore.password",
     "Accepted for compatibility; a PEM file of certificates has none."},
    {"ssl.keystore.location", "schema.registry.ssl.keystore.location",
     "A PEM file with the client's key and certificates."},
    {"ssl.keystore.password", "schema.registry.ssl.keystore.password", "The key's password."},
};

class RegistryOptionReader {
  public:
    RegistryOptionReader(std::string prefix, const std::map<std::string, std::string>& options)
        : prefix_(std::move(prefix)), options_(options) {}

    std::string key(const std::string& name) const { return prefix_ + "." + name; }
    std::string get(const std::string& name) const {
        for (const RegistryOption& option : kRegistryOptions) {
            if (name != option.name) continue;
            const auto found = options_.find(key(name));
            if (found != options_.end()) return found->second;
            const auto property = options_.find(key("properties." + std::string(option.property)));
            return property == options_.end() ? "" : property->second;
        }
        const auto found = options_.find(key(name));
        return found == options_.end() ? "" : found->second;
    }
    [[noreturn]] void bad(const std::string& name, const std::string& why, const std::string& hint) const {
        throw UserError("config.bad-value", fmt::format("'{}' {}", key(name), why), hint);
    }
    std::string pem(const std::string& name) const {
        std::string path = get(name);
        const std::string lower = lowerCase(path);
        if (lower.ends_with(".jks") || lower.ends_with(".p12") || lower.ends_with(".pfx"))
            bad(name, fmt::format("is '{}': key stores of Java cannot be read", path),
                "export it as PEM: keytool -importkeystore ... and openssl pkcs12 -nodes");
        return path;
    }

  private:
    const std::string prefix_;
    const std::map<std::string, std::string>& options_;
};

void readUrls(const RegistryOptionReader& reader, SchemaRegistryOptions& out, std::string& user_of_url) {
    const std::string urls = reader.get("url");
    for (size_t at = 0; at <= urls.size();) {
        const size_t end = std::min(urls.find(',', at), urls.size());
        std::string url(text::trim(std::string_view(urls).substr(at, end - at)));
        at = end + 1;
        if (url.empty()) continue;
        const size_t scheme = url.find("://");
        if (!url.starts_with("http://") && !url.starts_with("https://"))
            reader.bad("url", "does not begin with http:// or https://", "such as 'http://localhost:8081'");
        const size_t host = scheme + 3, user_end = url.find('@', host);
        if (user_end != std::string::npos && user_end < std::min(url.find('/', host), url.size())) {
            user_of_url = url.substr(host, user_end - host);
            url.erase(host, user_end + 1 - host);
        }
        while (url.ends_with('/'))
            url.pop_back();
        out.urls.push_back(std::move(url));
    }
    if (out.urls.empty()) {
        throw UserError("config.missing-option",
                        fmt::format("the format needs the option '{}'", reader.key("url")),
                        "where the schema registry is, such as 'http://localhost:8081'");
    }
}

}  // namespace

SchemaRegistryOptions SchemaRegistryOptions::from(const std::string& prefix,
                                                  const std::map<std::string, std::string>& options) {
    const RegistryOptionReader reader(prefix, options);
    SchemaRegistryOptions out;
    std::string user;
    readUrls(reader, out, user);

    const std::string source = reader.get("basic-auth.credentials-source");
    const std::string user_info = reader.get("basic-auth.user-info");
    if (!source.empty() && source != "USER_INFO" && source != "URL")
        reader.bad("basic-auth.credentials-source", fmt::format("is '{}'", source), "USER_INFO or URL");
    if (source == "USER_INFO" && user_info.empty())
        reader.bad("basic-auth.user-info", "is missing", "'user:password'");
    if (source != "URL" && !user_info.empty()) user = user_info;
    if (!user.empty()) out.authorization = "Basic " + text::encodeBase64(user);

    const std::string bearer = reader.get("bearer-auth.credentials-source");
    const std::string token = reader.get("bearer-auth.token");
    if (!bearer.empty() && bearer != "STATIC_TOKEN")
        reader.bad("bearer-auth.credentials-source", fmt::format("is '{}'", bearer), "STATIC_TOKEN");
    if (!bearer.empty() && token.empty()) reader.bad("bearer-auth.token", "is missing", "");
    if (!token.empty()) out.authorization = "Bearer " + token;

    out.tls.ca_file = reader.pem("ssl.truststore.location");
    out.tls.certificate_file = reader.pem("ssl.keystore.location");
    out.tls.key_password = reader.get("ssl.keystore.password");
    return out;
}

std::vector<OptionDescription> SchemaRegistryOptions::describe(const std::string& prefix) {
    std::vector<OptionDescription> options = {
        {prefix + ".url", "string", "",
         "Where the schema registry is; several with commas between them are tried in turn."}};
    for (const RegistryOption& option : kRegistryOptions)
        options.push_back({prefix + "." + option.name, "string", "", option.description});
    options.push_back({prefix + ".properties.#", "string", "",
                       "Settings of Confluent's client, by its names, for those that mean the same."});
    return options;
}

}  // namespace millrace
