#include "base/error.h"
#include "formats/debezium/debezium_json.h"
#include "formats/json/json_encoder.h"

namespace millrace {
namespace {

class DebeziumJsonEncoder final : public Encoder {
  public:
    DebeziumJsonEncoder(const Schema& schema, const DebeziumJsonOptions& options)
        : rows_(makeJsonEncoder(schema, options.json)) {
        if (options.schema_include) {
            throw UserError(
                "config.bad-value",
                "'debezium-json.schema-include' is true, and messages with their schema cannot be "
                "written",
                "leave it out of the table that is written to");
        }
    }

    void encode(const Batch& batch, std::string& out) override {
        encodeRows(batch);
        for (size_t row = 0; row < batch.rows(); ++row) {
            change(batch.kind(row), row, out);
            out += '\n';
        }
    }
    void encodeMessages(const Batch& batch, std::string& out, Messages& messages) override {
        encodeRows(batch);
        for (size_t row = 0; row < batch.rows(); ++row) {
            const size_t begin = out.size();
            change(batch.kind(row), row, out);
            messages.emplace_back(begin, out.size());
        }
    }

  private:
    void encodeRows(const Batch& batch) {
        encoded_.clear();
        messages_.clear();
        rows_->encodeMessages(batch, encoded_, messages_);
    }

    // As Flink does: an update's two rows are a delete and an insert, of which neither knows the other.
    void change(RowKind kind, size_t row, std::string& out) const {
        const std::string_view json = std::string_view(encoded_).substr(
            messages_[row].first, messages_[row].second - messages_[row].first);
        if (isRetraction(kind)) {
            out += R"({"before":)";
            out += json;
            out += R"(,"after":null,"op":"d"})";
        } else {
            out += R"({"before":null,"after":)";
            out += json;
            out += R"(,"op":"c"})";
        }
    }

    std::unique_ptr<Encoder> rows_;
    std::string encoded_;
    Messages messages_;
};

}  // namespace

std::unique_ptr<Encoder> makeDebeziumJsonEncoder(const Schema& schema, const DebeziumJsonOptions& options) {
    return std::make_unique<DebeziumJsonEncoder>(schema, options);
}

}  // namespace millrace
