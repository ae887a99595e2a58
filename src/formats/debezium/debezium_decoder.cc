#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/error.h"
#include "formats/debezium/debezium_json.h"
#include "formats/json/json_decoder.h"
#include "formats/text/scalar.h"

namespace millrace {
namespace {

// Columns of a decoded envelope.
enum DebeziumColumn : size_t { kBefore, kAfter, kOp, kIngested, kSourceProperties, kEnvelopeSchema };

LogicalType debeziumProperties() { return LogicalType::map(LogicalType::string(), LogicalType::string()); }

class DebeziumJsonDecoder final : public Decoder, private RejectedRecords {
  public:
    DebeziumJsonDecoder(const Schema& schema, const std::vector<ColumnPath>& projection,
                        const std::vector<std::string>& metadata, const DebeziumJsonOptions& options)
        : options_(options) {
        std::vector<Field> row;
        for (const ColumnPath& path : projection) {
            const Field& field = schema[path.front()];
            targets_.push_back({field, row.size(), ""});
            row.push_back({field.name, field.type.withNullable(true)});
        }
        for (const std::string& key : metadata)
            targets_.push_back({{}, 0, key});
        // Without a column the rows would not be told from nulls.
        if (row.empty()) row.push_back({schema[0].name, schema[0].type.withNullable(true)});
        const LogicalType row_type = LogicalType::row(std::move(row));
        std::vector<Field> payload = {{"before", row_type},
                                      {"after", row_type},
                                      {"op", LogicalType::string()},
                                      {"ts_ms", LogicalType::bigint()},
                                      {"source", debeziumProperties()}};
        std::vector<ColumnPath> paths;
        for (size_t i = 0; i < payload.size(); ++i)
            paths.push_back(options.schema_include ? ColumnPath{0, i} : ColumnPath{i});
        Schema message(payload);
        if (options.schema_include) {
            message = Schema({{"payload", LogicalType::row(payload)}, {"schema", LogicalType::string()}});
            paths.push_back({1});
        }
        envelope_ = std::make_unique<BatchBuilder>(schemaOf(message, paths), 1);
        json_ = makeJsonDecoder(message, paths, options.json);
        json_->rejectTo(this);
    }

    DecodeResult decode(std::string_view bytes, bool end_of_input, size_t rows_max,
                        const RecordOrigin& origin, BatchBuilder& out) override {
        DecodeResult result;
        while (result.bytes < bytes.size() && out.rows() < rows_max) {
            // Two rows of one record stay together.
            if (out.rows() > 0 && out.rows() + 2 > rows_max) break;
            const size_t end = bytes.find('\n', result.bytes);
            if (end == std::string_view::npos && !end_of_input) break;
            const std::string_view line = bytes.substr(result.bytes, end - result.bytes);
            const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
            const RecordOrigin at{origin.source, origin.line + result.lines, origin.offset + result.bytes};
            if (!blank && !decodeMessage(line, at, out) && options_.json.ignore_parse_errors)
                ++result.skipped;
            result.bytes += line.size() + (end == std::string_view::npos ? 0 : 1);
            result.lines += end == std::string_view::npos ? 0 : 1;
        }
        return result;
    }

    bool decodeMessage(std::string_view message, const RecordOrigin& origin, BatchBuilder& out) override {
        message_ = message;
        origin_ = &origin;
        if (!json_->decodeMessage(message, origin, *envelope_) || envelope_->rows() == 0) return false;
        const Batch envelope = envelope_->finish();
        if (envelope.column(kOp)->isNull(0)) return refuse("it has no field 'op'", cause::kMissing);
        const std::string_view op = envelope.column(kOp)->data<StringView>()[0].view();
        const bool insert = op == "c" || op == "r";
        if (!insert && op != "u" && op != "d") {
            return refuse(
                fmt::format("its field 'op' is '{}', which is none of c, r, u and d", text::excerpt(op)),
                cause::kMalformed);
        }
        // All that can be wrong is found before the first of two rows is made.
        if (!insert && !fits(envelope, kBefore, op)) return false;
        if (op != "d" && !fits(envelope, kAfter, op)) return false;
        if (!insert) {
            append(envelope, kBefore, out);
            out.endRow(op == "u" ? RowKind::UpdateBefore : RowKind::Delete);
        }
        if (op != "d") {
            append(envelope, kAfter, out);
            out.endRow(insert ? RowKind::Insert : RowKind::UpdateAfter);
        }
        return true;
    }

  private:
    struct Target {
        Field column;
        size_t index;          // in the row
        std::string metadata;  // its key, instead
    };

    bool fits(const Batch& envelope, DebeziumColumn which, std::string_view op) {
        const Column& row = *envelope.column(which);
        const char* const name = which == kBefore ? "before" : "after";
        if (row.isNull(0)) {
            return refuse(
                fmt::format("its field '{}' is null, and its 'op' is '{}'{}", name, op,
                            which == kBefore ? "; a PostgreSQL table needs REPLICA IDENTITY FULL" : ""),
                cause::kMissing);
        }
        for (const Target& target : targets_) {
            if (!target.metadata.empty() || target.column.type.nullable() ||
                !row.children()[target.index]->isNull(0))
                continue;
            return refuse(fmt::format("field '{}.{}': it is null or missing, and its column is NOT NULL",
                                      name, target.column.name),
                          cause::kMissing);
        }
        return true;
    }

    void append(const Batch& envelope, DebeziumColumn which, BatchBuilder& out) const {
        for (size_t i = 0; i < targets_.size(); ++i) {
            const Target& target = targets_[i];
            if (target.metadata.empty()) {
                out.column(i).appendFrom(*envelope.column(which)->children()[target.index], 0);
            } else {
                appendMetadata(target.metadata, envelope, out.column(i));
            }
        }
    }

    void appendMetadata(const std::string& key, const Batch& envelope, ColumnBuilder& out) const {
        if (key == "ingestion-timestamp") {
            const Column& at = *envelope.column(kIngested);
            if (at.isNull(0)) return out.appendNull();
            return out.append<int64_t>(at.data<int64_t>()[0] * 1000);
        }
        if (key == "schema") {
            if (!options_.schema_include) return out.appendNull();
            return out.appendFrom(*envelope.column(kEnvelopeSchema), 0);
        }
        const Column& source = *envelope.column(kSourceProperties);
        if (key == "source.properties") return out.appendFrom(source, 0);
        const char* const property = key == "source.timestamp"  ? "ts_ms"
                                     : key == "source.database" ? "db"
                                     : key == "source.schema"   ? "schema"
                                                                : "table";
        if (!source.isNull(0)) {
            const Column& entries = *source.children()[0];
            for (size_t i = 0; i < entries.size(); ++i) {
                if (entries.children()[0]->data<StringView>()[i].view() != property ||
                    entries.children()[1]->isNull(i))
                    continue;
                const std::string_view text = entries.children()[1]->data<StringView>()[i].view();
                if (key != "source.timestamp") return out.appendString(text);
                const std::optional<int64_t> millis = wholeMillis(text);
                if (millis) return out.append<int64_t>(*millis * 1000);
            }
        }
        out.appendNull();
    }

    static std::optional<int64_t> wholeMillis(std::string_view text) {
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() || value > INT64_MAX / 1000 ||
            value < INT64_MIN / 1000)
            return std::nullopt;
        return value;
    }

    bool refuse(const std::string& reason, const char* cause) {
        if (options_.json.ignore_parse_errors) return false;
        std::string where(origin_->source);
        where += origin_->line > 0 ? fmt::format(", line {}", origin_->line)
                                   : fmt::format(", offset {}", origin_->offset);
        Decoder::reject({"data.malformed",
                         fmt::format("{}: the message is not Debezium's: {}", where, reason),
                         "'debezium-json.ignore-parse-errors' = 'true' skips and counts such messages",
                         {}},
                        cause, message_, *origin_);
        return false;
    }

    // RejectedRecords: what the json decoder does not accept
    void reject(const RejectedRecord& record) override {
        std::string error(record.error);
        Decoder::reject({"data.malformed",
                         std::move(error),
                         "'debezium-json.ignore-parse-errors' = 'true' skips and counts such messages; with "
                         "a schema beside the payload they need 'debezium-json.schema-include'",
                         {}},
                        std::string(record.cause).c_str(), record.bytes, *origin_);
    }

    const DebeziumJsonOptions options_;
    std::vector<Target> targets_;
    std::unique_ptr<Decoder> json_;
    std::unique_ptr<BatchBuilder> envelope_;
    std::string_view message_;
    const RecordOrigin* origin_ = nullptr;
};

}  // namespace

std::vector<MetadataKey> debeziumMetadata() {
    const LogicalType text = LogicalType::string();
    const LogicalType time = LogicalType::timestampLtz(3);
    return {{"schema", text, false, "The schema beside the payload, as JSON."},
            {"ingestion-timestamp", time, false, "When the connector processed the change."},
            {"source.timestamp", time, false, "When the source system made the change."},
            {"source.database", text, false, "The database."},
            {"source.schema", text, false, "The schema in the database."},
            {"source.table", text, false, "The table."},
            {"source.properties", debeziumProperties(), false, "All that the message says of its source."}};
}

std::unique_ptr<Decoder> makeDebeziumJsonDecoder(const Schema& schema,
                                                 const std::vector<ColumnPath>& projection,
                                                 const std::vector<std::string>& metadata,
                                                 const DebeziumJsonOptions& options) {
    return std::make_unique<DebeziumJsonDecoder>(schema, projection, metadata, options);
}

}  // namespace millrace
