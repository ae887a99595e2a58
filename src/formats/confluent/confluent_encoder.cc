#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "formats/avro/avro_writer.h"
#include "formats/confluent/avro_confluent.h"

namespace millrace {
namespace {

class AvroConfluentEncoder final : public Encoder {
  public:
    AvroConfluentEncoder(const Schema& schema, const AvroConfluentOptions& options,
                         std::shared_ptr<HttpClient> client)
        : schema_(schema),
          options_(options),
          registry_(options.registry, std::move(client), options.retry_ms) {
        // What can be known to be wrong without the registry.
        if (options.schema) {
            avro::RecordWriter(options.schema, schema);
        } else if (!options.use_latest) {
            avro::Schema::ofColumns(schema, options.legacy_timestamps);
        }
        options.subjectOf(options.schema.get());
    }

    void encode(const Batch& batch, std::string& out) override {
        (void)batch, (void)out;
        throw UserError("config.bad-value", "the avro-confluent format writes messages, and not files",
                        "files of Avro are written by the format 'avro'");
    }

    void encodeMessages(const Batch& batch, std::string& out, Messages& messages) override {
        if (!writer_) chooseSchema();
        for (size_t row = 0; row < batch.rows(); ++row) {
            const size_t begin = out.size();
            out += head_;
            writer_->write(batch, row, out);
            messages.emplace_back(begin, out.size());
        }
    }

  private:
    void chooseSchema() {
        avro::SchemaPtr schema = options_.schema;
        const std::string subject = options_.subjectOf(schema.get());
        std::optional<int32_t> id;
        if (!schema && options_.use_latest) {
            if (const std::optional<RegisteredSchema> latest = registry_.latest(subject)) {
                schema = avro::Schema::parse(latest->text);
                id = latest->id;
            }
        }
        if (!schema) schema = avro::Schema::ofColumns(schema_, options_.legacy_timestamps);
        try {
            writer_.emplace(schema, schema_);
        } catch (const UserError& error) {
            if (!id) throw;
            Problem problem = error.problem();
            problem.message = fmt::format("subject '{}', schema {}: {}", subject, *id, problem.message);
            problem.hint =
                "with 'avro-confluent.use.latest.version' = 'false' a schema that follows from the table's "
                "columns is registered instead";
            throw UserError(std::move(problem));
        }
        if (!id && options_.register_schemas) id = registry_.registerSchema(subject, schema->text());
        if (!id) id = registry_.idOf(subject, schema->text());
        if (!id) {
            throw UserError("avro.no-subject",
                            fmt::format("the schema registry's subject '{}' does not have the schema of the "
                                        "table, and 'avro-confluent.auto.register.schemas' is false",
                                        subject),
                            "register it: " + schema->text());
        }
        head_.assign(1, '\0');
        for (int shift = 24; shift >= 0; shift -= 8)
            head_ += static_cast<char>(static_cast<uint32_t>(*id) >> shift);
    }

    const Schema schema_;
    const AvroConfluentOptions options_;
    SchemaRegistry registry_;
    std::optional<avro::RecordWriter> writer_;
    std::string head_;
};

}  // namespace

std::unique_ptr<Encoder> makeAvroConfluentEncoder(const Schema& schema, const AvroConfluentOptions& options,
                                                  std::shared_ptr<HttpClient> client) {
    return std::make_unique<AvroConfluentEncoder>(schema, options, std::move(client));
}

}  // namespace millrace
