#include <fmt/format.h>

#include <unordered_map>

#include "base/error.h"
#include "formats/avro/avro_reader.h"
#include "formats/confluent/avro_confluent.h"

namespace millrace {
namespace {

using avro::Cursor;
using avro::ReadFault;
using avro::RecordReader;

constexpr size_t kMessageHeader = 5;
constexpr size_t kSchemasMax = 10'000;  // numbers remembered; hostile messages may name any

class AvroConfluentDecoder final : public Decoder {
  public:
    AvroConfluentDecoder(const Schema& schema, const std::vector<ColumnPath>& projection,
                         const AvroConfluentOptions& options, std::shared_ptr<HttpClient> client)
        : columns_(schemaOf(schema, projection)),
          options_(options),
          registry_(options.registry, std::move(client), options.retry_ms) {
        if (options.schema) RecordReader(options.schema, options.schema, schema);  // it must fit all columns
    }

    DecodeResult decode(std::string_view, bool, size_t, const RecordOrigin& origin, BatchBuilder&) override {
        throw UserError(
            "config.bad-value",
            fmt::format("{}: the avro-confluent format reads messages, and not files", origin.source),
            "files of Avro are read by the format 'avro'");
    }

    bool decodeMessage(std::string_view message, const RecordOrigin& origin, BatchBuilder& out) override {
        if (message.size() < kMessageHeader || message[0] != '\0') {
            return refuse("it does not begin with a zero byte and the number of a schema", "",
                          cause::kMalformed, message, origin);
        }
        uint32_t number = 0;
        for (size_t i = 1; i < kMessageHeader; ++i)
            number = number << 8 | static_cast<uint8_t>(message[i]);
        const auto id = static_cast<int32_t>(number);
        if (last_ == nullptr || id != last_id_) {
            last_ = &schemaOf(id);
            last_id_ = id;
        }
        if (!last_->reader)
            return refuse(fmt::format("schema {}: {}", id, last_->why), "", cause::kSchema, message, origin);
        Cursor in{message.data() + kMessageHeader, message.data() + message.size()};
        if (last_->reader->read(in, out)) return true;
        const ReadFault& fault = last_->reader->fault();
        return refuse(fmt::format("schema {}: {}", id, fault.reason), fault.field, fault.cause, message,
                      origin);
    }

  private:
    struct Known {
        std::unique_ptr<RecordReader> reader;
        std::string why;  // there is none
    };

    const Known& schemaOf(int32_t id) {
        const auto found = known_.find(id);
        if (found != known_.end()) return found->second;
        if (known_.size() >= kSchemasMax) known_.clear();
        Known known;
        const std::optional<std::string> text = registry_.schemaOfId(id);
        if (!text) {
            known.why = "the registry does not have it";
        } else {
            try {
                known.reader =
                    std::make_unique<RecordReader>(avro::Schema::parse(*text), options_.schema, columns_);
            } catch (const UserError& error) {
                known.why = error.problem().message;
            }
        }
        return known_.emplace(id, std::move(known)).first->second;
    }

    static Schema schemaOf(const Schema& schema, const std::vector<ColumnPath>& projection) {
        return millrace::schemaOf(schema, projection);
    }

    bool refuse(const std::string& reason, const std::string& field, const char* cause,
                std::string_view message, const RecordOrigin& origin) const {
        reject({"data.malformed",
                fmt::format("{}, offset {}{}: {}", origin.source, origin.offset,
                            field.empty() ? "" : fmt::format(", field '{}'", field), reason),
                cause == cause::kMalformed
                    ? "messages of Confluent's serializers begin with 5 bytes of their own; "
                      "others are read by the format 'avro'"
                    : "",
                {}},
               cause, message, origin);
        return false;
    }

    const Schema columns_;
    const AvroConfluentOptions options_;
    SchemaRegistry registry_;
    std::unordered_map<int32_t, Known> known_;
    const Known* last_ = nullptr;
    int32_t last_id_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> makeAvroConfluentDecoder(const Schema& schema,
                                                  const std::vector<ColumnPath>& projection,
                                                  const AvroConfluentOptions& options,
                                                  std::shared_ptr<HttpClient> client) {
    return std::make_unique<AvroConfluentDecoder>(schema, projection, options, std::move(client));
}

Schema inferConfluentColumns(const AvroConfluentOptions& options, std::shared_ptr<HttpClient> client) {
    if (options.schema) return avro::columnsOf(*options.schema, options.legacy_timestamps);
    const std::string subject = options.subjectOf(nullptr);
    SchemaRegistry registry(options.registry, std::move(client), options.retry_ms);
    const std::optional<RegisteredSchema> latest = registry.latest(subject);
    if (!latest) {
        throw UserError(
            "avro.no-subject",
            fmt::format("the table names no columns, and the schema registry has no subject '{}' to "
                        "take them from",
                        subject),
            "register the schema, name another subject, or declare the columns");
    }
    return avro::columnsOf(*avro::Schema::parse(latest->text), options.legacy_timestamps);
}

}  // namespace millrace
